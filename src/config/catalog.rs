//! The names of every key in all its forms, in the order in which [`ConfigKeys`] declares them.

use std::sync::OnceLock;

use clap::{Args, Command};

use super::keys::ConfigKeys;

/// What all variables begin with.
pub const VARIABLE_PREFIX: &str = "ZOOGATE_";

/// One key: `probe.interval`, `--probe-interval`, `ZOOGATE_PROBE_INTERVAL`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyName {
    /// Its path in the file: section and key, joined by a dot.
    pub path: String,
    /// The flag without its dashes.
    pub flag: String,
}

impl KeyName {
    /// The section that it stands in; `None` at the top.
    pub fn section(&self) -> Option<&str> {
        self.path.split_once('.').map(|(section, _)| section)
    }

    /// The key without its section.
    pub fn key(&self) -> &str {
        self.path.split_once('.').map_or(self.path.as_str(), |(_, key)| key)
    }

    /// The environment variable.
    pub fn variable(&self) -> String {
        format!("{VARIABLE_PREFIX}{}", self.path.replace('.', "_").to_ascii_uppercase())
    }
}

/// Every key. Read from the flags, which are derived from the same fields as the file's format.
pub fn key_names() -> &'static [KeyName] {
    static NAMES: OnceLock<Vec<KeyName>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let command = ConfigKeys::augment_args(Command::new("keys"));
        let name = |argument: &clap::Arg| {
            Some(KeyName { path: argument.get_id().to_string(), flag: argument.get_long()?.to_owned() })
        };
        command.get_arguments().filter_map(name).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_and_variables_follow_from_the_path() {
        assert!(key_names().len() > 15);
        for name in key_names() {
            assert_eq!(name.flag, name.path.replace(['.', '_'], "-"), "{}", name.path);
        }
    }

    #[test]
    fn the_file_knows_the_same_keys() {
        let defaults = ConfigKeys::defaults(std::num::NonZeroUsize::MIN);
        let all = ConfigKeys {
            servers: "a".parse().ok(),
            listen: Some(Vec::new()),
            mirror: "127.0.0.1:1".parse().ok(),
            ..defaults
        };
        let file = toml::Table::try_from(all).unwrap();
        let mut paths = Vec::new();
        for (key, value) in &file {
            match value.as_table() {
                Some(section) => paths.extend(section.keys().map(|inner| format!("{key}.{inner}"))),
                None => paths.push(key.clone()),
            }
        }
        let mut named: Vec<_> = key_names().iter().map(|name| name.path.clone()).collect();
        paths.sort();
        named.sort();
        assert_eq!(paths, named);
    }
}
