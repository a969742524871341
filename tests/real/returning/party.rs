//! Clients that go the same way to the ensemble, and what came of them.

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::support::client::{Client, Kind};
use crate::support::ensemble::Ensemble;
use crate::support::gate::Gate;
use crate::support::java_like::{Diary, JavaLikeClient, Journey, Orders};
use crate::support::ports;
use crate::support::transactions::{Transaction, TransactionKind};
use crate::support::wait::{self, PATIENCE};

/// Every way to the ensemble that is compared.
pub(super) const WAYS: [Way; 4] = [Way::DirectOne, Way::DirectThree, Way::PooledOne, Way::PooledThree];

/// Answered writes on one connection after which a client counts as settled.
const SETTLED: usize = 3;

/// How clients reach the ensemble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// One server, and no other.
    DirectOne,
    /// All three servers.
    DirectThree,
    /// One pooled address.
    PooledOne,
    /// Three pooled addresses of one zoogate.
    PooledThree,
}

/// Who takes part.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guests {
    /// Sessions that come back.
    pub(super) returning: usize,
    /// Clients without a session, which ask for one in the same moment.
    pub(super) new: usize,
    /// The server that the sessions are on; `None` for wherever they are placed.
    pub(super) home: Option<usize>,
    /// The timeout that they ask for.
    pub(super) timeout_ms: i32,
    /// When the first one comes back.
    pub(super) first_pause: Duration,
    /// How much later each next one does.
    pub(super) pause_step: Duration,
    /// What zoogate is started with beside the usual.
    pub(super) options: &'static [&'static str],
}

/// Clients that go one way, with a zoogate of their own where that is on it.
#[derive(Debug)]
pub(super) struct Party {
    pub(super) way: Way,
    pub(super) gate: Option<Gate>,
    clients: Vec<JavaLikeClient>,
    newcomers: Vec<JavaLikeClient>,
    orders: Arc<Orders>,
    timeout_ms: i32,
    made_before: usize,
}

impl Party {
    /// Opens the sessions. Parties of one moment ask for timeouts that differ by some milliseconds, so that the servers'
    /// own records tell whose sessions are whose.
    pub(super) fn join(way: Way, ensemble: &Ensemble, guests: Guests, moment: usize) -> Self {
        let pooled: Vec<SocketAddr> = (0..3).map(|_| ports::loopback(ports::free())).collect();
        let gate = matches!(way, Way::PooledOne | Way::PooledThree).then(|| {
            let [second, third] = [1, 2].map(|index: usize| pooled[index].to_string());
            let further = ["--workers", "2", "--listen", &second, "--listen", &third];
            Gate::start_with(ensemble, &[&further, guests.options].concat())
        });
        let guests = Guests { timeout_ms: guests.timeout_ms + way as i32, ..guests };
        let mut party = Self {
            way,
            gate,
            clients: Vec::new(),
            newcomers: Vec::new(),
            orders: Arc::default(),
            timeout_ms: guests.timeout_ms,
            made_before: 0,
        };
        for number in 0..guests.returning {
            party.welcome(ensemble, &pooled, guests, moment, number);
        }
        for number in guests.returning..guests.returning + guests.new {
            let journey = Journey {
                addresses: party.addresses(ensemble, &pooled, party.home(ensemble, guests, number), guests),
                timeout_ms: guests.timeout_ms,
                path: format!("/{way:?}-{moment}-{number}"),
                first_pause: guests.first_pause + guests.pause_step * (number - guests.returning) as u32,
                write_every: Duration::from_millis(100),
            };
            party.newcomers.push(JavaLikeClient::newcomer(journey, &party.orders));
        }
        party.made_before = party.made(&ensemble.transactions(ensemble.leader()));
        party
    }

