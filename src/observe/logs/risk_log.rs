//! Logs risks: one line when one is seen, one when something was lost. Of one kind a line every ten seconds.

use std::sync::Arc;

use super::log_throttle::LogThrottle;
use crate::diagnose::risk::{RiskOutcome, SessionRisk};
use crate::observe::wording::risk_summary;
use crate::text::one_line;

/// Writes risks to the log.
#[derive(Debug)]
pub(in crate::observe) struct RiskLog {
    /// Addresses by [`ServerId`](crate::ids::ServerId).
    servers: Vec<String>,
    log_throttle: Arc<LogThrottle>,
}

impl RiskLog {
    pub(in crate::observe) fn new(servers: Vec<String>, log_throttle: Arc<LogThrottle>) -> Self {
        Self { servers, log_throttle }
    }

    /// Writes what happened to one; false while lines like it are suppressed.
    pub(in crate::observe) fn write(&self, risk: &SessionRisk) -> bool {
        let (id, code, session) = (risk.id, risk.code.label(), risk.subject.session);
        let what = match risk.outcome {
            RiskOutcome::Open => "a session is at risk",
            RiskOutcome::Lost => "what was at risk is lost",
            RiskOutcome::Passed | RiskOutcome::Unknown => return true,
        };
        let Some(suppressed) = self.log_throttle.pass_of(what, code, None) else { return false };
        let summary = risk_summary(&self.servers, risk);
        let summary = one_line(&summary);
        tracing::warn!(risk = id, code, %session, suppressed, %summary, "{what}");
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::config::{LogFormat, LogLevel};
    use crate::diagnose::risk::{RiskCode, RiskDetail, RiskSubject};
    use crate::ids::SessionId;
    use crate::observe::logs::log_throttle::PAUSE;
    use crate::observe::logs::logging::tests::written;
    use crate::time::Timestamp;

    #[test]
    fn a_risk_that_is_seen_and_one_that_came_true_are_suppressed_and_counted_by_themselves() {
        let risk = |outcome| SessionRisk {
            id: 1,
            code: RiskCode::SessionAway,
            subject: RiskSubject { session: SessionId(7), server: None, client: None, identity: None },
            since: Timestamp(2),
            until: None,
            outcome,
            detail: RiskDetail::Away { since: Timestamp(1), expires_at: Timestamp(9) },
        };
        let log_throttle = Arc::<LogThrottle>::default();
        let log = RiskLog::new(Vec::new(), Arc::clone(&log_throttle));
        let mut overdue = Vec::new();
        let text = written(LogFormat::Text, LogLevel::Info, |_| {
            for _ in 0..3 {
                log.write(&risk(RiskOutcome::Open));
                log.write(&risk(RiskOutcome::Lost));
            }
            overdue = log_throttle.overdue(Instant::now() + PAUSE);
        });
        assert_eq!(text.lines().count(), 2, "{text}");
        let counted: Vec<_> =
            overdue.into_iter().map(|(kind, count)| (kind.subject.unwrap_or_default(), count)).collect();
        assert_eq!(counted, [("a session is at risk", 2), ("what was at risk is lost", 2)]);
    }
}
