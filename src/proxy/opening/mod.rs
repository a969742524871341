//! What a client sends before it has a server: its first frame, what follows it meanwhile, and whether it is still there.

pub(in crate::proxy) mod client_end;
pub(crate) mod first_frame;
pub(crate) mod read_ahead;
