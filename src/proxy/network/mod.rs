//! Sockets, and what a server's name leads to: everything that goes out to a server passes here.

pub(in crate::proxy) mod kernel_counts;
pub(crate) mod name_lookup;
pub(in crate::proxy) mod own_address;
pub(in crate::proxy) mod sample_failures;
pub(crate) mod socket;
pub(in crate::proxy) mod socket_diag;
