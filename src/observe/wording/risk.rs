//! A risk in one sentence.

use std::time::Duration;

use super::phrases::ms;
use crate::diagnose::risk::{HeartbeatBudget, RiskCode, RiskDetail, RiskSubject, SessionRisk};
use crate::time::Timestamp;

/// What is at risk, with its numbers. `servers` are the addresses by [`ServerId`](crate::ids::ServerId).
pub fn risk_summary(servers: &[String], risk: &SessionRisk) -> String {
    let whose = whose(&risk.subject);
    let server = risk.subject.server.and_then(|server| servers.get(server.index()));
    let server = server.map_or("its server", String::as_str);
    match &risk.detail {
        RiskDetail::Heartbeat(budget) => silence(&whose, server, risk.code, budget),
        RiskDetail::Away { since, expires_at } => format!(
            "{whose} had no connection for {}; it expires {} after it lost the last one, at the earliest",
            ms(lasted(risk, *since)),
            ms(expires_at.since(*since)),
        ),
        RiskDetail::Node { path, owner, expires_at } => {
            let owner = owner.map_or_else(|| "a session that is not known".to_owned(), |id| format!("session {id}"));
            if risk.code == RiskCode::DuplicateIdentity {
                return format!("{whose} registers {path}, which {owner} has, and that one lives");
            }
            let when = expires_at.map_or_else(
                || "it is not known when that one expires".to_owned(),
                |at| format!("that one expires {} later, at the earliest", ms(at.since(risk.since))),
            );
            format!("{whose} met {path}, which belongs to the older {owner}; {when}")
        }
    }
}

fn whose(subject: &RiskSubject) -> String {
    match &subject.identity {
        Some(identity) => format!("session {} of {identity}", subject.session),
        None => format!("session {}", subject.session),
    }
}

/// How long something has lasted by the end of a risk, or by its beginning while it stands.
fn lasted(risk: &SessionRisk, since: Timestamp) -> Duration {
    risk.until.unwrap_or(risk.since).since(since)
}

fn silence(whose: &str, server: &str, code: RiskCode, budget: &HeartbeatBudget) -> String {
    let [client, answered, timeout] = [budget.client_silent, budget.server_silent, budget.timeout].map(ms);
    if code == RiskCode::ServerSilent {
        let bears = ms(budget.client_bears());
        return format!(
            "{server} has owed {whose} an answer and been silent for {answered}; most clients give up after {bears}"
        );
    }
    format!("{whose} at {server}: its client has been silent for {client} of {timeout}, the server for {answered}")
}
