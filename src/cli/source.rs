//! Reads what the configuration is made of: the file, the environment, the machine's cores.

use std::fs::File;
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::path::Path;
use std::thread;

use anyhow::Context as _;

use super::arguments::SettingsSource;
use crate::config::{ConfigSources, FileText};

/// Longest file that is taken for a configuration, in bytes.
const LONGEST_FILE: u64 = 4 << 20;

/// All that can be read here, whatever it is: a device or a pipe may have no end.
pub(super) fn read_whole(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = from.take(LONGEST_FILE + 1).read_to_end(&mut bytes)?;
    if read as u64 > LONGEST_FILE {
        return Err(io::Error::other("it is longer than 4 MiB, which no configuration is"));
    }
    Ok(bytes)
}

/// The text of a file.
fn read_text(path: &Path) -> io::Result<String> {
    String::from_utf8(read_whole(File::open(path)?)?).map_err(|_| io::Error::other("it is no text in UTF-8"))
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
