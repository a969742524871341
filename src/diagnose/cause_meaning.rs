//! What each cause means to someone who runs an ensemble, and what to do about it.

use super::cause_code::CauseCode;

/// Something to do about a cause.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CauseAction {
    /// What to do.
    pub text: &'static str,
    /// The setting that it is about; None where it is none.
    pub setting: Option<&'static str>,
    /// Why that helps.
    pub why: &'static str,
}

const fn action(text: &'static str, setting: Option<&'static str>, why: &'static str) -> CauseAction {
    CauseAction { text, setting, why }
}

const RAISE_TIMEOUT: CauseAction = action(
    "give the client a longer session timeout",
    Some("zookeeper.session.timeout.ms"),
    "a client gives a server up after two thirds of it, and its session is over after all of it",
);
const READ_GC_LOG: CauseAction = action(
    "look at the garbage collection log, swap and CPU throttling of the server's machine at that time",
    None,
    "a process that stands still answers nothing, while its kernel goes on accepting connections",
);
const READ_SERVER_LOG: CauseAction =
    action("read the server's log and the service manager's around that time", None, "they say who ended the process");
const LOOK_AT_NETWORK: CauseAction = action(
    "look at the network between zoogate and the server: firewall, routes, interface errors",
    None,
    "the server itself went on serving",
);
const LOOK_BETWEEN_SERVERS: CauseAction = action(
    "look at the network between the servers: the quorum and election ports",
    None,
    "a server that loses its leader or its majority drops all of its clients",
);
const LOOK_AT_CLIENT_NETWORK: CauseAction = action(
    "look at the network between the client and zoogate: firewall, idle time-outs, interface errors",
    None,
    "zoogate and the server went on meanwhile",
);
const LOOK_AT_DISK: CauseAction = action(
    "look at fsync warnings in the servers' logs, and give the transaction log a disk of its own",
    Some("dataLogDir"),
    "every write waits until a majority has it on disk",
);

macro_rules! cause_table {
    ($($code:ident $meaning:literal [$($action:expr),* $(,)?];)*) => {
        impl CauseCode {
            /// What happened, in one sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$code => $meaning,)* }
            }

            /// What to do about it, the most useful first.
            pub fn actions(self) -> &'static [CauseAction] {
                match self { $(Self::$code => const { &[$($action),*] },)* }
            }
        }
    };
}

