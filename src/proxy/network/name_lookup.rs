//! Where a server's name leads to, asked anew for every connection.
//!
//! The system's resolver blocks a thread for as long as it pleases. So that a thousand clients who come at once
//! do not take a thousand threads, there is at most one look-up of a name at a time, and a caller that wants to know
//! meanwhile shares its answer. How long an answer holds is the resolver's business; only while it says nothing the last
//! answer is used for a while: one lost packet to a name server must not make a server unreachable for all.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use smallvec::SmallVec;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};
use tracing::Level;

use super::own_address::is_own_address;
use crate::config::{OwnListeners, ServerAddress};
use crate::ids::ServerId;
use crate::lock::lock;
use crate::observe::LogThrottle;

/// How long a resolver may take before its last answer is used.
pub(crate) const ANSWERS_WITHIN: Duration = Duration::from_millis(200);
/// How old an answer may be that is used while the resolver says nothing.
pub(crate) const LAST_ANSWER_HOLDS: Duration = Duration::from_mins(5);
/// Addresses of one name that are used, the first ones: a resolver may answer thousands.
pub(crate) const ADDRESSES_OF_NAME: usize = 16;

/// The addresses that a name stands for; most stand for one.
pub(super) type NameAddresses = SmallVec<[SocketAddr; 1]>;

/// The result of a look-up; None while it runs.
type LookupAnswer = Option<Result<NameAddresses, Arc<io::Error>>>;

/// A server's name.
#[derive(Debug)]
pub(in crate::proxy) struct ServerName {
    id: ServerId,
    server: ServerAddress,
    /// Where its host is an address and no name.
    address: Option<SocketAddr>,
    look_up: Mutex<watch::Receiver<LookupAnswer>>,
    /// What the resolver answered last, and until when that may be used.
    last: Mutex<Option<(NameAddresses, Instant)>>,
    own: Arc<OwnListeners>,
    /// Whether a listener of this proxy has its port: otherwise it cannot stand for one.
    may_be_own: bool,
    /// The listener of this proxy that the name stands for now.
    own_listener: Mutex<Option<SocketAddr>>,
    /// Whether the server was found to lead back here, by way of something else.
    leads_back: AtomicBool,
    log_throttle: Arc<LogThrottle>,
}

