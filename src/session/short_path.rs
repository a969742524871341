//! The beginning of a path, kept in place.

use std::fmt;

/// Longest path that is kept of an identity, in bytes.
pub const IDENTITY_PATH_CAP: usize = 128;

/// The first bytes of a path, kept in place so that an identity needs no allocation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShortPath {
    len: u8,
    bytes: [u8; IDENTITY_PATH_CAP],
}

impl ShortPath {
    /// Keeps the first [`IDENTITY_PATH_CAP`] bytes.
    pub fn new(path: &[u8]) -> Self {
        let len = path.len().min(IDENTITY_PATH_CAP);
        let mut bytes = [0; IDENTITY_PATH_CAP];
        bytes[..len].copy_from_slice(&path[..len]);
        Self { len: len as u8, bytes }
    }

    /// The bytes that are kept.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl fmt::Display for ShortPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.as_bytes()))
    }
}

impl fmt::Debug for ShortPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
