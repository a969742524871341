//! `zoogate print-config`: the settings in force, and who set them.

use std::io::Write;

use super::arguments::SettingsSource;
use super::{Finding, source};
use crate::config;

pub(super) fn print_config(from: &SettingsSource, out: &mut dyn Write) -> anyhow::Result<Finding> {
    let loaded = config::load(&source::read(from)?)?;
    out.write_all(config::effective_toml(&loaded.effective).as_bytes())?;
    Ok(Finding::Good)
}
