//! A token that opens the admin address, out of a file.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use subtle::ConstantTimeEq as _;

use crate::text::one_line;

/// Characters of a token at least: fewer could be guessed.
pub(crate) const SHORTEST_TOKEN: usize = 16;
/// Characters of a token at most.
pub(crate) const LONGEST_TOKEN: usize = 256;
/// Read of a file: the token, the end of its line, and one byte more than there may be.
const READ_AT_MOST: u64 = LONGEST_TOKEN as u64 + 3;

/// The text of a token. It is shown nowhere.
#[derive(Clone)]
pub struct AdminToken(Box<str>);

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken")
    }
}

/// A token file that is of no use.
#[derive(Debug, thiserror::Error)]
#[error("token file {}: {problem}", one_line(&path.to_string_lossy()))]
pub struct TokenFileError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: TokenProblem,
}

/// What is wrong with a token file.
#[derive(Debug, thiserror::Error)]
pub enum TokenProblem {
    /// The kernel does not give it.
    #[error("it cannot be read: {0}")]
    Unreadable(io::Error),
    /// It is a folder, a pipe or a device.
    #[error("it is no regular file")]
    Irregular,
    /// Users beside its owner and its group can read or change it.
    #[error("other users can read or change it (mode {mode:04o}): give it mode 0600 or 0640")]
    Exposed {
        /// Its mode.
        mode: u32,
    },
    /// Its group can change it.
    #[error("its group can change it (mode {mode:04o}): give it mode 0600 or 0640")]
    GroupWrites {
        /// Its mode.
        mode: u32,
    },
    /// The file of the other right has the same token.
    #[error("it has the same token as {}: make another one", one_line(&other.to_string_lossy()))]
    Same {
        /// The other file.
        other: PathBuf,
    },
    /// It has too few characters, or too many.
    #[error("its token has {length} characters: expected {SHORTEST_TOKEN} to {LONGEST_TOKEN} in one line")]
    Length {
        /// How many it has; of too many, as many as were read.
        length: usize,
    },
    /// It has characters that are in no header.
    #[error(
        "its token has a character that is not allowed: expected letters, digits and signs of ASCII, without spaces"
    )]
    Letters,
}

impl AdminToken {
    /// Reads it: one line, its end aside.
    ///
    /// # Errors
    /// [`TokenFileError`] names the file; nothing of what it holds is in it.
    pub fn read(path: &Path) -> Result<Self, TokenFileError> {
        Self::read_checked(path).map_err(|problem| TokenFileError { path: path.to_owned(), problem })
    }

    fn read_checked(path: &Path) -> Result<Self, TokenProblem> {
        // A pipe is not waited for: without this to open it lasts until somebody writes.
        let opened = File::options().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path);
        let file = opened.map_err(TokenProblem::Unreadable)?;
        let metadata = file.metadata().map_err(TokenProblem::Unreadable)?;
        if !metadata.is_file() {
            return Err(TokenProblem::Irregular);
        }
        let mode = metadata.mode() & 0o7777;
        if mode & 0o007 != 0 {
            return Err(TokenProblem::Exposed { mode });
        }
        if mode & 0o020 != 0 {
            return Err(TokenProblem::GroupWrites { mode });
        }
        let mut bytes = Vec::new();
        file.take(READ_AT_MOST).read_to_end(&mut bytes).map_err(TokenProblem::Unreadable)?;
        Self::parse(&bytes)
    }

    fn parse(bytes: &[u8]) -> Result<Self, TokenProblem> {
        let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let length = line.len();
        if !(SHORTEST_TOKEN..=LONGEST_TOKEN).contains(&length) {
            return Err(TokenProblem::Length { length });
        }
        if !line.iter().all(u8::is_ascii_graphic) {
            return Err(TokenProblem::Letters);
        }
        Ok(Self(String::from_utf8_lossy(line).into()))
    }

    /// Whether these bytes are it, in the same time whichever of them differ.
    pub(super) fn is(&self, presented: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(presented).into()
    }

    /// Whether the other one has the same text.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.is(other.0.as_bytes())
    }

    /// The header by which it is presented.
    pub fn authorization(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const TEXT: &str = "0123456789abcdef";

    #[test]
    fn a_token_is_one_line_of_printable_characters() {
        for text in [TEXT.to_owned(), format!("{TEXT}\n"), format!("{TEXT}\r\n")] {
            let token = AdminToken::parse(text.as_bytes()).unwrap();
            assert_eq!(token.authorization(), format!("Bearer {TEXT}"));
            assert!(token.is(TEXT.as_bytes()));
            for other in ["", "0123456789abcdeF", "0123456789abcde", "0123456789abcdef0"] {
                assert!(!token.is(other.as_bytes()), "{other}");
            }
            assert_eq!(format!("{token:?}"), "AdminToken");
        }
        for (length, fits) in [(15, false), (16, true), (256, true), (257, false), (400, false)] {
            assert_eq!(AdminToken::parse("a".repeat(length).as_bytes()).is_ok(), fits, "{length}");
        }
        for wrong in ["0123456789 abcdef", "0123456789abcdef\n\n", "0123456789abcdef\0", "0123456789abcdéf"] {
            assert!(matches!(AdminToken::parse(wrong.as_bytes()), Err(TokenProblem::Letters)), "{wrong:?}");
        }
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_and_its_text_is_not_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, TEXT).unwrap();
        for (mode, fits) in [
            (0o600, true),
            (0o640, true),
            (0o400, true),
            (0o440, true),
            (0o644, false),
            (0o602, false),
            (0o660, false),
            (0o620, false),
        ] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let read = AdminToken::read(&path);
            assert_eq!(read.is_ok(), fits, "{mode:o}");
            if let Err(error) = read {
                let said = error.to_string();
                assert!(
                    said.contains("token") && said.contains(&format!("{mode:04o}")) && !said.contains(TEXT),
                    "{said}"
                );
            }
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        for text in [&TEXT[1..], "0123456789 abcdef"] {
            fs::write(&path, text).unwrap();
            let said = AdminToken::read(&path).unwrap_err().to_string();
            assert!(said.contains("token file") && !said.contains(text), "{said}");
        }
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").args(["-m", "600"]).arg(&pipe).status().unwrap().success());
        for irregular in [pipe.as_path(), folder.path()] {
            let said = AdminToken::read(irregular).unwrap_err().to_string();
            assert!(said.contains("no regular file"), "{said}");
        }
        let said = AdminToken::read(&folder.path().join("none")).unwrap_err().to_string();
        assert!(said.contains("none: it cannot be read"), "{said}");
    }
}
