//! What a running zoogate says of itself: whether it serves, and how much it logs.

use std::io::Write;

use anyhow::bail;
use serde_json::{Value, json};
use ureq::http::StatusCode;

use super::CommandOutcome;
use super::admin_client::AdminClient;
use crate::config::LogLevel;
use crate::text::one_line;

/// `zoogate ready`: does it serve?
pub(super) fn ready(admin: &str, out: &mut dyn Write) -> anyhow::Result<CommandOutcome> {
    let answer = AdminClient::new(admin).get("/readyz", &[])?;
    if answer.status == StatusCode::SERVICE_UNAVAILABLE {
        let reason = answer.body.get("reason").and_then(Value::as_str).unwrap_or("no reason given");
        writeln!(out, "not ready: {}", one_line(reason))?;
        return Ok(CommandOutcome::Negative);
    }
    if answer.good()?.get("ready") != Some(&Value::Bool(true)) {
        bail!("what answers at {} does not say whether it is ready", one_line(admin));
    }
    writeln!(out, "ready")?;
    Ok(CommandOutcome::Success)
}

/// `zoogate log-level`: shows the level, or changes it first.
pub(super) fn log_level(admin: &str, wanted: Option<LogLevel>, out: &mut dyn Write) -> anyhow::Result<CommandOutcome> {
    let client = AdminClient::new(admin);
    let answer = match wanted {
        None => client.get("/api/log-level", &[])?,
        Some(level) => client.put("/api/log-level", &json!({ "level": level }))?,
    };
    let answer = answer.good()?;
    writeln!(out, "{}", one_line(answer.get("level").and_then(Value::as_str).unwrap_or("unknown")))?;
    Ok(CommandOutcome::Success)
}
