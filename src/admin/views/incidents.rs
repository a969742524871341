//! `/api/incidents`: what happened, why, and what it cost.

use super::fact::members;
use super::moment::moment;
use crate::admin::query::ListFilter;
use crate::admin::streamed_list::{StreamedList, row_text};
use crate::api::{
    ActionView, ApiList, CauseView, CompletenessView, EndCauseView, EvidenceView, ImpactView, IncidentList,
    IncidentView, LostOperationView, OwnActionView, RevisionView, RuledOutView, SeenBeforeView, SubjectView,
};
use crate::diagnose::{
    CauseAction, CauseCode, Diagnosed, EndCause, Impact, Incident, IncidentKey, IncidentReport, JudgedCause, LastSeen,
    OwnAction, WatchCompleteness,
};
use crate::filter::{FieldValue, FilterField, FilterSubject};
use crate::ids::ConnectionId;
use crate::observe::{ProxyTelemetry, WallClock, incident_summary};
use crate::session::fact::{Fact, FactValue, OutageFact, WatchFact};
use crate::session::verdict::SessionMovedRefusal;
use crate::time::Timestamp;

/// Why a connection ended, while that is kept.
pub(super) fn end_cause(telemetry: &ProxyTelemetry, connection: ConnectionId) -> EndCauseView {
    shown(telemetry, telemetry.state().with_diagnosis(|diagnosis| diagnosis.cause(connection)))
}

/// Why a session was refused because it had moved, while that is kept.
pub(super) fn refusal_cause(telemetry: &ProxyTelemetry, one: &SessionMovedRefusal) -> EndCauseView {
    shown(telemetry, telemetry.state().with_diagnosis(|diagnosis| diagnosis.cause_of_refusal(one)))
}

fn shown(telemetry: &ProxyTelemetry, known: Option<EndCause>) -> EndCauseView {
    known.map_or_else(EndCauseView::default, |known| EndCauseView {
        cause: Some(cause(telemetry, known.cause)),
        first: Some(known.first().label().into()),
        phase: Some(known.phase.label().into()),
        incident: known.incident,
    })
}

/// A cause as the API shows it.
fn cause(telemetry: &ProxyTelemetry, one: JudgedCause) -> CauseView {
    CauseView {
        code: one.code.label().into(),
        since: moment(&telemetry.wall_clock(), one.since),
        confidence: one.confidence.label().into(),
        capped_because: one.capped_because.map(|because| because.label().into()),
    }
}

/// Who saw a fact.
fn source(fact: &Fact) -> &'static str {
    match fact {
        Fact::Proxy(_) => "zoogate",
        Fact::Watch(
            WatchFact::Unacknowledged { .. } | WatchFact::SlowRoundTrip { .. } | WatchFact::ServerRoundTrip { .. },
        )
        | Fact::Outage(
            OutageFact::ClientNotReached { .. } | OutageFact::ClientAcknowledges { .. } | OutageFact::SlowClient { .. },
        ) => "kernel",
        Fact::Watch(WatchFact::SyncedFollowers { .. }) => "server",
        Fact::Ensemble(_) | Fact::Watch(_) => "probe",
        _ => "traffic",
    }
}

/// The moment that a fact is about, where it is about one.
fn moment_of(fact: &Fact, ended_at: Timestamp) -> Option<Timestamp> {
    fact.values().into_iter().find_map(|(_, value)| match value {
        FactValue::Offset(offset) => Some(offset.from(ended_at)),
        _ => None,
    })
}

fn evidence(telemetry: &ProxyTelemetry, incident: &Incident) -> Vec<EvidenceView> {
    let facts = &incident.diagnosed.facts;
    let sentences = telemetry.wording(incident.server, incident.judged_at).clauses(facts);
    let view = |((n, fact), text): ((u32, &Fact), String)| EvidenceView {
        n,
        at: moment(&telemetry.wall_clock(), moment_of(fact, incident.judged_at)),
        source: source(fact).into(),
        kind: fact.kind().into(),
        text,
        values: members(telemetry, fact, incident.judged_at),
    };
    (1..).zip(facts).zip(sentences).map(view).collect()
}

fn ruled_out(found: &Diagnosed) -> Vec<RuledOutView> {
    let view =
        |(code, place): &(CauseCode, usize)| RuledOutView { cause: code.label().into(), by: vec![*place as u32 + 1] };
    found.ruled_out.iter().map(view).collect()
}

fn impact(one: &Impact) -> ImpactView {
    ImpactView {
        connections: one.connections,
        sessions: one.sessions,
        back: one.back,
        moved: one.moved,
        expired: one.expired,
        refused: one.refused,
        holders: one.holders.iter().map(ToString::to_string).collect(),
        unanswered: one.unanswered,
        operations: one
            .operations
            .iter()
            .map(|lost| LostOperationView {
                op: lost.op.to_string(),
                path: lost.path.clone(),
                ephemeral: lost.ephemeral,
            })
            .collect(),
        gap_ms: one.longest_gap.as_millis() as u64,
        ephemerals_at_risk: one.ephemerals_at_risk,
    }
}

