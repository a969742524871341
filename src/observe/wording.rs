//! Facts in words: one clause for each, for the log and for people who read lists.

mod ensemble;
mod incident;
mod moves;
mod phrases;
mod risk;
mod watch;

use crate::ids::ServerId;
use crate::session::connection_end::{CloseKind, UnansweredRequest};
use crate::session::fact::{
    ClaimAnswer, ClaimFact, ClientFact, EnsembleFact, Fact, ProxyFact, ServerFact, SessionFact,
};
use crate::session::probe_result::ServerHealth;
use crate::time::Timestamp;

pub use ensemble::EnsembleWording;
pub use incident::incident_summary;
use phrases::{disconnected, full, in_flight, ms, recognised, refused, relative, request, unknown_version, words};
pub use risk::risk_summary;

/// The words for the facts about one server's connection.
#[derive(Clone, Copy, Debug)]
pub struct FactWording<'a> {
    /// Addresses by [`ServerId`].
    servers: &'a [String],
    server: ServerId,
    ended_at: Timestamp,
}

impl<'a> FactWording<'a> {
    /// For a connection to this server, one of those with these addresses, which ended at that moment.
    pub fn new(servers: &'a [String], server: ServerId, ended_at: Timestamp) -> Self {
        Self { servers, server, ended_at }
    }

    /// All facts in one sentence.
    pub fn sentence(&self, facts: &[Fact]) -> String {
        self.clauses(facts).join("; ")
    }

    /// One clause for each fact.
    pub fn clauses(&self, facts: &[Fact]) -> Vec<String> {
        facts.iter().map(|fact| self.clause(fact)).collect()
    }

    fn clause(&self, fact: &Fact) -> String {
        match fact {
            Fact::Proxy(fact) => self.of_proxy(fact),
            Fact::Claim(fact) => self.of_claim(fact),
            Fact::Session(fact) => self.of_session(fact),
            Fact::Client(fact) => self.of_client(fact),
            Fact::Server(fact) => self.of_server(fact),
            Fact::Ensemble(fact) => self.of_ensemble(fact),
            Fact::Move(fact) => self.of_move(fact),
            Fact::Watch(fact) => self.of_watch(fact),
            Fact::Outage(fact) => self.of_outage(fact),
        }
    }