    fn welcome(&mut self, ensemble: &Ensemble, pooled: &[SocketAddr], guests: Guests, moment: usize, number: usize) {
        let home = self.home(ensemble, guests, number);
        let door = match &self.gate {
            None => ensemble.address(home),
            Some(gate) if guests.home.is_some() => gate.mirror(home),
            Some(gate) => gate.pooled(),
        };
        let journey = Journey {
            addresses: self.addresses(ensemble, pooled, home, guests),
            timeout_ms: guests.timeout_ms,
            path: format!("/{:?}-{moment}-{number}", self.way),
            first_pause: guests.first_pause + guests.pause_step * number as u32,
            write_every: Duration::from_millis(100),
        };
        let mut client = Client::create_session_with_timeout(door, guests.timeout_ms);
        assert_eq!(client.create(&journey.path, b"first", Kind::Ephemeral), 0);
        let (link, credentials) = client.into_parts();
        self.clients.push(JavaLikeClient::carry_on(journey, &self.orders, link, credentials));
    }

    /// Where a client without zoogate goes first.
    fn home(&self, ensemble: &Ensemble, guests: Guests, number: usize) -> usize {
        match (guests.home, self.way) {
            (Some(home), _) => home,
            (None, Way::DirectOne) => ensemble.followers()[0],
            (None, _) => number % 3,
        }
    }

    /// Beginning with the home where all are on one server, and behind it otherwise, as a Java client goes on.
    fn addresses(&self, ensemble: &Ensemble, pooled: &[SocketAddr], home: usize, guests: Guests) -> Vec<SocketAddr> {
        let first = home + usize::from(guests.home.is_none());
        let gate = self.gate.as_ref();
        match self.way {
            Way::DirectOne => vec![ensemble.address(home)],
            Way::DirectThree => (0..3).map(|step| ensemble.address((first + step) % 3)).collect(),
            Way::PooledOne => gate.iter().map(|gate| gate.pooled()).collect(),
            Way::PooledThree => {
                let mut all: Vec<SocketAddr> = gate.iter().map(|gate| gate.pooled()).collect();
                all.extend(&pooled[1..]);
                all
            }
        }
    }

    /// Every connection ends, and new sessions are asked for.
    pub(super) fn cut(&self) {
        self.orders.cut();
    }

    fn diaries(&self) -> Vec<Diary> {
        self.clients.iter().chain(&self.newcomers).map(JavaLikeClient::diary).collect()
    }

    /// Waits until every client writes again, or has lost its session.
    pub(super) fn wait_settled(&self) {
        let settled = |diary: &Diary| diary.expired || diary.answered >= SETTLED;
        let all = || self.diaries().iter().all(settled).then_some(());
        wait::until_or("every client to write again", PATIENCE, all, || self.stories());
    }

    fn made(&self, transactions: &[Transaction]) -> usize {
        transactions.iter().filter(|one| one.kind == TransactionKind::SessionMade(self.timeout_ms)).count()
    }

    /// What has come of them, by these transactions of the ensemble.
    pub(super) fn figures(&self, transactions: &[Transaction]) -> Figures {
        let diaries = self.diaries();
        let sessions: BTreeSet<i64> = diaries.iter().map(|diary| diary.session).collect();
        let refused = |one: &&Transaction| one.kind == TransactionKind::MovedRefusal && sessions.contains(&one.session);
        let sum = |count: fn(&Diary) -> usize| diaries.iter().map(count).sum();
        self.gate.iter().for_each(Gate::expect_all_judged);
        let reasons = self.gate.as_ref().map(Gate::reasons).unwrap_or_default();
        let own_patience = || diaries.iter().filter(|diary| diary.given_up == 0);
        Figures {
            way: self.way,
            claims: sum(|diary| diary.claims),
            turned_away: sum(|diary| diary.turned_away),
            given_up: sum(|diary| diary.given_up),
            new_claims: self.newcomers.iter().map(|client| client.diary().claims).sum(),
            sessions_made: self.made(transactions) - self.made_before,
            moved_refusals: transactions.iter().filter(refused).count(),
            first_writes_lost: sum(|diary| diary.first_writes_lost),
            later_writes_lost: sum(|diary| diary.later_writes_lost),
            idle_ends: sum(|diary| diary.idle_ends),
            silences: sum(|diary| diary.silences),
            sessions_lost: sum(|diary| usize::from(diary.expired)),
            late_claims: reasons.get("late_claim").copied().unwrap_or_default(),
            untold: own_patience().flat_map(|diary| &diary.lost_from).filter(|&&lost| !self.tells_of(lost)).count(),
        }
    }