impl ServerName {
    /// A name that was not asked for yet. It must not stand for one of these listeners.
    pub(in crate::proxy) fn of(
        (id, server): (ServerId, ServerAddress),
        own: &Arc<OwnListeners>,
        log_throttle: &Arc<LogThrottle>,
    ) -> Self {
        let address = server.host.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, server.port));
        Self {
            may_be_own: own.has_port(server.port),
            id,
            server,
            address,
            look_up: Mutex::new(watch::Sender::new(None).subscribe()),
            last: Mutex::new(None),
            own: Arc::clone(own),
            own_listener: Mutex::new(None),
            leads_back: AtomicBool::new(false),
            log_throttle: Arc::clone(log_throttle),
        }
    }

    /// Takes the addresses that are listeners of this proxy out of those that the name stands for.
    pub(in crate::proxy) fn elsewhere(&self, mut addresses: NameAddresses) -> NameAddresses {
        if !self.may_be_own {
            return addresses;
        }
        let mut found = None;
        addresses.retain(|&mut address| {
            let listener = self.own.reached_at(address, is_own_address);
            found = found.or(listener);
            listener.is_none()
        });
        let mut known = lock(&self.own_listener);
        // A resolver may answer an address here and one elsewhere in turn: that is no line for each connection.
        if *known != found
            && let Some(listener) = found
            && let Some(suppressed) = self.log_throttle.pass_level(Level::ERROR, None, "own_listener", Some(self.id))
        {
            let server = &self.server;
            tracing::error!(%server, %listener, suppressed, "server is a listener of this zoogate: it is not used");
        }
        *known = found;
        addresses
    }

    /// The listener of this proxy that the name stood for when it was last looked up.
    pub(in crate::proxy) fn own_listener(&self) -> Option<SocketAddr> {
        *lock(&self.own_listener)
    }

    /// Whether the server was found to lead back to this proxy.
    pub(in crate::proxy) fn leads_back(&self) -> bool {
        self.leads_back.load(Ordering::Relaxed)
    }

    /// Sets whether it does, and returns what was known before.
    pub(in crate::proxy) fn set_leads_back(&self, does: bool) -> bool {
        self.leads_back.swap(does, Ordering::Relaxed)
    }

    /// The name itself.
    pub(in crate::proxy) fn server(&self) -> &ServerAddress {
        &self.server
    }

    /// The addresses that the name has now, or had a while ago if the resolver says nothing; at least one.
    ///
    /// # Errors
    /// The resolver's; [`io::ErrorKind::TimedOut`] when it did not answer before the deadline.
    pub(in crate::proxy) async fn addresses(&self, deadline: Instant) -> io::Result<NameAddresses> {
        if let Some(address) = self.address {
            return Ok(NameAddresses::from_elem(address, 1));
        }
        // Subscribed before waiting, so that an answer which comes in between is not missed.
        let mut look_up = self.look_up();
        let last = self.last();
        let within = if last.is_some() { deadline.min(Instant::now() + ANSWERS_WITHIN) } else { deadline };
        let answered = timeout_at(within, look_up.wait_for(Option::is_some)).await;
        let Ok(answer) = answered else { return last.ok_or_else(|| io::ErrorKind::TimedOut.into()) };
        match answer.ok().as_deref() {
            Some(Some(Ok(addresses))) if addresses.is_empty() => {
                Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"))
            }
            Some(Some(Ok(addresses))) => {
                *lock(&self.last) = Some((addresses.clone(), Instant::now() + LAST_ANSWER_HOLDS));
                Ok(addresses.clone())
            }
            Some(Some(Err(error))) => match last.filter(|_| is_for_a_moment(error)) {
                Some(addresses) => Ok(addresses),
                None => Err(io::Error::new(error.kind(), Arc::clone(error))),
            },
            // The thread was not run: the proxy is going down.
            Some(None) | None => Err(io::ErrorKind::Interrupted.into()),
        }
    }

    /// What the resolver answered last, unless that is too long ago.
    fn last(&self) -> Option<NameAddresses> {
        let last = lock(&self.last);
        last.as_ref().filter(|(_, until)| Instant::now() < *until).map(|(addresses, _)| addresses.clone())
    }

    /// The look-up that runs, or a new one.
    fn look_up(&self) -> watch::Receiver<LookupAnswer> {
        let mut look_up = lock(&self.look_up);
        // A look-up whose thread died has closed its channel: it counts as none, and the next caller starts another.
        let runs = look_up.borrow().is_none() && look_up.has_changed().is_ok();
        if !runs {
            let (sender, receiver) = watch::channel(None);
            let ServerAddress { host, port } = self.server.clone();
            // A thread of its own for each name at most: the resolver knows no deadline and cannot be cancelled.
            spawn_blocking(move || {
                let answer = few((host.as_str(), port).to_socket_addrs());
                // Nothing receives it any more when all callers have given up.
                let _ = sender.send(Some(answer));
            });
            *look_up = receiver;
        }
        look_up.clone()
    }
}

/// What a resolver has answered, with no more addresses than are used.
fn few(answered: io::Result<impl Iterator<Item = SocketAddr>>) -> Result<NameAddresses, Arc<io::Error>> {
    answered.map(|addresses| addresses.take(ADDRESSES_OF_NAME).collect()).map_err(Arc::new)
}

