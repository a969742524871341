//! Asks a running zoogate at its admin address.

use std::io::BufReader;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::http::StatusCode;
use ureq::{Agent, Body, BodyReader, http};

use super::event_lines::EventLines;
use crate::api::ErrorAnswer;
use crate::text::{self, one_line};

/// Longer than any list takes, short enough to notice a zoogate that is stuck.
const PATIENCE: Duration = Duration::from_secs(10);
/// All that is kept of 100,000 sessions fits; what answers more than this is no zoogate.
const LARGEST_ANSWER: u64 = 1 << 30;

/// A zoogate to ask.
pub(super) struct AdminClient<'a> {
    address: &'a str,
    agent: Agent,
}

/// What was answered, and by whom to what.
#[derive(Debug)]
pub(super) struct AdminAnswer {
    pub(super) status: StatusCode,
    text: String,
    address: String,
    path: String,
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

    /// Opens a stream of events, which may stay silent and go on for as long as it likes.
    ///
    /// # Errors
    /// Nobody answers, or what zoogate says about the question.
    pub(super) fn stream(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> anyhow::Result<EventLines<BufReader<BodyReader<'static>>>> {
        let config = Agent::config_builder().timeout_connect(Some(PATIENCE)).timeout_recv_response(Some(PATIENCE));
        let agent: Agent = config.http_status_as_error(false).proxy(None).build().into();
        let query = query.iter().map(|(name, value)| (*name, value.as_str()));
        let response = agent.get(self.url(path)).query_pairs(query).call();
        if response.as_ref().is_ok_and(|response| response.status() == StatusCode::OK && is_zoogate(response)) {
            let response = response.map_err(|error| anyhow!(error))?;
            return Ok(EventLines::new(BufReader::new(response.into_body().into_reader()), self.address));
        }
        Err(anyhow!(self.read(path, response)?.refusal()))
    }

    /// Changes something.
    pub(super) fn put(&self, path: &str, body: &impl Serialize) -> anyhow::Result<AdminAnswer> {
        let request = self.agent.put(self.url(path)).header("content-type", "application/json");
        self.read(path, request.send(serde_json::to_string(body)?))
    }

    /// Has something done.
    pub(super) fn post(&self, path: &str, body: &impl Serialize) -> anyhow::Result<AdminAnswer> {
        let request = self.agent.post(self.url(path)).header("content-type", "application/json");
        self.read(path, request.send(serde_json::to_string(body)?))
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
        // Port 9180 may belong to some other exporter, whose JSON or HTML would be shown as an empty list.
        if !is_zoogate(&response) {
            bail!("what answers at {address} is no zoogate: {status} without its name for {path}");
        }
        let text = response
            .body_mut()
            .with_config()
            .limit(LARGEST_ANSWER)
            .read_to_string()
            .with_context(|| format!("{address} did not finish its answer to {path}"))?;
        Ok(AdminAnswer { status, text, address: address.to_owned(), path: path.to_owned() })
    }
}

fn is_zoogate(response: &http::Response<Body>) -> bool {
    let server = response.headers().get("server").and_then(|server| server.to_str().ok());
    server.is_some_and(|server| server.starts_with(concat!(env!("CARGO_PKG_NAME"), "/")))
}

impl AdminAnswer {
    /// The body, whatever the status.
    ///
    /// # Errors
    /// It is no JSON, or not the JSON that was asked for.
    pub(super) fn body<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        serde_json::from_str(&self.text).map_err(|error| {
            let Self { status, address, path, .. } = self;
            let what = if error.is_data() { one_line(&error.to_string()).into_owned() } else { "no JSON".to_owned() };
            anyhow!("what answers at {address} is no zoogate: {status} and {what} for {path}")
        })
    }

    /// The body of an answer that is what was asked for.
    ///
    /// # Errors
    /// What zoogate says about the question, or what is wrong with the answer.
    pub(super) fn good<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        if self.status == StatusCode::OK { self.body() } else { Err(anyhow!(self.refusal())) }
    }

    /// The answer as it came, as JSON over several lines.
    ///
    /// # Errors
    /// As [`AdminAnswer::good`].
    pub(super) fn json(&self) -> anyhow::Result<String> {
        let whole: Value = self.good()?;
        Ok(text::json(&format!("{whole:#}")).into_owned())
    }

    /// Why there is no other answer, in one line.
    pub(super) fn refusal(&self) -> String {
        let said = match self.body::<ErrorAnswer>() {
            Ok(ErrorAnswer { error, reason: Some(reason) }) => format!("{error}: {reason}"),
            Ok(ErrorAnswer { error, reason: None }) => error.into_owned(),
            Err(_) => format!("answered {}", self.status),
        };
        one_line(&said).into_owned()
    }
}
