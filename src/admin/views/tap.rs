//! An event of `/api/tap`, and `/api/slow`.

use std::collections::HashMap;
use std::sync::Arc;

use crate::admin::query::ListFilter;
use crate::admin::session_holder::holder;
use crate::admin::streamed_list::{StreamedList, row_text};
use crate::api::{ApiList as _, SlowList, SlowOperationView, TapEventView};
use crate::filter::{FieldValue, FilterField, FilterSubject};
use crate::ids::SessionId;
use crate::observe::{EVENT_TYPES, EventDetail, EventPlace, ProxyTelemetry, SlowOperation, TappedEvent, WallClock};
use crate::wire::ErrorCode;

/// An event as the API shows it.
pub(in crate::admin) fn tap_event(telemetry: &ProxyTelemetry, one: &TappedEvent) -> TapEventView {
    let EventPlace { session, identity, client, servers: [server, from], connection } = one.place.as_ref();
    let at_us = telemetry.wall_clock().unix_micros(one.at);
    let name = |server| telemetry.server_name(server).to_owned();
    let mut view = TapEventView {
        kind: one.kind.label().into(),
        at: WallClock::text(at_us / 1_000),
        at_ms: at_us / 1_000,
        at_us,
        session: session.map(|session| session.to_string()),
        identity: identity.clone(),
        client: client.map(|client| client.to_string()),
        server: server.map(name),
        from: from.map(name),
        connection: connection.map(|connection| connection.0),
        data: (!one.data.is_empty()).then(|| one.data.escape_ascii().to_string()),
        ..TapEventView::default()
    };
    add_detail(&mut view, &one.detail);
    view
}

fn add_detail(view: &mut TapEventView, detail: &EventDetail<Box<[u8]>>) {
    match detail {
        EventDetail::Operation { op, xid, error, zxid, request_bytes, reply_bytes, nanos, path } => {
            view.op = op.map(|op| op.to_string());
            view.op_code = op.map(|op| op.0);
            view.xid = Some(xid.0);
            view.error = Some(outcome(*error));
            view.error_code = Some(error.0);
            view.zxid = Some(zxid.to_string());
            view.request_bytes = Some(*request_bytes);
            view.reply_bytes = Some(*reply_bytes);
            view.latency_us = nanos.map(|nanos| nanos / 1_000);
            view.path = (!path.is_empty()).then(|| String::from_utf8_lossy(path).into_owned());
        }
        EventDetail::Watch { event, path } => {
            let kind = usize::try_from(*event).ok().and_then(|place| EVENT_TYPES.get(place));
            view.event = Some((*kind.unwrap_or(&EVENT_TYPES[0])).into());
            view.path = Some(String::from_utf8_lossy(path).into_owned());
        }
        EventDetail::Attach { timeout_ms } => view.timeout_ms = Some(*timeout_ms),
        EventDetail::Verdict { reason, cause, text, gap_ms } => {
            view.reason = reason.map(Into::into);
            view.cause = cause.map(Into::into);
            view.text = text.as_deref().map(str::to_owned);
            view.gap_ms = *gap_ms;
        }
        EventDetail::Bare => {}
    }
}

/// An outcome as it is shown.
fn outcome(error: ErrorCode) -> String {
    match error.name() {
        _ if error.is_ok() => "ok".to_owned(),
        Some(name) => name.to_owned(),
        None => error.0.to_string(),
    }
}

impl FilterSubject for SlowOperation {
    fn field(&self, field: FilterField) -> FieldValue<'_> {
        match field {
            FilterField::Reason => FieldValue::text(Some(self.because.label())),
            _ => self.event.field(field),
        }
    }
}

/// The slow operations that a filter lets through: those beyond a threshold, newest first, then the slowest of each kind.
pub(in crate::admin) fn slow(telemetry: &ProxyTelemetry, filter: &ListFilter) -> StreamedList {
    let mut all = telemetry.slow_log().operations();
    let by_holder = filter.filter.asks_for(FilterField::Identity);
    if by_holder {
        name_holders(telemetry, &mut all);
    }
    all.retain(|one| filter.fits(one));
    let more = all.len() > filter.limit;
    all.truncate(filter.limit);
    if !by_holder {
        name_holders(telemetry, &mut all);
    }
    let copy = |_: &ProxyTelemetry, some: &[SlowOperation]| some.to_vec();
    let view = |telemetry: &ProxyTelemetry, one: &SlowOperation| {
        let (because, in_flight) = (one.because.label().into(), one.in_flight);
        row_text(&SlowOperationView { because, in_flight, operation: tap_event(telemetry, &one.event) })
    };
    StreamedList::new(SlowList::MEMBER, (all, more), copy, view)
}

/// Adds who holds the sessions now: looked up when somebody asks, not when the operations were answered, and each session
/// once.
fn name_holders(telemetry: &ProxyTelemetry, operations: &mut [SlowOperation]) {
    let mut sessions: Vec<SessionId> = operations.iter().filter_map(|one| one.event.place.session).collect();
    sessions.sort_unstable();
    sessions.dedup();
    let rows = telemetry.state().session_rows(&sessions);
    let held: HashMap<SessionId, String> =
        rows.into_iter().filter_map(|row| Some((row.session, holder(row.identity, None)?))).collect();
    for SlowOperation { event, .. } in operations {
        if let Some(identity) = event.place.session.and_then(|session| held.get(&session)) {
            Arc::make_mut(&mut event.place).identity = Some(identity.clone());
        }
    }
}