fn action(one: &CauseAction) -> ActionView {
    ActionView { text: one.text.to_owned(), setting: one.setting.map(str::to_owned), why: one.why.to_owned() }
}

fn own_actions(counts: &[u32; OwnAction::ALL.len()]) -> Vec<OwnActionView> {
    let actions = OwnAction::ALL.iter().zip(counts).filter(|(_, count)| **count > 0);
    actions.map(|(action, count)| OwnActionView { what: action.label().into(), count: *count }).collect()
}

fn completeness(known: WatchCompleteness) -> CompletenessView {
    let WatchCompleteness { bypassing, servers_seen, servers } = known;
    CompletenessView { bypassing, servers_seen, servers }
}

/// An incident as the API shows it.
pub(super) fn incident(telemetry: &ProxyTelemetry, report: &IncidentReport) -> IncidentView {
    let IncidentReport { incident: one, seen_before } = report;
    let wall_clock = telemetry.wall_clock();
    let last = |last| {
        let unix_millis = match last {
            LastSeen::Here(at) => wall_clock.unix_millis(at),
            LastSeen::Earlier(unix_millis) => unix_millis,
        };
        WallClock::text(unix_millis)
    };
    IncidentView {
        id: one.id,
        kind: "incident".into(),
        at: moment(&wall_clock, one.opened_at),
        until: moment(&wall_clock, one.until),
        open: one.until.is_none(),
        times: one.times,
        subject: SubjectView {
            server: one.key.server.map(|server| telemetry.server_name(server).to_owned()),
            client: one.key.client.map(|client| client.to_string()),
            session: one.key.session.map(|session| session.to_string()),
        },
        summary: incident_summary(telemetry.server_names(), one),
        cause: cause(telemetry, one.cause()),
        first: one.origin().label().into(),
        phase: one.phase.label().into(),
        evidence: evidence(telemetry, one),
        ruled_out: ruled_out(&one.diagnosed),
        remaining: one.diagnosed.remaining.iter().map(|code| code.label().into()).collect(),
        impact: impact(&one.impact),
        actions: one.cause().code.actions().iter().map(action).collect(),
        own_actions: own_actions(&one.own_actions),
        completeness: completeness(one.completeness),
        seen_before: seen_before.map(|before| SeenBeforeView { count: before.count, last: Some(last(before.last)) }),
        revisions: one
            .revisions
            .iter()
            .map(|earlier| RevisionView { at: moment(&wall_clock, earlier.at), cause: cause(telemetry, earlier.cause) })
            .collect(),
    }
}

/// What incidents are chosen by: copied out, because what traffic does is written down under the same lock.
struct IncidentRow {
    id: u64,
    key: IncidentKey,
    is_open: bool,
    code: CauseCode,
}

impl IncidentRow {
    fn of(one: &Incident) -> Self {
        Self { id: one.id, key: one.key, is_open: one.until.is_none(), code: one.cause().code }
    }
}

impl FilterSubject for IncidentRow {
    fn field(&self, field: FilterField) -> FieldValue<'_> {
        match field {
            FilterField::Session => FieldValue::session(self.key.session),
            FilterField::Server => FieldValue::Servers([self.key.server, None]),
            FilterField::Client => self.key.client.map_or(FieldValue::Absent, FieldValue::Host),
            FilterField::State => FieldValue::text(Some(if self.is_open { "open" } else { "closed" })),
            FilterField::Reason | FilterField::Cause => FieldValue::text(Some(self.code.label())),
            _ => FieldValue::Absent,
        }
    }
}

/// The incidents that a filter lets through, newest first.
pub(in crate::admin) fn incidents(telemetry: &ProxyTelemetry, filter: &ListFilter) -> StreamedList {
    let rows: Vec<IncidentRow> =
        telemetry.state().with_diagnosis(|diagnosis| diagnosis.newest_incidents().map(IncidentRow::of).collect());
    let mut fitting = rows.iter().filter(|row| filter.fits(*row)).map(|row| row.id);
    let ids: Vec<u64> = fitting.by_ref().take(filter.limit).collect();
    let places = (ids, fitting.next().is_some());
    let copy = |telemetry: &ProxyTelemetry, some: &[u64]| {
        let copied = |id: &u64| telemetry.state().with_diagnosis(|diagnosis| diagnosis.incident(*id));
        some.iter().filter_map(copied).collect()
    };
    let view = |telemetry: &ProxyTelemetry, report: &IncidentReport| row_text(&incident(telemetry, report));
    StreamedList::new(IncidentList::MEMBER, places, copy, view)
}

/// One incident; None when it is not known.
pub(in crate::admin) fn incident_detail(telemetry: &ProxyTelemetry, id: u64) -> Option<IncidentView> {
    let report = telemetry.state().with_diagnosis(|diagnosis| diagnosis.incident(id))?;
    Some(incident(telemetry, &report))
}
