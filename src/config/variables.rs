//! Environment variables, read as the flags of the same keys are.

use std::error::Error;

use clap::error::{ContextKind, ContextValue};
use clap::{Args, Command, FromArgMatches};

use super::catalog::{KeyName, VARIABLE_PREFIX, key_names};
use super::error::{ConfigError, ValueOrigin, ValueProblem};
use super::keys::ConfigKeys;

/// What each variable that is ours says. An empty one counts as not set.
///
/// An unknown one is an error, as an unknown key is, except the names that Kubernetes gives every container
/// in a namespace with a service called zoogate.
pub(super) fn read(variables: &[(String, String)]) -> Result<Vec<(&'static KeyName, ConfigKeys)>, ConfigError> {
    let mut found = Vec::new();
    for (name, value) in variables {
        if !name.starts_with(VARIABLE_PREFIX) || value.is_empty() {
            continue;
        }
        match key_names().iter().find(|key| key.variable() == *name) {
            Some(key) => found.push((key, one(key, value)?)),
            None if is_service_link(name) => {}
            None => {
                let problem = ValueProblem::UnknownVariable { nearest: nearest(name) };
                return Err(ConfigError { origin: ValueOrigin::Variable(name.clone()), key: String::new(), problem });
            }
        }
    }
    Ok(found)
}

/// Reads one value by way of its flag.
fn one(key: &KeyName, value: &str) -> Result<ConfigKeys, ConfigError> {
    ConfigKeys::augment_args(Command::new("variable").no_binary_name(true))
        .try_get_matches_from([format!("--{}={value}", key.flag)])
        .and_then(|matches| ConfigKeys::from_arg_matches(&matches))
        .map_err(|error| ConfigError {
            origin: ValueOrigin::Variable(key.variable()),
            key: key.path.clone(),
            problem: ValueProblem::Unreadable(reason(&error, value)),
        })
}

/// What the reader of the value says, without the flag that was never typed.
fn reason(error: &clap::Error, value: &str) -> String {
    if let Some(source) = error.source() {
        return source.to_string();
    }
    match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(words)) => format!("{value:?} is not known here: expected {}", words.join(" or ")),
        _ => format!("{value:?} cannot be read"),
    }
}

/// Whether Kubernetes sets a variable of this name for a service (`ZOOGATE_PORT_2181_TCP`, `…_SERVICE_HOST`).
fn is_service_link(name: &str) -> bool {
    name.contains("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.ends_with("_PORT")
        || name.split_once("_PORT_").is_some_and(|(_, rest)| rest.starts_with(|first: char| first.is_ascii_digit()))
}

/// The variable that begins most like `name`, when enough of it agrees.
fn nearest(name: &str) -> Option<String> {
    let agreeing = |other: &str| name.bytes().zip(other.bytes()).take_while(|(left, right)| left == right).count();
    key_names()
        .iter()
        .map(KeyName::variable)
        .max_by_key(|variable| agreeing(variable))
        .filter(|variable| agreeing(variable) > VARIABLE_PREFIX.len() + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_links_are_not_ours() {
        for name in
            ["ZOOGATE_PORT", "ZOOGATE_PORT_2181_TCP_ADDR", "ZOOGATE_SERVICE_HOST", "ZOOGATE_ADMIN_SERVICE_PORT_HTTP"]
        {
            assert!(is_service_link(name), "{name}");
        }
        for key in key_names() {
            assert!(!is_service_link(&key.variable()), "{}", key.path);
        }
    }
}
