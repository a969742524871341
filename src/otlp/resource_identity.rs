//! Who sends: the resource and the scope that stand above all that is sent.

use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;

/// The version of this program.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// An attribute with a text.
pub(super) fn text(key: &str, value: impl Into<String>) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value.into())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

/// An attribute with a number.
pub(super) fn number(key: &str, value: u64) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::IntValue(i64::try_from(value).unwrap_or(i64::MAX))) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

/// The host and the port of an address as the semantic conventions have them (`server.address`, `server.port`).
pub(super) fn peer(kind: &str, address: &str) -> Vec<KeyValue> {
    let split = address.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
    match split {
        Some((host, port)) => {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            vec![text(&format!("{kind}.address"), host), number(&format!("{kind}.port"), port.into())]
        }
        None => vec![text(&format!("{kind}.address"), address)],
    }
}

/// This zoogate; `instance` tells it from others and from its own earlier runs.
pub(super) fn resource(instance: &str) -> Resource {
    let attributes =
        vec![text("service.name", "zoogate"), text("service.version", VERSION), text("service.instance.id", instance)];
    Resource { attributes, ..Resource::default() }
}

pub(super) fn scope() -> InstrumentationScope {
    InstrumentationScope { name: "zoogate".to_owned(), version: VERSION.to_owned(), ..InstrumentationScope::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_become_hosts_and_ports() {
        assert_eq!(peer("server", "zk1:2181"), [text("server.address", "zk1"), number("server.port", 2181)]);
        assert_eq!(peer("client", "[::1]:9"), [text("client.address", "::1"), number("client.port", 9)]);
        assert_eq!(peer("client", "10.0.0.1"), [text("client.address", "10.0.0.1")]);
    }
}
