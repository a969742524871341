//! From keys to settings: every rule that holds between values stands here.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use super::address::{AdminAddress, ConnectString, ServerAddress};
use super::error::ValueProblem;
use super::keys::ConfigKeys;
use super::optional_path::OptionalPath;
use super::otlp_endpoint::OtlpEndpoint;
use super::own_listeners::OwnListeners;
use super::settings::{
    AdminSettings, ConnectionSettings, LedgerSettings, ListenerKind, ListenerSettings, LogSettings, MetricsSettings,
    OtlpSettings, ProbeSettings, Settings, SlowLogSettings, StateSettings,
};
use super::units::{ByteSize, Period};
use crate::ids::ServerId;

/// Server ids of an ensemble (`myid`) are 1 to 255.
const MOST_SERVERS: usize = 255;
/// Each worker listens on each address, with a descriptor of its own.
const MOST_LISTENERS: usize = 1_024;
/// More threads than any machine has cores.
const MOST_WORKERS: usize = 1_024;
/// A probe is a connection; more often than this it would be a load.
const SHORTEST_PROBE: Duration = Duration::from_millis(10);
/// Less could not hold a handshake.
const SMALLEST_BUFFER: usize = 4 << 10;
/// No read brings more, so that more is never held.
const LARGEST_BUFFER: usize = 64 << 10;
/// Only whole weeks are deleted, and the running one never.
const SHORTEST_KEEP: Duration = Duration::from_hours(24);
/// An eighth of it is kept free for what is written at once, which may be some MiB and as much again in the log beside it.
const SMALLEST_HISTORY: usize = 64 << 20;

