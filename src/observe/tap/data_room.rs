//! Room for node data that waits for its reply, over all connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Bytes of node data that wait for replies, over all connections.
pub(crate) const DATA_BYTES: usize = 256 * 1024;

/// How much of that is taken, and what found no room.
#[derive(Clone, Debug, Default)]
pub struct DataRoom(Arc<RoomCounts>);

#[derive(Debug, Default)]
struct RoomCounts {
    taken: AtomicUsize,
    dropped: AtomicU64,
}

impl DataRoom {
    /// Takes so many bytes of it; None, and counted, when there are not as many left.
    pub fn take(&self, bytes: usize) -> Option<TakenDataRoom> {
        let taken = TakenDataRoom { room: self.clone(), bytes };
        // What does not fit is given back as it is dropped.
        let fits = self.0.taken.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) <= DATA_BYTES;
        if !fits {
            self.count_dropped();
        }
        fits.then_some(taken)
    }

    /// The data of one more request is not shown.
    pub fn count_dropped(&self) {
        self.0.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Requests whose data was not shown, for want of room.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }
}

/// Room that is given back when this is dropped.
#[derive(Debug)]
pub struct TakenDataRoom {
    room: DataRoom,
    bytes: usize,
}

impl Drop for TakenDataRoom {
    fn drop(&mut self) {
        self.room.0.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_bounded_and_comes_back() {
        let room = DataRoom::default();
        let half = room.take(DATA_BYTES / 2);
        assert!(half.is_some() && room.take(DATA_BYTES / 2 + 1).is_none());
        let other = room.take(DATA_BYTES / 2);
        assert!(other.is_some() && room.take(1).is_none());
        drop(half);
        assert!(room.take(DATA_BYTES / 2).is_some());
        drop(other);
        assert_eq!((room.0.taken.load(Ordering::Relaxed), room.dropped()), (0, 2));
    }
}
