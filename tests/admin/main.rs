//! The admin address: an telemetry filled by hand, read over HTTP and by a real Prometheus parser.

mod access;
mod api;
mod changes;
mod crowd;
mod description;
mod ensemble;
mod exposition;
mod filters;
mod history;
mod load;
mod page;
mod schemathesis;
mod stage;
mod tap;
mod unseen;
