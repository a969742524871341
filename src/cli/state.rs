//! What a running zoogate says of itself: whether it serves, and how much it logs.

use std::io::Write;

use anyhow::bail;
use ureq::http::StatusCode;

use super::CommandOutcome;
use super::admin_client::AdminClient;
use super::query_options::RunningZoogate;
use crate::api::{LogLevelAnswer, LogLevelRequest, READY, ReadinessAnswer};
use crate::config::LogLevel;
use crate::text::one_line;

/// `zoogate ready`: does it serve?
pub(super) fn ready(at: &RunningZoogate, out: &mut dyn Write) -> anyhow::Result<CommandOutcome> {
    let client = AdminClient::of(at)?;
    let answer = client.get(READY, &[])?;
    if answer.status == StatusCode::SERVICE_UNAVAILABLE {
        let reason = answer.body::<ReadinessAnswer>().ok().and_then(|state| state.reason);
        writeln!(out, "not ready: {}", one_line(reason.as_deref().unwrap_or("no reason given")))?;
        return Ok(CommandOutcome::Negative);
    }
    if !answer.good::<ReadinessAnswer>()?.ready {
        bail!("what answers at {} does not say whether it is ready", one_line(client.address()));
    }
    writeln!(out, "ready")?;
    Ok(CommandOutcome::Success)
}

/// `zoogate log-level`: shows the level, or changes it first.
pub(super) fn log_level(
    at: &RunningZoogate,
    wanted: Option<LogLevel>,
    out: &mut dyn Write,
) -> anyhow::Result<CommandOutcome> {
    let client = AdminClient::of(at)?;
    let answer = match wanted {
        None => client.get(LogLevelRequest::PATH, &[])?,
        Some(level) => client.put(LogLevelRequest::PATH, &LogLevelRequest { level })?,
    };
    writeln!(out, "{}", one_line(&answer.good::<LogLevelAnswer>()?.level))?;
    Ok(CommandOutcome::Success)
}
