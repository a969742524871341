//! What the relay notes that is no transition: strangers, failures, refusals. Counted, and logged where it helps.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tracing::Level;

use super::ProxyTelemetry;
use crate::ids::ServerId;
use crate::lock::lock;
use crate::observe::WallClock;
use crate::session::event::MovedCodeLocation;
use crate::session::own_pause::{AddedPause, OwnPause};
use crate::session::verdict::{Confidence, Evidence};
use crate::time::Timestamp;
use crate::wire::first_frame::ConnectionOpening;
use crate::wire::{DecodeFault, OpCode};

/// Shorter pauses of zoogate's own are no reason for a warning: a busy machine makes them.
const PAUSE_WARNED: Duration = Duration::from_secs(1);

impl ProxyTelemetry {
    /// A conversation can no longer be read.
    pub fn note_fault(&self, server: ServerId, client: SocketAddr, fault: DecodeFault) {
        self.events().fault(fault);
        let server = self.server_name(server);
        if self.is_first(fault.label()) {
            tracing::warn!(%client, server, %fault, "frames cannot be decoded; forwarded undecoded (more of them at level debug)");
        } else {
            tracing::debug!(%client, server, %fault, "frames cannot be decoded; forwarded undecoded");
        }
    }

    /// A multi holds an operation of no known layout: the rest of its frame is not read.
    pub fn note_unknown_part(&self, server: ServerId, client: SocketAddr, op: OpCode) {
        self.events().unknown_part();
        let (server, operation) = (self.server_name(server), op.0);
        if self.is_first("unknown_sub_operation") {
            tracing::warn!(%client, server, operation, "a multi contains an unknown operation; the rest of it is not decoded (more of them at level debug)");
        } else {
            tracing::debug!(%client, server, operation, "a multi contains an unknown operation; the rest of it is not decoded");
        }
    }

    /// A client and its server have agreed to compress what they say.
    pub fn note_compressed(&self, server: ServerId, client: SocketAddr) {
        self.events().compressed();
        let server = self.server_name(server);
        if self.is_first("compression") {
            tracing::info!(%client, server, "compressed (ClickHouse's use_compression): sessions are followed, operations are not (more of them at level debug)");
        } else {
            tracing::debug!(%client, server, "compressed: the session is followed, its operations are not");
        }
    }

    /// A server has refused a session in words, as it did many times at this moment: counted, and not judged.
    pub fn note_further_refusal(&self, server: ServerId, form: MovedCodeLocation) {
        let evidence = match form {
            MovedCodeLocation::Header => Evidence::Reply,
            MovedCodeLocation::Multi => Evidence::Multi,
        };
        self.events().session_moved(server, evidence, Confidence::Certain);
    }

    /// A client speaks something that is relayed unseen.
    pub fn note_opening(&self, server: ServerId, client: SocketAddr, opening: ConnectionOpening) {
        let server = self.server_name(server);
        match opening {
            ConnectionOpening::Word(word) => {
                self.events().word(word);
                tracing::debug!(%client, server, word, "four-letter word");
            }
            ConnectionOpening::Foreign(foreign) => {
                self.events().foreign(foreign);
                let protocol = foreign.label();
                if self.is_first(protocol) {
                    tracing::warn!(%client, server, protocol, "not plain ZooKeeper; forwarded undecoded (more of them at level debug)");
                } else {
                    tracing::debug!(%client, server, protocol, "not plain ZooKeeper; forwarded undecoded");
                }
            }
            ConnectionOpening::Handshake { .. } | ConnectionOpening::Unreadable(_) => {}
        }
    }

    fn is_first(&self, kind: &'static str) -> bool {
        let mut named = lock(&self.named);
        let first = !named.contains(&kind);
        if first {
            named.push(kind);
        }
        first
    }

    /// A server could not be connected to. A reason that the metric does not have is counted as `other`.
    pub fn note_connect_failure(&self, server: ServerId, why: &str) {
        self.events().connect_failed(server, why);
    }

    /// A client's first frame did not come: left_silent, left, deadline, failed.
    pub fn note_gate(&self, why: &str) {
        self.events().rejected(why);
    }

