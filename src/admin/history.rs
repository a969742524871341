//! `/api/history`: what the state directory has, a piece at a time.

use std::ops::ControlFlow;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::api_state::ApiState;
use super::error::ApiError;
use super::query::QueryParams;
use super::streamed_list::{PIECE_BYTES, row_text};
use crate::api::{HistoryParameters, UnreadFile};
use crate::history::{HistoryFilter, HistoryReader, ReadOutcome};
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
    let begin = move |reader: &HistoryReader| head(reader, &asked);
    api.history(begin, move |reader, unread, send| entries(reader, unread, &filter, send)).await
}

/// What stands before the entries, and the files that are missing from it.
fn head(reader: &HistoryReader, filter: &HistoryFilter) -> Result<(String, Vec<UnreadFile>), ApiError> {
    let (summary, unread) = reader.summary(filter).map_err(|error| {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "the history cannot be read", error.to_string())
    })?;
    let head = format!("{{\"summary\":{},\"entries\":[", row_text(&summary));
    Ok((text::json(&head).into_owned(), unread))
}

/// The entries and what stands behind them, in pieces that are sent as long as they are taken.
fn entries(
    reader: &HistoryReader,
    before: Vec<UnreadFile>,
    filter: &HistoryFilter,
    send: &mut dyn FnMut(String) -> bool,
) {
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
    // The directory can go away between the two readings: what it held is missing then.
    let outcome = outcome.unwrap_or_else(|error| {
        let unread = vec![UnreadFile { file: "the state directory".to_owned(), error: error.to_string() }];
        ReadOutcome { more: true, unread }
    });
    let outcome = outcome.and_before(before);
    if is_read {
        let unread = row_text(&outcome.unread);
        send(format!("{piece}],\"unread\":{},\"more\":{}}}", text::json(&unread), outcome.more));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::Value;

    use super::*;

    fn answer(folder: &Path, before: Vec<UnreadFile>) -> Value {
        let filter = HistoryFilter::of(&HistoryParameters::default(), 0).unwrap();
        let mut text = "{\"entries\":[".to_owned();
        entries(&HistoryReader::new(folder), before, &filter, &mut |piece| {
            text += &piece;
            true
        });
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn an_answer_that_is_not_whole_says_so_behind_its_entries() {
        let folder = tempfile::tempdir().unwrap();
        let whole = answer(folder.path(), Vec::new());
        assert_eq!((whole["more"].as_bool(), whole["unread"].as_array().map(Vec::len)), (Some(false), Some(0)));

        let name = "zoogate-2026-W48.db";
        std::fs::write(folder.path().join(name), "nothing of ours".repeat(1_000)).unwrap();
        let before = |file: &str| vec![UnreadFile { file: file.to_owned(), error: "as before".to_owned() }];
        // Each file once, though both readings met it.
        for (before, files) in [
            (Vec::new(), vec![name]),
            (before(name), vec![name]),
            (before("zoogate-2026-W47.db"), vec!["zoogate-2026-W47.db", name]),
        ] {
            let cut = answer(folder.path(), before);
            let unread: Vec<_> =
                cut["unread"].as_array().unwrap().iter().map(|one| one["file"].as_str().unwrap()).collect();
            assert_eq!((cut["more"].as_bool(), unread), (Some(true), files), "{cut}");
        }

        let gone = answer(&folder.path().join("gone"), Vec::new());
        assert_eq!(
            (gone["more"].as_bool(), gone["unread"][0]["file"].as_str()),
            (Some(true), Some("the state directory"))
        );
    }
}
