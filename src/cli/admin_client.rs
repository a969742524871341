//! Asks a running zoogate at its admin address.

use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use serde_json::Value;
use ureq::Agent;
use ureq::http::StatusCode;

/// Longer than any list takes, short enough to notice a zoogate that is stuck.
const PATIENCE: Duration = Duration::from_secs(10);
/// All that is kept of 100,000 sessions fits; what answers more than this is no zoogate.
const LARGEST_ANSWER: u64 = 1 << 30;

/// What was answered.
pub(super) enum Answer {
    /// What was asked for.
    Found(Value),
    /// There is no such thing, in zoogate's words.
    NotFound(String),
}

/// Fetches a path of the API.
pub(super) fn get(admin: &str, path: &str) -> anyhow::Result<Answer> {
    let agent: Agent =
        Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false).proxy(None).build().into();
    let mut response = agent.get(format!("http://{admin}{path}")).call().map_err(|error| {
        anyhow!("no zoogate answers at {admin} ({error}): is it running, and is this its admin address (--admin ADDR)?")
    })?;
    let status = response.status();
    let text = response
        .body_mut()
        .with_config()
        .limit(LARGEST_ANSWER)
        .read_to_string()
        .with_context(|| format!("{admin} did not finish its answer to {path}"))?;
    let body = serde_json::from_str::<Value>(&text).ok();
    let reason = body.as_ref().and_then(|body| body.get("error")).and_then(Value::as_str);
    match (status, body.as_ref(), reason) {
        (StatusCode::OK, Some(body), _) => Ok(Answer::Found(body.clone())),
        (StatusCode::NOT_FOUND, _, Some(reason)) => Ok(Answer::NotFound(reason.to_owned())),
        (_, _, Some(reason)) => bail!("{admin} answers {path} with {status}: {reason}"),
        _ => bail!("what answers at {admin} is no zoogate: {status} without JSON for {path}"),
    }
}
