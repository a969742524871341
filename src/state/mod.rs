//! What is known of the traffic, each fact in one place: sessions, servers, loads, connections whose end is not explained.
//!
//! The proxy writes here and asks here before it decides; readers copy rows out. Everything that is found out goes
//! through one stream to sinks (log, counters, meters), which decide nothing.

mod answered_work;
mod change_stream;
mod diagnosis_state;
pub(crate) mod readers;
mod risk_changes;
pub(crate) mod risk_state;
mod rows;
mod seeking;
mod traffic_state;

pub use answered_work::{AnsweredKinds, AnsweredWork};
pub use change_stream::{ChangeSink, SinkDrops, SinkOutcome, StateChange};
pub use risk_state::{LateConnection, NodeMeeting};
pub use rows::{
    ConnectionKey, ConnectionRow, ConnectionSummary, PENDING, SeekingClient, SessionPlace, SessionRow, SessionTimeline,
};
pub use seeking::SeekingClaim;
pub use traffic_state::{SessionHome, TrafficState};
