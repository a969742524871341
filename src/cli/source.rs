//! Reads what the configuration is made of: the file, the environment, the machine's cores.

use std::io;
use std::num::NonZeroUsize;
use std::path::Path;
use std::thread;

use anyhow::Context as _;

use super::arguments::SettingsSource;
use super::bounded_file::read_file;
use crate::config::{ConfigSources, FileText};

/// The text of a file.
fn read_text(path: &Path) -> io::Result<String> {
    String::from_utf8(read_file(path)?).map_err(|_| io::Error::other("it is no text in UTF-8"))
}

/// Everything that the settings depend on, unchecked.
pub(super) fn read(source: &SettingsSource) -> anyhow::Result<ConfigSources> {
    let file = match &source.file {
        None => None,
        Some(path) => {
            let text = read_text(path).with_context(|| format!("cannot read {}", path.display()))?;
            Some(FileText { path: path.clone(), text })
        }
    };
    let variables = std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .collect();
    let cores = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    Ok(ConfigSources { file, variables, flags: source.flags.clone(), cores })
}