cause_table! {
    QuorumLost
        "so many servers were down or cut off that the others could not serve"
        [
            action(
                "bring servers back until a majority runs",
                None,
                "only a majority can elect and write",
            ),
            READ_SERVER_LOG,
        ];
    LeaderStopped
        "the leader's process ended, so the ensemble had to elect another one"
        [READ_SERVER_LOG];
    LeaderFrozen
        "the leader's process stood still: it accepted connections and answered nothing"
        [READ_GC_LOG, RAISE_TIMEOUT];
    LeaderUnreachable
        "the leader could not be reached"
        [LOOK_AT_NETWORK];
    LeaderParted
        "the leader ran on without its followers, which elected another one"
        [LOOK_BETWEEN_SERVERS, RAISE_TIMEOUT];
    LeaderLost
        "the ensemble got another leader; what became of the old one was not seen"
        [
            action(
                "read the servers' logs for the reason of the election",
                None,
                "each says why it looked for a leader",
            ),
            RAISE_TIMEOUT,
        ];
    ElectionRunning
        "no server led: the ensemble was electing"
        [
            action(
                "read the servers' logs for the reason of the election",
                None,
                "each says why it looked for a leader",
            ),
            RAISE_TIMEOUT,
        ];
    ServerStopped
        "the server's process ended"
        [READ_SERVER_LOG];
    ServerRestarted
        "the server's process ended and was started again"
        [READ_SERVER_LOG];
    ServerFrozen
        "the server's process stood still: it accepted connections and answered nothing"
        [READ_GC_LOG, RAISE_TIMEOUT];
    ServerUnreachable
        "the server could not be reached"
        [LOOK_AT_NETWORK];
    ServerParted
        "the server was cut off from its leader, while other servers went on"
        [LOOK_BETWEEN_SERVERS];
    ServerLagging
        "the server had not reached the zxid that the client had seen"
        [
            action(
                "look at the server's disk and load, and at zoogate_server_serving",
                None,
                "it has not yet applied what other servers have",
            ),
        ];
    ServerOverloaded
        "the server had more requests outstanding than it takes"
        [
            action(
                "spread the load, or raise the limit",
                Some("zookeeper.globalOutstandingLimit"),
                "a server that has too many requests outstanding stops reading from its clients",
            ),
        ];
    SlowServer
        "the server itself answered slowly"
        [READ_GC_LOG];
    SlowQuorum
        "writes waited for the quorum, the leader or a disk, while the server answered probes"
        [LOOK_AT_DISK, READ_GC_LOG];
    SlowPath
        "the path between zoogate and the server was slow"
        [LOOK_AT_NETWORK];
    SlowClientPath
        "the path between the client and zoogate was slow"
        [LOOK_AT_CLIENT_NETWORK];
    PathServerCut
        "nothing came through between zoogate and the server, which went on serving"
        [LOOK_AT_NETWORK];
    PathServerReset
        "the connection to the server was reset, and the server went on serving"
        [LOOK_AT_NETWORK];
    PathClientCut
        "nothing came through between the client and zoogate"
        [LOOK_AT_CLIENT_NETWORK];
    PathClientReset
        "the connection to the client was reset, and the client lives"
        [
            LOOK_AT_CLIENT_NETWORK,
        ];
    LateClaim
        "a server carried out a claim late, after another server had the session"
        [READ_GC_LOG];
    StaleConnection
        "the client used an old connection after it had claimed its session elsewhere"
        [
            action(
                "look at what made the client leave its connection while it was still writing",
                None,
                "the refusal follows from that",
            ),
        ];
    SharedSession
        "two clients use one session and take it from each other"
        [
            action(
                "find the two clients: no two may be given one session id",
                None,
                "each claim takes the session from the other client",
            ),
        ];
    ClientPaused
        "the client's process stood still and sent nothing, not even a ping"
        [
            action(
                "look at the client's garbage collection log, swap and CPU throttling",
                None,
                "it sent no pings",
            ),
            RAISE_TIMEOUT,
        ];
    ClientCrashed
        "the client went away without closing its session, and did not come back in time"
        [
            action(
                "read the client's log and the service manager's",
                None,
                "they say who ended the process",
            ),
        ];
    ClientLeft
        "the client ended its connection for reasons of its own"
        [];
    ClientMoved
        "the client chose another server"
        [];
    TimeoutTooShort
        "the session timeout is shorter than pauses which come again and again here"
        [RAISE_TIMEOUT, READ_GC_LOG];
    SessionExpired
        "the session was over when its client claimed it"
        [RAISE_TIMEOUT];
    SessionClosed
        "the client closed its session"
        [];
    ClosedElsewhere
        "the session was closed through another connection"
        [];
    OversizedRequest
        "a request was longer than the server takes"
        [
            action(
                "make the request smaller, or raise the limit on every server and client alike",
                Some("jute.maxbuffer"),
                "a server closes the connection at a longer request",
            ),
        ];
    OversizedReply
        "a reply was longer than the client takes"
        [
            action(
                "keep fewer children below one node, or raise the client's limit",
                Some("jute.maxbuffer"),
                "a client closes the connection at a longer reply",
            ),
        ];
    ConnectionCap
        "the server takes no more connections"
        [
            action(
                "raise the limit, or find who holds so many connections",
                Some("maxClientCnxns"),
                "a server counts the connections of one address; through zoogate all clients have zoogate's",
            ),
        ];
    AuthFailed
        "authentication failed, or was missing where the server requires it"
        [
            action(
                "check the client's credentials and the server's providers",
                None,
                "one of them is wrong",
            ),
        ];
    WrongPassword
        "the password of the claim did not match the session"
        [
            action(
                "find out where the client has its session id and password from",
                None,
                "a password belongs to one session",
            ),
        ];
    UnknownVersion
        "the client speaks a version of the protocol that the server does not"
        [
            action(
                "compare the versions of client and server",
                None,
                "they do not fit",
            ),
        ];
    ZoogatePaused
        "zoogate itself stood still for so long that client or server gave up"
        [
            action(
                "look at the CPU limits and the swap of zoogate's machine",
                None,
                "a proxy that stands still looks like a dead server to its clients",
            ),
        ];
    ZoogateStopped
        "zoogate was stopped"
        [];
    OperatorDisconnect
        "an operator had zoogate end the connection"
        [];
    Unknown
        "nothing that was seen explains it"
        [
            action(
                "look at the server's log at that time, and at the evidence for what remains possible",
                None,
                "zoogate saw nothing that decides it",
            ),
        ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sentence_is_one_and_stands_for_one_cause() {
        for code in CauseCode::ALL {
            let meaning = code.meaning();
            assert!(!meaning.ends_with('.') && !meaning.contains('\n'), "{meaning}");
        }
    }
}
