//! What zoogate says of a fault: the incidents, and the causes of connections' ends.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::gate::Gate;

/// A cause as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ToldCause {
    pub(super) code: String,
    pub(super) confidence: String,
    pub(super) first: String,
}

impl ToldCause {
    /// What stands where no cause was told.
    pub(super) fn nothing() -> Self {
        Self { code: "nothing".into(), confidence: "-".into(), first: "-".into() }
    }

    fn read(told: &Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let code = told["cause"]["code"].as_str()?.to_owned();
        Some(Self { code, confidence: text(&told["cause"]["confidence"]), first: text(&told["first"]) })
    }
}

/// An incident as it is told.
#[derive(Debug, Clone)]
pub(super) struct ToldIncident {
    pub(super) cause: ToldCause,
    /// Connections that it has cost.
    pub(super) connections: u64,
    /// Codes that it was ever said to have with certainty.
    certain: Vec<String>,
    /// All of it, for people.
    pub(super) text: String,
}

/// A connection's end as it is told.
#[derive(Debug, Clone)]
pub(super) struct ToldEnd {
    pub(super) reason: String,
    pub(super) cause: Option<ToldCause>,
    /// When, in milliseconds since 1970.
    ended_ms: u64,
    /// Whether it is one of those that the scenario is about.
    victim: bool,
    certain: Vec<String>,
    /// All of it, for people.
    pub(super) text: String,
}

/// Everything that zoogate says.
#[derive(Debug, Clone, Default)]
pub(super) struct ToldAccount {
    /// Oldest first.
    pub(super) incidents: Vec<ToldIncident>,
    pub(super) ends: Vec<ToldEnd>,
}

impl ToldAccount {
    /// Reads all incidents and ends; `victims` are session ids and clients' addresses, none of them for everybody.
    pub(super) fn read(gate: &Gate, victims: &[String]) -> Self {
        let known = gate.ask("/api/incidents?limit=1000").map(|_| gate.json("/api/incidents?limit=1000"));
        let known = known.unwrap_or_default();
        let incidents = known["incidents"].as_array().into_iter().flatten().rev().filter_map(read_incident).collect();
        let connections = gate.json("/api/connections?limit=10000");
        let ended = connections["connections"].as_array().into_iter().flatten().filter(|one| one["reason"].is_string());
        Self { incidents, ends: ended.map(|one| read_end(one, victims)).collect() }
    }

    /// The cause of the incident that has cost most; of the older one where two have cost the same.
    pub(super) fn greatest_incident(&self) -> Option<ToldCause> {
        let most = self.incidents.iter().map(|incident| incident.connections).max()?;
        self.incidents.iter().find(|incident| incident.connections == most).map(|incident| incident.cause.clone())
    }

    /// The cause of the first of those ends that the scenario is about; what follows it is what it led to.
    pub(super) fn first_victim_end(&self) -> Option<ToldCause> {
        let victims = self.ends.iter().filter(|end| end.victim && end.cause.is_some());
        victims.min_by_key(|end| end.ended_ms).and_then(|end| end.cause.clone())
    }

    /// Every code that was ever called certain.
    pub(super) fn ever_certain(&self) -> Vec<String> {
        let incidents = self.incidents.iter().flat_map(|incident| &incident.certain);
        let mut all: Vec<String> = incidents.chain(self.ends.iter().flat_map(|end| &end.certain)).cloned().collect();
        all.sort();
        all.dedup();
        all
    }

    /// Reasons and causes of ends, each with its count, in a line.
    pub(super) fn ends_line(&self) -> String {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for end in &self.ends {
            let cause =
                end.cause.as_ref().map_or(String::new(), |cause| format!("={}({})", cause.code, cause.confidence));
            *counts.entry(format!("{}{}{cause}", if end.victim { "*" } else { "" }, end.reason)).or_default() += 1;
        }
        counts.into_iter().map(|(what, count)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
    }

    /// With what was told before that.
    pub(super) fn after(mut self, earlier: Self) -> Self {
        self.incidents.splice(0..0, earlier.incidents);
        self
    }

    /// What a log says of incidents: each as it was told last.
    pub(super) fn of_log(log: &str) -> Self {
        let mut incidents: BTreeMap<u64, ToldIncident> = BTreeMap::new();
        for line in log.lines().filter(|line| line.contains("incident=") && line.contains("cause=")) {
            let field = |name: &str| {
                let value = line.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
                value.unwrap_or_default().trim_matches('"').to_owned()
            };
            let (code, confidence) = (field("cause"), field("confidence"));
            let told = incidents.entry(field("incident").parse().unwrap_or_default()).or_insert_with(|| ToldIncident {
                cause: ToldCause::nothing(),
                connections: 0,
                certain: Vec::new(),
                text: String::new(),
            });
            told.certain.extend((confidence == "certain").then(|| code.clone()));
            told.cause = ToldCause { code, confidence, first: field("first") };
            told.text = format!("{}{line}\n", told.text);
        }
        Self { incidents: incidents.into_values().collect(), ends: Vec::new() }
    }

    /// An account of incidents alone: code, confidence, who was first, connections.
    pub(super) fn of_incidents(incidents: &[(&str, &str, &str, u64)]) -> Self {
        let made = incidents.iter().map(|&(code, confidence, first, connections)| ToldIncident {
            cause: ToldCause { code: code.into(), confidence: confidence.into(), first: first.into() },
            connections,
            certain: (confidence == "certain").then(|| code.to_owned()).into_iter().collect(),
            text: String::new(),
        });
        Self { incidents: made.collect(), ends: Vec::new() }
    }
}

/// The codes of a cause and of what was thought before, where they were certain.
fn certain_codes(told: &Value) -> Vec<String> {
    let earlier = told["revisions"].as_array().into_iter().flatten();
    let causes = earlier.chain([told]).map(|revision| &revision["cause"]);
    let certain = causes.filter(|cause| cause["confidence"] == "certain");
    certain.filter_map(|cause| cause["code"].as_str()).map(String::from).collect()
}

fn read_incident(told: &Value) -> Option<ToldIncident> {
    Some(ToldIncident {
        cause: ToldCause::read(told)?,
        connections: told["impact"]["connections"].as_u64().unwrap_or_default(),
        certain: certain_codes(told),
        text: told.to_string(),
    })
}

fn read_end(told: &Value, victims: &[String]) -> ToldEnd {
    let named = |field: &str| told[field].as_str().is_some_and(|name| victims.iter().any(|victim| victim == name));
    ToldEnd {
        reason: told["reason"].as_str().unwrap_or_default().into(),
        cause: ToldCause::read(told),
        ended_ms: told["ended_at_ms"].as_u64().unwrap_or(u64::MAX),
        victim: victims.is_empty() || named("session") || named("client"),
        certain: certain_codes(told),
        text: told.to_string(),
    }
}

#[test]
fn a_log_tells_of_incidents() {
    let log = "WARN incident opened incident=1 cause=\"unknown\" confidence=\"weak\" first=\"unknown\" summary=x\n\
        INFO something else incident=2\n\
        INFO incident has another cause incident=1 cause=\"server_frozen\" confidence=\"certain\" first=\"server\"\n";
    let account = ToldAccount::of_log(log);
    assert_eq!(account.incidents.len(), 1);
    assert_eq!(account.greatest_incident().map(|cause| cause.code), Some("server_frozen".into()));
    assert_eq!(account.ever_certain(), ["server_frozen"]);
}
