//! The causes that zoogate tells apart: one stable word for each.

/// What a failure was caused by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, strum::VariantArray, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum CauseCode {
    /// More than half of the servers are down or cut off: none can serve.
    QuorumLost,
    /// The leader's process ended.
    LeaderStopped,
    /// The leader's process stood still.
    LeaderFrozen,
    /// The leader could not be reached.
    LeaderUnreachable,
    /// The leader ran on and lost its followers, and they elected another one.
    LeaderParted,
    /// Another server leads since; what became of the leader was not seen.
    LeaderLost,
    /// No server leads: the ensemble is electing.
    ElectionRunning,
    /// The server's process ended.
    ServerStopped,
    /// The server's process ended, and it serves again.
    ServerRestarted,
    /// The server's process stood still.
    ServerFrozen,
    /// The server could not be reached.
    ServerUnreachable,
    /// The server lost its leader while the others have one.
    ServerParted,
    /// The server had not reached the zxid that the client had seen.
    ServerLagging,
    /// The server said that it had too much to do.
    ServerOverloaded,
    /// The server itself was slow.
    SlowServer,
    /// Writes were slow: the quorum, the leader, or a disk.
    SlowQuorum,
    /// The path to the server was slow.
    SlowPath,
    /// The path to the client was slow.
    SlowClientPath,
    /// Nothing came through between zoogate and the server, which went on serving.
    PathServerCut,
    /// The connection between zoogate and the server was reset, and the server went on serving.
    PathServerReset,
    /// Nothing came through between the client and zoogate.
    PathClientCut,
    /// The connection between the client and zoogate was reset, and the client lives.
    PathClientReset,
    /// A server carried out a claim late, after another had the session.
    LateClaim,
    /// The client used an older connection of its session after it had claimed the session elsewhere.
    StaleConnection,
    /// Two clients use one session.
    SharedSession,
    /// The client's process stood still.
    ClientPaused,
    /// The client's process ended without closing its session.
    ClientCrashed,
    /// The client ended its connection for reasons of its own.
    ClientLeft,
    /// The client chose another server.
    ClientMoved,
    /// The session timeout is shorter than pauses that happen again and again here.
    TimeoutTooShort,
    /// The session was over when its client came back.
    SessionExpired,
    /// The client closed its session.
    SessionClosed,
    /// The session was closed through another connection.
    ClosedElsewhere,
    /// A request was longer than the server takes.
    OversizedRequest,
    /// A reply was longer than the client takes.
    OversizedReply,
    /// The server takes no more connections.
    ConnectionCap,
    /// Authentication failed or was missing.
    AuthFailed,
    /// The password was not the session's.
    WrongPassword,
    /// The client speaks a version of the protocol that the server does not.
    UnknownVersion,
    /// zoogate itself stood still.
    ZoogatePaused,
    /// zoogate was being stopped.
    ZoogateStopped,
    /// An operator had zoogate end the connection.
    OperatorDisconnect,
    /// Nothing that was seen explains it.
    Unknown,
}

/// Whom a cause is about, and so which events belong together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum CauseScope {
    /// The whole ensemble.
    Ensemble,
    /// One server, or the path to it.
    Server,
    /// One client's address.
    Client,
    /// One session.
    Session,
    /// zoogate itself.
    Zoogate,
}

impl CauseCode {
    /// All causes.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Its word in labels, JSON and logs.
    pub fn label(self) -> &'static str {
        self.into()
    }

    /// Whom it is about.
    pub fn scope(self) -> CauseScope {
        use CauseCode as C;
        match self {
            C::QuorumLost
            | C::LeaderStopped
            | C::LeaderFrozen
            | C::LeaderUnreachable
            | C::LeaderParted
            | C::LeaderLost
            | C::ElectionRunning
            | C::SlowQuorum => CauseScope::Ensemble,
            C::ServerStopped
            | C::ServerRestarted
            | C::ServerFrozen
            | C::ServerUnreachable
            | C::ServerParted
            | C::ServerLagging
            | C::ServerOverloaded
            | C::SlowServer
            | C::SlowPath
            | C::PathServerCut
            | C::PathServerReset
            | C::ConnectionCap
            | C::Unknown => CauseScope::Server,
            C::SlowClientPath
            | C::PathClientCut
            | C::PathClientReset
            | C::ClientPaused
            | C::ClientCrashed
            | C::ClientLeft
            | C::ClientMoved
            | C::TimeoutTooShort
            | C::OversizedRequest
            | C::OversizedReply
            | C::AuthFailed
            | C::UnknownVersion => CauseScope::Client,
            C::LateClaim
            | C::StaleConnection
            | C::SharedSession
            | C::SessionExpired
            | C::SessionClosed
            | C::ClosedElsewhere
            | C::WrongPassword => CauseScope::Session,
            C::ZoogatePaused | C::ZoogateStopped | C::OperatorDisconnect => CauseScope::Zoogate,
        }
    }

    /// Whether it is worth an incident: what clients do every day is not.
    pub fn opens_incident(self) -> bool {
        use CauseCode as C;
        !matches!(self, C::SessionClosed | C::ClientLeft | C::ClientMoved | C::OperatorDisconnect)
    }

    /// Whether it is a state of a server or of the ensemble that begins, lasts and heals.
    pub(super) fn is_state(self) -> bool {
        use CauseCode as C;
        matches!(
            self,
            C::QuorumLost
                | C::LeaderStopped
                | C::LeaderFrozen
                | C::LeaderUnreachable
                | C::LeaderParted
                | C::LeaderLost
                | C::ServerStopped
                | C::ServerRestarted
                | C::ServerFrozen
                | C::ServerUnreachable
                | C::ServerParted
        )
    }

    /// How much it says about the ensemble or a server, for choosing between two that both fit one event: less is
    /// chosen first.
    pub(super) fn rank(self) -> u8 {
        use CauseCode as C;
        match self {
            C::Unknown => 6,
            C::SessionExpired | C::ClosedElsewhere | C::ClientLeft => 5,
            C::ElectionRunning => 4,
            C::LeaderLost | C::ServerLagging | C::SlowQuorum | C::SlowServer => 3,
            C::QuorumLost => 0,
            C::LeaderStopped | C::LeaderFrozen | C::LeaderUnreachable | C::LeaderParted => 1,
            _ => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_that_lists_and_metrics_are_read_by() {
        let words: Vec<&str> = CauseCode::ALL.iter().map(|code| code.label()).collect();
        let expected = "quorum_lost leader_stopped leader_frozen leader_unreachable leader_parted leader_lost election_running \
            server_stopped server_restarted server_frozen server_unreachable server_parted server_lagging \
            server_overloaded slow_server slow_quorum slow_path slow_client_path path_server_cut path_server_reset path_client_cut \
            path_client_reset late_claim stale_connection shared_session client_paused client_crashed client_left \
            client_moved timeout_too_short session_expired session_closed closed_elsewhere oversized_request \
            oversized_reply connection_cap auth_failed wrong_password unknown_version zoogate_paused zoogate_stopped \
            operator_disconnect unknown";
        assert_eq!(words.join(" "), expected);
    }

    #[test]
    fn what_clients_do_every_day_is_no_incident() {
        let daily: Vec<&str> =
            CauseCode::ALL.iter().filter(|code| !code.opens_incident()).map(|code| code.label()).collect();
        assert_eq!(daily, ["client_left", "client_moved", "session_closed", "operator_disconnect"]);
    }
}
