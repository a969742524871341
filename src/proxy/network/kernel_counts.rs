//! What the kernel counts for one TCP connection.

use std::time::Duration;

/// What the kernel counts for one connection (linux/tcp.h, `struct tcp_info`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(in crate::proxy) struct KernelCounts {
    /// The smoothed round trip.
    pub(in crate::proxy) rtt: Duration,
    /// Segments that are sent and not acknowledged.
    pub(in crate::proxy) unacked: u32,
    /// Segments that are taken for lost.
    pub(in crate::proxy) lost: u32,
    /// Segments that were sent again, in the connection's whole life.
    pub(in crate::proxy) resent: u32,
    /// How often the first segment that is not acknowledged was sent again.
    pub(in crate::proxy) resent_first: u8,
}

impl KernelCounts {
    /// Reads them where they stand since Linux 2.6; None where there is less.
    pub(in crate::proxy) fn read(info: &[u8]) -> Option<Self> {
        let number = |place: usize| Some(u32::from_ne_bytes(info.get(place..place + 4)?.try_into().ok()?));
        let (rtt, resent_first) = (Duration::from_micros(number(68)?.into()), *info.get(2)?);
        Some(Self { rtt, unacked: number(24)?, lost: number(32)?, resent: number(100)?, resent_first })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_stand_at_their_places() {
        let mut info = [0; 104];
        for (place, number) in [(24, 1_u32), (32, 2), (68, 3_000), (100, 4)] {
            info[place..place + 4].copy_from_slice(&number.to_ne_bytes());
        }
        info[2] = 5;
        let rtt = Duration::from_millis(3);
        let counts = KernelCounts { rtt, unacked: 1, lost: 2, resent: 4, resent_first: 5 };
        assert_eq!(KernelCounts::read(&info), Some(counts));
        assert_eq!(KernelCounts::read(&[&info[..], &[9; 100]].concat()), Some(counts), "of a newer kernel");
        assert_eq!(KernelCounts::read(&info[..103]), None);
    }
}
