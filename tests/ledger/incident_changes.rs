//! What is told of incidents that turn out to be parts of others.

use std::sync::{Arc, Mutex};

use zoogate::diagnose::IncidentChange;
use zoogate::session::ledger::LedgerLimits;
use zoogate::session::probe_result::ServerHealth;
use zoogate::state::{ChangeSink, SinkOutcome, StateChange, TrafficState};

use crate::causes::{incidents, only_incident, pass};
use crate::story::{A, B, LEADER, Story};

/// A change, of which incident, and what that is part of.
type ToldChange = (IncidentChange, u64, Option<u64>);

/// Keeps what is told of incidents.
#[derive(Clone, Debug, Default)]
struct ToldChanges(Arc<Mutex<Vec<ToldChange>>>);

impl ToldChanges {
    fn of(&self, incident: u64) -> Vec<ToldChange> {
        let told = self.0.lock().expect("nobody panics with it");
        told.iter().filter(|(_, id, _)| *id == incident).copied().collect()
    }
}

impl ChangeSink for ToldChanges {
    fn name(&self) -> &'static str {
        "told"
    }

    fn take(&self, change: StateChange<'_>) -> SinkOutcome {
        if let StateChange::Incident(change, incident) = change {
            self.0.lock().expect("nobody panics with it").push((change, incident.id, incident.part_of));
        }
        SinkOutcome::Taken
    }
}

#[test]
fn an_incident_that_becomes_part_of_another_is_told_so_and_never_again() {
    let told = ToldChanges::default();
    let names = ["0", "1", "2"].map(str::to_owned);
    let mut story = Story::diagnosed();
    story.diagnosed = Some(TrafficState::new(&names, LedgerLimits::default(), vec![Box::new(told.clone())]));
    story.look_around();
    story.wait(1_000);
    story.look_around();
    let (session, mut link) = story.create(A);
    for server in [A, B] {
        story.set(server, ServerHealth::NotServing);
        story.look_around();
        story.fin(link);
        pass(&mut story, 2);
        link = story.attach(session, if server == A { B } else { LEADER });
    }
    let opened: Vec<u64> = incidents(&story).iter().map(|incident| incident.id).collect();
    assert_eq!(opened.len(), 2);
    let (_, other) = story.create(LEADER);
    story.set(LEADER, ServerHealth::Refusing);
    story.look_around();
    story.fin(other);
    story.fin(link);
    pass(&mut story, 2);
    let whole = only_incident(&story).id;
    let parts: Vec<u64> = opened.into_iter().filter(|id| *id != whole).collect();
    assert!(!parts.is_empty());
    for part in parts {
        let changes = told.of(part);
        assert_eq!(changes.last(), Some(&(IncidentChange::Absorbed, part, Some(whole))), "{changes:?}");
        assert_eq!(changes.iter().filter(|(change, ..)| *change == IncidentChange::Absorbed).count(), 1);
    }
}
