//! The servers as rows.

use super::counter_rates::CounterRates;
use super::top_cell::TopCell;
use super::top_column::{HIDDEN, TopColumn};
use super::top_row::{RowInside, TopRow};
use crate::api::{EnsembleView, LatencySlotView, ServerView};

/// Where the state stands.
pub(super) const STATE: usize = 2;

pub(super) const COLUMNS: [TopColumn; 17] = [
    TopColumn::word("server", "SERVER", [16, 32], 0, "its address as configured"),
    TopColumn::word("role", "ROLE", [10, 10], 1, "leader, follower, observer or standalone"),
    TopColumn::word("state", "STATE", [12, 14], 1, "whether it serves, by probes and by traffic"),
    TopColumn::number("sessions", "SESS", 1, "sessions that are attached there now"),
    TopColumn::number("operations_per_second", "OPS/S", 0, "operations that it answered, a second"),
    TopColumn::number("errors_per_second", "ERR/S", 3, "answers with an error code, a second"),
    TopColumn::number("read_p50", "R P50", 5, "half of its reads took at most that long, in the last ten seconds"),
    TopColumn::number("read_p99", "R P99", 2, "99 % of its reads took at most that long, in the last ten seconds"),
    TopColumn::number("write_p50", "W P50", 4, "half of its writes took at most that long, in the last ten seconds"),
    TopColumn::number("write_p99", "W P99", 2, "99 % of its writes took at most that long, in the last ten seconds"),
    TopColumn::number("ping_usual", "PING", 3, "what a client's ping usually takes"),
    TopColumn::number("ping_last", "PING NOW", 6, "what a client's ping took last"),
    TopColumn::number("connections", "CONN", 6, "client connections that are open through zoogate"),
    TopColumn::number("bypassing", "BYPASS", 7, "connections that do not come through zoogate, by its own count"),
    TopColumn::number("behind", "BEHIND", 7, "transactions that it lacked when it was last compared"),
    TopColumn::word("since", "SINCE", [14, 14], 8, "since when its state is what it is"),
    TopColumn::word("last_zxid", "LAST ZXID", [18, 18], HIDDEN, "the newest transaction that it was seen to have"),
];

/// What is known of the servers beside their list.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct ServerSides {
    pub(super) ensemble: EnsembleView,
    pub(super) latency: Vec<LatencySlotView>,
    pub(super) operations: CounterRates,
    pub(super) errors: CounterRates,
}

impl ServerSides {
    /// Takes the counters of a list.
    pub(super) fn count(&mut self, at_ms: u64, servers: &[ServerView]) {
        self.operations.take(at_ms, &mut servers.iter().map(|one| (key(one), one.operations)));
        self.errors.take(at_ms, &mut servers.iter().map(|one| (key(one), one.errors)));
    }

    /// The newest slot of a class at a server. A server that nobody asked anything has none in the newest slots.
    fn slot(&self, server: &str, class: &str) -> Option<&LatencySlotView> {
        // Slots of ten seconds end for all servers together.
        let newest = self.latency.iter().filter_map(|slot| slot.at.at_ms).max();
        let fits = |slot: &&LatencySlotView| {
            slot.at.at_ms == newest
                && slot.class == class
                && slot.server.server.as_deref() == Some(server)
                && slot.count > 0
        };
        self.latency.iter().rev().find(fits)
    }
}

fn key(server: &ServerView) -> String {
    server.server.server.clone().unwrap_or_default()
}

/// A row for each of these servers, in configured order.
pub(super) fn server_rows(servers: &[&ServerView], sides: &ServerSides) -> Vec<TopRow> {
    servers.iter().map(|one| server_row(one, sides)).collect()
}

fn server_row(one: &ServerView, sides: &ServerSides) -> TopRow {
    let key = key(one);
    let watched = sides.ensemble.servers.iter().find(|watched| watched.server == one.server);
    let ping = watched.map(|watched| &watched.ping_ms);
    let millis = |value: Option<f64>| TopCell::micros(value.map(|millis| millis * 1_000.0));
    let latency = |class, of: fn(&LatencySlotView) -> u32| {
        TopCell::micros(sides.slot(&key, class).map(|slot| f64::from(of(slot))))
    };
    let cells = vec![
        TopCell::text(&key),
        TopCell::text(&one.role),
        TopCell::text(&one.state),
        TopCell::count(one.sessions as u64),
        TopCell::rate(sides.operations.rate(&key)),
        TopCell::rate(sides.errors.rate(&key)),
        latency("read", |slot| slot.p50_us),
        latency("read", |slot| slot.p99_us),
        latency("write", |slot| slot.p50_us),
        latency("write", |slot| slot.p99_us),
        millis(ping.and_then(|ping| ping.usual)),
        millis(ping.and_then(|ping| ping.last)),
        TopCell::count(one.connections.into()),
        TopCell::maybe_count(watched.and_then(|watched| watched.bypassing)),
        TopCell::maybe_count(watched.and_then(|watched| watched.behind)),
        TopCell::moment(one.since.since.as_deref(), one.since.since_ms),
        TopCell::maybe(one.last_zxid.as_deref()),
    ];
    TopRow { inside: Some(RowInside::Ensemble), ..TopRow::new(key, cells) }
}