/// Whether the resolver did not find out, as opposed to a name that is not there (EAI_AGAIN, RFC 3493 §6.1, which the
/// standard library tells in the words of glibc or musl only).
fn is_for_a_moment(error: &io::Error) -> bool {
    let words = error.to_string();
    words.contains("Temporary failure") || words.contains("Try again")
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Builder;

    use super::*;
    use crate::config::{ListenerKind, ListenerSettings, LogFormat, LogLevel};
    use crate::observe::logs::logging::tests::written;

    fn name(server: &str) -> ServerName {
        ServerName::of((ServerId(0), server.parse().unwrap()), &Arc::default(), &Arc::default())
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_mins(1)
    }

    #[test]
    fn a_name_is_asked_again_once_its_last_answer_was_given() {
        let runtime = Builder::new_current_thread().max_blocking_threads(1).enable_all().build().unwrap();
        // The only thread for look-ups is taken until this is dropped.
        let (taken, free) = std::sync::mpsc::channel::<()>();
        runtime.spawn_blocking(move || free.recv());
        runtime.block_on(async {
            let name = name("localhost:2181");
            let first = name.look_up();
            assert!(name.look_up().same_channel(&first), "two look-ups of one name at once");
            drop(taken);
            assert!(name.addresses(soon()).await.unwrap().iter().all(|address| address.ip().is_loopback()));
            assert!(!name.look_up().same_channel(&first), "an old answer is given again");
        });
    }

    #[tokio::test]
    async fn a_look_up_that_will_never_end_is_not_waited_for() {
        let name = name("localhost:2181");
        drop(name.look_up.lock().unwrap().clone());
        assert!(name.addresses(soon()).await.is_ok(), "a look-up without a thread is taken for one that runs");
    }

    #[tokio::test]
    async fn the_last_answer_holds_while_the_resolver_says_nothing() {
        let name = name("localhost:2181");
        let known = name.addresses(soon()).await.unwrap();
        // A look-up that runs and is never answered.
        let (pending, receiver) = watch::channel(None);
        *name.look_up.lock().unwrap() = receiver;
        assert_eq!(name.addresses(soon()).await.unwrap(), known);
        let until = |moment| *name.last.lock().unwrap() = Some((known.clone(), moment));
        until(Instant::now());
        let too_old = name.addresses(Instant::now()).await;
        assert_eq!(too_old.unwrap_err().kind(), io::ErrorKind::TimedOut);
        until(soon());
        let failed = |words: &str| pending.send(Some(Err(Arc::new(io::Error::other(words.to_owned())))));
        for (words, holds) in [("Temporary failure in name resolution", true), ("Name or service not known", false)] {
            let mut look_up = pending.subscribe();
            look_up.mark_unchanged();
            *name.look_up.lock().unwrap() = look_up;
            pending.send(None).unwrap();
            let (answer, ()) = tokio::join!(name.addresses(soon()), async { failed(words).unwrap() });
            assert_eq!(answer.ok(), holds.then(|| known.clone()), "{words}");
        }
    }

    #[test]
    fn of_thousands_of_addresses_the_first_few_are_used() {
        let many = (0..5_000_u16).map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let used = few(Ok(many.clone())).unwrap();
        assert_eq!(used.as_slice(), many.take(ADDRESSES_OF_NAME).collect::<Vec<_>>());
    }

    #[test]
    fn a_name_that_leads_here_now_and_then_is_a_line_in_a_while() {
        let listener = ListenerSettings { address: "127.0.0.1:7".parse().unwrap(), kind: ListenerKind::Pooled };
        let (own, log_throttle) = (Arc::new(OwnListeners::of(&[listener])), Arc::<LogThrottle>::default());
        let server = |id| ServerName::of((ServerId(id), "zk:7".parse().unwrap()), &own, &log_throttle);
        let names = [0, 1].map(server);
        let at = |address: &str| NameAddresses::from_elem(address.parse().unwrap(), 1);
        let (here, elsewhere) = (at("127.0.0.1:7"), at("192.0.2.1:7"));
        let text = written(LogFormat::Text, LogLevel::Info, |_| {
            for _ in 0..50 {
                for name in &names {
                    assert!(name.elsewhere(here.clone()).is_empty());
                    assert_eq!(name.elsewhere(elsewhere.clone()), elsewhere);
                }
            }
        });
        assert_eq!(text.lines().count(), 2, "a line for each server\n{text}");
    }

    #[tokio::test]
    async fn failures_and_addresses_need_nobody_to_ask() {
        assert!(name("no-such-host.invalid:1").addresses(soon()).await.is_err());
        assert_eq!(name("[::1]:7").addresses(soon()).await.unwrap().as_slice(), ["[::1]:7".parse().unwrap()]);
    }
}
