//! `/api/latency`: latency over time.

use super::moment::moment;
use super::named_server;
use crate::admin::query::ListFilter;
use crate::admin::streamed_list::{StreamedList, row_text};
use crate::api::{ApiList as _, LatencyList, LatencySlotView};
use crate::filter::{FieldValue, FilterField, FilterSubject};
use crate::observe::{LatencySlot, ProxyTelemetry};

fn slot(telemetry: &ProxyTelemetry, one: &LatencySlot) -> LatencySlotView {
    LatencySlotView {
        at: moment(&telemetry.wall_clock(), one.from),
        server: named_server(telemetry, one.server),
        class: one.class.label().into(),
        count: one.count,
        p50_us: one.p50_us,
        p99_us: one.p99_us,
        max_us: one.max_us,
    }
}

impl FilterSubject for LatencySlot {
    fn field(&self, field: FilterField) -> FieldValue<'_> {
        match field {
            FilterField::Server => FieldValue::Servers([Some(self.server), None]),
            _ => FieldValue::Absent,
        }
    }
}

/// The newest slots that a filter lets through, oldest first.
pub(in crate::admin) fn latency(telemetry: &ProxyTelemetry, filter: &ListFilter) -> StreamedList {
    let mut fitting = telemetry.latency_trend();
    fitting.retain(|one| filter.fits(one));
    let older = fitting.len().saturating_sub(filter.limit);
    fitting.drain(..older);
    let copy = |_: &ProxyTelemetry, some: &[LatencySlot]| some.to_vec();
    let view = |telemetry: &ProxyTelemetry, one: &LatencySlot| row_text(&slot(telemetry, one));
    StreamedList::new(LatencyList::MEMBER, (fitting, older > 0), copy, view)
}
