//! Brings the sources together: flags over variables over the file over the defaults.

use std::num::NonZeroUsize;

use serde_json::{Map, Value};

use super::catalog::{KeyName, key_names};
use super::error::{ConfigError, ValueOrigin, ValueProblem};
use super::file::FileText;
use super::keys::ConfigKeys;
use super::resolve::resolve;
use super::settings::Settings;
use super::variables;

/// Everything that was said, by whom it was said.
#[derive(Clone, PartialEq, Debug)]
pub struct ConfigSources {
    /// The file, if one was named.
    pub file: Option<FileText>,
    /// The environment, other programs' variables included.
    pub variables: Vec<(String, String)>,
    /// The flags.
    pub flags: ConfigKeys,
    /// What the default of `workers` follows.
    pub cores: NonZeroUsize,
}

/// What the sources come to.
#[derive(Clone, PartialEq, Debug)]
pub struct LoadedConfig {
    /// For the proxy.
    pub settings: Settings,
    /// Every key that has a value, for people; in the order of the reference.
    pub effective: Vec<EffectiveKey>,
}

/// A key, its value in force, and who set it.
#[derive(Clone, PartialEq, Debug)]
pub struct EffectiveKey {
    /// Which key.
    pub name: &'static KeyName,
    /// As it is written in the file, by its JSON form.
    pub value: Value,
    /// Who has the last word on it.
    pub origin: ValueOrigin,
}

/// Reads, merges and checks. Lists are replaced by the stronger source, not joined.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn load(sources: &ConfigSources) -> Result<LoadedConfig, ConfigError> {
    let mut merged = MergedKeys::default();
    merged.put(&ConfigKeys::defaults(sources.cores), |_| ValueOrigin::Default);
    if let Some(file) = &sources.file {
        let keys = file.keys()?;
        let document = file.document();
        merged.put(&keys, |name| {
            document
                .as_ref()
                .and_then(|document| file.place_of(document, &name.path))
                .map_or(ValueOrigin::Default, |place| ValueOrigin::File(Box::new(place)))
        });
    }
    for (name, keys) in variables::read(&sources.variables)? {
        merged.put(&keys, |_| ValueOrigin::Variable(name.variable()));
    }
    merged.put(&sources.flags, |name| ValueOrigin::Flag(format!("--{}", name.flag)));
    let settings = merged.keys().and_then(|keys| resolve(&keys)).map_err(|(key, problem)| ConfigError {
        origin: merged.origin(key),
        key: key.to_owned(),
        problem,
    })?;
    let mut effective = merged.effective;
    effective.sort_by_key(|key| key_names().iter().position(|name| name == key.name));
    Ok(LoadedConfig { settings, effective })
}

/// The strongest value of each key so far.
#[derive(Default)]
struct MergedKeys {
    effective: Vec<EffectiveKey>,
}

impl MergedKeys {
    /// Puts what a stronger source says on top.
    fn put(&mut self, keys: &ConfigKeys, origin: impl Fn(&'static KeyName) -> ValueOrigin) {
        let said = serde_json::to_value(keys).unwrap_or_default();
        for name in key_names() {
            let value = name.path.split('.').try_fold(&said, |value, part| value.get(part));
            let Some(value) = value.filter(|value| !value.is_null()) else { continue };
            let key = EffectiveKey { name, value: value.clone(), origin: origin(name) };
            match self.effective.iter_mut().find(|known| known.name == name) {
                Some(known) => *known = key,
                None => self.effective.push(key),
            }
        }
    }

    /// All of it as one set of keys.
    fn keys(&self) -> Result<ConfigKeys, (&'static str, ValueProblem)> {
        let mut whole = Map::new();
        for key in &self.effective {
            let place = match key.name.section() {
                None => Some(&mut whole),
                Some(section) => whole.entry(section).or_insert_with(|| Value::Object(Map::new())).as_object_mut(),
            };
            if let Some(place) = place {
                place.insert(key.name.key().to_owned(), key.value.clone());
            }
        }
        serde_json::from_value(Value::Object(whole)).map_err(|error| ("", ValueProblem::Unreadable(error.to_string())))
    }

    fn origin(&self, key: &str) -> ValueOrigin {
        self.effective
            .iter()
            .find(|known| known.name.path == key)
            .map_or(ValueOrigin::Default, |known| known.origin.clone())
    }
}
