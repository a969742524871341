//! `zoogate print-config`: the settings in force, and who set them.

use std::io::Write;

use super::arguments::SettingsSource;
use super::{CommandOutcome, source};
use crate::config;

pub(super) fn print_config(from: &SettingsSource, out: &mut dyn Write) -> anyhow::Result<CommandOutcome> {
    let loaded = config::load(&source::read(from)?)?;
    out.write_all(config::effective_toml(&loaded.effective).as_bytes())?;
    Ok(CommandOutcome::Success)
}
