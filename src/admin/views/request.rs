//! An unanswered request as JSON.

use serde::Serialize;

use crate::admin::moment::Moment;
use crate::observe::Calendar;
use crate::session::ending::Unanswered;

/// A request that was never answered. Paths are shown, data never.
#[derive(Debug, Serialize)]
pub(super) struct RequestView {
    xid: i64,
    op: String,
    path: String,
    #[serde(flatten)]
    sent_at: Moment,
}

impl RequestView {
    pub(super) fn new(calendar: &Calendar, request: &Unanswered) -> Self {
        Self {
            xid: request.xid.0,
            op: request.op.to_string(),
            path: request.path.clone(),
            sent_at: Moment::sent_at(calendar, request.sent_at),
        }
    }
}
