//! Where a scenario is played: an ensemble, one zoogate in front of it, and clients that live on by themselves.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::account::ToldAccount;
use super::chance::SeededChance;
use super::combination::ClientWay;
use super::kazoo_holder::KazooHolder;
use super::truth::{FaultTruth, Judgement, RunJudgement};
use crate::support::client::{Client, Credentials, Kind};
use crate::support::ensemble::Ensemble;
use crate::support::fault_relay::FaultRelay;
use crate::support::gate::Gate;
use crate::support::java_like::{JavaLikeClient, Journey, Orders};
use crate::support::wait::{self, PATIENCE};

/// How long zoogate may take to come to the right answer when everything is over.
const SETTLES: Duration = Duration::from_secs(12);
/// How long an answer has to stand.
const STANDS: Duration = Duration::from_secs(1);

/// One run of a scenario.
#[derive(Debug)]
pub(super) struct FaultScene<'a> {
    // What goes first stands first: clients before zoogate, zoogate before what is behind it.
    residents: Vec<JavaLikeClient>,
    holders: Vec<KazooHolder>,
    kept: Vec<Client>,
    client_paths: Vec<FaultRelay>,
    gate: Gate,
    /// Between zoogate and each server, where that is wanted.
    server_paths: Vec<FaultRelay>,
    pub(super) ensemble: &'a mut Ensemble,
    pub(super) way: ClientWay,
    pub(super) chance: SeededChance,
    orders: Arc<Orders>,
    victims: Vec<String>,
    /// Whether zoogate was stopped: then only its log tells anything.
    stopped: bool,
    /// What the log of a zoogate told that was started anew since.
    earlier: ToldAccount,
}

impl<'a> FaultScene<'a> {
    /// Starts a zoogate, with relays between it and the servers where that is wanted, and waits until it knows them all.
    pub(super) fn open(ensemble: &'a mut Ensemble, way: ClientWay, chance: SeededChance, server_paths: bool) -> Self {
        let addresses = ensemble.addresses();
        let server_paths: Vec<FaultRelay> =
            addresses.iter().filter(|_| server_paths).map(|&server| FaultRelay::start(server)).collect();
        let gate = if server_paths.is_empty() {
            Gate::start(ensemble)
        } else {
            Gate::before(&server_paths.iter().map(FaultRelay::address).collect::<Vec<_>>())
        };
        wait::until_true("zoogate to know every server", PATIENCE, || {
            let servers = gate.json("/api/servers");
            let servers = servers["servers"].as_array().cloned().unwrap_or_default();
            let leads = servers.iter().any(|server| server["role"] == "leader");
            leads && servers.iter().all(|server| server["state"] == "serving")
        });
        Self {
            residents: Vec::new(),
            holders: Vec::new(),
            kept: Vec::new(),
            client_paths: Vec::new(),
            gate,
            server_paths,
            ensemble,
            way,
            chance,
            orders: Arc::default(),
            victims: Vec::new(),
            stopped: false,
            earlier: ToldAccount::default(),
        }
    }

    /// The zoogate.
    pub(super) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Asks zoogate to end, which it must do with success.
    pub(super) fn stop_gate(&mut self) {
        self.gate.end();
        self.stopped = true;
    }

    /// Asks zoogate to end, and starts it anew.
    pub(super) fn restart_gate(&mut self) {
        self.earlier = ToldAccount::of_log(&self.gate.restart());
    }

    /// The path from zoogate to a server.
    pub(super) fn server_path(&self, server: usize) -> &FaultRelay {
        &self.server_paths[server]
    }

    /// Either of the followers.
    pub(super) fn a_follower(&mut self) -> usize {
        let followers = self.ensemble.followers();
        followers[self.chance.below(2)]
    }

    /// Opens sessions on this server whose clients write, and come back by themselves.
    pub(super) fn settle_on(&mut self, server: usize, count: usize, timeout_ms: i32) {
        let addresses: Vec<SocketAddr> = match self.way {
            ClientWay::Pooled => vec![self.gate.pooled()],
            ClientWay::Mirrored => (0..3).map(|step| self.gate.mirror((server + step) % 3)).collect(),
        };
        for _ in 0..count {
            self.settle_at(self.gate.mirror(server), addresses.clone(), timeout_ms);
        }
    }

