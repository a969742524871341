//! Times in which the proxy itself does not run: what comes for it waits, and it finds all of it at once.

use std::time::Duration;

use super::stage::{ClientWire, StoryStage};
use super::stage_event::{ConversationItem, StageEvent};
use zoogate::session::own_pause::OwnPause;
use zoogate::time::Timestamp;

/// The proxy does not run until then.
#[derive(Debug)]
pub(super) struct StandStill {
    until: Timestamp,
    /// Whether it then reads what the servers have sent before what the clients have.
    servers_first: bool,
}

impl StandStill {
    /// When the proxy finds this, if it is a matter of the proxy's at all.
    pub(super) fn defers(&self, happens: &StageEvent, wires: &[ClientWire]) -> Option<Timestamp> {
        let at = |later: bool| Some(Timestamp(self.until.0 + u64::from(later)));
        match happens {
            StageEvent::FromClient(wire, _) if wires[*wire].is_seen() => at(self.servers_first),
            StageEvent::FromServer(wire, _) if wires[*wire].is_seen() => at(!self.servers_first),
            StageEvent::LedgerTick
            | StageEvent::Probe(_)
            | StageEvent::ProbeArrives(_)
            | StageEvent::ProbeEnds(_)
            | StageEvent::ToProber(..)
            | StageEvent::Seek(..)
            | StageEvent::Unwatched(_) => Some(self.until),
            StageEvent::Step(_)
            | StageEvent::Glance(_)
            | StageEvent::GoesOn(_)
            | StageEvent::FromClient(..)
            | StageEvent::FromServer(..)
            | StageEvent::AtServer(..)
            | StageEvent::AtClient(..) => None,
        }
    }
}

impl ClientWire {
    /// Whether the proxy sees it.
    fn is_seen(&self) -> bool {
        self.relayed.is_some() || self.search.is_some()
    }
}

impl StoryStage<'_> {
    /// The proxy does not run for so long; one that does not run already goes on when it was to.
    pub(super) fn stand_still(&mut self, time: Duration) {
        if self.still.is_none() {
            let until = self.now.after(time);
            self.still = Some(StandStill { until, servers_first: self.random.chance(50) });
            self.at(until, StageEvent::GoesOn(self.now));
        }
    }

    /// The proxy goes on.
    pub(super) fn go_on(&mut self, since: Timestamp) {
        self.still = None;
        let pause = OwnPause { from: since, to: self.now };
        self.own_pauses.push(pause);
        self.relay.stood_still(pause);
    }

    /// Whether the client of a connection, whose claim the proxy finds after it stood still, has left meanwhile: the
    /// proxy looks for that before it sends the claim.
    pub(super) fn has_left(&self, wire: usize) -> bool {
        let found_late = self.own_pauses.last().is_some_and(|pause| pause.to.0 + 1 >= self.now.0);
        let left = |(at, happens): (Timestamp, &StageEvent)| {
            at.0 <= self.now.0 + 1
                && matches!(happens, StageEvent::FromClient(other, ConversationItem::End(_)) if *other == wire)
        };
        found_late && self.due.waiting().any(left)
    }
}
