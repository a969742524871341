//! What the admin address answers, as types: the server writes them as JSON, the command line reads them back.
//!
//! Names of members are a promise to everybody who reads the API: they are added to, never renamed. So that two
//! versions understand each other, words out of tables (states, reasons) are open text here, members that are not
//! known are passed over, and a member that is added later is optional.

mod connection;
mod disconnect;
mod ensemble;
mod fact;
mod history;
mod incident;
mod latency;
mod list;
mod load;
mod moment;
mod moves;
mod place;
mod risk;
mod server;
mod session;
mod session_detail;
mod state;
mod tap;

use std::borrow::Cow;

pub use connection::ConnectionView;
pub use disconnect::{DisconnectAnswer, DisconnectRequest, DisconnectedList};
pub use ensemble::{BaselineView, DetailsView, EnsembleEventView, EnsembleView, PathView, WatchedServerView};
pub use fact::{FactView, RequestView};
pub use history::{HistoryAnswer, HistoryEntryView, HistorySummaryView, NamedCount, UnreadFile};
pub use incident::{
    ActionView, CauseView, CompletenessView, EndCauseView, EvidenceView, ImpactView, IncidentView, LostOperationView,
    OwnActionView, RevisionView, RuledOutView, SeenBeforeView, SubjectView,
};
pub use latency::LatencySlotView;
pub use list::{
    ApiList, ChangesParameters, ConnectionList, HistoryParameters, IncidentList, LatencyList, ListParameters,
    LoadParameters, MoveList, RefusalList, RiskList, ServerList, SessionList, SlowList, TapParameters,
};
pub use load::{LoadAnswer, LoadRowView};
pub use moment::{
    ActiveTime, AtTime, AttachedTime, CalendarMoment, ClaimedTime, EndedTime, FirstTime, LastTime, SeenTime, SentTime,
    SinceTime, UntilTime,
};
pub use moves::{MoveView, RefusalView};
pub use place::{ConnectionPath, IncidentPath, SessionPath};
pub use risk::{HeartbeatView, RiskView, TimeoutAdviceView};
pub use server::{NamedServer, ServerView};
pub use session::{SessionView, WatchesView};
pub use session_detail::{
    AttachView, ClientPathView, EndView, LatencyByClass, LatencyView, SessionDetail, TimelineEvent, UnknownEvent,
};
pub use state::{
    CHANGES, CLOSING, ErrorAnswer, LIVE, LivenessAnswer, LogLevelAnswer, LogLevelRequest, METRICS, OPENAPI, READY,
    ReadinessAnswer,
};
pub use tap::{DroppedEvents, SlowOperationView, TAP, TapEventView};

/// A word out of a table of the server's; a newer server may have more of them.
pub type ApiWord = Cow<'static, str>;
