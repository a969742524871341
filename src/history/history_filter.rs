//! What is asked of the history, and the SQL for it.

use rusqlite::ToSql;
use rusqlite::types::Value;

use super::calendar_week::CalendarWeek;
use super::history_kind::HistoryKind;
use super::history_moment::parse_moment;
use crate::api::HistoryParameters;
use crate::ids::SessionId;

/// Entries unless more are asked for.
const DEFAULT_LIMIT: usize = 1_000;
/// How often `*` may stand in a name: each makes a comparison longer by as much as the name is long.
const MOST_STARS: usize = 3;
/// A moment behind all that there are.
const NO_END: u64 = i64::MAX as u64;

/// A question. What is not given narrows nothing down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HistoryFilter {
    /// Entries at most.
    pub limit: usize,
    /// From this moment on, in milliseconds since 1970.
    pub since: u64,
    /// Before this moment.
    pub until: u64,
    /// The holder's name, as a pattern of SQLite's GLOB.
    identity: Option<String>,
    /// The cause, the change of the ensemble, or the code of a risk.
    cause: Option<String>,
    /// The server's address.
    server: Option<String>,
    session: Option<SessionId>,
    /// Those that can fit at all.
    kinds: Vec<HistoryKind>,
}

impl HistoryFilter {
    /// Reads what is asked for, at `now` in milliseconds since 1970.
    ///
    /// # Errors
    /// A kind that there is not, or what is no session and no moment; the text says which.
    pub fn of(asked: &HistoryParameters, now: u64) -> Result<Self, String> {
        let moment = |name: &str, text: &Option<String>, otherwise: u64| match text {
            Some(text) => parse_moment(text, now).map_err(|error| format!("{name}: {error}")),
            None => Ok(otherwise),
        };
        let kind = asked.kind.as_ref().map(|kind| kind.parse::<HistoryKind>()).transpose()?;
        let session = asked.session.as_ref().map(|id| SessionId::parse(id)).transpose()?;
        // Latencies are numbers and no events: they are shown to those who ask for them.
        let all = HistoryKind::ALL.iter().copied().filter(|one| *one != HistoryKind::Latency);
        let kinds = kind.map_or_else(|| all.collect(), |kind| vec![kind]);
        let fits = |kind: &HistoryKind| {
            (asked.identity.is_none() || kind.has_identity()) && (session.is_none() || kind.has_session())
        };
        Ok(Self {
            limit: asked.limit.unwrap_or(DEFAULT_LIMIT),
            since: moment("since", &asked.since, 0)?,
            until: moment("until", &asked.until, NO_END)?,
            identity: asked.identity.as_deref().map(pattern).transpose()?,
            cause: asked.cause.clone(),
            server: asked.server.clone(),
            session,
            kinds: kinds.into_iter().filter(fits).collect(),
        })
    }

    /// The same question to the file of one week. Where all of the week is asked for, no row need be looked at for its
    /// moment.
    pub(super) fn of_week(mut self, week: CalendarWeek) -> Self {
        if self.since <= week.begins_at() {
            self.since = 0;
        }
        if self.until >= week.ends_at() {
            self.until = NO_END;
        }
        self
    }

    /// The kinds that can fit.
    pub(super) fn kinds(&self) -> &[HistoryKind] {
        &self.kinds
    }

    /// The conditions for a kind.
    fn conditions(&self, kind: HistoryKind) -> String {
        let mut all = Vec::new();
        if self.since > 0 {
            all.push("at_ms >= :since".to_owned());
        }
        if self.until < NO_END {
            all.push("at_ms < :until".to_owned());
        }
        // Names are few and rows are many: the names that fit are found first, the rows then by their index.
        // What stands behind a blank says more of the same holder: its chroot, or that it is the controller.
        let names = "SELECT identity FROM identities WHERE identity GLOB :identity OR identity GLOB :identity || ' *'";
        if self.identity.is_some() {
            all.push(match kind {
                HistoryKind::Incident => format!(
                    "(run, incident) IN (SELECT run, incident FROM incident_holders WHERE identity IN ({names}))"
                ),
                _ => format!("identity IN ({names})"),
            });
        }
        if self.cause.is_some() {
            all.push(format!("{} = :cause", kind.cause()));
        }
        if self.server.is_some() {
            all.push(match kind {
                HistoryKind::Move => "(server = :server OR from_server = :server)".to_owned(),
                _ => "server = :server".to_owned(),
            });
        }
        if self.session.is_some() {
            all.push("session = :session".to_owned());
        }
        if all.is_empty() { "TRUE".to_owned() } else { all.join(" AND ") }
    }

