//! What was seen, in values: the evidence behind a reason. The words are made where it is shown.
//!
//! Moments are relative to the end that is explained, so that a fact means something by itself.

mod claim;
mod connection;
mod group;
mod outage;
mod server;
mod value;
mod watch;

use std::borrow::Cow;
use std::mem::size_of;

pub use claim::{ClaimFact, SessionFact};
pub use connection::{ClientFact, MoveFact, ProxyFact};
pub use outage::OutageFact;
pub use server::{EnsembleFact, ServerFact};
pub use value::{ClaimAnswer, EndOffset, FactValue, FullSign};
pub use watch::WatchFact;

/// What was seen of one end, strongest first. What most ends show is the same and takes no memory.
pub type FactList = Cow<'static, [Fact]>;

/// One thing that was seen.
#[derive(Clone, PartialEq, Debug)]
pub enum Fact {
    /// What zoogate itself did, or did not.
    Proxy(ProxyFact),
    /// Claims of a session, and their answers.
    Claim(ClaimFact),
    /// What happened to the session.
    Session(SessionFact),
    /// What the client did.
    Client(ClientFact),
    /// What the server did.
    Server(ServerFact),
    /// What was seen of the server and of its neighbours.
    Ensemble(EnsembleFact),
    /// What shows that a session was refused because it has moved, or is missing for that.
    Move(MoveFact),
    /// What watching the servers and the paths shows.
    Watch(WatchFact),
    /// What an outage was to the session.
    Outage(OutageFact),
}

macro_rules! of_groups {
    ($($variant:ident($group:ident)),*) => {
        impl Fact {
            /// Its name in JSON.
            pub fn kind(&self) -> &'static str {
                match self { $(Self::$variant(fact) => fact.kind(),)* }
            }

            /// Its numbers by name, in the order of their meaning.
            pub fn values(&self) -> Vec<(&'static str, FactValue)> {
                match self { $(Self::$variant(fact) => fact.values(),)* }
            }
        }

        $(impl From<$group> for Fact {
            fn from(fact: $group) -> Self {
                Self::$variant(fact)
            }
        })*
    };
}

of_groups!(
    Proxy(ProxyFact),
    Claim(ClaimFact),
    Session(SessionFact),
    Client(ClientFact),
    Server(ServerFact),
    Ensemble(EnsembleFact),
    Move(MoveFact),
    Watch(WatchFact),
    Outage(OutageFact)
);

impl Fact {
    /// Bytes that it takes beside itself.
    pub fn heap_bytes(&self) -> usize {
        let request = match self {
            Self::Client(ClientFact::LongReply { request, .. })
            | Self::Server(ServerFact::InFlight { request, .. })
            | Self::Move(MoveFact::Said { request, .. } | MoveFact::Overtaken { request, .. }) => request.as_ref(),
            _ => None,
        };
        request.map_or(0, |request| request.path.capacity())
    }

    /// Bytes that a list of facts takes.
    pub fn bytes_of(facts: &[Self]) -> usize {
        facts.iter().map(|fact| size_of::<Self>() + fact.heap_bytes()).sum()
    }
}
