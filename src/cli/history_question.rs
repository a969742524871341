//! What the history is asked, and what is missing from its answer.

use anyhow::anyhow;

use super::history_options::HistoryOptions;
use super::history_words::now;
use super::print_error;
use crate::api::{HistoryParameters, UnreadFile};
use crate::history::HistoryFilter;
use crate::text;

/// What the API is asked, by these options.
pub(super) fn parameters(asked: &HistoryOptions) -> HistoryParameters {
    HistoryParameters {
        limit: asked.limit,
        identity: asked.identity.clone(),
        cause: asked.cause.clone(),
        kind: asked.kind.clone(),
        server: asked.server.clone(),
        session: asked.session.map(|session| session.to_string()),
        since: asked.since.clone(),
        until: asked.until.clone(),
    }
}

/// The question to a directory.
pub(super) fn filter(asked: &HistoryParameters) -> anyhow::Result<HistoryFilter> {
    HistoryFilter::of(asked, now()).map_err(|error| anyhow!(error))
}

/// Says which files are missing from an answer.
pub(super) fn warn(unread: &[UnreadFile]) {
    for one in unread {
        print_error(&format!("{} cannot be read: {}", text::one_line(&one.file), text::one_line(&one.error)));
    }
}
