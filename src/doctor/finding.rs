//! One finding: its code, whom it is about, and the values that it was judged by.

use std::fmt;
use std::time::Duration;

use super::code::{DoctorCode, DoctorMark};
use super::code_entry::place;
use super::code_table::ITSELF;
use crate::text::one_line;

/// A value of a finding.
#[derive(Clone, PartialEq, Debug)]
pub enum FindingValue {
    /// A count.
    Count(u64),
    /// A time, in milliseconds.
    Millis(f64),
    /// A name, an address or a word. It may come from elsewhere: it is made harmless here already.
    Word(String),
}

impl From<u64> for FindingValue {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<usize> for FindingValue {
    fn from(count: usize) -> Self {
        Self::Count(count as u64)
    }
}

impl From<Duration> for FindingValue {
    fn from(time: Duration) -> Self {
        Self::Millis((time.as_secs_f64() * 10_000.0).round() / 10.0)
    }
}

impl From<&str> for FindingValue {
    fn from(word: &str) -> Self {
        Self::Word(one_line(word).into_owned())
    }
}

impl From<String> for FindingValue {
    fn from(word: String) -> Self {
        Self::from(word.as_str())
    }
}

impl fmt::Display for FindingValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => count.fmt(f),
            Self::Millis(millis) => millis.fmt(f),
            Self::Word(word) => f.write_str(word),
        }
    }
}

/// Something that was found, good or bad.
#[derive(Clone, PartialEq, Debug)]
pub struct DoctorFinding {
    /// What it is.
    pub code: DoctorCode,
    /// Whom it is about: a server, a setting, or empty for all servers together.
    pub subject: String,
    /// The values that it was judged by, each with its name.
    pub values: Vec<(&'static str, FindingValue)>,
    /// How it is to be taken: as its code, or as a hint where its code says so.
    mark: DoctorMark,
}

impl DoctorFinding {
    /// A finding without values.
    pub fn of(code: DoctorCode, subject: impl fmt::Display) -> Self {
        Self { code, subject: one_line(&subject.to_string()).into_owned(), values: Vec::new(), mark: code.mark() }
    }

    /// The same with one value more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<FindingValue>) -> Self {
        self.values.push((name, value.into()));
        self
    }

    /// The same as a hint where this holds, which its code tells of ([`DoctorCode::hint_where`]).
    #[must_use]
    pub fn hint_if(mut self, is_hint: bool) -> Self {
        if is_hint && self.code.hint_where().is_some() {
            self.mark = DoctorMark::Hint;
        }
        self
    }

    /// How it is to be taken.
    pub fn mark(&self) -> DoctorMark {
        self.mark
    }

    /// The setting to change: that of its code, or the one that it is about itself.
    pub fn setting(&self) -> Option<String> {
        match self.code.setting() {
            Some(ITSELF) => Some(self.subject.clone()),
            other => other.map(str::to_owned),
        }
    }

    /// The sentence of its code with the values in their places.
    pub fn text(&self) -> String {
        let (mut text, mut rest) = (String::new(), self.code.sentence());
        while let Some((before, (inside, behind))) =
            rest.split_once('{').and_then(|(before, inner)| Some((before, inner.split_once('}')?)))
        {
            text.push_str(before);
            let (name, counted) = place(inside);
            let value = self.values.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
            match value {
                Some(value) => text.push_str(&value.to_string()),
                None => text.push('?'),
            }
            if let Some([one, many]) = counted {
                let is_one = value.is_some_and(|value| value.to_string() == "1");
                text.extend([" ", if is_one { one } else { many }]);
            }
            rest = behind;
        }
        text.push_str(rest);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_a_count_agrees_with_it() {
        let serves = |servers: u64, sessions: u64| {
            DoctorFinding::of(DoctorCode::ZoogateServes, "").with("servers", servers).with("sessions", sessions).text()
        };
        assert_eq!(serves(1, 1), "it finds 1 server, which serves, and carries 1 session");
        assert_eq!(serves(3, 0), "it finds 3 servers, all of which serve, and carries 0 sessions");
        let risks = |risks: u64| DoctorFinding::of(DoctorCode::RisksStand, "").with("risks", risks).text();
        assert_eq!(risks(1), "1 risk of this kind stands; the newest: ?");
        assert_eq!(risks(4), "4 risks of this kind stand; the newest: ?");
        let silent = DoctorFinding::of(DoctorCode::HeartbeatExceeded, "").with("sessions", 1_u64).text();
        assert!(silent.starts_with("1 connection is silent for more than"), "{silent}");
        assert!(DoctorCode::ZoogateServes.meaning().starts_with("it finds SERVERS servers, all of which serve"));
    }

    #[test]
    fn no_sentence_speaks_of_one_as_of_many() {
        for code in DoctorCode::ALL {
            let names = code.sentence().split('{').skip(1).filter_map(|rest| rest.split(['}', '|']).next());
            let counts = names.filter(|name| !["address", "leader", "zxid", "state", "class"].contains(name));
            let text = counts.fold(DoctorFinding::of(*code, ""), |finding, name| finding.with(name, 1_u64)).text();
            let words: Vec<&str> = text.split([' ', ',', ';', ':']).filter(|word| !word.is_empty()).collect();
            for pair in words.windows(2).filter(|pair| pair[0] == "1") {
                let agrees = !pair[1].ends_with('s') || ["s", "ms", "is", "has", "was", "address"].contains(&pair[1]);
                assert!(agrees && pair[1] != "are", "{text}");
            }
            assert!(!text.contains("of them are"), "{text}");
        }
        let behind = |behind: &str| DoctorFinding::of(DoctorCode::ServerBehind, "").with("behind", behind).text();
        assert!(behind("1").contains("1 transaction behind"), "{}", behind("1"));
        assert!(behind("2").contains("2 transactions behind"), "{}", behind("2"));
    }

    #[test]
    fn values_stand_in_the_sentence_and_are_harmless() {
        let finding = DoctorFinding::of(DoctorCode::ServerRefuses, "zk1\u{1b}[2J:2181")
            .with("address", "10.0.0.1:2181\n")
            .with("failures", 3_usize)
            .with("tries", 4_u64);
        assert_eq!(finding.subject, "zk1\\u{1b}[2J:2181");
        assert_eq!(finding.text(), "10.0.0.1:2181\\n refuses connections: 3 of 4 attempts failed");
        assert_eq!(FindingValue::from(Duration::from_micros(1_260)).to_string(), "1.3");
        assert_eq!(
            DoctorFinding::of(DoctorCode::ServerRefuses, "").text(),
            "? refuses connections: ? of ? attempts failed"
        );
    }
}
