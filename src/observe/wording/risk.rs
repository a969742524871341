//! A risk in one sentence.

use std::time::Duration;

use super::phrases::ms;
use crate::diagnose::risk::{HeartbeatBudget, RiskCode, RiskDetail, RiskSubject, SessionRisk};
use crate::session::client_profile::ClientProfile;
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

/// When the client gives a silent server up.
fn gives_up(budget: &HeartbeatBudget) -> String {
    let (label, bears) = (budget.profile.label(), ms(budget.client_bears()));
    match budget.profile {
        ClientProfile::Unknown => format!("most clients give up after {bears}"),
        ClientProfile::Node => format!("a {label} client never gives up, and its session's timeout is {bears}"),
        _ => format!("a {label} client gives up after {bears}"),
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
        let gives_up = gives_up(budget);
        return format!("{server} has owed {whose} an answer and been silent for {answered}; {gives_up}");
    }
    format!("{whose} at {server}: its client has been silent for {client} of {timeout}, the server for {answered}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_is_said_to_give_up_in_its_own_time() {
        let said = |profile: ClientProfile| {
            let [client_silent, server_silent, timeout] = [100, 3_100, 6_000].map(Duration::from_millis);
            let (is_owed, client_held) = (true, false);
            let budget = HeartbeatBudget { client_silent, server_silent, is_owed, client_held, timeout, profile };
            silence("session 0x7", "zk1:2181", RiskCode::ServerSilent, &budget)
        };
        let begins = "zk1:2181 has owed session 0x7 an answer and been silent for 3100 ms; ";
        let ends = [
            (ClientProfile::Unknown, "most clients give up after 4000 ms"),
            (ClientProfile::Java, "a Java client gives up after 4000 ms"),
            (ClientProfile::Kazoo, "a kazoo client gives up after 3200 ms"),
            (ClientProfile::ClickHouse, "a ClickHouse client gives up after 6000 ms"),
            (ClientProfile::Node, "a Node.js client never gives up, and its session's timeout is 6000 ms"),
        ];
        for (profile, end) in ends {
            assert_eq!(said(profile), format!("{begins}{end}"));
        }
    }
}
