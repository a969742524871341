//! The facts behind a reason as the API shows them: each with its kind and its numbers.

use serde_json::{Map, Value};

use crate::api::FactView;
use crate::observe::ProxyTelemetry;
use crate::session::fact::{Fact, FactValue};
use crate::time::Timestamp;

/// The facts about an end at that moment.
pub(super) fn facts(telemetry: &ProxyTelemetry, facts: &[Fact], ended_at: Timestamp) -> Vec<FactView> {
    let view = |fact: &Fact| FactView { kind: fact.kind().into(), values: members(telemetry, fact, ended_at) };
    facts.iter().map(view).collect()
}

/// The values of a fact about an end at that moment.
pub(super) fn members(telemetry: &ProxyTelemetry, fact: &Fact, ended_at: Timestamp) -> Map<String, Value> {
    let values = fact.values().into_iter();
    values.map(|(name, value)| member(telemetry, name, value, ended_at)).collect()
}

/// A value with its unit in its name; times in milliseconds, moments in milliseconds after the end.
fn member(telemetry: &ProxyTelemetry, name: &str, value: FactValue, ended_at: Timestamp) -> (String, Value) {
    let plain = |value: Value| (name.to_owned(), value);
    match value {
        FactValue::Time(time) => (format!("{name}_ms"), (time.as_millis() as u64).into()),
        FactValue::Offset(offset) => (format!("{name}_ms_after_end"), offset.0.into()),
        FactValue::Count(count) => plain(count.into()),
        FactValue::Server(server) => plain(telemetry.server_name(server).into()),
        FactValue::Connection(connection) => plain(connection.0.into()),
        FactValue::Client(client) => plain(client.to_string().into()),
        FactValue::Zxid(zxid) => plain(zxid.to_string().into()),
        FactValue::Word(word) => plain(word.into()),
        FactValue::Flag(flag) => plain(flag.into()),
        FactValue::Request(None) => plain(Value::Null),
        FactValue::Request(Some(request)) => plain(serde_json::json!({
            "op": request.op.to_string(),
            "path": request.path,
            "xid": request.xid.0,
            "age_ms": ended_at.since(request.sent_at).as_millis() as u64,
        })),
    }
}