    fn name(&self, server: ServerId) -> &'a str {
        self.servers.get(server.index()).map_or("unknown", String::as_str)
    }

    fn own(&self) -> &'a str {
        self.name(self.server)
    }

    fn asked(&self, one: Option<&UnansweredRequest>) -> Option<String> {
        one.map(|one| request(one, self.ended_at))
    }

    fn of_proxy(&self, fact: &ProxyFact) -> String {
        let own = self.own();
        match fact {
            ProxyFact::Stopping {} => "zoogate was shutting down".to_owned(),
            ProxyFact::PausedForClient { silence, paused, timeout } => format!(
                "the client gave up after a silence of {}, but zoogate itself was paused for {} of it; the session \
                 timeout is {}",
                ms(*silence),
                ms(*paused),
                ms(*timeout)
            ),
            ProxyFact::PausedForServer { paused, after, timeout } => format!(
                "server {own} closed {} after zoogate itself had been paused for {} and forwarded nothing; the session \
                 timeout is {}; what else happened in that pause was not seen",
                ms(*after),
                ms(*paused),
                ms(*timeout)
            ),
            ProxyFact::GaveUpServer { silence, health } => format!(
                "server {own} had sent nothing for {} while it owed a reply, and a probe found it {}: zoogate ended \
                 the connection so that the client can reach another server in time",
                ms(*silence),
                words(*health)
            ),
            ProxyFact::LateClaim {} => {
                "another server carried out a claim that zoogate had given up there: zoogate ended \
                this connection so that the client reconnects and owns its session again"
                    .to_owned()
            }
            ProxyFact::Superseded {} => format!(
                "the client came back with the session's password, so zoogate closed this older connection to server \
                 {own} before it sent the new claim"
            ),
            ProxyFact::Disconnected { point } => disconnected(*point).to_owned(),
            ProxyFact::GaveUpClaim { waited } => {
                format!("server {own} had not answered the claim after {}; it may still carry it out", ms(*waited))
            }
        }
    }

    fn of_claim(&self, fact: &ClaimFact) -> String {
        let own = self.own();
        match fact {
            ClaimFact::Refused { password } => refused(own, *password),
            ClaimFact::OwnPasswords {} => {
                "the servers create passwords by a rule of their own: zoogate cannot check this one".to_owned()
            }
            ClaimFact::StillCarried { connection, server } => {
                format!("connection {connection} at server {} still carries it", self.name(*server))
            }
            ClaimFact::ClosedBefore { at } => format!("its client had asked to close it {}", relative(*at)),
            ClaimFact::ServerSeen { waited, health } => {
                format!("the claim was not answered within {}, and server {own} was {}", ms(*waited), words(*health))
            }
            ClaimFact::ReadOnlyServer { accepted: true } => {
                format!("server {own} is read-only and serves only sessions that it created itself")
            }
            ClaimFact::ReadOnlyServer { accepted: false } => {
                format!("server {own} is read-only, and the client did not allow that")
            }
            ClaimFact::ClientLeft { waited } => {
                format!("the client left {} after its claim, before server {own} answered", ms(*waited))
            }
            ClaimFact::ClientGaveUp { waited } => {
                format!("the client gave up after server {own} had not answered its claim for {}", ms(*waited))
            }
            ClaimFact::Starting { probe_closed: true } => {
                format!("server {own} closed the claim and a probe without an answer: it is starting")
            }
            ClaimFact::Starting { probe_closed: false } => {
                format!("server {own} closed the claim without an answer: it was starting, and serves now")
            }
            ClaimFact::Behind { seen, shown, before: false } => {
                format!("the client had seen zxid {seen} and server {own} was at {shown}")
            }
            ClaimFact::Behind { seen, shown, before: true } => {
                format!("the client had seen zxid {seen}; server {own} was seen at {shown} before")
            }
            ClaimFact::Full { sign, waited } => format!(
                "server {own} closed the claim without an answer after {}, so it accepts no more connections: {}",
                ms(*waited),
                full(*sign)
            ),
            ClaimFact::Held { waited, reset: false } => format!(
                "server {own} held the claim for {} and closed it without an answer: a full server closes at once, so \
                 it was waiting for its leader",
                ms(*waited)
            ),
            ClaimFact::Held { waited, reset: true } => {
                format!("the connection to server {own} was reset {} after the claim, before an answer", ms(*waited))
            }
            ClaimFact::Unexplained {} => {
                format!("server {own} closed without answering the claim, and no probe came in time")
            }
        }
    }

    fn of_session(&self, fact: &SessionFact) -> String {
        let own = self.own();
        match fact {
            SessionFact::SessionClosing { at } => {
                format!(
                    "server {own} closed the claim without an answer: its client had closed the session \
                         {}",
                    relative(*at)
                )
            }
            SessionFact::SessionExpiring { server, at } => format!(
                "server {own} closed the claim without an answer because the session expired: server {} closed its \
                 silent connection {}",
                self.name(*server),
                relative(*at)
            ),
            SessionFact::Reattached { by, from, at, answer } => {
                let given = match answer {
                    ClaimAnswer::Given => "",
                    ClaimAnswer::Refused => " (and was refused)",
                    ClaimAnswer::None => " (not answered yet)",
                };
                format!(
                    "{by} claimed the same session at the same server {own} {}{given}: the server closes the older \
                     connection, that of {from}",
                    relative(*at)
                )
            }
            SessionFact::RefusedAt { server, at } if at.0 > 0 => format!(
                "server {} refused the session with timeout 0 when the client claimed it {}",
                self.name(*server),
                relative(*at)
            ),
            SessionFact::RefusedAt { server, at } => {
                format!("server {} had refused the session with timeout 0 {}", self.name(*server), relative(*at))
            }
            SessionFact::NotSeenAgain { bound } => format!("the session was not seen again within {}", ms(*bound)),
            SessionFact::CameBack { client, server, connection, at } => format!(
                "the session is not over: server {} gave the session to {client} {} (connection {connection})",
                self.name(*server),
                relative(*at)
            ),
            SessionFact::LivesOn { connection, server } => {
                format!("the session lives on at server {} (connection {connection})", self.name(*server))
            }
            SessionFact::ClosedThrough { at } => {
                format!("the session was closed through another connection {}", relative(*at))
            }
            SessionFact::SharedBy { client, other } => {
                format!("two clients use this session in turn: {client} and {other}")
            }
        }
    }

    fn of_client(&self, fact: &ClientFact) -> String {
        let own = self.own();
        match fact {
            ClientFact::AskedToClose { over: false } => "the client had asked to close its session".to_owned(),
            ClientFact::AskedToClose { over: true } => {
                "the client had asked to close its session, and the session is over".to_owned()
            }
            ClientFact::GaveUp { silence, timeout } => format!(
                "the client gave up: server {own} owed it a reply and had sent nothing for {} of its timeout of {}",
                ms(*silence),
                ms(*timeout)
            ),
            ClientFact::Recognised { profile, sign, patience, claim } => recognised(*profile, *sign, *patience, *claim),
            ClientFact::CrossedAnswer { silence, timeout, claim: false } => format!(
                "the client gave up just as server {own} answered again after {} of its timeout of {}",
                ms(*silence),
                ms(*timeout)
            ),
            ClientFact::CrossedAnswer { silence, timeout, claim: true } => format!(
                "the client gave up just as server {own} answered its claim after {}; the timeout is {}",
                ms(*silence),
                ms(*timeout)
            ),
            ClientFact::Silent { silence, timeout } => format!(
                "the client had sent nothing for {} before it left; with a timeout of {} it pings every {}",
                ms(*silence),
                ms(*timeout),
                ms(*timeout / 3)
            ),
            ClientFact::Ended { how: CloseKind::Fin } => {
                "the client closed its connection without closing its session".into()
            }
            ClientFact::Ended { how: CloseKind::Reset } => {
                "the client reset its connection without closing its session".into()
            }
            ClientFact::Ended { how: CloseKind::Timeout } => {
                "the connection to the client timed out, and it had not closed its session".into()
            }
            ClientFact::ClosedUnanswered { waited, gave_up: true } => {
                format!("the client gave up after {} and closed its session", ms(*waited))
            }
            ClientFact::ClosedUnanswered { waited, gave_up: false } => {
                format!("the client closed its session {} after it sent a request that got no reply", ms(*waited))
            }
            ClientFact::UnknownVersion { version, answered, wide_xids, compressed, traced } => {
                unknown_version(own, *version, *answered, [*wide_xids, *compressed, *traced])
            }
            ClientFact::LongReply { length, limit, request: asked, whole, after } => {
                let to = self.asked(asked.as_ref()).map_or_else(String::new, |asked| format!(" to {asked}"));
                let how = if *whole { "after" } else { "in the middle of" };
                format!(
                    "the client closed {how} a reply of {length} bytes{to}, longer than the {limit} bytes that a \
                     client accepts by default, {} after its first byte",
                    ms(*after)
                )
            }
        }
    }

    fn of_server(&self, fact: &ServerFact) -> String {
        let own = self.own();
        match fact {
            ServerFact::PathTimedOut { claim: false } => format!("the connection to server {own} timed out"),
            ServerFact::PathTimedOut { claim: true } => {
                format!("the connection to server {own} timed out before the claim was answered")
            }
            ServerFact::PathReset {} => format!("the connection to server {own} was reset"),
            ServerFact::ManyReset { connections, within } => {
                format!("{connections} connections to it were reset within {}", ms(*within))
            }
            ServerFact::ClosedAlone {} => format!("server {own} closed only this connection"),
            ServerFact::FatalReply { error } => format!("server {own} answered {error}, after which servers close"),
            ServerFact::KeeperStops { error } => {
                format!("server {own} answered {error}: this Keeper is shutting down or has no quorum")
            }
            ServerFact::RefusesToServe {} => {
                format!("server {own} answered the claim with version 42: it has no leader and serves no client")
            }
            ServerFact::LongRequest { length, limit } => format!(
                "server {own} closed at an unanswered request of {length} bytes; it is taken to accept {limit} bytes"
            ),
            ServerFact::ClosedSilent { silence, timeout } => format!(
                "server {own} closed after the client had sent nothing for {}; the timeout is {}",
                ms(*silence),
                ms(*timeout)
            ),
            ServerFact::InFlight { request, requests, pings } => {
                in_flight(self.asked(request.as_ref()), *requests, *pings)
            }
            ServerFact::Thawed { at } => format!(
                "server {own} did not answer a probe {}, and closed this connection when it came back",
                relative(*at)
            ),
        }
    }

    fn of_ensemble(&self, fact: &EnsembleFact) -> String {
        let own = self.own();
        match fact {
            EnsembleFact::Down { health, at } => {
                let seen = match health {
                    ServerHealth::NotServing => "reported that it was not serving",
                    ServerHealth::Refusing => "refused connections",
                    ServerHealth::Unresponsive => "accepted connections and did not answer",
                    _ => "could not be reached",
                };
                format!("server {own} {seen} when probed {} the end", relative(*at))
            }
            EnsembleFact::ClosedAll { connections, within } => {
                format!("server {own} closed all of its {connections} connections within {}", ms(*within))
            }
            EnsembleFact::NewEpoch { before, now } => {
                format!("a new leader was elected: epoch {before} became {now}")
            }
            EnsembleFact::NewLeader { server, before } => {
                format!("server {} leads now; server {} led before", self.name(*server), self.name(*before))
            }
            EnsembleFact::LeaderDown { server, health } => {
                format!("server {}, the leader, {}", self.name(*server), words(*health))
            }
            EnsembleFact::NoneServing {} => "no other server was serving".to_owned(),
            EnsembleFact::AllDropped {} => "all other servers dropped their connections too".to_owned(),
            EnsembleFact::OthersStand { connections: 1 } => {
                format!("server {own} went on serving: another connection to it stayed open")
            }
            EnsembleFact::OthersStand { connections } => {
                format!("server {own} went on serving: {connections} other connections to it stayed open")
            }
            EnsembleFact::Serves { after } => {
                format!("server {own} went on serving: it answered a probe {} later", ms(*after))
            }
            EnsembleFact::StoodThrough { after, closed } => format!(
                "server {own} went on serving: it answered a probe {} later on a connection from before, although \
                 {closed} of its connections ended together",
                ms(*after)
            ),
            EnsembleFact::ManyServers {} => {
                format!("the name {own} stands for several servers: which one this was is not known")
            }
            EnsembleFact::NobodyLooked {} => "missing: nothing shows whether the server went on serving".to_owned(),
        }
    }
}
