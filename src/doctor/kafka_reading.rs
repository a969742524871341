//! What a Kafka broker's settings say about ZooKeeper (Kafka 3.9: `ZkConfigs`, `KRaftConfigs`).

use std::collections::BTreeMap;

use super::client_settings::{ClientKind, ClientSettings, KafkaSettings};
use super::code::DoctorCode;
use super::connect_reading::ConnectReading;
use super::finding::DoctorFinding;
use super::setting_entries::SettingEntry;
use crate::text::beginning;

/// What a broker takes as its session timeout unless it is set.
const SESSION_TIMEOUT_MS: u64 = 18_000;

/// Most settings of one kind that are told one by one.
const MOST_TOLD: usize = 16;

/// Every setting for ZooKeeper that Kafka 3.9 knows.
const KNOWN: [&str; 21] = [
    "zookeeper.connect",
    "zookeeper.session.timeout.ms",
    "zookeeper.connection.timeout.ms",
    "zookeeper.set.acl",
    "zookeeper.max.in.flight.requests",
    "zookeeper.metadata.migration.enable",
    "zookeeper.metadata.migration.min.batch.size",
    "zookeeper.ssl.client.enable",
    "zookeeper.clientCnxnSocket",
    "zookeeper.ssl.keystore.location",
    "zookeeper.ssl.keystore.password",
    "zookeeper.ssl.keystore.type",
    "zookeeper.ssl.truststore.location",
    "zookeeper.ssl.truststore.password",
    "zookeeper.ssl.truststore.type",
    "zookeeper.ssl.protocol",
    "zookeeper.ssl.enabled.protocols",
    "zookeeper.ssl.cipher.suites",
    "zookeeper.ssl.endpoint.identification.algorithm",
    "zookeeper.ssl.crl.enable",
    "zookeeper.ssl.ocsp.enable",
];

/// Reads values and keeps what is wrong with them.
struct SettingReader {
    values: BTreeMap<String, String>,
    findings: Vec<DoctorFinding>,
}

impl SettingReader {
    fn has(&self, key: &str) -> bool {
        self.values.get(key).is_some_and(|value| !value.trim().is_empty())
    }

    /// A number of at least this, as Kafka reads an `int`.
    fn number(&mut self, key: &str, least: i64) -> Option<u64> {
        let value = self.values.get(key)?.trim().parse::<i32>().map(i64::from);
        match value {
            Ok(number) if number >= least => u64::try_from(number).ok(),
            _ => {
                let expected = if least > 0 { "whole number above 0" } else { "whole number" };
                self.unreadable(key, expected);
                None
            }
        }
    }

    /// `true` or `false`, in any case.
    fn switch(&mut self, key: &str) -> bool {
        match self.values.get(key).map(|value| value.trim().to_ascii_lowercase()).as_deref() {
            Some("true") => true,
            None | Some("false") => false,
            Some(_) => {
                self.unreadable(key, "true or false");
                false
            }
        }
    }

    fn unreadable(&mut self, key: &str, expected: &str) {
        self.findings.push(DoctorFinding::of(DoctorCode::SettingUnreadable, key).with("expected", expected));
    }
}

impl KafkaSettings {
    /// Reads a broker's settings, with the arguments of its Java runtime (KAFKA_OPTS) where they are known. What is wrong
    /// with single settings comes as findings.
    pub fn read(entries: &[SettingEntry], options: Option<&str>) -> (ClientSettings, Vec<DoctorFinding>) {
        let (values, findings) = gathered(entries);
        let mut reader = SettingReader { values, findings };
        let (options_untold, options) = (options.is_none(), options.unwrap_or_default());
        let session_timeout = if reader.values.contains_key("zookeeper.session.timeout.ms") {
            reader.number("zookeeper.session.timeout.ms", 1)
        } else {
            Some(SESSION_TIMEOUT_MS)
        };
        let connection_timeout = reader.number("zookeeper.connection.timeout.ms", 1);
        // The values of these are secrets or files of no interest here: that they are there is enough.
        let ssl = |key: &&String| key.starts_with("zookeeper.ssl.") && *key != "zookeeper.ssl.client.enable";
        let kafka = Self {
            settings: reader.values.keys().filter(|key| key.starts_with("zookeeper.")).count(),
            set_acl: reader.switch("zookeeper.set.acl"),
            has_login: jvm_value(options, "java.security.auth.login.config").is_some()
                && jvm_value(options, "zookeeper.sasl.client") != Some("false"),
            options_untold,
            tls: reader.switch("zookeeper.ssl.client.enable"),
            has_netty: reader
                .values
                .get("zookeeper.clientCnxnSocket")
                .is_some_and(|class| class.trim().ends_with("Netty")),
            has_keystore: reader.has("zookeeper.ssl.keystore.location"),
            tls_settings: reader.values.keys().filter(ssl).count(),
            max_in_flight: reader.number("zookeeper.max.in.flight.requests", 1),
            migration: reader.switch("zookeeper.metadata.migration.enable"),
            has_roles: reader.has("process.roles"),
            has_quorum: reader.has("controller.quorum.voters") || reader.has("controller.quorum.bootstrap.servers"),
            has_controller_listeners: reader.has("controller.listener.names"),
        };
        let max_buffer = jvm_value(options, "jute.maxbuffer").and_then(|value| {
            let number = whole_number(value);
            if number.is_none() {
                reader.unreadable("jute.maxbuffer", "whole number");
            }
            number
        });
        let client = ClientSettings {
            kind: ClientKind::Kafka,
            connect: reader
                .values
                .get("zookeeper.connect")
                .filter(|text| !text.trim().is_empty())
                .map(|text| ConnectReading::of(text)),
            session_timeout_ms: session_timeout,
            connection_timeout_ms: connection_timeout.or(session_timeout),
            max_buffer,
            kafka: Some(kafka),
        };
        (client, reader.findings)
    }
}

