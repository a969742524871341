//! Asks a running zoogate at its admin address.

use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use serde_json::Value;
use ureq::http::StatusCode;
use ureq::{Agent, Body, http};

use crate::text::one_line;

/// Longer than any list takes, short enough to notice a zoogate that is stuck.
const PATIENCE: Duration = Duration::from_secs(10);
/// All that is kept of 100,000 sessions fits; what answers more than this is no zoogate.
const LARGEST_ANSWER: u64 = 1 << 30;

/// A zoogate to ask.
pub(super) struct AdminClient<'a> {
    address: &'a str,
    agent: Agent,
}

/// What was answered.
#[derive(Debug)]
pub(super) struct AdminAnswer {
    pub(super) status: StatusCode,
    pub(super) body: Value,
}

impl<'a> AdminClient<'a> {
    /// Nothing is connected yet.
    pub(super) fn new(address: &'a str) -> Self {
        let config = Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false).proxy(None);
        Self { address, agent: config.build().into() }
    }

    /// Fetches a path of the API.
    pub(super) fn get(&self, path: &str, query: &[(&str, String)]) -> anyhow::Result<AdminAnswer> {
        let query = query.iter().map(|(name, value)| (*name, value.as_str()));
        self.read(path, self.agent.get(self.url(path)).query_pairs(query).call())
    }

    /// Changes something.
    pub(super) fn put(&self, path: &str, body: &Value) -> anyhow::Result<AdminAnswer> {
        let request = self.agent.put(self.url(path)).header("content-type", "application/json");
        self.read(path, request.send(body.to_string()))
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn read(&self, path: &str, response: Result<http::Response<Body>, ureq::Error>) -> anyhow::Result<AdminAnswer> {
        let address = self.address;
        let mut response = response.map_err(|error| {
            anyhow!(
                "no zoogate answers at {address} ({error}): is it running, and is this its admin address (--admin ADDR)?"
            )
        })?;
        let status = response.status();
        let server = response.headers().get("server").and_then(|server| server.to_str().ok()).unwrap_or_default();
        // Port 9180 may belong to some other exporter, whose JSON or HTML would be shown as an empty list.
        if !server.starts_with(concat!(env!("CARGO_PKG_NAME"), "/")) {
            bail!("what answers at {address} is no zoogate: {status} without its name for {path}");
        }
        let text = response
            .body_mut()
            .with_config()
            .limit(LARGEST_ANSWER)
            .read_to_string()
            .with_context(|| format!("{address} did not finish its answer to {path}"))?;
        match serde_json::from_str(&text) {
            Ok(body) => Ok(AdminAnswer { status, body }),
            Err(_) => bail!("what answers at {address} is no zoogate: {status} without JSON for {path}"),
        }
    }
}

impl AdminAnswer {
    /// The body of an answer that is what was asked for.
    ///
    /// # Errors
    /// What zoogate says about the question.
    pub(super) fn good(self) -> anyhow::Result<Value> {
        if self.status == StatusCode::OK { Ok(self.body) } else { Err(anyhow!(self.refusal())) }
    }

    /// Why there is no other answer, in one line.
    pub(super) fn refusal(&self) -> String {
        let text = |name| self.body.get(name).and_then(Value::as_str);
        let said = match (text("error"), text("reason")) {
            (Some(error), Some(reason)) => format!("{error}: {reason}"),
            (Some(error), None) => error.to_owned(),
            _ => format!("answered {}", self.status),
        };
        one_line(&said).into_owned()
    }
}
