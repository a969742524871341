//! What the ledger's words mean to whoever runs an ensemble, and what to look at when they turn up.

use super::verdict::{EndReason, Evidence};

impl EndReason {
    /// What happened, in one sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::SessionMoved => "the server refused the session because another server owns it by now",
            Self::ServerLeaving => "the server stopped serving: stopped, restarted, frozen, or parted from its leader",
            Self::LeaderLost => "the ensemble lost its leader, and every server dropped its clients",
            Self::SessionExpired => {
                "the session was over: dropped after a silence of its whole timeout, or refused when it came back"
            }
            Self::Closed => "the client closed its session",
            Self::ClosedElsewhere => "the session was closed through another connection",
            Self::ReattachedSameServer => {
                "the session was claimed again at the same server, which then closes the older connection"
            }
            Self::ConnectionCap => "the server takes no more connections from zoogate's address, or none at all",
            Self::NotServing => "the server was not serving when the session was claimed there",
            Self::LaggingServer => "the client had seen a zxid that the server had not reached, and was turned away",
            Self::OversizedFrame => "a request was longer than the server's jute.maxbuffer",
            Self::ReplyTooLarge => {
                "a reply was longer than the jute.maxbuffer of clients, and the client hung up at it"
            }
            Self::AuthFailed => "authentication failed, or was required and missing",
            Self::WrongPassword => "the claim's password did not belong to the session",
            Self::ClientReadTimeout => {
                "the client gave up on a server that had owed it an answer for two thirds of the timeout"
            }
            Self::OperationTimeout => {
                "the client closed its session because one operation was not answered, while its pings were"
            }
            Self::UnknownVersion => "the client asked for a version of the protocol that the server does not speak",
            Self::ClientSilent => "the client itself had been silent for longer than it pings",
            Self::ClientGone => "the client went away without closing its session",
            Self::ServerGone => "the path to the server broke: a reset or a timeout that nothing else explains",
            Self::ServerUnresponsive => {
                "zoogate gave the connection up: the server owed an answer and answered neither client nor probe"
            }
            Self::ProxyPaused => "zoogate itself stood still for so long that client or server gave up",
            Self::ProxyShutdown => "zoogate itself was being stopped",
            Self::LateClaim => {
                "a server carried out a claim late that zoogate had left behind there, and zoogate ended the connection \
                 so that the client owns its session again"
            }
            Self::Superseded => "the client came back on a newer connection, and zoogate closed this one",
            Self::Unknown => "nothing that was seen explains it",
        }
    }

    /// What to look at when it turns up more than now and then.
    pub fn advice(self) -> &'static str {
        match self {
            Self::SessionMoved => {
                "`zoogate session-moved` names the claim that took it: a client that came back while its old \
                 connection still wrote, a claim that a frozen server carried out late, or two clients with one session"
            }
            Self::ServerLeaving => "that server's log, its garbage collection and its disk",
            Self::LeaderLost => "the leader's log and disk, the network between the servers, tickTime × syncLimit",
            Self::SessionExpired => "what kept the client silent (garbage collection, a partition), and its timeout",
            Self::Closed | Self::ProxyShutdown => "nothing: this is in order",
            Self::LateClaim => "why that server stood still: its garbage collection, its disk, its path to the leader",
            Self::Superseded => "why the client thought its connection lost; nothing when it restarted",
            Self::ClosedElsewhere => "nothing when one client did both; else who else uses the session",
            Self::ReattachedSameServer => {
                "why the client thought its connection lost: the network between it and zoogate, or a slow server"
            }
            Self::ConnectionCap => {
                "maxClientCnxns on the servers: behind zoogate all clients come from one address; maxCnxns"
            }
            Self::NotServing => "`zoogate servers`; an election or a restart, when it passes",
            Self::LaggingServer => {
                "nothing when it is rare, the next server takes the client; else that follower's load"
            }
            Self::OversizedFrame => "jute.maxbuffer on servers and clients, and who writes nodes of that size",
            Self::ReplyTooLarge => {
                "the node or list of children that is named: the client asks for it again and again; jute.maxbuffer of clients"
            }
            Self::AuthFailed => {
                "the client's credentials; sessionRequireClientSASLAuth and enforce.auth.* on the servers"
            }
            Self::WrongPassword => "a client that restored or guessed a session id; servers of another ensemble",
            Self::ClientReadTimeout => "that server's latency (disk, garbage collection) and the network to it",
            Self::OperationTimeout => {
                "its `why` names the operation: that server's disk and quorum, or a request too large to be answered soon"
            }
            Self::UnknownVersion => {
                "use_xid_64, use_compression and pass_opentelemetry_tracing_context in ClickHouse's `<zookeeper>` \
                 section: switch off what the server does not know"
            }
            Self::ClientSilent => "the client: garbage collection, a paused machine, a starved thread",
            Self::ClientGone => "the client: a crash, a restart, or the network between it and zoogate",
            Self::ServerGone => "the network between zoogate and that server; firewalls that drop idle connections",
            Self::ServerUnresponsive => "that server: a long garbage collection, a stopped process, a stuck disk",
            Self::ProxyPaused => {
                "zoogate's own machine: a CPU limit that throttles it, a paused container, a migrated machine, swapping"
            }
            Self::Unknown => "its `why`, which says what was in flight and what is missing",
        }
    }
}

impl Evidence {
    /// What was seen.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Reply => "the server said -118 in the header of a reply (before 3.6)",
            Self::Multi => "the server said -118 as the first result of a multi (before 3.6)",
            Self::XidGap => "the server answered later requests, never this one, and the connection was closed",
            Self::AttachElsewhere => {
                "the server closed with a request unanswered, after the session had been claimed at another server"
            }
            Self::Inferred => {
                "the server closed this connection alone with a request unanswered, and the session lives on; no other \
                 claim was seen here"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_word_has_a_sentence_of_its_own() {
        let sentences: Vec<&str> =
            EndReason::ALL.map(EndReason::meaning).into_iter().chain(Evidence::ALL.map(Evidence::meaning)).collect();
        assert_eq!(sentences.iter().collect::<HashSet<_>>().len(), sentences.len());
        for sentence in sentences.into_iter().chain(EndReason::ALL.map(EndReason::advice)) {
            assert!(sentence.split(' ').count() >= 3 && !sentence.ends_with('.'), "{sentence:?}");
            assert!(!sentence.contains("  ") && !sentence.contains('|'), "{sentence:?} breaks the table of the README");
        }
    }
}
