//! An unanswered request as JSON.

use serde::Serialize;

use crate::admin::time_field::TimeField;
use crate::observe::WallClock;
use crate::session::connection_end::UnansweredRequest;

/// A request that was never answered. Paths are shown, data never.
#[derive(Debug, Serialize)]
pub(super) struct RequestView {
    xid: i64,
    op: String,
    path: String,
    #[serde(flatten)]
    sent_at: TimeField,
}

impl RequestView {
    pub(super) fn new(wall_clock: &WallClock, request: &UnansweredRequest) -> Self {
        Self {
            xid: request.xid.0,
            op: request.op.to_string(),
            path: request.path.clone(),
            sent_at: TimeField::sent_at(wall_clock, request.sent_at),
        }
    }
}