    /// A client was turned away because this many connections are open.
    pub fn note_rejected(&self, listener: SocketAddr, open: usize) {
        self.events().rejected("too_many");
        if let Some(suppressed) = self.log_throttle.pass("too_many") {
            tracing::warn!(%listener, open, suppressed, "connection limit reached; client connection closed");
        }
    }

    /// A client was turned away because this many connections of its address are open.
    pub fn note_address_rejected(&self, listener: SocketAddr, client: SocketAddr) {
        self.events().rejected("too_many_of_address");
        if let Some(suppressed) = self.log_throttle.pass("too_many_of_address") {
            tracing::warn!(%listener, %client, suppressed, "connection limit of one client address reached; client connection closed");
        }
    }

    /// A listener failed to do something. Whatever the listener, lines about one operation are spared together.
    pub fn note_listener_failure(&self, listener: SocketAddr, operation: &'static str, error: &std::io::Error) {
        self.events().listener_failed(operation, error);
        if let Some(suppressed) = self.log_throttle.pass_of("listener failure", operation, None) {
            tracing::warn!(%listener, operation, %error, suppressed, "listener failure");
        }
    }

    /// The kernel has put clients off because the queue of a listener was full: this many times since that was last
    /// asked. This many wait there now.
    pub fn note_put_off(&self, listener: SocketAddr, times: u64, waiting: u32) {
        self.exporter.put_off(&listener.to_string(), times);
        if times > 0
            && let Some(suppressed) = self.log_throttle.pass("put_off")
        {
            tracing::warn!(%listener, times, waiting, suppressed, "accept queue was full; the kernel dropped connection attempts");
        }
    }

    /// A signal came that does nothing.
    pub fn note_signal(&self, signal: &'static str) {
        let asks = signal == "SIGHUP";
        let level = if asks { Level::WARN } else { Level::INFO };
        let Some(suppressed) = self.log_throttle.pass_level(level, Some("signal"), signal, None) else { return };
        if asks {
            let note = "there is no reload yet: the configuration is read at the start";
            tracing::warn!(signal, suppressed, "{note}");
        } else {
            tracing::info!(signal, suppressed, "signal ignored");
        }
    }

    /// zoogate itself paused; `added` is what no other thread had reported.
    pub fn note_own_pause(&self, pause: OwnPause, added: AddedPause) {
        self.events().paused(added);
        let paused_ms = pause.lasted().as_millis() as u64;
        // Another thread has reported the same pause.
        if !added.is_new {
            return;
        }
        if pause.lasted() < PAUSE_WARNED {
            if let Some(suppressed) = self.log_throttle.pass_level(Level::INFO, None, "short_own_pause", None) {
                tracing::info!(paused_ms, suppressed, "zoogate itself paused for a moment");
            }
        } else if let Some(suppressed) = self.log_throttle.pass("own_pause") {
            tracing::warn!(paused_ms, suppressed, "zoogate itself paused; no server or client is blamed for that time");
        }
    }

    /// A request at the admin address had to wait for its turn.
    pub fn note_admin_throttled(&self) {
        self.events().admin_waited();
    }

    /// A stream at the admin address found no place.
    pub fn note_refused_stream(&self) {
        self.refused_streams.fetch_add(1, Ordering::Relaxed);
    }

    /// The admin address refused a request or a connection, for one of the reasons that the metric names.
    pub fn note_admin_refused(&self, reason: &'static str) {
        self.events().admin_refused(reason);
    }

    /// A collector did not take this many findings.
    pub fn note_unsent(&self, findings: u64) {
        self.events().otlp_unsent(findings);
    }

    /// The history could not be written.
    pub fn note_history_failure(&self) {
        self.events().history_failed();
    }

    /// The files of the history have this many bytes.
    pub fn note_history_size(&self, bytes: u64) {
        self.exporter.history_size(bytes);
    }

    /// Looks whether the machine's date was stepped. Nothing but the times that are shown depends on it.
    pub fn check_date(&self, now: Timestamp) {
        if let Some((stepped_ms, wall_clock)) = self.wall_clock().checked(now, &WallClock::start(now)) {
            self.wall_clock.store(Arc::new(wall_clock));
            self.events().clock_stepped();
            tracing::warn!(stepped_ms, "the machine's clock was stepped; later times are shown by the new clock");
        }
    }
}
