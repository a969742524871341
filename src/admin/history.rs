//! `/api/history`: what the state directory has, a piece at a time.

use std::ops::ControlFlow;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::api_state::ApiState;
use super::error::ApiError;
use super::query::QueryParams;
use super::streamed_list::{PIECE_BYTES, row_text};
use crate::api::HistoryParameters;
use crate::history::{HistoryFilter, HistoryReader};
use crate::observe::WallClock;
use crate::text;

pub(super) async fn history(
    State(api): State<ApiState>,
    QueryParams(query): QueryParams<HistoryParameters>,
) -> Result<Response, ApiError> {
    let now = WallClock::unix_now();
    let wrong = |reason| ApiError::bad_request("the history cannot be asked for that", reason);
    let filter = HistoryFilter::of(&query, now).map_err(wrong)?;
    let asked = filter.clone();
    api.history(move |reader| head(reader, &asked), move |reader, send| entries(reader, &filter, send)).await
}

/// What stands before the entries.
fn head(reader: &HistoryReader, filter: &HistoryFilter) -> Result<String, ApiError> {
    let (summary, unread) = reader.summary(filter).map_err(|error| {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "the history cannot be read", error.to_string())
    })?;
    let head = format!("{{\"summary\":{},\"unread\":{},\"entries\":[", row_text(&summary), row_text(&unread));
    Ok(text::json(&head).into_owned())
}

/// The entries and what stands behind them, in pieces that are sent as long as they are taken.
fn entries(reader: &HistoryReader, filter: &HistoryFilter, send: &mut dyn FnMut(String) -> bool) {
    let (mut piece, mut is_first, mut is_read) = (String::new(), true, true);
    let outcome = reader.entries(filter, |entry| {
        if !is_first {
            piece.push(',');
        }
        is_first = false;
        piece += &text::json(&row_text(&entry));
        if piece.len() >= PIECE_BYTES {
            is_read = send(std::mem::take(&mut piece));
        }
        if is_read { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    // A directory that went away between the two readings holds nothing more.
    let more = outcome.is_ok_and(|outcome| outcome.more);
    if is_read {
        send(format!("{piece}],\"more\":{more}}}"));
    }
}