    /// The same, first at one address, and coming back through others.
    pub(super) fn settle_at(&mut self, door: SocketAddr, addresses: Vec<SocketAddr>, timeout_ms: i32) -> String {
        let mut client = Client::create_session_with_timeout(door, timeout_ms);
        let session = client.credentials().id();
        let journey = Journey {
            addresses,
            timeout_ms,
            path: format!("/resident-{session}"),
            first_pause: self.chance.millis(20..800),
            write_every: self.chance.millis(100..300),
        };
        assert_eq!(client.create(&journey.path, b"first", Kind::Ephemeral), 0);
        let (link, credentials) = client.into_parts();
        self.residents.push(JavaLikeClient::carry_on(journey, &self.orders, link, credentials));
        session
    }

    /// Opens sessions on every server, and lets them live for a while.
    pub(super) fn settle_everywhere(&mut self, each: usize, timeout_ms: i32) {
        for server in 0..3 {
            self.settle_on(server, each, timeout_ms);
        }
        self.live_on();
    }

    /// Lets a while pass in which nothing happens.
    pub(super) fn live_on(&mut self) {
        self.pause(1200..2500);
    }

    /// Lets a drawn time pass.
    pub(super) fn pause(&mut self, range: Range<u64>) {
        self.chance.pause(range);
    }

    /// A client that does nothing by itself.
    pub(super) fn client_on(&self, server: usize) -> Client {
        Client::create_session(self.gate.mirror(server))
    }

    /// A client stays until everything is told.
    pub(super) fn keep(&mut self, client: Client) {
        self.kept.push(client);
    }

    /// A client has waited long enough: it leaves without a word, and comes back at the next server.
    pub(super) fn give_up(&mut self, client: Client, server: usize) {
        let session = client.credentials();
        self.is_about_client(client.local_address());
        client.abandon();
        self.pause(50..400);
        let again = Client::attach(self.gate.mirror((server + 1) % 3), &session);
        self.keep(again);
    }

    /// A real client in a process of its own, which comes back the way of this scene.
    pub(super) fn holder(&mut self, timeout_s: u32) -> KazooHolder {
        let servers = match self.way {
            ClientWay::Pooled => self.gate.pooled().to_string(),
            ClientWay::Mirrored => self.gate.mirror_string(),
        };
        KazooHolder::start(&servers, timeout_s)
    }

    /// A holder stays until everything is told.
    pub(super) fn keep_holder(&mut self, holder: KazooHolder) {
        self.holders.push(holder);
    }

    /// Relays of clients stay until everything is told.
    pub(super) fn keep_relays(&mut self, relays: Vec<FaultRelay>) {
        self.client_paths.extend(relays);
    }

    /// The scenario is about this session.
    pub(super) fn is_about(&mut self, session: &Credentials) {
        self.victims.push(session.id());
    }

    /// The scenario is about the connection of this client.
    pub(super) fn is_about_client(&mut self, client: SocketAddr) {
        self.victims.push(client.to_string());
    }

    /// The scenario is about the session of this name.
    pub(super) fn is_about_session(&mut self, session: String) {
        self.victims.push(session);
    }

    /// Waits until every client that lives by itself writes again, or has lost its session.
    pub(super) fn wait_settled(&self) {
        let settled = |client: &JavaLikeClient| client.diary().expired || client.diary().answered >= 3;
        let all = || self.residents.iter().all(settled).then_some(());
        let told = || {
            let rough = self.residents.iter().map(JavaLikeClient::diary).filter(|diary| diary.answered < 3);
            rough.map(|diary| diary.story.join("\n")).collect::<Vec<_>>().join("\n\n")
        };
        wait::until_or("every client to write again", PATIENCE, all, told);
    }

    /// Ends every fault and hears what zoogate has to say, as soon as that is right, or when it has had its time.
    pub(super) fn hear(&mut self, truth: &FaultTruth) -> (RunJudgement, ToldAccount) {
        if self.stopped {
            let account = ToldAccount::of_log(&self.gate.log_text());
            return (truth.judge(&account), account);
        }
        self.ensemble.restore();
        self.server_paths.iter().for_each(FaultRelay::heal);
        self.wait_settled();
        self.gate.expect_all_judged();
        let over = Instant::now();
        loop {
            let judged = truth.judge(&self.read_account());
            if judged.judgement == Judgement::Right || over.elapsed() > SETTLES {
                break;
            }
            thread::sleep(Duration::from_millis(300));
        }
        thread::sleep(STANDS);
        let account = self.read_account();
        (truth.judge(&account), account)
    }

    fn read_account(&self) -> ToldAccount {
        ToldAccount::read(&self.gate, &self.victims).after(self.earlier.clone())
    }
}
