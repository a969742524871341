//! What the ledger's words mean to someone who runs an ensemble, and what to check when they turn up.

use super::verdict::{EndReason, Evidence};

impl EndReason {
    /// What happened, in one sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::SessionMoved => "the server refused the session because another server owns it now",
            Self::ServerLeaving => {
                "the server stopped serving: shut down, restarted, frozen, or cut off from its leader"
            }
            Self::LeaderLost => "the ensemble lost its leader, so every server dropped its clients",
            Self::SessionExpired => {
                "the session was over: dropped after a silence of its whole timeout, or refused when the client came \
                 back"
            }
            Self::Closed => "the client closed its session",
            Self::ClosedElsewhere => "the session was closed through another connection",
            Self::ReattachedSameServer => {
                "the session was claimed again at the same server, which then closed the older connection"
            }
            Self::ConnectionCap => "the server accepts no more connections, from zoogate's address or at all",
            Self::NotServing => "the server was not serving when the client claimed its session there",
            Self::LaggingServer => "the server was behind the zxid that the client had seen, and turned it away",
            Self::OversizedFrame => "a request was longer than the server's jute.maxbuffer",
            Self::ReplyTooLarge => "a reply was longer than the client's jute.maxbuffer, so the client closed",
            Self::AuthFailed => "authentication failed, or was missing where the server requires it",
            Self::WrongPassword => "the password of the claim did not match the session",
            Self::ClientReadTimeout => {
                "the client gave up: the server had not answered for as long as such a client waits"
            }
            Self::OperationTimeout => {
                "the client closed its session because one operation got no reply; a ping behind it waits as well, as servers answer in order"
            }
            Self::UnknownVersion => "the client asked for a protocol version that the server does not support",
            Self::ClientSilent => "the client had sent nothing, not even a ping, for too long",
            Self::ClientGone => "the client disconnected without closing its session",
            Self::ServerGone => "the connection to the server broke: a reset or a timeout without any other cause",
            Self::ServerUnresponsive => {
                "zoogate ended the connection: the server owed a reply and answered neither client nor probe"
            }
            Self::ProxyPaused => "zoogate itself was paused for so long that client or server gave up",
            Self::ProxyShutdown => "zoogate was shutting down",
            Self::LateClaim => {
                "a server carried out a claim after zoogate had gone on to another server; zoogate ended the \
                 connection so that the client reconnects and owns its session again"
            }
            Self::Superseded => "the client came back on a newer connection, so zoogate closed this one",
            Self::DisconnectedByOperator => "an operator had zoogate end the connection (`zoogate disconnect`)",
            Self::Unknown => "nothing that zoogate saw explains it",
        }
    }

    /// What to look at when it turns up more than now and then.
    pub fn advice(self) -> &'static str {
        match self {
            Self::SessionMoved => {
                "`zoogate session-moved` names the claim that took it: a client that came back while its old \
                 connection was still writing, a claim that a frozen server carried out late, or two clients with one \
                 session"
            }
            Self::ServerLeaving => "that server's log, its garbage collection and its disk",
            Self::LeaderLost => "the leader's log and disk, the network between the servers, tickTime × syncLimit",
            Self::SessionExpired => {
                "what kept the client silent (garbage collection, a partition), and the session timeout"
            }
            Self::Closed | Self::ProxyShutdown => "nothing: this is normal",
            Self::DisconnectedByOperator => "nothing: somebody asked for it; the log says when, and from which address",
            Self::LateClaim => {
                "why that server was frozen: its garbage collection, its disk, its network to the leader"
            }
            Self::Superseded => "why the client reconnected while its connection was open; nothing if it restarted",
            Self::ClosedElsewhere => "nothing if one client did both; otherwise, who else uses the session",
            Self::ReattachedSameServer => {
                "why the client reconnected: the network between it and zoogate, or a slow server"
            }
            Self::ConnectionCap => {
                "maxClientCnxns on the servers (behind zoogate all clients come from one address), and maxCnxns"
            }
            Self::NotServing => "`zoogate servers`; if it passes, it was an election or a restart",
            Self::LaggingServer => {
                "nothing if it is rare: the next server takes the client; otherwise that follower's load"
            }
            Self::OversizedFrame => "jute.maxbuffer on servers and clients, and which client writes such large nodes",
            Self::ReplyTooLarge => {
                "the node or list of children in its `why`: the client will ask for it again; jute.maxbuffer of clients"
            }
            Self::AuthFailed => {
                "the client's credentials; sessionRequireClientSASLAuth and enforce.auth.* on the servers"
            }
            Self::WrongPassword => "a client that restored or guessed a session id; servers of another ensemble",
            Self::ClientReadTimeout => "that server's latency (disk, garbage collection), and the network to it",
            Self::OperationTimeout => {
                "the operation in its `why`, that server's disk and quorum, and very large requests"
            }
            Self::UnknownVersion => {
                "use_xid_64, use_compression and pass_opentelemetry_tracing_context in ClickHouse's `<zookeeper>` \
                 section: turn off what the server does not support"
            }
            Self::ClientSilent => "the client: garbage collection, a paused machine, or a starved thread",
            Self::ClientGone => "the client: a crash, a restart, or the network between it and zoogate",
            Self::ServerGone => "the network between zoogate and that server; firewalls that drop idle connections",
            Self::ServerUnresponsive => "that server: long garbage collection, a stopped process, or a stuck disk",
            Self::ProxyPaused => {
                "zoogate's own machine: a CPU limit, a paused container, a migrated virtual machine, swapping"
            }
            Self::Unknown => "its `why`: what was in flight, and what evidence is missing",
        }
    }
}

impl Evidence {
    /// What was seen.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Reply => "the server answered -118 in the header of a reply (before 3.6)",
            Self::Multi => "the server answered -118 as the first result of a multi (before 3.6)",
            Self::XidGap => "the server answered later requests but never this one, and the connection was closed",
            Self::AttachElsewhere => {
                "the server closed with a request unanswered, after the session was claimed at another server"
            }
            Self::Inferred => {
                "the server closed only this connection, with a request unanswered, and the session lives on; no other \
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
        let sentences: Vec<&str> = EndReason::ALL
            .iter()
            .map(|reason| reason.meaning())
            .chain(Evidence::ALL.iter().map(|evidence| evidence.meaning()))
            .collect();
        assert_eq!(sentences.iter().collect::<HashSet<_>>().len(), sentences.len());
        for sentence in sentences.into_iter().chain(EndReason::ALL.iter().map(|reason| reason.advice())) {
            assert!(sentence.split(' ').count() >= 3 && !sentence.ends_with('.'), "{sentence:?}");
            assert!(!sentence.contains("  ") && !sentence.contains('|'), "{sentence:?} breaks the table of the README");
        }
    }
}
