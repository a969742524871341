//! `/api/risks`: what may soon be lost, and what nearly was.

use std::time::Duration;

use super::moment::moment;
use super::named_server;
use crate::admin::query::ListFilter;
use crate::admin::session_holder::holder;
use crate::admin::streamed_list::{StreamedList, row_text};
use crate::api::{ApiList as _, HeartbeatView, RiskList, RiskView, TimeoutAdviceView};
use crate::diagnose::EnsembleWatch;
use crate::diagnose::risk::{
    HeartbeatBudget, RiskDetail, SeenOutages, SessionRisk, SilentSide, TimeoutAdvice, service_outages,
};
use crate::filter::{FieldValue, FilterField, FilterSubject};
use crate::ids::SessionId;
use crate::observe::{LatencyClass, ProxyTelemetry, risk_summary};
use crate::session::client_profile::ClientProfile;

/// Longest outage that timeouts are measured by.
const LONGEST_PAUSE: Duration = Duration::from_mins(2);
/// Ticks that a server gives a session at most, unless it is told otherwise (`ZooKeeperServer.getMaxSessionTimeout`).
const MOST_TICKS: u64 = 20;

/// The longest timeout that every server gives, as far as they have told.
fn most_given(watch: &EnsembleWatch) -> Option<Duration> {
    let told = watch.servers().filter_map(|(_, server)| {
        let (_, details) = server.details()?;
        details.max_session_timeout_ms.or_else(|| details.tick_ms.map(|tick| tick.saturating_mul(MOST_TICKS)))
    });
    told.min().map(Duration::from_millis)
}

/// The two silences of a connection.
pub(super) fn heartbeat(budget: &HeartbeatBudget) -> HeartbeatView {
    let millis = |time: Duration| time.as_millis() as u64;
    HeartbeatView {
        client_silent_ms: millis(budget.client_silent),
        server_silent_ms: millis(budget.server_silent),
        owed: budget.is_owed,
        client_bears_ms: millis(budget.client_bears()),
        timeout_ms: millis(budget.timeout),
        first: budget.silent_first().map(|side: SilentSide| <&'static str>::from(side).into()),
    }
}

/// How a session's timeout fits what was seen of its client, and the times in which no server served.
pub(super) fn timeout_advice(
    telemetry: &ProxyTelemetry,
    session: SessionId,
    profile: ClientProfile,
    timeout_ms: i32,
) -> TimeoutAdviceView {
    let state = telemetry.state();
    let (servers, most) = state.with_watch(|watch| {
        let outages = service_outages(watch.servers().map(|(_, server)| server.spans()));
        // What lasts for minutes no timeout is to bear.
        (outages.into_iter().filter(|lasted| *lasted <= LONGEST_PAUSE).collect(), most_given(watch))
    });
    let client = state.with_risks(|risks| risks.outages(session).collect());
    let meters = telemetry.meters().session(session);
    let writes = meters.map(|mut meters| std::mem::take(&mut meters.latency[LatencyClass::Write as usize]));
    let writes = writes.filter(|writes| !writes.is_empty()).map(|writes| writes.quantile(0.999));
    let seen = SeenOutages { servers, client, slow_write: writes.map(Duration::from_nanos), most };
    let timeout = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0));
    let advice = TimeoutAdvice::of(profile, timeout, &seen);
    let millis = |time: Duration| time.as_millis() as u64;
    TimeoutAdviceView {
        fit: <&'static str>::from(advice.fit).into(),
        timeout_ms: millis(advice.timeout),
        outages: advice.outages,
        exceeded: advice.exceeded,
        exceeded_share: advice.exceeded_share(),
        longest_ms: advice.longest.map(millis),
        write_p999_ms: advice.slow_write.map(millis),
        would_bear_ms: advice.would_bear.map(millis),
        servers_give_ms: advice.most.map(millis),
    }
}

/// A risk as the API shows it.
pub(super) fn risk(telemetry: &ProxyTelemetry, one: &SessionRisk) -> RiskView {
    let wall_clock = telemetry.wall_clock();
    let subject = &one.subject;
    let (beat, expires_at, path, owner) = match &one.detail {
        RiskDetail::Heartbeat(budget) => (Some(heartbeat(budget)), None, None, None),
        RiskDetail::Away { expires_at, .. } => (None, Some(*expires_at), None, None),
        RiskDetail::Node { path, owner, expires_at } => (None, *expires_at, Some(path.to_string()), *owner),
    };
    RiskView {
        id: one.id,
        code: one.code.label().into(),
        at: moment(&wall_clock, one.since),
        until: moment(&wall_clock, one.until),
        state: <&'static str>::from(one.outcome).into(),
        session: subject.session.to_string(),
        identity: holder(subject.identity.as_deref().copied(), subject.client),
        client: subject.client.map(|client| client.to_string()),
        server: named_server(telemetry, subject.server),
        summary: risk_summary(telemetry.server_names(), one),
        advice: one.code.advice().to_owned(),
        heartbeat: beat,
        expires_at_ms: expires_at.map(|at| wall_clock.unix_millis(at)),
        path,
        owner: owner.map(|owner| owner.to_string()),
    }
}

impl FilterSubject for SessionRisk {
    fn field(&self, field: FilterField) -> FieldValue<'_> {
        let subject = &self.subject;
        match field {
            FilterField::Session => FieldValue::Session(subject.session),
            FilterField::Server => FieldValue::Servers([subject.server, None]),
            FilterField::Client => FieldValue::socket(subject.client),
            FilterField::Identity => FieldValue::made(holder(subject.identity.as_deref().copied(), subject.client)),
            FilterField::State => FieldValue::text(Some(self.outcome.into())),
            FilterField::Reason => FieldValue::text(Some(self.code.label())),
            _ => FieldValue::Absent,
        }
    }
}

/// The risks that a filter lets through, newest first.
pub(in crate::admin) fn risks(telemetry: &ProxyTelemetry, filter: &ListFilter) -> StreamedList {
    let mut all = telemetry.state().with_risks(crate::diagnose::risk::RiskBook::risks);
    all.retain(|one| filter.fits(one));
    let more = all.len() > filter.limit;
    all.truncate(filter.limit);
    let copy = |_: &ProxyTelemetry, some: &[SessionRisk]| some.to_vec();
    let view = |telemetry: &ProxyTelemetry, one: &SessionRisk| row_text(&risk(telemetry, one));
    StreamedList::new(RiskList::MEMBER, (all, more), copy, view)
}
