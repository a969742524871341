//! What the scenarios share: the program under test, a server and clients of their own, patience.

pub(crate) mod crowd;
pub(crate) mod fake;
pub(crate) mod frames;
pub(crate) mod pair;
pub(crate) mod ports;
pub(crate) mod random;
pub(crate) mod sockets;
pub(crate) mod wait;
pub(crate) mod zoogate;
