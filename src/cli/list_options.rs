//! What the lists can be given.

use clap::Args;

use super::query_options::QueryOptions;
use crate::api::ListParameters;
use crate::filter::Filter;
use crate::ids::SessionId;

/// A question for a list. What is not asked for is not narrowed down.
#[derive(Clone, PartialEq, Eq, Debug, Args)]
pub struct ListOptions {
    /// Whom to ask.
    #[command(flatten)]
    pub asking: QueryOptions,

    /// Maximum number of rows [default: 1000].
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,

    /// Only rows that fit this filter, such as "identity=broker-3 state!=ended".
    #[arg(long, value_name = "FILTER", value_parser = filter_text)]
    pub filter: Option<String>,

    /// Only rows of this server: its address, or its number in the list.
    #[arg(long, value_name = "SERVER")]
    pub server: Option<String>,

    /// Only rows of this client: its address, with or without the port.
    #[arg(long, value_name = "ADDR")]
    pub client: Option<String>,

    /// Only holders with this in their name, such as broker-1.
    #[arg(long, value_name = "NAME")]
    pub identity: Option<String>,

    /// Only this session.
    #[arg(long, value_name = "ID", value_parser = SessionId::parse)]
    pub session: Option<SessionId>,

    /// Only rows in this state, as the list shows it.
    #[arg(long, value_name = "STATE")]
    pub state: Option<String>,

    /// Only rows that ended for this reason, as the list shows it.
    #[arg(long, value_name = "REASON")]
    pub reason: Option<String>,

    /// Only sessions that moved, or were refused because they had moved.
    #[arg(long)]
    pub moved: bool,
}

/// A text that is a filter, as it was given.
pub(super) fn filter_text(text: &str) -> Result<String, String> {
    Filter::parse(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

impl ListOptions {
    /// The same as the API takes it.
    pub(super) fn parameters(&self) -> ListParameters {
        ListParameters {
            limit: self.limit,
            filter: self.filter.clone(),
            server: self.server.clone(),
            client: self.client.clone(),
            identity: self.identity.clone(),
            session: self.session.map(|session| session.to_string()),
            state: self.state.clone(),
            reason: self.reason.clone(),
            moved: self.moved.then_some(true),
        }
    }
}
