//! The page at `/`: files that are compiled in, and the same page as one file with its data in it.
//!
//! The files hold no data: what the page shows it asks for at the API, like everybody. It is served so that a browser runs
//! nothing but these files, and asks nobody but this address.

mod page_file;
mod saved_page;

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use hyper::body::Bytes;

use super::api_state::ApiState;
use super::change_feed::FeedReader;
use super::error::ApiError;
use super::query::QueryParams;
use super::stream_lease::StreamLease;
use crate::api::ChangesParameters;
use page_file::PageFile;

pub use saved_page::SavedPage;

/// Where the page is.
pub(super) const PAGE: &str = "/";
/// Where its files are.
const FILES: &str = "/page/{file}";
/// What a browser may do with the page: run and show the files of this address, and ask this address.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The paths of the page.
pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route(PAGE, get(page)).route(FILES, get(file))
}

async fn page(headers: HeaderMap) -> Response {
    sent(&page_file::INDEX, &headers)
}

async fn file(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, ApiError> {
    // Looked up in a table, never on a disk: there is no path that leads out of it.
    let file = PageFile::named(&name).ok_or_else(|| {
        let reason = format!("the page has no file {name:?}; it is at /");
        ApiError::not_found("there is no such path", reason)
    })?;
    Ok(sent(file, &headers))
}

/// Follows what changes.
pub(super) async fn follow(
    State(api): State<ApiState>,
    lease: StreamLease,
    QueryParams(asked): QueryParams<ChangesParameters>,
) -> Result<Response, ApiError> {
    // It takes a place among all streams, and its rows are made at the pace of all answers.
    api.stream(lease, |_| Ok(FeedReader::new(&api.feed, asked.for_ms.map(Duration::from_millis))))
}

/// A file as it is, or that the browser's copy is the same.
fn sent(file: &'static PageFile, headers: &HeaderMap) -> Response {
    // Hashed each time: it takes some microseconds, and nothing has to be kept for it.
    let tag = file.tag();
    let known = headers.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    // A list of tags, as caches send it; a weak one names the same file.
    let mut response =
        if known.is_some_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag)) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            ([(header::CONTENT_TYPE, file.kind())], Body::from(Bytes::from_static(file.bytes))).into_response()
        };
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(header::ETAG, tag);
    }
    // Kept by the browser and asked about each time: another zoogate may serve other files here.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    // Addresses of views name sessions, and who knows a session's id can take it: no link tells where it was followed.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
