//! What there is to be known of a code.

use super::code::{DoctorArea, DoctorMark};

/// What is to be known of a code.
pub(super) struct CodeEntry {
    pub(super) area: DoctorArea,
    pub(super) mark: DoctorMark,
    /// With the names of values in braces; behind a count's name what follows one, and what follows any other count:
    /// `{servers|server serves|servers serve}`.
    pub(super) sentence: &'static str,
    pub(super) why: &'static str,
    pub(super) consequence: Option<&'static str>,
    pub(super) change: Option<&'static str>,
    pub(super) setting: Option<&'static str>,
    pub(super) hint_where: Option<&'static str>,
}

/// A place in a sentence: the name of its value, and what follows one and any other count.
pub(super) fn place(inside: &'static str) -> (&'static str, Option<[&'static str; 2]>) {
    let mut parts = inside.split('|');
    let name = parts.next().unwrap_or(inside);
    (name, parts.next().zip(parts.next()).map(|(one, many)| [one, many]))
}
