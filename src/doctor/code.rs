//! The codes of findings: one stable word for each.

/// How a finding is to be taken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum DoctorMark {
    /// It is in order.
    Ok,
    /// Good to know, and nobody has to change it: it does not count as something that was found.
    Hint,
    /// It works, and may stop working or surprise someone.
    Warning,
    /// It does not work, or will not when it is needed.
    Problem,
}

impl DoctorMark {
    /// Its word in JSON.
    pub fn label(self) -> &'static str {
        self.into()
    }

    /// Whether it counts as something that was found, for the exit code.
    pub fn counts(self) -> bool {
        self >= Self::Warning
    }

    /// Its sign in a list.
    pub fn sign(self) -> char {
        match self {
            Self::Ok => '✓',
            Self::Hint => '·',
            Self::Warning => '!',
            Self::Problem => '✗',
        }
    }
}

/// What a finding is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum DoctorArea {
    /// Names, connects, answers.
    Network,
    /// The servers among themselves, and what each allows.
    Ensemble,
    /// The settings of a client.
    Client,
    /// What a running zoogate measured.
    Zoogate,
}

impl DoctorArea {
    /// Its word in JSON and in lists.
    pub fn label(self) -> &'static str {
        self.into()
    }
}

/// What was found.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Debug,
    Hash,
    strum::VariantArray,
    strum::IntoStaticStr,
    strum::EnumString,
)]
#[strum(serialize_all = "snake_case")]
pub enum DoctorCode {
    /// All names have addresses.
    NamesResolve,
    /// A name has no address.
    NameUnresolved,
    /// A name's look-up took long.
    NameSlow,
    /// Every attempt at every server had its answer.
    ServersAnswer,
    /// A server refuses connections.
    ServerRefuses,
    /// A server cannot be reached.
    ServerOutOfReach,
    /// A server accepts and answers nothing.
    ServerUnanswering,
    /// A server closes without an answer.
    ServerHangsUp,
    /// What answers is no ZooKeeper.
    AnswerStrange,
    /// What answers speaks TLS.
    AnswerTls,
    /// Some attempts failed.
    ServerUnsteady,
    /// One address of a name fails, and another one answers.
    AddressFailing,
    /// Connects and answers are quick.
    PathsQuick,
    /// Connects are slow.
    ConnectSlow,
    /// Answers are slow.
    AnswerSlow,
    /// Enough servers serve.
    QuorumStands,
    /// Too few servers serve.
    NoQuorum,
    /// One more loss ends service.
    QuorumAtEdge,
    /// A server answers that it does not serve.
    ServerNotServing,
    /// A server serves reads without a quorum.
    ServerReadOnly,
    /// One server leads.
    OneLeader,
    /// No server leads.
    NoLeader,
    /// Several servers lead.
    SeveralLeaders,
    /// Every name is a server of its own.
    ServersDistinct,
    /// Two names are one server.
    ServerListedTwice,
    /// One name is several servers.
    NameOfManyServers,
    /// The ensemble has more members than were given.
    ServersUnlisted,
    /// The number of voting members is even.
    MembersEven,
    /// There is one server only.
    SingleServer,
    /// All run one version.
    VersionsEqual,
    /// They run several versions.
    VersionsMixed,
    /// All are in step.
    ServersInStep,
    /// A server lacks transactions that others have.
    ServerBehind,
    /// The leader has followers that are not in step.
    FollowersOutOfStep,
    /// A server has requests waiting.
    RequestsWaiting,
    /// All words are allowed.
    WordsAllowed,
    /// A server does not allow some words.
    WordsRefused,
    /// A server does not allow the word by which zoogate probes.
    SrvrRefused,
    /// The servers allow enough connections.
    ConnectionsAllowed,
    /// They allow too few for what comes from one address.
    ConnectionLimitLow,
    /// A client's address is close to the limit.
    ConnectionLimitNear,
    /// All give the same bounds of session timeouts.
    TimeoutBoundsEqual,
    /// They give different ones.
    TimeoutBoundsDiffer,
    /// The connect string is good.
    ConnectStringGood,
    /// It is missing.
    ConnectStringMissing,
    /// It cannot be read.
    ConnectStringInvalid,
    /// A chroot stands behind each address.
    ChrootRepeated,
    /// The chroot is no path.
    ChrootInvalid,
    /// There is no chroot.
    ChrootMissing,
    /// An address is named twice.
    AddressRepeated,
    /// There is one address only.
    SingleAddress,
    /// The session timeout fits.
    SessionTimeoutFits,
    /// The servers raise it.
    SessionTimeoutRaised,
    /// The servers cut it.
    SessionTimeoutCut,
    /// It is too short for what was measured.
    SessionTimeoutTooShort,
    /// It is short.
    SessionTimeoutTight,
    /// It is long.
    SessionTimeoutLong,
    /// The wait for the first connection is short.
    ConnectionTimeoutShort,
    /// The share of the timeout for each address is short.
    ConnectShareShort,
    /// The client speaks TLS to a port without it.
    TlsToPlainPort,
    /// The client speaks TLS.
    TlsHidesTraffic,
    /// TLS is on without the socket that can do it.
    TlsWithoutNetty,
    /// TLS settings are given and TLS is off.
    TlsSettingsUnused,
    /// ACLs are wanted without a login.
    AclWithoutLogin,
    /// The number of requests in flight is unusual.
    InFlightUnusual,
    /// The client takes less than servers may send.
    BufferSmall,
    /// The client may send more than servers take.
    BufferLarge,
    /// A migration to KRaft is on.
    MigrationOn,
    /// A migration is on and lacks settings.
    MigrationIncomplete,
    /// The file is of a broker without ZooKeeper.
    KraftOnly,
    /// A value cannot be read.
    SettingUnreadable,
    /// A setting is not known.
    SettingUnknown,
    /// A setting is given twice.
    SettingRepeated,
    /// The settings that were looked at are good.
    SettingsGood,
    /// zoogate carries sessions to servers that serve.
    ZoogateServes,
    /// zoogate has other servers.
    ZoogateServersDiffer,
    /// zoogate finds a server not serving.
    ZoogateServerDown,
    /// Clients go past zoogate.
    ClientsBypass,
    /// Segments are lost on the way from zoogate.
    PathLossy,
    /// Sessions got a shorter timeout than they asked for.
    SessionsCut,
    /// There were incidents.
    IncidentsSeen,
    /// There were none.
    NoIncidents,
    /// Something may be lost soon.
    RisksStand,
    /// A side of a connection is silent for longer than half of what is borne.
    HeartbeatExceeded,
    /// Nothing is at risk.
    NoRisks,
    /// What was seen lasted longer than a timeout bears.
    TimeoutTooShortHere,
    /// A timeout is many times as long as anything that was seen.
    TimeoutNeedlesslyLong,
    /// Requests took long a moment ago.
    RequestsSlow,
}

impl DoctorCode {
    /// All of them.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Its word.
    pub fn label(self) -> &'static str {
        self.into()
    }
}
