//! The path of a request that is being answered.

use std::fmt;

use super::path_ring::{PathRef, PathRing};

/// A request's path, as far as it is still kept. It is looked up only by who wants it, so that most replies do not pay
/// for it.
#[derive(Clone, Copy, Default)]
pub struct RequestPath<'a>(Option<(&'a PathRing, PathRef)>);

impl<'a> RequestPath<'a> {
    /// No path.
    pub const NONE: Self = Self(None);

    /// The path that stands there in the ring.
    #[inline]
    pub(super) fn kept(ring: &'a PathRing, at: PathRef) -> Self {
        Self(Some((ring, at)))
    }

    /// Its bytes (of a multi: those of its first sub-operation), cut behind 255; none when the request has no path, and
    /// when so much was in flight that it is no longer kept.
    pub fn bytes(self) -> &'a [u8] {
        self.0.map_or(&[], |(ring, at)| ring.get(at))
    }
}

impl PartialEq for RequestPath<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for RequestPath<'_> {}

impl fmt::Debug for RequestPath<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", String::from_utf8_lossy(self.bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_what_the_ring_still_holds() {
        let mut ring = PathRing::default();
        let at = ring.store(b"/brokers", ring.next());
        let path = RequestPath::kept(&ring, at);
        assert_eq!((path.bytes(), format!("{path:?}")), (&b"/brokers"[..], "\"/brokers\"".to_owned()));
        assert_ne!(path, RequestPath::NONE);
        assert_eq!(RequestPath::NONE.bytes(), b"");
    }
}
