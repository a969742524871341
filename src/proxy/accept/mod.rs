//! How a client comes in: listeners that are open while a server is, their accept queues, and what the kernel dropped.

mod accept_queue;
pub(crate) mod client_listener;
pub(in crate::proxy) mod host_monitor;
