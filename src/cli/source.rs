//! Reads what the configuration is made of: the file, the environment, the machine's cores.

use std::fs;
use std::num::NonZeroUsize;
use std::thread;

use anyhow::Context as _;

use super::arguments::SettingsSource;
use crate::config::{FileText, Sources};

/// Everything that the settings depend on, unchecked.
pub(super) fn read(source: &SettingsSource) -> anyhow::Result<Sources> {
    let file = match &source.file {
        None => None,
        Some(path) => {
            let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            Some(FileText { path: path.clone(), text })
        }
    };
    let variables = std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .collect();
    let cores = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    Ok(Sources { file, variables, flags: source.flags.clone(), cores })
}
