//! What kinds of things the history has, and how each is read from its table.

/// One kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, strum::VariantArray, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum HistoryKind {
    /// A session came to another server.
    Move,
    /// A server refused a session because it had moved.
    Refusal,
    /// All that one cause did.
    Incident,
    /// Something happened in the ensemble.
    Ensemble,
    /// Something may cost a session.
    Risk,
    /// Latencies of an hour.
    Latency,
}

impl HistoryKind {
    /// All of them.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Its word in the API and in files that are exported.
    pub fn label(self) -> &'static str {
        self.into()
    }

    /// Its table.
    pub(super) fn table(self) -> &'static str {
        match self {
            Self::Move => "moves",
            Self::Refusal => "refusals",
            Self::Incident => "incidents",
            Self::Ensemble => "ensemble_events",
            Self::Risk => "risks",
            Self::Latency => "latency_hours",
        }
    }

    /// The column that says why, or what.
    pub(super) fn cause(self) -> &'static str {
        match self {
            Self::Move | Self::Refusal | Self::Incident => "cause",
            Self::Ensemble => "change",
            Self::Risk => "code",
            Self::Latency => "class",
        }
    }

    /// How long it lasted, in milliseconds.
    pub(super) fn lasted(self) -> &'static str {
        match self {
            Self::Move => "gap_ms",
            Self::Incident => "coalesce(until_ms, last_ms) - at_ms",
            Self::Ensemble => "lasted_ms",
            Self::Risk => "until_ms - at_ms",
            Self::Refusal | Self::Latency => "NULL",
        }
    }

    /// Whether rows of it have a holder.
    pub(super) fn has_identity(self) -> bool {
        self != Self::Ensemble
    }

    /// Whether rows of it are of a session.
    pub(super) fn has_session(self) -> bool {
        !matches!(self, Self::Ensemble | Self::Latency)
    }

    /// What else is known, as a JSON object. SQLite makes it, so that a column that is added needs no code here.
    fn values(self) -> &'static str {
        match self {
            Self::Move => {
                "json_object('run', run, 'connection', connection, 'former_session', former_session, 'unanswered', \
                 unanswered, 'routed', routed, 'reason', reason, 'incident', incident)"
            }
            Self::Refusal => {
                "json_object('run', run, 'connection', connection, 'claimed_by', claimed_by, 'evidence', evidence, \
                 'unanswered', unanswered, 'incident', incident)"
            }
            Self::Incident => {
                // Its long texts follow where it is shown.
                "json_object('run', run, 'incident', incident, 'state', state, 'times', times, 'first', first, \
                 'since_ms', since_ms)"
            }
            Self::Ensemble => "json_object('run', run)",
            Self::Risk => "json_object('run', run, 'risk', risk, 'state', state, 'facts', json(facts))",
            Self::Latency => {
                "json_object('run', run, 'operations', operations, 'mean_us', mean_us, 'p50_us', p50_us, 'p99_us', \
                 p99_us, 'max_us', max_us)"
            }
        }
    }

    /// The columns of an entry, in the order in which they are read.
    pub(super) fn columns(self) -> String {
        let (kind, cause, lasted, values) = (self.label(), self.cause(), self.lasted(), self.values());
        // Every kind has the same columns, so that all are read as one list.
        let [until, confidence, identity, session, client, from, text] = match self {
            Self::Move => {
                let text = "'moved from ' || from_server || ' to ' || server";
                ["NULL", "NULL", "identity", "session", "client", "from_server", text]
            }
            Self::Refusal => ["NULL", "confidence", "identity", "session", "client", "NULL", "why"],
            Self::Incident => ["until_ms", "confidence", "identity", "session", "client", "NULL", "summary"],
            Self::Ensemble => ["NULL", "NULL", "NULL", "NULL", "NULL", "NULL", "text"],
            Self::Risk => ["until_ms", "NULL", "identity", "session", "client", "NULL", "text"],
            Self::Latency => {
                let text = "class || ': ' || operations || ' operations'";
                ["NULL", "NULL", "nullif(identity, '')", "NULL", "NULL", "NULL", text]
            }
        };
        format!(
            "'{kind}' AS kind, at_ms, {until} AS until_ms, {lasted} AS lasted_ms, {cause} AS cause, {confidence} AS \
             confidence, {identity} AS identity, {session} AS session, {client} AS client, server, {from} AS \
             from_server, {text} AS text, {values} AS \"values\""
        )
    }
}

impl std::str::FromStr for HistoryKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|kind| kind.label() == text).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|kind| kind.label()).collect();
            format!("there is no kind {text:?}: the kinds are {}", known.join(", "))
        })
    }
}
