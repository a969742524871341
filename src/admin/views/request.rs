//! An unanswered request as the API shows it.

use super::moment::moment;
use crate::api::RequestView;
use crate::observe::WallClock;
use crate::session::connection_end::UnansweredRequest;

pub(super) fn request(wall_clock: &WallClock, request: &UnansweredRequest) -> RequestView {
    RequestView {
        xid: request.xid.0,
        op: request.op.to_string(),
        path: request.path.clone(),
        sent_at: moment(wall_clock, request.sent_at),
    }
}
