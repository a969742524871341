//! Where the history is kept.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

use super::address::written_as_a_string;

/// A directory for the history, or none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StatePath {
    /// Nothing is kept.
    Off,
    /// Here.
    At(PathBuf),
}

/// A text that names no directory.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("the path is empty: expected a directory, such as /var/lib/zoogate, or off")]
pub struct StatePathError;

impl FromStr for StatePath {
    type Err = StatePathError;

    fn from_str(text: &str) -> Result<Self, StatePathError> {
        match text.trim() {
            "off" => Ok(Self::Off),
            "" => Err(StatePathError),
            path => Ok(Self::At(PathBuf::from(path))),
        }
    }
}

impl fmt::Display for StatePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::At(path) => path.display().fmt(f),
        }
    }
}

written_as_a_string!(StatePath);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_or_off() {
        assert_eq!("off".parse(), Ok(StatePath::Off));
        assert_eq!(" /var/lib/zoogate ".parse(), Ok(StatePath::At(PathBuf::from("/var/lib/zoogate"))));
        assert_eq!("".parse::<StatePath>(), Err(StatePathError));
    }
}
