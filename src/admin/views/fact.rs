//! The facts behind a reason as JSON: each with its kind and its numbers, which carry their unit in their name.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use crate::observe::Observatory;
use crate::session::fact::{Fact, FactValue};
use crate::time::Timestamp;

/// One fact.
#[derive(Debug)]
pub(super) struct FactView {
    kind: &'static str,
    values: Vec<(String, serde_json::Value)>,
}

impl FactView {
    /// The facts about an end at that moment.
    pub(super) fn all(observatory: &Observatory, facts: &[Fact], ended_at: Timestamp) -> Vec<Self> {
        facts.iter().map(|fact| Self::new(observatory, fact, ended_at)).collect()
    }

    fn new(observatory: &Observatory, fact: &Fact, ended_at: Timestamp) -> Self {
        let values = fact.values().into_iter();
        let values = values.map(|(name, value)| member(observatory, name, value, ended_at)).collect();
        Self { kind: fact.kind(), values }
    }
}

/// A value with its unit in its name; times in milliseconds, moments in milliseconds after the end.
fn member(observatory: &Observatory, name: &str, value: FactValue, ended_at: Timestamp) -> (String, serde_json::Value) {
    let plain = |value: serde_json::Value| (name.to_owned(), value);
    match value {
        FactValue::Time(time) => (format!("{name}_ms"), (time.as_millis() as u64).into()),
        FactValue::Offset(offset) => (format!("{name}_ms_after_end"), offset.0.into()),
        FactValue::Count(count) => plain(count.into()),
        FactValue::Server(server) => plain(observatory.server_name(server).into()),
        FactValue::Connection(connection) => plain(connection.0.into()),
        FactValue::Client(client) => plain(client.to_string().into()),
        FactValue::Zxid(zxid) => plain(zxid.to_string().into()),
        FactValue::Word(word) => plain(word.into()),
        FactValue::Flag(flag) => plain(flag.into()),
        FactValue::Request(None) => plain(serde_json::Value::Null),
        FactValue::Request(Some(request)) => plain(serde_json::json!({
            "op": request.op.to_string(),
            "path": request.path,
            "xid": request.xid.0,
            "age_ms": ended_at.since(request.sent_at).as_millis() as u64,
        })),
    }
}

impl Serialize for FactView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.values.len() + 1))?;
        map.serialize_entry("kind", self.kind)?;
        for (name, value) in &self.values {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