/// A key and what is wrong with its value.
type KeyProblem = (&'static str, ValueProblem);

/// Checks the merged keys and turns them into settings. Keys without a source must hold their defaults.
pub(super) fn resolve(keys: &ConfigKeys) -> Result<Settings, KeyProblem> {
    let (servers, listeners) = servers_and_listeners(keys)?;
    let settings = Settings {
        chroot: keys.servers.as_ref().and_then(|servers| servers.chroot.clone()),
        servers,
        listeners,
        pin: set("pin", keys.pin)?,
        workers: workers(keys)?,
        busy_poll: set("busy_poll", keys.busy_poll)?,
        shutdown_grace: set("shutdown_grace", keys.shutdown_grace)?.0,
        jute_maxbuffer: size("jute_maxbuffer", keys.jute_maxbuffer, 1..=usize::MAX)?,
        admin: admin(keys)?,
        metrics: MetricsSettings { sessions: set("metrics.sessions", keys.metrics.sessions)? },
        ledger: LedgerSettings {
            sessions: at_least_one("ledger.sessions", keys.ledger.sessions)?,
            keep_ended: set("ledger.keep_ended", keys.ledger.keep_ended)?.0,
        },
        probe: ProbeSettings {
            interval: time("probe.interval", keys.probe.interval, SHORTEST_PROBE)?,
            timeout: time("probe.timeout", keys.probe.timeout, SHORTEST_PROBE)?,
            details: set("probe.details", keys.probe.details)?,
        },
        connections: ConnectionSettings {
            max: at_least_one("connections.max", keys.connections.max)?,
            per_address: NonZeroUsize::new(set("connections.per_address", keys.connections.per_address)?),
            first_frame: time("connections.first_frame", keys.connections.first_frame, SHORTEST_PROBE)?,
            buffer: size("connections.buffer", keys.connections.buffer, SMALLEST_BUFFER..=LARGEST_BUFFER)?,
        },
        slow_log: SlowLogSettings {
            read: threshold("slow_log.read", keys.slow_log.read)?,
            write: threshold("slow_log.write", keys.slow_log.write)?,
        },
        tap_data: set("tap.data", keys.tap.data)?,
        state: state(keys)?,
        otlp: otlp(keys)?,
        log: LogSettings { format: set("log.format", keys.log.format)?, level: set("log.level", keys.log.level)? },
    };
    distinct_addresses(&settings)?;
    not_itself(keys, &settings)?;
    Ok(settings)
}

fn workers(keys: &ConfigKeys) -> Result<NonZeroUsize, KeyProblem> {
    let workers = at_least_one("workers", keys.workers)?;
    if workers.get() > MOST_WORKERS {
        return Err(("workers", ValueProblem::TooMany { given: workers.get(), most: MOST_WORKERS }));
    }
    Ok(workers)
}

/// The ensemble, with mirrored servers that it does not name added, and the listeners in the order given.
fn servers_and_listeners(keys: &ConfigKeys) -> Result<(Vec<ServerAddress>, Vec<ListenerSettings>), KeyProblem> {
    let mut servers = keys.servers.as_ref().map(|ConnectString { servers, .. }| servers.clone()).unwrap_or_default();
    let mut listeners = Vec::new();
    if let Some(given) = keys.listen.as_ref().map(Vec::len).filter(|given| *given > MOST_LISTENERS) {
        return Err(("listen", ValueProblem::TooMany { given, most: MOST_LISTENERS }));
    }
    for listen in keys.listen.iter().flatten() {
        let kind = match &listen.server {
            None => ListenerKind::Pooled,
            Some(server) => ListenerKind::Mirror(place_of(server, &mut servers)?),
        };
        listeners.push(ListenerSettings { address: listen.address, kind });
    }
    if servers.is_empty() {
        return Err(("servers", ValueProblem::NoServer));
    }
    if servers.len() > MOST_SERVERS {
        return Err(("servers", ValueProblem::TooManyServers { count: servers.len(), most: MOST_SERVERS }));
    }
    if let Some(first) = keys.mirror {
        listeners.extend(mirrors(first.0, servers.len())?);
    }
    if listeners.is_empty() {
        return Err(("listen", ValueProblem::NoListener));
    }
    Ok((servers, listeners))
}

/// The place of `server` in the list, at whose end it is put when it is new.
fn place_of(server: &ServerAddress, servers: &mut Vec<ServerAddress>) -> Result<ServerId, KeyProblem> {
    let place = servers.iter().position(|known| known == server).unwrap_or_else(|| {
        servers.push(server.clone());
        servers.len() - 1
    });
    u16::try_from(place)
        .map(ServerId)
        .map_err(|_| ("listen", ValueProblem::TooManyServers { count: servers.len(), most: MOST_SERVERS }))
}

/// One mirror for each of the first `servers` servers, on consecutive ports; port 0 stays 0.
fn mirrors(first: SocketAddr, servers: usize) -> Result<Vec<ListenerSettings>, KeyProblem> {
    let wrong = || ("mirror", ValueProblem::MirrorPorts { first: first.port(), servers });
    (0..servers)
        .map(|place| {
            let place = u16::try_from(place).map_err(|_| wrong())?;
            // For port 0 the kernel chooses each port: counting on from it would ask for unrelated ports.
            let port = if first.port() == 0 { Some(0) } else { first.port().checked_add(place) };
            let address = SocketAddr::new(first.ip(), port.ok_or_else(wrong)?);
            Ok(ListenerSettings { address, kind: ListenerKind::Mirror(ServerId(place)) })
        })
        .collect()
}

fn admin(keys: &ConfigKeys) -> Result<Option<AdminSettings>, KeyProblem> {
    let allow_remote = set("admin.allow_remote", keys.admin.allow_remote)?;
    let path = |path: &Option<OptionalPath>| path.as_ref().and_then(OptionalPath::path).map(Path::to_owned);
    let settings = AdminSettings {
        address: match set("admin.address", keys.admin.address)? {
            AdminAddress::Off => None,
            AdminAddress::At(address) => Some(address),
        },
        token_file: path(&keys.admin.token_file),
        read_token_file: path(&keys.admin.read_token_file),
        socket: path(&keys.admin.socket),
    };
    if let Some(address) = settings.address.filter(|address| !address.ip().is_loopback()) {
        if !allow_remote {
            return Err(("admin.address", ValueProblem::RemoteAdmin { address }));
        }
        if settings.token_file.is_none() {
            return Err(("admin.token_file", ValueProblem::RemoteAdminWithoutToken { address }));
        }
    }
    if settings.read_token_file.is_some() && settings.token_file.is_none() {
        return Err(("admin.read_token_file", ValueProblem::ReadTokenAlone));
    }
    Ok((settings.address.is_some() || settings.socket.is_some()).then_some(settings))
}

fn state(keys: &ConfigKeys) -> Result<Option<StateSettings>, KeyProblem> {
    let keep = time("state.keep", keys.state.keep, SHORTEST_KEEP)?;
    let max_size = size("state.max_size", keys.state.max_size, SMALLEST_HISTORY..=usize::MAX)? as u64;
    match keys.state.dir.clone() {
        Some(OptionalPath::At(dir)) => Ok(Some(StateSettings { dir, keep, max_size })),
        Some(OptionalPath::Off) => Ok(None),
        None => Err(("state.dir", ValueProblem::Unreadable("has no value".to_owned()))),
    }
}

fn otlp(keys: &ConfigKeys) -> Result<Option<OtlpSettings>, KeyProblem> {
    let interval = time("otlp.interval", keys.otlp.interval, Duration::from_secs(1))?;
    match keys.otlp.endpoint.clone() {
        Some(OtlpEndpoint::At(endpoint)) => Ok(Some(OtlpSettings { endpoint, interval })),
        Some(OtlpEndpoint::Off) => Ok(None),
        None => Err(("otlp.endpoint", ValueProblem::Unreadable("has no value".to_owned()))),
    }
}

/// No address may be bound twice, the admin address's included. Port 0 is another one each time.
fn distinct_addresses(settings: &Settings) -> Result<(), KeyProblem> {
    let mut taken = BTreeSet::new();
    let listeners = settings.listeners.iter().map(|listener| ("listen", listener.address));
    let admin = settings.admin.iter().filter_map(|admin| Some(("admin.address", admin.address?)));
    for (key, address) in listeners.chain(admin) {
        // Port 0 is a different port each time, so it cannot collide.
        if address.port() != 0 && !taken.insert(address) {
            return Err((key, ValueProblem::SameAddress { address }));
        }
    }
    Ok(())
}

/// No server may be one of the listeners, as far as the configuration alone shows it. What a name stands for, and
/// which addresses this machine has, is looked up by the user of the settings.
fn not_itself(keys: &ConfigKeys, settings: &Settings) -> Result<(), KeyProblem> {
    let own = OwnListeners::of(&settings.listeners);
    for server in &settings.servers {
        // A name may resolve to something else tomorrow; it is checked when it is used.
        let Ok(ip) = server.host.parse::<IpAddr>() else { continue };
        if let Some(listener) = own.reached_at(SocketAddr::new(ip, server.port), |_| false) {
            let named = keys.servers.as_ref().is_some_and(|named| named.servers.contains(server));
            let key = if named { "servers" } else { "listen" };
            return Err((key, ValueProblem::OwnListener { server: server.clone(), listener }));
        }
    }
    Ok(())
}

fn set<T: Copy>(key: &'static str, value: Option<T>) -> Result<T, KeyProblem> {
    value.ok_or_else(|| (key, ValueProblem::Unreadable("has no value".to_owned())))
}

fn at_least_one(key: &'static str, value: Option<usize>) -> Result<NonZeroUsize, KeyProblem> {
    let given = set(key, value)?;
    NonZeroUsize::new(given).ok_or((key, ValueProblem::TooFew { given, least: 1 }))
}

fn time(key: &'static str, value: Option<Period>, least: Duration) -> Result<Duration, KeyProblem> {
    let given = set(key, value)?;
    if given.0 < least { Err((key, ValueProblem::TooShort { given, least: Period(least) })) } else { Ok(given.0) }
}

/// A time, or none where it is zero.
fn threshold(key: &'static str, value: Option<Period>) -> Result<Option<Duration>, KeyProblem> {
    Ok(Some(set(key, value)?.0).filter(|threshold| !threshold.is_zero()))
}

fn size(key: &'static str, value: Option<ByteSize>, allowed: RangeInclusive<usize>) -> Result<usize, KeyProblem> {
    let given = set(key, value)?;
    let (least, most) = (ByteSize(*allowed.start()), ByteSize(*allowed.end()));
    match given {
        given if given < least => Err((key, ValueProblem::TooSmall { given, least })),
        given if given > most => Err((key, ValueProblem::TooLarge { given, most })),
        given => Ok(given.0),
    }
}
