//! The paths of the requests in flight, in one small ring of bytes.
//!
//! A path is copied once, when its request passes, so that an unanswered request can still be named when the
//! connection ends. The ring forgets the oldest ones first; a forgotten path reads as empty.

/// Bytes that are kept of one path.
pub(crate) const KEPT: usize = 255;
/// First size of the ring, in bytes. Room for a few ordinary paths; a power of two.
const FIRST: usize = 256;
/// Largest size of the ring, in bytes; a power of two.
pub(crate) const PATH_RING_CAP: usize = 16 * 1024;

/// Where a path stands in the ring.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct PathRef {
    at: u32,
    len: u8,
}

/// The ring. No path is stored across its end, so that each can be borrowed in one piece.
#[derive(Default, Debug)]
pub(super) struct PathRing {
    /// Length 0 or a power of two.
    bytes: Box<[u8]>,
    /// Bytes ever stored, modulo 2^32; position p stands at p & (len - 1).
    head: u32,
}

impl PathRing {
    /// An empty path that stands where the next one will.
    #[inline]
    pub(super) fn next(&self) -> PathRef {
        PathRef { at: self.head, len: 0 }
    }

    /// Stores a path. The ring grows rather than to forget `oldest` or what was stored after it, until it is full.
    #[inline]
    pub(super) fn store(&mut self, path: &[u8], oldest: PathRef) -> PathRef {
        let len = path.len().min(KEPT) as u32;
        let at = loop {
            let size = self.bytes.len() as u32;
            // Where the path would stand across the ring's end, it stands at its start.
            let room = size - (self.head & size.wrapping_sub(1));
            let at = if len > room { self.head.wrapping_add(room) } else { self.head };
            // Positions are counted modulo 2^32 and only differences are compared, so a wrap does no harm.
            if at.wrapping_add(len).wrapping_sub(oldest.at) <= size || size as usize >= PATH_RING_CAP {
                break at;
            }
            self.grow();
        };
        let start = at as usize & self.bytes.len().wrapping_sub(1);
        // Fails only while the ring has no bytes, for a path of length 0.
        if let Some(place) = self.bytes.get_mut(start..start + len as usize) {
            place.copy_from_slice(&path[..len as usize]);
        }
        self.head = at.wrapping_add(len);
        PathRef { at, len: len as u8 }
    }

    /// The path, or nothing when newer ones have taken its place.
    pub(super) fn get(&self, path: PathRef) -> &[u8] {
        let size = self.bytes.len() as u32;
        // More was stored since than the ring holds: another path stands there now.
        if self.head.wrapping_sub(path.at) > size {
            return &[];
        }
        let start = (path.at & size.wrapping_sub(1)) as usize;
        self.bytes.get(start..start.wrapping_add(usize::from(path.len))).unwrap_or_default()
    }

    /// Doubles the ring and keeps what it holds.
    fn grow(&mut self) {
        let old = self.bytes.len();
        let size = if old == 0 { FIRST } else { old * 2 };
        // Filled with anything but 0: glibc makes zeroed memory anew each time, and takes ten times as long for it.
        let mut bytes = vec![b'/'; size].into_boxed_slice();
        // Byte by byte, because the same position falls on another place in a ring of double size. It happens at most
        // six times for a connection.
        for back in 1..=old as u32 {
            let position = self.head.wrapping_sub(back);
            bytes[position as usize & (size - 1)] = self.bytes[position as usize & (old - 1)];
        }
        self.bytes = bytes;
    }

    /// Gives the memory back; no path is wanted any more.
    pub(super) fn release(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_newest_and_forgets_the_oldest() {
        let mut ring = PathRing::default();
        let refs: Vec<(PathRef, String)> = (0..40)
            .map(|n| {
                let path = format!("/brokers/topics/{n}");
                (ring.store(path.as_bytes(), ring.next()), path)
            })
            .collect();
        let (last, path) = refs.last().unwrap();
        assert_eq!(ring.get(*last), path.as_bytes());
        assert_eq!(ring.get(refs[0].0), b"");
    }

    #[test]
    fn growing_keeps_what_is_there() {
        let mut ring = PathRing::default();
        let oldest = ring.next();
        let refs: Vec<(PathRef, String)> = (0..200)
            .map(|n| {
                let path = format!("/{}/{n}", "n".repeat(n % 61));
                (ring.store(path.as_bytes(), oldest), path)
            })
            .collect();
        for (at, path) in &refs {
            assert_eq!(ring.get(*at), path.as_bytes());
        }
        let stored: usize = refs.iter().map(|(_, path)| path.len()).sum();
        assert!(ring.bytes.len() <= 2 * stored, "{} bytes for {stored}", ring.bytes.len());
    }

    #[test]
    fn a_long_path_is_cut_and_a_released_ring_is_empty() {
        let mut ring = PathRing::default();
        let at = ring.store(&[b'x'; 4000], PathRef::default());
        assert_eq!(ring.get(at), [b'x'; KEPT]);
        ring.release();
        assert_eq!(ring.get(at), b"");
        let at = ring.store(b"/again", ring.next());
        assert_eq!(ring.get(at), b"/again");
    }

    #[test]
    fn paths_may_fill_the_ring_to_its_last_byte() {
        let mut ring = PathRing::default();
        let oldest = ring.next();
        let refs = [b'a', b'b'].map(|byte| (ring.store(&[byte; FIRST / 2], oldest), byte));
        assert_eq!(ring.bytes.len(), FIRST);
        for (at, byte) in refs {
            assert_eq!(ring.get(at), [byte; FIRST / 2]);
        }
    }
}
