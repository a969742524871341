//! `zoogate doctor`: what is wrong with a network, an ensemble and a client's settings, and what to change.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::bounded_file::{read_file, read_whole};
use super::doctor_options::DoctorOptions;
use super::doctor_running::ask_running;
use super::{CommandOutcome, doctor_page};
use crate::config::{Period, ServerAddress};
use crate::doctor::{
    self, ClientSettings, ConnectReading, DoctorEvidence, DoctorFinding, DoctorReport, KafkaSettings,
    RunningMeasurement, RunningServer,
};
use crate::measure;
use crate::text;

/// Longest time of measuring.
const LONGEST: Duration = Duration::from_hours(1);

pub(super) fn doctor(options: &DoctorOptions, out: &mut dyn Write) -> anyhow::Result<CommandOutcome> {
    // First what can fail at once: nobody waits for measurements that lead nowhere.
    let mut running = options.admin.clone().map(|admin| ask_running(admin, options)).transpose()?;
    let (client, read_findings) = client_settings(options)?;
    let connect = client.as_ref().and_then(|client| client.connect.as_ref());
    let of_client = connect.map(|connect| connect.addresses.clone()).unwrap_or_default();
    let servers = servers(options, running.as_ref(), &of_client)?;
    if servers.is_empty() && client.is_none() {
        bail!("there is nothing to look at: give --servers, --kafka, --connect or --admin");
    }
    if servers.len() > measure::MOST_SERVERS {
        bail!("{} servers are too many: {} at most", servers.len(), measure::MOST_SERVERS);
    }
    // What clients connect to beside the servers, such as zoogate itself.
    let mut others: Vec<ServerAddress> = of_client.into_iter().filter(|address| !servers.contains(address)).collect();
    others.dedup();
    others.truncate(measure::MOST_SERVERS);
    let all: Vec<ServerAddress> = servers.iter().chain(&others).cloned().collect();
    let mut measured = measure::measure(&all, options.time.0.min(LONGEST)).context("cannot measure")?;
    let entries = measured.split_off(servers.len());
    if let Some(running) = &mut running {
        look_up_others(running, &servers)?;
    }
    let evidence =
        DoctorEvidence { servers: measured, entries, client, read_findings, clients: options.clients, running };
    let findings = doctor::judge(&evidence);
    let all: Vec<_> = evidence.servers.iter().chain(&evidence.entries).cloned().collect();
    let report = DoctorReport::of(&all, &findings);
    if options.json {
        writeln!(out, "{}", text::json(&serde_json::to_string_pretty(&report)?))?;
    } else {
        doctor_page::print(&report, &findings, out)?;
    }
    let is_fine = !findings.iter().any(|finding| finding.mark().counts());
    Ok(if is_fine { CommandOutcome::Success } else { CommandOutcome::Negative })
}

/// The servers that are given, or those of a running zoogate, or those of the client.
fn servers(
    options: &DoctorOptions,
    running: Option<&RunningMeasurement>,
    of_client: &[ServerAddress],
) -> anyhow::Result<Vec<ServerAddress>> {
    if let Some(servers) = &options.servers {
        return Ok(servers.servers.clone());
    }
    let Some(running) = running else {
        let mut servers: Vec<ServerAddress> = Vec::new();
        servers.extend(
            of_client
                .iter()
                .enumerate()
                .filter(|(at, one)| !of_client[..*at].contains(one))
                .map(|(_, one)| one.clone()),
        );
        return Ok(servers);
    };
    let parsed = running.servers.iter().map(|server| server.server.parse());
    parsed.collect::<Result<_, _>>().context("the servers of the running zoogate cannot be read")
}

/// The client's settings, and what reading them showed; None where nothing was said of a client.
fn client_settings(options: &DoctorOptions) -> anyhow::Result<(Option<ClientSettings>, Vec<DoctorFinding>)> {
    let millis = |period: Period| u64::try_from(period.0.as_millis()).unwrap_or(u64::MAX);
    let (mut client, findings) = match options.kafka.as_deref() {
        Some(from) => {
            let (client, findings) = KafkaSettings::read(&kafka_entries(from)?, options.kafka_opts.as_deref());
            (client, findings)
        }
        None => (ClientSettings::default(), Vec::new()),
    };
    let is_told = options.kafka.is_some()
        || options.connect.is_some()
        || options.session_timeout.is_some()
        || options.connection_timeout.is_some()
        || options.max_buffer.is_some();
    if !is_told {
        return Ok((None, findings));
    }
    // What is said on the command line holds before what a file says.
    if let Some(connect) = &options.connect {
        client.connect = Some(ConnectReading::of(connect));
    } else if let Some(servers) = options.servers.as_ref().filter(|_| options.kafka.is_none()) {
        client.connect = Some(ConnectReading::of(&servers.to_string()));
    }
    client.session_timeout_ms = options.session_timeout.map(millis).or(client.session_timeout_ms);
    client.connection_timeout_ms = options.connection_timeout.map(millis).or(client.connection_timeout_ms);
    client.max_buffer = options.max_buffer.map(|size| size.0 as u64).or(client.max_buffer);
    Ok((Some(client), findings))
}

/// A broker's settings: from a file, from standard input, or from variables.
fn kafka_entries(from: &str) -> anyhow::Result<Vec<doctor::SettingEntry>> {
    let bytes = match from {
        "env" => {
            let variables: Vec<_> = std::env::vars_os()
                .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
                .collect();
            return Ok(doctor::of_variables(&variables));
        }
        // Whoever pipes into a command may take their time.
        "-" => read_whole(io::stdin()).context("cannot read standard input")?,
        path => read_file(Path::new(path)).with_context(|| format!("cannot read {path}"))?,
    };
    doctor::of_properties(&bytes).with_context(|| format!("{from} is no file of properties"))
}

/// Looks up names that a running zoogate has and that were not given: they may be other names of the same servers.
fn look_up_others(running: &mut RunningMeasurement, given: &[ServerAddress]) -> anyhow::Result<()> {
    let is_other = |name: &ServerAddress| !given.contains(name);
    let (mut others, mut names): (Vec<&mut RunningServer>, Vec<ServerAddress>) = (Vec::new(), Vec::new());
    for server in &mut running.servers {
        if let Some(name) = server.server.parse().ok().filter(is_other) {
            others.push(server);
            names.push(name);
        }
    }
    let found = measure::look_up_all(&names).context("cannot look up the servers of the running zoogate")?;
    for (server, addresses) in others.into_iter().zip(found) {
        server.addresses = addresses;
    }
    Ok(())
}
