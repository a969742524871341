//! Where something is on disk, or that it is nowhere.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use thiserror::Error;

use super::address::written_as_a_string;

/// A path, or none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OptionalPath {
    /// There is none.
    Off,
    /// Here.
    At(PathBuf),
}

/// A text that names no path.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("the path is empty: expected a path, such as /var/lib/zoogate, or off")]
pub struct OptionalPathError;

impl FromStr for OptionalPath {
    type Err = OptionalPathError;

    fn from_str(text: &str) -> Result<Self, OptionalPathError> {
        match text.trim() {
            "off" => Ok(Self::Off),
            "" => Err(OptionalPathError),
            path => Ok(Self::At(PathBuf::from(path))),
        }
    }
}

impl OptionalPath {
    /// The path, if there is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Off => None,
            Self::At(path) => Some(path),
        }
    }
}

impl fmt::Display for OptionalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::At(path) => path.display().fmt(f),
        }
    }
}

written_as_a_string!(OptionalPath);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_or_off() {
        assert_eq!("off".parse(), Ok(OptionalPath::Off));
        assert_eq!(" /var/lib/zoogate ".parse(), Ok(OptionalPath::At(PathBuf::from("/var/lib/zoogate"))));
        assert_eq!("".parse::<OptionalPath>(), Err(OptionalPathError));
    }
}
