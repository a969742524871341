//! Lists: where they are, what they hold, and what they are asked for.

use std::num::NonZeroU64;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{
    ConnectionView, IncidentView, LatencySlotView, MoveView, RefusalView, RiskView, ServerView, SessionView,
    SlowOperationView,
};
use crate::filter::FilterField::{self, Cause, Client, Connection, Identity, Moved, Reason, Server, Session, State};

/// A list of the API.
pub trait ApiList: DeserializeOwned {
    /// What it lists.
    type Element: Serialize + DeserializeOwned + 'static;
    /// Where it is.
    const PATH: &'static str;
    /// The member that holds the elements.
    const MEMBER: &'static str;
    /// What its elements can be chosen by.
    const FILTERS: &'static [FilterField];
    /// Its elements, and whether there are more than were asked for.
    fn into_elements(self) -> (Vec<Self::Element>, bool);
}

macro_rules! lists {
    ($($type:ident: $path:literal $member:ident $element:ty, by $filters:expr, $what:literal;)*) => {
        $(
            #[doc = $what]
            #[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
            pub struct $type {
                /// The elements.
                pub $member: Vec<$element>,
                /// Whether there are more than were asked for.
                #[serde(default)]
                pub more: bool,
            }

            impl ApiList for $type {
                type Element = $element;
                const PATH: &'static str = $path;
                const MEMBER: &'static str = stringify!($member);
                const FILTERS: &'static [FilterField] = $filters;
                fn into_elements(self) -> (Vec<Self::Element>, bool) {
                    (self.$member, self.more)
                }
            }
        )*
    };
}

lists! {
    SessionList: "/api/sessions" sessions SessionView, by &[Server, Client, Identity, Session, State, Moved],
        "Every session in short, newest activity first.";
    MoveList: "/api/moves" moves MoveView, by &[Server, Client, Identity, Session, Reason],
        "The newest moves, in order of time.";
    RefusalList: "/api/session-moved" session_moved RefusalView, by &[Server, Client, Identity, Session, Connection],
        "The newest refusals of moved sessions, in order of time.";
    ServerList: "/api/servers" servers ServerView, by &[Server, State],
        "The servers, in configured order.";
    IncidentList: "/api/incidents" incidents IncidentView, by &[Server, Client, Session, State, Reason, Cause],
        "Incidents, newest first.";
    RiskList: "/api/risks" risks RiskView, by &[Server, Client, Session, Identity, State, Reason],
        "What may soon be lost and what nearly was, newest first.";
    LatencyList: "/api/latency" latency LatencySlotView, by &[Server],
        "Latency by server and class in slots of ten seconds, oldest first.";
    SlowList: "/api/slow" slow SlowOperationView, by FilterField::OF_EVENTS,
        "Operations that took long: those beyond a threshold, newest first, then the slowest of each kind.";
    ConnectionList: "/api/connections" connections ConnectionView, by &[Server, Client, Identity, Session, State, Reason, Connection],
        "Connections, newest first.";
}

macro_rules! parameters {
    ($what:ident $about:literal $($(#[$doc:meta])* $name:ident: $type:ty,)*) => {
        #[doc = $about]
        #[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $what {
            $($(#[$doc])* pub $name: Option<$type>,)*
        }

        impl $what {
            /// Names and values of those that are given.
            pub fn pairs(&self) -> Vec<(&'static str, String)> {
                let all = [$((stringify!($name), self.$name.as_ref().map(ToString::to_string)),)*];
                all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
            }
        }
    };
}

parameters! {
    ListParameters "What a list is asked for. What is not given narrows nothing down."
    /// How many elements at most.
    limit: usize,
    /// Which, in the language of filters.
    filter: String,
    /// A server, by its address or its number.
    server: String,
    /// A client: its address, with or without the port.
    client: String,
    /// A part of the holder's name.
    identity: String,
    /// A session id.
    session: String,
    /// The state, as the list shows it.
    state: String,
    /// The reason of an end, as the list shows it.
    reason: String,
    /// Whether the session was moved or refused at least once.
    moved: bool,
}

parameters! {
    HistoryParameters "What the history is asked for. What is not given narrows nothing down."
    /// How many entries at most.
    limit: usize,
    /// The holder's name, with or without what stands behind a blank in it; `*` stands for any text.
    identity: String,
    /// The cause, the change of the ensemble, or the code of a risk.
    cause: String,
    /// `move`, `refusal`, `incident`, `ensemble`, `risk` or `latency`; without it all but the last.
    kind: String,
    /// A server, by its address.
    server: String,
    /// A session id.
    session: String,
    /// From when on: how long ago (`7d`), a date, or a time with its zone.
    since: String,
    /// Until when, likewise.
    until: String,
}

parameters! {
    TapParameters "What a stream of events is asked for. What is not given narrows nothing down."
    /// Which, in the language of filters.
    filter: String,
    /// One in so many of them.
    sample: NonZeroU64,
    /// How many at most; the stream ends behind them.
    count: u64,
    /// After how many milliseconds it ends.
    for_ms: u64,
    /// Bytes of node data that are shown of each request. It needs the right to change, and the setting `tap.data`.
    data: u64,
}

parameters! {
    ChangesParameters "What the stream of changes is asked for."
    /// After how many milliseconds it ends.
    for_ms: u64,
}

parameters! {
    LoadParameters "What the load is asked for."
    /// By what it is counted: `path` (also without it), `client` or `identity`.
    by: String,
}
