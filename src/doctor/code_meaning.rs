//! What a code says, read from the table.

use super::code::{DoctorArea, DoctorCode, DoctorMark};
use super::code_entry::place;
use super::code_table::entry;

impl DoctorCode {
    /// What it is about.
    pub fn area(self) -> DoctorArea {
        entry(self).area
    }

    /// How it is to be taken, unless it is a hint ([`Self::hint_where`]).
    pub fn mark(self) -> DoctorMark {
        entry(self).mark
    }

    /// Its sentence, with the names of values in braces; `{servers|server serves|servers serve}` is a count and what
    /// follows one, and any other.
    pub fn sentence(self) -> &'static str {
        entry(self).sentence
    }

    /// Its sentence with the names of values in capitals: `FAILURES of TRIES`.
    pub fn meaning(self) -> String {
        let mut parts = self.sentence().split(['{', '}']);
        let mut meaning = parts.next().unwrap_or_default().to_owned();
        while let (Some(inside), Some(text)) = (parts.next(), parts.next()) {
            let (name, counted) = place(inside);
            let name = name.strip_suffix("_ms").unwrap_or(name);
            meaning.push_str(&name.replace('_', " ").to_ascii_uppercase());
            if let Some([_, many]) = counted {
                meaning.extend([" ", many]);
            }
            meaning.push_str(text);
        }
        meaning
    }

    /// Why it matters.
    pub fn why(self) -> &'static str {
        entry(self).why
    }

    /// What it can cause; None where all is in order.
    pub fn consequence(self) -> Option<&'static str> {
        entry(self).consequence
    }

    /// What to change; None where all is in order.
    pub fn change(self) -> Option<&'static str> {
        entry(self).change
    }

    /// The setting to change; None where it is none.
    pub fn setting(self) -> Option<&'static str> {
        entry(self).setting
    }

    /// Where it is good to know only; None where that is always so, or never.
    pub fn hint_where(self) -> Option<&'static str> {
        entry(self).hint_where
    }
}