/// The settings that matter, the last of each, and what is odd about their names.
fn gathered(entries: &[SettingEntry]) -> (BTreeMap<String, String>, Vec<DoctorFinding>) {
    let matters = |key: &str| {
        ["zookeeper.", "controller."].iter().any(|prefix| key.to_ascii_lowercase().starts_with(prefix))
            || key == "process.roles"
    };
    let (mut values, mut times) = (BTreeMap::new(), BTreeMap::<String, usize>::new());
    let mut findings = Vec::new();
    for entry in entries.iter().filter(|entry| matters(&entry.key)) {
        // Variables have no capital letters to tell.
        let known = KNOWN.iter().find(|known| known.eq_ignore_ascii_case(&entry.key));
        let key = known.map_or(entry.key.as_str(), |known| known).to_owned();
        if known.is_none() && key.to_ascii_lowercase().starts_with("zookeeper.") && findings.len() < MOST_TOLD {
            findings.push(DoctorFinding::of(DoctorCode::SettingUnknown, beginning(&key, 80)));
        }
        *times.entry(key.clone()).or_default() += 1;
        // As in Java, the last one holds.
        values.insert(key, entry.value.clone());
    }
    let repeated = times.into_iter().filter(|(_, times)| *times > 1).take(MOST_TOLD);
    findings.extend(
        repeated.map(|(key, times)| {
            DoctorFinding::of(DoctorCode::SettingRepeated, beginning(&key, 80)).with("times", times)
        }),
    );
    (values, findings)
}

/// The value of `-Dname=value` among the arguments of a Java runtime: the last one holds.
fn jvm_value<'a>(options: &'a str, name: &str) -> Option<&'a str> {
    options
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("-D")?.strip_prefix(name)?.strip_prefix('='))
        .next_back()
}

/// A number as `Integer.getInteger` takes it.
fn whole_number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).or_else(|| text.strip_prefix('#')) {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::of_properties;

    fn read(text: &str, options: &str) -> (ClientSettings, Vec<String>) {
        let (client, findings) = KafkaSettings::read(&of_properties(text.as_bytes()).unwrap(), Some(options));
        (client, findings.iter().map(|finding| format!("{} {}", finding.code.label(), finding.subject)).collect())
    }

    #[test]
    fn what_is_not_set_has_kafkas_defaults() {
        let (client, findings) = read("zookeeper.connect=zk1,zk2/kafka\nbroker.id=1\n", "");
        assert_eq!(findings, Vec::<String>::new());
        assert_eq!((client.session_timeout_ms, client.connection_timeout_ms), (Some(18_000), Some(18_000)));
        assert_eq!((client.addresses(), client.share_ms(), client.max_buffer), (2, Some(9_000), None));
        let kafka = client.kafka.unwrap();
        assert_eq!(kafka, KafkaSettings { settings: 1, ..KafkaSettings::default() });
    }

    #[test]
    fn what_is_set_is_read() {
        let (client, findings) = read(
            "zookeeper.session.timeout.ms = 6000 \nzookeeper.set.acl=TRUE\nzookeeper.ssl.client.enable=true\n\
             zookeeper.clientCnxnSocket=org.apache.zookeeper.ClientCnxnSocketNetty\nzookeeper.ssl.keystore.password=x\n\
             zookeeper.max.in.flight.requests=3\nprocess.roles=broker\n",
            "-Xmx1g -Djute.maxbuffer=0x100000 -Djava.security.auth.login.config=/etc/j.conf",
        );
        assert_eq!(findings, Vec::<String>::new());
        assert_eq!((client.session_timeout_ms, client.max_buffer), (Some(6_000), Some(1 << 20)));
        let kafka = client.kafka.unwrap();
        assert!(
            kafka.set_acl && kafka.has_login && kafka.tls && kafka.has_netty && kafka.has_roles && !kafka.has_keystore
        );
        assert_eq!((kafka.tls_settings, kafka.max_in_flight), (1, Some(3)));
    }

    #[test]
    fn what_cannot_be_read_is_named_and_its_value_never() {
        let (client, findings) = read(
            "zookeeper.session.timeout.ms=18000 \\\n zookeeper.ssl.keystore.password=hunter2\nzookeeper.set.acl=yes\n\
             zookeeper.sesion.timeout=hunter2\nzookeeper.connect=a\nzookeeper.connect=b\n",
            "-Djute.maxbuffer=4MB",
        );
        assert_eq!(
            findings,
            [
                "setting_unknown zookeeper.sesion.timeout",
                "setting_repeated zookeeper.connect",
                "setting_unreadable zookeeper.session.timeout.ms",
                "setting_unreadable zookeeper.set.acl",
                "setting_unreadable jute.maxbuffer",
            ]
        );
        assert_eq!((client.session_timeout_ms, client.connection_timeout_ms), (None, None));
        assert!(!format!("{client:?} {findings:?}").contains("hunter2"));
    }
}
