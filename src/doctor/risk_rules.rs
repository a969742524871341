//! What a running zoogate says may be lost soon, how timeouts fit what it saw, and how long requests took.

use std::collections::BTreeMap;
use std::time::Duration;

use super::code::DoctorCode;
use super::finding::{DoctorFinding, FindingValue};

/// Slots of ten seconds that are this old at most are told of.
const LATENCY_TOLD: Duration = Duration::from_mins(10);
/// From here on a p99 of requests is told.
const SLOW_FROM: Duration = Duration::from_secs(1);

/// One risk that stands, as a running zoogate has it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RunningRisk {
    /// Its code.
    pub code: String,
    /// The holder of the session, or the session's id.
    pub holder: String,
    /// What it is, in a sentence.
    pub summary: String,
    /// The silence that it is about; None where it is about none.
    pub silence: Option<RunningSilence>,
}

/// A side of a connection that is silent for too long.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RunningSilence {
    /// `client` or `server`.
    pub side: String,
    /// How long it has been silent.
    pub silent: Duration,
    /// How long that is borne.
    pub borne: Duration,
}

/// How the timeout of one session fits what was seen.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RunningAdvice {
    /// `fits`, `too_short`, `needlessly_long` or `unknown`.
    pub fit: String,
    /// The timeout.
    pub timeout: Duration,
    /// Outages that it was measured by, and those of them that its client does not bear.
    pub outages: u32,
    /// Those of them that its client does not bear.
    pub exceeded: u32,
    /// The longest.
    pub longest: Duration,
    /// The shortest timeout that would have borne all of them; None where servers give none that long.
    pub would_bear: Option<Duration>,
    /// The longest timeout that servers give, where even that would not have borne all of them.
    pub most: Option<Duration>,
}

/// Latency of one class of requests at one server within ten seconds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RunningLatency {
    /// The server.
    pub server: String,
    /// `read`, `write` or `ping`.
    pub class: String,
    /// How long ago that was.
    pub ago: Duration,
    /// 99 % of them took at most that long.
    pub p99: Duration,
}

/// Risks that stand: silences together, the others each kind for itself.
pub(super) fn judge_risks(risks: &[RunningRisk]) -> Vec<DoctorFinding> {
    if risks.is_empty() {
        return vec![DoctorFinding::of(DoctorCode::NoRisks, "")];
    }
    let mut findings = Vec::new();
    let silences: Vec<_> = risks.iter().filter_map(|risk| Some((risk, risk.silence.as_ref()?))).collect();
    // The one with the least time left.
    let worst = silences.iter().min_by_key(|(_, one)| one.borne.saturating_sub(one.silent));
    if let Some((risk, one)) = worst {
        findings.push(
            DoctorFinding::of(DoctorCode::HeartbeatExceeded, "")
                .with("sessions", silences.len())
                .with("holder", risk.holder.as_str())
                .with("side", one.side.as_str())
                .with("silent_ms", one.silent)
                .with("borne_ms", one.borne),
        );
    }
    let mut others: BTreeMap<&str, Vec<&RunningRisk>> = BTreeMap::new();
    for risk in risks.iter().filter(|risk| risk.silence.is_none()) {
        others.entry(&risk.code).or_default().push(risk);
    }
    for (code, these) in others {
        // They come newest first.
        let newest = these.first().map_or("", |risk| risk.summary.as_str());
        findings
            .push(DoctorFinding::of(DoctorCode::RisksStand, code).with("risks", these.len()).with("newest", newest));
    }
    findings
}

/// Timeouts that do not fit, each once.
pub(super) fn judge_advice(advice: &[RunningAdvice]) -> Vec<DoctorFinding> {
    let mut findings = Vec::new();
    for (fit, code) in
        [("too_short", DoctorCode::TimeoutTooShortHere), ("needlessly_long", DoctorCode::TimeoutNeedlesslyLong)]
    {
        let mut by_timeout: BTreeMap<Duration, Vec<&RunningAdvice>> = BTreeMap::new();
        for one in advice.iter().filter(|one| one.fit == fit) {
            by_timeout.entry(one.timeout).or_default().push(one);
        }
        for these in by_timeout.into_values() {
            let Some(worst) = these.iter().max_by_key(|one| one.longest) else { continue };
            let finding = DoctorFinding::of(code, "")
                .with("sessions", these.len())
                .with("timeout_ms", worst.timeout)
                .with("exceeded", u64::from(worst.exceeded))
                .with("outages", u64::from(worst.outages))
                .with("longest_ms", worst.longest);
            findings.push(with_remedy(finding, &these));
        }
    }
    findings
}

/// What would bear all outages, as far as servers give it. Each client bears its own share of its timeout.
fn with_remedy(finding: DoctorFinding, these: &[&RunningAdvice]) -> DoctorFinding {
    let millis = |time: Duration| FindingValue::from(time).to_string();
    // Where one session cannot be helped by a timeout, no timeout helps all of them.
    if let Some(most) = these.iter().filter_map(|one| one.most).min() {
        let remedy =
            format!("servers give {} ms at most (maxSessionTimeout), which would not bear all of them", millis(most));
        return finding.with("servers_give_ms", most).with("remedy", remedy);
    }
    let would_bear = these.iter().filter_map(|one| one.would_bear).max().unwrap_or_default();
    finding
        .with("would_bear_ms", would_bear)
        .with("remedy", format!("{} ms would bear all of them", millis(would_bear)))
}

/// Requests that took long a moment ago, the slowest of each server.
pub(super) fn judge_latency(latency: &[RunningLatency]) -> Vec<DoctorFinding> {
    let mut slowest: BTreeMap<&str, &RunningLatency> = BTreeMap::new();
    let told = |one: &&RunningLatency| one.ago <= LATENCY_TOLD && one.p99 >= SLOW_FROM && one.class != "ping";
    for one in latency.iter().filter(told) {
        let known = slowest.entry(&one.server).or_insert(one);
        if one.p99 > known.p99 {
            *known = one;
        }
    }
    slowest
        .into_values()
        .map(|one| {
            DoctorFinding::of(DoctorCode::RequestsSlow, &one.server)
                .with("class", one.class.as_str())
                .with("p99_ms", one.p99)
                .with("ago_s", one.ago.as_secs())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_that_would_bear_all_outages_bears_them_for_every_client() {
        let [timeout, longest] = [18, 14].map(Duration::from_secs);
        let of = |would_bear| RunningAdvice {
            fit: "too_short".to_owned(),
            timeout,
            outages: 1,
            exceeded: 1,
            longest,
            would_bear: Some(Duration::from_secs(would_bear)),
            most: None,
        };
        let findings = judge_advice(&[of(15), of(23), of(22)]);
        let texts: Vec<String> = findings.iter().map(DoctorFinding::text).collect();
        let text = "3 sessions have a timeout of 18000 ms, which does not bear 1 of 1 outage that was seen, the longest \
                    14000 ms; 23000 ms would bear all of them";
        assert_eq!(texts, [text]);
        let bound = RunningAdvice { would_bear: None, most: Some(Duration::from_secs(20)), ..of(0) };
        let text = judge_advice(&[of(15), bound])[0].text();
        assert!(
            text.ends_with("; servers give 20000 ms at most (maxSessionTimeout), which would not bear all of them"),
            "{text}"
        );
    }
}
