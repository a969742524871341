//! Logs risks: one line when one is seen, one when something was lost. Of one kind a line every ten seconds.

use super::log_throttle::LogThrottle;
use crate::diagnose::risk::{RiskOutcome, SessionRisk};
use crate::observe::wording::risk_summary;
use crate::text::one_line;

/// Writes risks to the log.
#[derive(Debug)]
pub(in crate::observe) struct RiskLog {
    /// Addresses by [`ServerId`](crate::ids::ServerId).
    servers: Vec<String>,
    seen: LogThrottle,
    lost: LogThrottle,
}

impl RiskLog {
    pub(in crate::observe) fn new(servers: Vec<String>) -> Self {
        let [seen, lost] = [(); 2].map(|()| LogThrottle::default());
        Self { servers, seen, lost }
    }

    /// Writes what happened to one; false while lines like it are suppressed.
    pub(in crate::observe) fn write(&self, risk: &SessionRisk) -> bool {
        let (id, code, session) = (risk.id, risk.code.label(), risk.subject.session);
        let throttle = match risk.outcome {
            RiskOutcome::Open => &self.seen,
            RiskOutcome::Lost => &self.lost,
            RiskOutcome::Passed | RiskOutcome::Unknown => return true,
        };
        let Some(suppressed) = throttle.pass(code) else { return false };
        let summary = risk_summary(&self.servers, risk);
        let summary = one_line(&summary);
        match risk.outcome {
            RiskOutcome::Open => {
                tracing::warn!(risk = id, code, %session, suppressed, %summary, "a session is at risk");
            }
            RiskOutcome::Lost | RiskOutcome::Passed | RiskOutcome::Unknown => {
                tracing::warn!(risk = id, code, %session, suppressed, %summary, "what was at risk is lost");
            }
        }
        true
    }
}
