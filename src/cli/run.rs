//! `zoogate run`: carries traffic until it is told to stop.

use super::arguments::SettingsSource;
use super::{Finding, source};
use crate::config::{self, Settings};
use crate::proxy::Server;

pub(super) fn run(from: &SettingsSource) -> anyhow::Result<Finding> {
    let settings = config::load(&source::read(from)?)?.settings;
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    greet(&settings);
    Server::bind(settings)?.run()?;
    Ok(Finding::Good)
}

fn greet(settings: &Settings) {
    if let Some(chroot) = &settings.chroot {
        tracing::info!(chroot, "the chroot is the clients' business: it is part of the paths that they send");
    }
}