    /// Whether zoogate calls the loss of this client's connection its own doing.
    fn tells_of(&self, client: SocketAddr) -> bool {
        let told = self.gate.as_ref().and_then(|gate| gate.tell_end(client));
        told.is_some_and(|told| told.contains("late_claim") || told.contains("zoogate caused this refusal"))
    }

    /// What every client whose way was not smooth has lived through, for a failing test to show.
    pub(super) fn stories(&self) -> String {
        let rough = |diary: &&Diary| diary.claims > 1 || diary.answered < SETTLED;
        let tell = |diary: &Diary| format!("0x{:x}\n  {}", diary.session, diary.story.join("\n  "));
        let stories: Vec<String> = self.diaries().iter().filter(rough).map(tell).collect();
        let ends = self.gate.as_ref().map(Gate::tell_ends).unwrap_or_default();
        format!("{:?}:\n{}\n{}", self.way, stories.join("\n"), ends.join("\n"))
    }
}

/// What came of a party.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figures {
    pub(super) way: Way,
    /// ConnectRequests that the clients sent.
    pub(super) claims: usize,
    /// Those that were ended without an answer.
    pub(super) turned_away: usize,
    /// Those that clients gave up.
    pub(super) given_up: usize,
    /// ConnectRequests for a new session.
    pub(super) new_claims: usize,
    /// Sessions that the ensemble made.
    pub(super) sessions_made: usize,
    /// Writes that the ensemble refused since the session had moved.
    pub(super) moved_refusals: usize,
    /// Connections lost under their first write.
    pub(super) first_writes_lost: usize,
    /// Connections lost under a later one.
    pub(super) later_writes_lost: usize,
    /// Connections lost while nothing was asked.
    pub(super) idle_ends: usize,
    /// Connections that clients gave up since they heard nothing.
    pub(super) silences: usize,
    /// Sessions that were over when their clients came back.
    pub(super) sessions_lost: usize,
    /// Connections that zoogate ended since a claim was carried out that it had left behind.
    pub(super) late_claims: usize,
    /// Connections lost under a write, of clients that had given no claim up themselves, of which zoogate does not say
    /// that this was its doing.
    pub(super) untold: usize,
}

impl Figures {
    /// Claims that led to nothing.
    pub(super) fn in_vain(&self) -> usize {
        self.turned_away + self.given_up
    }

    /// Writes that took their connection along. One that the ensemble refused when its connection was gone already
    /// hurts nobody.
    pub(super) fn writes_lost(&self) -> usize {
        self.first_writes_lost + self.later_writes_lost
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:11} claims {:2} turned away {:2} given up {:2} | asked for new {:2} made {:2} | moved refusals {:2} \
             first writes lost {:2} later {:2} idle {:2} silent {:2} | sessions lost {:2} | late_claim {:2} untold {:2}",
            format!("{:?}", self.way),
            self.claims,
            self.turned_away,
            self.given_up,
            self.new_claims,
            self.sessions_made,
            self.moved_refusals,
            self.first_writes_lost,
            self.later_writes_lost,
            self.idle_ends,
            self.silences,
            self.sessions_lost,
            self.late_claims,
            self.untold,
        )
    }
}

/// What is wrong with the figures of a play, gathered so that one run tells everything.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<String>);

impl Faults {
    /// Shows the figures of one scene and keeps what does not hold.
    pub(super) fn judge(&mut self, scene: &str, parties: &[Party], figures: &[Figures], rules: &[(&str, bool)]) {
        let lines: Vec<String> = figures.iter().map(Figures::to_string).collect();
        eprintln!("{scene}\n  {}", lines.join("\n  "));
        let broken: Vec<&str> = rules.iter().filter(|(_, holds)| !holds).map(|&(rule, _)| rule).collect();
        if !broken.is_empty() {
            let stories: Vec<String> = parties.iter().map(Party::stories).collect();
            eprintln!("{}", stories.join("\n"));
            self.0.push(format!("{scene}: not so: {}\n  {}", broken.join("; "), lines.join("\n  ")));
        }
    }

    /// Fails with everything that did not hold.
    pub(super) fn expect_none(&self) {
        assert!(self.0.is_empty(), "{}", self.0.join("\n"));
    }
}
