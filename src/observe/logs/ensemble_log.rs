//! Logs what happens in the ensemble: one line when a server stops or begins to serve, and when another one leads.

use std::time::Duration;

use super::finding_log::FindingLog;
use crate::diagnose::{EnsembleChange, EnsembleEvent};
use crate::ids::ServerId;
use crate::observe::wording::EnsembleWording;
use crate::session::probe_result::ServerHealth;
use crate::state::SinkOutcome;

/// Kinds of lines.
const LEADER: &str = "leader";
const RESTARTED: &str = "server_restarted";

impl FindingLog {
    /// Writes what operators wait for at level info, at most one line of a kind and server in a while, and all else at
    /// level debug. `lasted` is for how long a server had not served that serves again, or nobody had led.
    pub(in crate::observe) fn write_ensemble_change(
        &self,
        event: &EnsembleEvent,
        lasted: Option<Duration>,
    ) -> SinkOutcome {
        let what = EnsembleWording::new(self.names()).sentence(event);
        let server = event.server.map(|server| self.name(server));
        let change = event.change.label();
        let lasted_ms = lasted.map(|lasted| lasted.as_millis() as u64);
        let Some((kind, of)) = line_kind(event) else {
            tracing::debug!(server, change, lasted_ms, "{what}");
            return SinkOutcome::Taken;
        };
        let Some(suppressed) = self.pass(kind, of) else {
            tracing::debug!(server, change, lasted_ms, "{what}");
            return SinkOutcome::Dropped;
        };
        tracing::info!(server, change, lasted_ms, suppressed, "{what}");
        SinkOutcome::Taken
    }
}

/// The kind of line that an event is at level info; None for what is not written there.
fn line_kind(event: &EnsembleEvent) -> Option<(&'static str, Option<ServerId>)> {
    let kind = match event.change {
        // That a server serves is what is expected of it at the start.
        EnsembleChange::Health { before: ServerHealth::Unknown, now: ServerHealth::Serving }
        | EnsembleChange::LeaderChanged { before: None, .. }
        | EnsembleChange::Role { .. }
        | EnsembleChange::NewEpoch { .. }
        | EnsembleChange::Disconnects { .. }
        | EnsembleChange::ProbeSlow { .. }
        | EnsembleChange::ProbeUsual { .. }
        | EnsembleChange::ConnectSlow { .. }
        | EnsembleChange::ConnectUsual { .. }
        | EnsembleChange::PathSlow { .. }
        | EnsembleChange::PathUsual { .. }
        | EnsembleChange::PathLossy { .. } => return None,
        EnsembleChange::Health { now, .. } => state_kind(now),
        EnsembleChange::LeaderChanged { before: Some(_), .. } => LEADER,
        EnsembleChange::Restarted { .. } => RESTARTED,
        EnsembleChange::Lagging { .. } | EnsembleChange::CaughtUp {} => event.change.label(),
    };
    Some((kind, event.server))
}

/// Each state is a kind of its own, so that a server's return is written although its end just was.
fn state_kind(health: ServerHealth) -> &'static str {
    match health {
        ServerHealth::Unknown => "server_unknown",
        ServerHealth::Serving => "server_serving",
        ServerHealth::NotServing => "server_not_serving",
        ServerHealth::Unresponsive => "server_is_unresponsive",
        ServerHealth::HangingUp => "server_hanging_up",
        ServerHealth::Refusing => "server_refusing",
        ServerHealth::Unreachable => "server_unreachable",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::{LogFormat, LogLevel};
    use crate::observe::logs::logging::tests::written;
    use crate::time::Timestamp;

    fn lines(level: LogLevel, events: &[(u16, EnsembleChange, Option<u64>)]) -> Vec<serde_json::Value> {
        let log = FindingLog::new(["zk1:2181", "zk2:2181"].map(str::to_owned).to_vec(), Arc::default());
        let text = written(LogFormat::Json, level, |_| {
            for (server, change, lasted) in events {
                let event = EnsembleEvent { at: Timestamp(1), server: Some(ServerId(*server)), change: *change };
                log.write_ensemble_change(&event, lasted.map(Duration::from_millis));
            }
        });
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    fn health(before: ServerHealth, now: ServerHealth) -> EnsembleChange {
        EnsembleChange::Health { before, now }
    }

    #[test]
    fn a_server_that_goes_and_comes_back_is_two_lines_with_the_time_between() {
        use ServerHealth::{Serving, Unknown, Unresponsive};
        let said = lines(
            LogLevel::Info,
            &[
                (1, health(Unknown, Serving), None),
                (1, health(Serving, Unresponsive), None),
                (1, health(Unresponsive, Serving), Some(4_200)),
            ],
        );
        let messages: Vec<_> = said.iter().map(|line| line["message"].as_str().unwrap_or_default()).collect();
        let gone = "server zk2:2181 is unresponsive: it accepts connections and answers nothing";
        assert_eq!(messages, [gone, "server zk2:2181 serves; it was unresponsive"]);
        assert_eq!((&said[1]["lasted_ms"], &said[1]["server"]), (&4_200.into(), &"zk2:2181".into()), "{:?}", said[1]);
    }

    #[test]
    fn a_server_that_flaps_is_a_line_of_each_kind_in_a_while() {
        let (serving, refusing) = (ServerHealth::Serving, ServerHealth::Refusing);
        let flapping: Vec<_> = (0..50)
            .flat_map(|_| [(0, health(serving, refusing), None), (0, health(refusing, serving), None)])
            .collect();
        assert_eq!(lines(LogLevel::Info, &flapping).len(), 2);
        assert_eq!(lines(LogLevel::Debug, &flapping).len(), 100);
    }

    #[test]
    fn another_leader_is_a_line_and_the_first_one_is_none() {
        let leader = |before, now| EnsembleChange::LeaderChanged { before, now: Some(now) };
        let (a, b) = (ServerId(0), ServerId(1));
        let said = lines(LogLevel::Info, &[(0, leader(None, a), None), (1, leader(Some(a), b), Some(900))]);
        assert_eq!(said.len(), 1);
        assert_eq!(said[0]["message"], "server zk2:2181 leads; before it zk1:2181 did");
        assert_eq!((&said[0]["lasted_ms"], &said[0]["change"]), (&900.into(), &"leader_changed".into()));
    }
}
