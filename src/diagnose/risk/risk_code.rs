//! What may be lost, as codes.

/// What may be lost, and by what. The codes are stable.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    strum::VariantArray,
    strum::IntoStaticStr,
    strum::EnumString,
)]
#[strum(serialize_all = "snake_case")]
pub enum RiskCode {
    /// A client has said nothing for half of its session timeout.
    ClientSilent,
    /// A server has owed a client an answer for half of the session timeout.
    ServerSilent,
    /// A session has been without a connection for half of its timeout.
    SessionAway,
    /// A client met an ephemeral node of its own that belongs to an older session.
    OrphanEphemeral,
    /// Two living sessions register one name.
    DuplicateIdentity,
}

impl RiskCode {
    /// All codes, in the order in which they are shown.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Its name in labels and JSON.
    pub fn label(self) -> &'static str {
        self.into()
    }

    /// What it means, in a sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::ClientSilent => {
                "The client has sent nothing for half of its session timeout. It should send a heartbeat after a third. \
                 After the whole timeout the servers expire the session."
            }
            Self::ServerSilent => {
                "The server has owed an answer for half of the session timeout. After two thirds most clients give the \
                 connection up and try another server; the risk says when this one does."
            }
            Self::SessionAway => {
                "The session has had no connection for half of its timeout. If its client is not back in time, the servers \
                 expire it and delete its ephemeral nodes."
            }
            Self::OrphanEphemeral => {
                "The client met an ephemeral node that looks like its own and belongs to an older session. The node is \
                 deleted when that session expires, whatever the client believes."
            }
            Self::DuplicateIdentity => {
                "Two living sessions register the same name. Only one of them has the node, and the other fails to start \
                 or takes turns with it."
            }
        }
    }

    /// What to do about it, in a sentence.
    pub fn advice(self) -> &'static str {
        match self {
            Self::ClientSilent => {
                "Look at the client now: garbage collection, CPU throttling, swap, a suspended machine. If such pauses are \
                 normal for it, raise its session timeout (zookeeper.session.timeout.ms in Kafka)."
            }
            Self::ServerSilent => {
                "Look at the server and the way to it: `zoogate ensemble` shows its probes, its pings and the kernel's \
                 retransmissions. A disk that hangs holds up all requests: give the transaction log one of its own \
                 (dataLogDir)."
            }
            Self::SessionAway => {
                "Look whether the client still runs and reaches zoogate by its connect string (zookeeper.connect in \
                 Kafka). A client that was stopped for good should close its session."
            }
            Self::OrphanEphemeral => {
                "Wait until the older session has expired before the client relies on the node, or restart the client \
                 later than the session timeout after its end. A shorter session timeout (zookeeper.session.timeout.ms in \
                 Kafka) makes that time shorter."
            }
            Self::DuplicateIdentity => {
                "Find out which of the two clients is meant to have the name, and stop the other, or give it a name of its \
                 own (broker.id in Kafka)."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_named_and_explained() {
        for code in RiskCode::ALL {
            assert_eq!(code.label().parse(), Ok(*code));
            for text in [code.meaning(), code.advice()] {
                assert!(text.ends_with('.') && !text.contains("  "), "{}", code.label());
            }
        }
        assert_eq!(RiskCode::ALL.len(), 5);
    }
}
