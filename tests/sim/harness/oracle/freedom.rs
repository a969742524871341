//! Where the proxy cannot know, more than one reason is right: each such freedom by name, and why it is there.

/// Why more than one reason is right for an end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, strum::VariantArray, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Freedom {
    /// Something was done to the session past the proxy.
    Unseen,
    /// The server, or the leader, stopped or began to serve at about the same time.
    Outage,
    /// The session's end showed nowhere.
    Gone,
    /// The server left, or its leader was lost, while another one went too.
    TwoOut,
    /// The server ended the connection before it answered the claim.
    Unanswered,
    /// The path was reset by the story while the server was about to close.
    Cut,
    /// The client had asked to close the session here, and something else came first.
    Closing,
    /// The session was being closed, or expired, at about the same time.
    Over,
    /// The same server had a younger claim of the session.
    Claimed,
    /// The client had been silent for its whole timeout.
    Silent,
    /// The client left as an answer came for which it had waited long.
    Crossed,
    /// The proxy itself stood still as it ended.
    Paused,
}

impl Freedom {
    /// All of them.
    pub(crate) const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Its name.
    pub(crate) fn label(self) -> &'static str {
        self.into()
    }

    /// Why the proxy cannot know.
    pub(crate) fn why(self) -> &'static str {
        match self {
            Self::Unseen => "the claim or close that ended it went past the proxy",
            Self::Outage => "its server, or the leader, went or came back at the same time",
            Self::Gone => "the session expired though its client spoke, and the client did not come back in time",
            Self::TwoOut => "two servers went at about the same time, one of them perhaps the leader",
            Self::Unanswered => "the server closed before it answered, and was looked at later",
            Self::Cut => "the path broke while the server was dropping its clients",
            Self::Closing => "the client had asked to close its session when another end came first",
            Self::Over => "the session was over at the same time, which its next claim shows just as well",
            Self::Claimed => "the same server had another claim of the session to carry out",
            Self::Silent => "the client had been silent for its whole timeout",
            Self::Paused => "the proxy itself stood still as it ended, and saw nothing of what else happened",
            Self::Crossed => {
                "a client that had heard nothing for long left as an answer came, which it may have heard or not"
            }
        }
    }
}
