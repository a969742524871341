//! What a scenario is: its name, what happens, and what is true of it.

use super::scene::FaultScene;
use super::truth::{FaultTruth, IncidentCount};

/// One thing that happens to an ensemble, its clients, or the paths between them.
#[derive(Debug, Clone, Copy)]
pub(super) struct FaultScenario {
    pub(super) name: &'static str,
    /// The fault, in plain words.
    pub(super) fault: &'static str,
    pub(super) play: fn(&mut FaultScene),
    /// Whether relays stand between zoogate and the servers.
    pub(super) server_paths: bool,
    /// Whether a server is parted from all others.
    pub(super) elections: bool,
    pub(super) truth: FaultTruth,
}

impl FaultScenario {
    /// A scenario without relays.
    pub(super) const fn new(
        name: &'static str,
        fault: &'static str,
        play: fn(&mut FaultScene),
        truth: FaultTruth,
    ) -> Self {
        Self { name, fault, play, server_paths: false, elections: false, truth }
    }

    /// Relays stand between zoogate and the servers.
    pub(super) const fn on_server_path(self) -> Self {
        Self { server_paths: true, ..self }
    }

    /// A server is parted from all others.
    pub(super) const fn parting(self) -> Self {
        Self { elections: true, ..self }
    }
}

/// An event for the whole of the ensemble or for one of its servers.
pub(super) const fn event(
    first: &'static [&'static str],
    right: &'static [&'static str],
    vague: &'static [&'static str],
    train: &'static [&'static str],
) -> FaultTruth {
    FaultTruth { right, vague, train, first, incidents: IncidentCount::One }
}

/// The same, so short that nobody need lose anything by it.
pub(super) const fn brief_event(
    first: &'static [&'static str],
    right: &'static [&'static str],
    vague: &'static [&'static str],
    train: &'static [&'static str],
) -> FaultTruth {
    FaultTruth { incidents: IncidentCount::OneIfNoticed, ..event(first, right, vague, train) }
}

/// Something that concerns one client.
pub(super) const fn single(
    first: &'static [&'static str],
    right: &'static [&'static str],
    vague: &'static [&'static str],
    train: &'static [&'static str],
) -> FaultTruth {
    FaultTruth { right, vague, train, first, incidents: IncidentCount::Optional }
}
