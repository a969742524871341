//! What is read of the diagnosis: causes as they are seen by now, and incidents.

use super::diagnosis::Diagnosis;
use super::end_case::AROUND;
use super::end_cause::EndCause;
use super::incident::{Incident, IncidentReport};
use crate::ids::ConnectionId;
use crate::session::verdict::SessionMovedRefusal;

impl Diagnosis {
    /// The cause of a connection's end, while it is kept. Where its incident's cause was revised, that is said.
    pub fn cause(&self, connection: ConnectionId) -> Option<EndCause> {
        self.causes.get(&connection).map(|one| self.revised(one))
    }

    /// The cause of a refusal because a session had moved: of the end that shows it, or of the refusal itself where that
    /// was said in words.
    pub fn cause_of_refusal(&self, one: &SessionMovedRefusal) -> Option<EndCause> {
        if !one.evidence.is_said() {
            return self.cause(one.connection);
        }
        self.refusal_causes.get(&(one.connection, one.at)).map(|one| self.revised(one))
    }

    /// The cause of the newest refusal on a connection.
    pub fn cause_of_newest_refusal(&self, connection: ConnectionId) -> Option<EndCause> {
        let said = self.refusal_causes.newest(|(refused, _)| *refused == connection);
        said.map(|one| self.revised(one)).or_else(|| self.cause(connection))
    }

    /// A cause as it is seen by now.
    fn revised(&self, mut one: EndCause) -> EndCause {
        let mut incident = one.incident.and_then(|id| self.book.get(id));
        let mut was_part = false;
        if let Some((part, whole)) = incident.and_then(|incident| Some((incident, incident.part_of?))) {
            was_part = part.cause().code == one.cause.code;
            incident = self.book.get(whole);
            one.incident = Some(whole);
        }
        if let Some(incident) = incident {
            let was = was_part
                || incident
                    .revisions
                    .iter()
                    .any(|earlier| earlier.cause.code == one.cause.code && earlier.at >= one.ended_at);
            // What began only later cannot have ended it, although it is the same incident.
            if was && one.ended_at.after(AROUND) >= incident.cause().since {
                one.cause = incident.cause();
            }
        }
        one
    }

    /// All incidents that are kept, newest first.
    pub fn newest_incidents(&self) -> impl Iterator<Item = &Incident> {
        self.book.iter()
    }

    /// The numbers of the newest incidents that are wanted, newest first, and whether there are more.
    pub fn incident_ids(&self, most: usize, wanted: impl Fn(&Incident) -> bool) -> (Vec<u64>, bool) {
        let mut ids = self.book.iter().filter(|incident| wanted(incident)).map(|incident| incident.id);
        let newest = ids.by_ref().take(most).collect();
        (newest, ids.next().is_some())
    }

    /// One incident by its number; the one that it turned out to be part of, where it did.
    pub fn incident(&self, id: u64) -> Option<IncidentReport> {
        let incident = self.book.get(id)?;
        let whole = incident.part_of.and_then(|whole| self.book.get(whole)).unwrap_or(incident);
        Some(self.report(whole))
    }

    fn report(&self, incident: &Incident) -> IncidentReport {
        IncidentReport { incident: incident.clone(), seen_before: self.book.seen_before(incident) }
    }
}