    /// Values for the names in the conditions.
    pub(super) fn values(&self) -> Vec<(&'static str, Value)> {
        let text = |text: &Option<String>| text.clone().map(Value::Text);
        let given = [
            (":identity", text(&self.identity)),
            (":cause", text(&self.cause)),
            (":server", text(&self.server)),
            (":session", self.session.map(|session| Value::Text(session.to_string()))),
        ];
        let moment = |millis: u64| Value::Integer(i64::try_from(millis).unwrap_or(i64::MAX));
        let times = [
            (":since", (self.since > 0).then(|| moment(self.since))),
            (":until", (self.until < NO_END).then(|| moment(self.until))),
        ];
        times.into_iter().chain(given).filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// Says for each of the kinds whether a file has any of it.
    pub(super) fn kinds_sql(&self) -> String {
        let any = |kind: &HistoryKind| format!("EXISTS (SELECT 1 FROM {})", kind.table());
        format!("SELECT {}", self.kinds.iter().map(any).collect::<Vec<_>>().join(", "))
    }

    /// The newest entries of these kinds first: `:rows` of them, behind the first `:skip`.
    pub(super) fn entries_sql(&self, kinds: &[HistoryKind]) -> String {
        // Each page begins where the one before it ended.
        let pages = Self { until: NO_END - 1, ..self.clone() };
        let select = |kind: &HistoryKind| {
            let (columns, table, wanted) = (kind.columns(), kind.table(), pages.conditions(*kind));
            format!("SELECT {columns} FROM {table} WHERE {wanted}")
        };
        let all: Vec<String> = kinds.iter().map(select).collect();
        format!("{} ORDER BY at_ms DESC LIMIT :rows OFFSET :skip", all.join(" UNION ALL "))
    }

    /// How often each cause was met at each server: cause, server, count, first, last, shortest, longest, sum of lengths,
    /// how many have a length.
    pub(super) fn servers_sql(&self, kind: HistoryKind) -> String {
        let (cause, lasted, table, wanted) = (kind.cause(), kind.lasted(), kind.table(), self.conditions(kind));
        format!(
            "SELECT {cause}, server, count(*), min(at_ms), max(at_ms), min({lasted}), max({lasted}), total({lasted}), \
             count({lasted}) FROM {table} WHERE {wanted} GROUP BY 1, 2"
        )
    }

    /// The newest of each cause: cause, moment, server, how long it lasted.
    pub(super) fn newest_sql(&self, kind: HistoryKind) -> String {
        let (cause, lasted, table, wanted) = (kind.cause(), kind.lasted(), kind.table(), self.conditions(kind));
        // Beside max() the other columns are those of the row that has it.
        format!("SELECT {cause}, max(at_ms), server, {lasted} FROM {table} WHERE {wanted} GROUP BY 1")
    }

    /// How often each cause met each holder: cause, holder, count. Only the most frequent ones.
    pub(super) fn identities_sql(&self, kind: HistoryKind) -> String {
        let (cause, table, wanted) = (kind.cause(), kind.table(), self.conditions(kind));
        let most = super::history_summary::NAMES_COUNTED;
        let is_narrow = self.identity.is_some() || self.server.is_some() || self.session.is_some();
        match kind {
            // Where nothing but the cause and the time is asked for, the list of holders has all of it.
            HistoryKind::Incident if !is_narrow => format!(
                "SELECT cause, identity, count(*) FROM incident_holders WHERE {wanted} GROUP BY 1, 2 ORDER BY 3 DESC LIMIT \
                 {most}"
            ),
            HistoryKind::Incident => format!(
                "SELECT why, holders.identity, count(*) FROM (SELECT {cause} AS why, run, incident FROM {table} WHERE \
                 {wanted}) JOIN incident_holders AS holders USING (run, incident) GROUP BY 1, 2 ORDER BY 3 DESC LIMIT \
                 {most}"
            ),
            _ => format!(
                "SELECT {cause}, identity, count(*) FROM {table} WHERE {wanted} AND identity <> '' GROUP BY 1, 2 ORDER \
                 BY 3 DESC LIMIT {most}"
            ),
        }
    }
}

/// A name in which `*` stands for any text as a pattern in which all else stands for itself.
fn pattern(name: &str) -> Result<String, String> {
    if name.matches('*').count() > MOST_STARS {
        return Err(format!("identity: * may stand for any text {MOST_STARS} times at most"));
    }
    Ok(name.replace('[', "[[]").replace('?', "[?]"))
}

/// Values as a statement takes them.
pub(super) fn bound<'a>(values: &'a [(&'static str, Value)]) -> Vec<(&'static str, &'a dyn ToSql)> {
    values.iter().map(|(name, value)| (*name, value as &dyn ToSql)).collect()
}
