//! `/api/tap`: what happens, as it happens.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::Response;
use tokio::time::Instant;

use super::admin_access::AdminRight;
use super::api_state::ApiState;
use super::error::ApiError;
use super::event_stream::{EventBatch, EventSource, StreamEvent};
use super::filter_words::filter_words;
use super::query::QueryParams;
use super::stream_lease::StreamLease;
use super::streamed_list::row_text;
use super::views;
use crate::api::TapParameters;
use crate::filter::{Filter, FilterField};
use crate::observe::{ProxyTelemetry, TapReader, TappedEvent};
use crate::text;
use crate::wire::NODE_DATA_CAP;

/// Between two looks at what has come.
pub(crate) const TAP_EVERY: Duration = Duration::from_millis(100);
/// Bytes of waiting events that are written out at one look.
pub(crate) const TAP_PIECE: usize = 128 * 1024;

/// Bytes of node data that are shown of a request at most.
pub(crate) const DATA_MOST: usize = NODE_DATA_CAP;

/// One who looks, until it goes.
struct TapSource {
    telemetry: Arc<ProxyTelemetry>,
    reader: Arc<TapReader>,
    /// Events that are still wanted.
    left: u64,
    until: Option<Instant>,
}

impl Drop for TapSource {
    fn drop(&mut self) {
        self.telemetry.tap().close(&self.reader);
    }
}

impl EventSource for TapSource {
    fn interval(&self) -> Duration {
        let left = self.until.map(|until| until.saturating_duration_since(Instant::now()));
        left.map_or(TAP_EVERY, |left| left.min(TAP_EVERY))
    }

    fn take(&mut self, telemetry: &ProxyTelemetry) -> EventBatch {
        let is_over = self.until.is_some_and(|until| Instant::now() >= until);
        let (mut taken, dropped) = self.reader.drain(TAP_PIECE);
        taken.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= taken.len() as u64;
        let event = |one: &TappedEvent| {
            let json = text::json(&row_text(&views::tap_event(telemetry, one))).into_owned();
            StreamEvent { name: one.kind.label(), json }
        };
        EventBatch { dropped, events: taken.iter().map(event).collect(), is_last: is_over || self.left == 0 }
    }
}

pub(super) async fn tap(
    State(api): State<ApiState>,
    Extension(right): Extension<AdminRight>,
    lease: StreamLease,
    QueryParams(asked): QueryParams<TapParameters>,
) -> Result<Response, ApiError> {
    let filter = Filter::parse(asked.filter.as_deref().unwrap_or_default())?;
    let filter = filter
        .for_fields(FilterField::OF_EVENTS)?
        .with_servers(api.telemetry.server_names())?
        .with_words(filter_words)?;
    let data = asked.data.map_or(Ok(0), |data| admit_data(&api, right, data))?;
    let left = asked.count.unwrap_or(u64::MAX);
    let until = asked.for_ms.and_then(|millis| Instant::now().checked_add(Duration::from_millis(millis)));
    let sample = asked.sample.unwrap_or(NonZeroU64::MIN);
    api.stream(lease, |telemetry| {
        let reader = telemetry.tap().open_with_data(filter, sample, data).ok_or_else(|| {
            telemetry.note_refused_stream();
            let reason = "as many are looking as may; end one of them, or try again later";
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "too many look at events", reason)
        })?;
        Ok(TapSource { telemetry: Arc::clone(telemetry), reader, left, until })
    })
}

/// How many bytes of node data are shown to who asks for so many.
fn admit_data(api: &ApiState, right: AdminRight, asked: u64) -> Result<usize, ApiError> {
    if right != AdminRight::Change {
        if api.access.asks() {
            api.telemetry.note_admin_refused("read_only_token");
        }
        let reason = "node data is shown to who may change: send the token of admin.token_file, or ask on loopback";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "node data is not shown with this right", reason));
    }
    if !api.telemetry.tap().shows_data() {
        let reason = "tap.data is off; set it to true and start zoogate again";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "node data is not shown", reason));
    }
    usize::try_from(asked).ok().filter(|asked| (1..=DATA_MOST).contains(asked)).ok_or_else(|| {
        let reason = format!("data is {asked}: expected 1 to {DATA_MOST} bytes");
        ApiError::bad_request("the query is not valid", reason)
    })
}
