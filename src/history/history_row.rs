//! Rows as they are written.

use rusqlite::{Connection, Result, ToSql, named_params};

use super::calendar_week::CalendarWeek;
use crate::ids::{ConnectionId, SessionId};

/// A row, or a change of one, with the moment by which its file is chosen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct HistoryRow {
    /// In milliseconds since 1970.
    pub(super) at_ms: u64,
    pub(super) body: RowBody,
}

/// What is written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum RowBody {
    Move(Box<MoveRow>),
    Refusal(Box<RefusalRow>),
    /// The cause of a move or a refusal, which is found later.
    Cause(CauseRow),
    Incident(Box<IncidentRow>),
    /// The incident with this number turned out to be part of another one.
    Absorbed(u64),
    Ensemble(Box<EnsembleRow>),
    Latency(Box<LatencyRow>),
    Risk(Box<RiskRow>),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct MoveRow {
    pub(super) connection: ConnectionId,
    pub(super) session: SessionId,
    pub(super) former_session: Option<SessionId>,
    pub(super) identity: Option<String>,
    pub(super) client: String,
    pub(super) from_server: String,
    pub(super) server: String,
    pub(super) gap_ms: u64,
    pub(super) unanswered: u32,
    pub(super) routed: &'static str,
    pub(super) reason: Option<&'static str>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct RefusalRow {
    pub(super) connection: ConnectionId,
    pub(super) session: SessionId,
    pub(super) identity: Option<String>,
    pub(super) client: String,
    pub(super) server: String,
    pub(super) claimed_by: Option<String>,
    pub(super) evidence: &'static str,
    pub(super) confidence: &'static str,
    pub(super) why: String,
    pub(super) unanswered: u32,
}

/// Of which table a cause is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum CausedTable {
    Moves,
    Refusals,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct CauseRow {
    pub(super) table: CausedTable,
    pub(super) connection: ConnectionId,
    pub(super) cause: &'static str,
    pub(super) incident: Option<u64>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct IncidentRow {
    pub(super) incident: u64,
    pub(super) until_ms: Option<u64>,
    pub(super) last_ms: u64,
    pub(super) times: u32,
    pub(super) cause: String,
    pub(super) since_ms: Option<u64>,
    pub(super) confidence: String,
    pub(super) first: String,
    pub(super) server: Option<String>,
    pub(super) client: Option<String>,
    pub(super) session: Option<String>,
    pub(super) holders: Vec<String>,
    pub(super) summary: String,
    /// Connections, sessions, moved, expired, refused, unanswered.
    pub(super) counts: [u32; 6],
    pub(super) gap_ms: u64,
    pub(super) evidence: String,
    pub(super) impact: String,
    pub(super) revisions: String,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct EnsembleRow {
    pub(super) server: Option<String>,
    pub(super) change: &'static str,
    pub(super) lasted_ms: Option<u64>,
    pub(super) text: String,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct RiskRow {
    pub(super) risk: u64,
    pub(super) until_ms: Option<u64>,
    pub(super) state: String,
    pub(super) code: &'static str,
    pub(super) session: String,
    pub(super) identity: Option<String>,
    pub(super) client: Option<String>,
    pub(super) server: Option<String>,
    pub(super) text: String,
    pub(super) facts: String,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct LatencyRow {
    pub(super) server: String,
    pub(super) class: &'static str,
    /// Empty for all clients.
    pub(super) identity: String,
    pub(super) operations: u64,
    /// Mean, median, 99th percentile and maximum, in microseconds.
    pub(super) micros: [u64; 4],
}

impl HistoryRow {
    /// The week whose file it belongs to.
    pub(super) fn week(&self) -> CalendarWeek {
        CalendarWeek::of(self.at_ms)
    }

    /// The incident of which it says all that is to be written.
    pub(super) fn incident(&self) -> Option<u64> {
        match &self.body {
            RowBody::Incident(one) => Some(one.incident),
            RowBody::Absorbed(incident) => Some(*incident),
            _ => None,
        }
    }

    /// Writes it to the tables.
    pub(super) fn write(&self, run: u64, to: &Connection) -> Result<()> {
        match &self.body {
            RowBody::Move(row) => row.write(run, self.at_ms, to),
            RowBody::Refusal(row) => row.write(run, self.at_ms, to),
            RowBody::Cause(row) => row.write(run, to),
            RowBody::Incident(row) => row.write(run, self.at_ms, to),
            RowBody::Absorbed(incident) => remove_incident(run, *incident, to),
            RowBody::Ensemble(row) => row.write(run, self.at_ms, to),
            RowBody::Latency(row) => row.write(run, self.at_ms, to),
            RowBody::Risk(row) => row.write(run, self.at_ms, to),
        }
    }
}

fn name(identity: Option<&str>, to: &Connection) -> Result<()> {
    let Some(identity) = identity else { return Ok(()) };
    to.prepare_cached("INSERT OR IGNORE INTO identities (identity) VALUES (?1)")?.execute([identity])?;
    Ok(())
}

fn execute(to: &Connection, sql: &str, values: &[(&str, &dyn ToSql)]) -> Result<()> {
    to.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

impl MoveRow {
    fn write(&self, run: u64, at_ms: u64, to: &Connection) -> Result<()> {
        name(self.identity.as_deref(), to)?;
        let sql = "INSERT INTO moves (run, connection, at_ms, session, former_session, identity, client, from_server,
                server, gap_ms, unanswered, routed, reason)
            VALUES (:run, :connection, :at_ms, :session, :former_session, :identity, :client, :from_server, :server,
                :gap_ms, :unanswered, :routed, :reason)
            ON CONFLICT (run, connection, session) DO UPDATE SET
                reason = coalesce(excluded.reason, reason), identity = coalesce(excluded.identity, identity)";
        execute(
            to,
            sql,
            named_params! {
                ":run": run, ":connection": self.connection.0, ":at_ms": at_ms, ":session": self.session.to_string(),
                ":former_session": self.former_session.map(|former| former.to_string()),
                ":identity": self.identity, ":client": self.client, ":from_server": self.from_server,
                ":server": self.server, ":gap_ms": self.gap_ms, ":unanswered": self.unanswered,
                ":routed": self.routed, ":reason": self.reason,
            },
        )
    }
}

impl RefusalRow {
    fn write(&self, run: u64, at_ms: u64, to: &Connection) -> Result<()> {
        name(self.identity.as_deref(), to)?;
        let sql =
            "INSERT INTO refusals (run, connection, at_ms, session, identity, client, server, claimed_by, evidence,
                confidence, why, unanswered)
            VALUES (:run, :connection, :at_ms, :session, :identity, :client, :server, :claimed_by, :evidence,
                :confidence, :why, :unanswered)";
        execute(
            to,
            sql,
            named_params! {
                ":run": run, ":connection": self.connection.0, ":at_ms": at_ms, ":session": self.session.to_string(),
                ":identity": self.identity, ":client": self.client, ":server": self.server,
                ":claimed_by": self.claimed_by, ":evidence": self.evidence, ":confidence": self.confidence,
                ":why": self.why, ":unanswered": self.unanswered,
            },
        )
    }
}

impl CauseRow {
    fn write(self, run: u64, to: &Connection) -> Result<()> {
        let sql = match self.table {
            CausedTable::Moves => {
                "UPDATE moves SET cause = :cause, incident = :incident WHERE run = :run AND connection = :connection"
            }
            CausedTable::Refusals => {
                "UPDATE refusals SET cause = :cause, incident = :incident WHERE run = :run AND connection = :connection"
            }
        };
        let (connection, cause, incident) = (self.connection.0, self.cause, self.incident);
        execute(
            to,
            sql,
            named_params! { ":run": run, ":connection": connection, ":cause": cause, ":incident": incident },
        )
    }
}

impl IncidentRow {
    fn write(&self, run: u64, at_ms: u64, to: &Connection) -> Result<()> {
        let [connections, sessions, moved, expired, refused, unanswered] = self.counts;
        let state = if self.until_ms.is_some() { "closed" } else { "open" };
        let identity = (!self.holders.is_empty()).then(|| self.holders.join(", "));
        let sql = "INSERT OR REPLACE INTO incidents (run, incident, at_ms, until_ms, last_ms, state, times, cause,
                since_ms, confidence, first, server, client, session, identity, summary, connections, sessions, moved,
                expired, refused, unanswered, gap_ms)
            VALUES (:run, :incident, :at_ms, :until_ms, :last_ms, :state, :times, :cause, :since_ms, :confidence, :first,
                :server, :client, :session, :identity, :summary, :connections, :sessions, :moved, :expired, :refused,
                :unanswered, :gap_ms)";
        execute(
            to,
            sql,
            named_params! {
                ":run": run, ":incident": self.incident, ":at_ms": at_ms, ":until_ms": self.until_ms,
                ":last_ms": self.last_ms, ":state": state, ":times": self.times, ":cause": self.cause,
                ":since_ms": self.since_ms, ":confidence": self.confidence, ":first": self.first,
                ":server": self.server, ":client": self.client, ":session": self.session, ":identity": identity,
                ":summary": self.summary, ":connections": connections, ":sessions": sessions, ":moved": moved,
                ":expired": expired, ":refused": refused, ":unanswered": unanswered, ":gap_ms": self.gap_ms,
            },
        )?;
        self.write_texts(run, to)?;
        self.write_holders(run, at_ms, to)
    }

    /// The long texts stand apart, so that lists and counts need not read past them.
    fn write_texts(&self, run: u64, to: &Connection) -> Result<()> {
        let sql = "INSERT OR REPLACE INTO incident_texts (run, incident, evidence, impact, revisions)
            VALUES (:run, :incident, :evidence, :impact, :revisions)";
        execute(
            to,
            sql,
            named_params! {
                ":run": run, ":incident": self.incident, ":evidence": self.evidence, ":impact": self.impact,
                ":revisions": self.revisions,
            },
        )
    }

    /// Each holder on a line of its own as well, for questions that begin with a name.
    fn write_holders(&self, run: u64, at_ms: u64, to: &Connection) -> Result<()> {
        for holder in &self.holders {
            name(Some(holder), to)?;
            let sql = "INSERT OR REPLACE INTO incident_holders (identity, run, incident, cause, at_ms)
                VALUES (:identity, :run, :incident, :cause, :at_ms)";
            execute(
                to,
                sql,
                named_params! {
                    ":identity": holder, ":run": run, ":incident": self.incident, ":cause": self.cause, ":at_ms": at_ms,
                },
            )?;
        }
        Ok(())
    }
}

fn remove_incident(run: u64, incident: u64, to: &Connection) -> Result<()> {
    for sql in [
        "DELETE FROM incidents WHERE run = :run AND incident = :incident",
        "DELETE FROM incident_texts WHERE run = :run AND incident = :incident",
        "DELETE FROM incident_holders WHERE run = :run AND incident = :incident",
    ] {
        execute(to, sql, named_params! { ":run": run, ":incident": incident })?;
    }
    Ok(())
}

impl EnsembleRow {
    fn write(&self, run: u64, at_ms: u64, to: &Connection) -> Result<()> {
        let sql = "INSERT INTO ensemble_events (run, at_ms, server, change, lasted_ms, text)
            VALUES (:run, :at_ms, :server, :change, :lasted_ms, :text)";
        execute(
            to,
            sql,
            named_params! {
                ":run": run, ":at_ms": at_ms, ":server": self.server, ":change": self.change,
                ":lasted_ms": self.lasted_ms, ":text": self.text,
            },
        )
    }
}

impl LatencyRow {
    fn write(&self, run: u64, at_ms: u64, to: &Connection) -> Result<()> {
        let [mean, p50, p99, max] = self.micros;
        name((!self.identity.is_empty()).then_some(self.identity.as_str()), to)?;
        let sql =
            "INSERT OR REPLACE INTO latency_hours (at_ms, run, server, class, identity, operations, mean_us, p50_us,
                p99_us, max_us)
            VALUES (:at_ms, :run, :server, :class, :identity, :operations, :mean, :p50, :p99, :max)";
        execute(
            to,
            sql,
            named_params! {
                ":at_ms": at_ms, ":run": run, ":server": self.server, ":class": self.class, ":identity": self.identity,
                ":operations": self.operations, ":mean": mean, ":p50": p50, ":p99": p99, ":max": max,
            },
        )
    }
}

impl RiskRow {
    fn write(&self, run: u64, at_ms: u64, to: &Connection) -> Result<()> {
        name(self.identity.as_deref(), to)?;
        // Written again when it goes out: the later row says all that the earlier one did.
        let sql = "INSERT OR REPLACE INTO risks (run, risk, at_ms, until_ms, state, code, session, identity, client, server,
                text, facts)
            VALUES (:run, :risk, :at_ms, :until_ms, :state, :code, :session, :identity, :client, :server, :text, :facts)";
        execute(
            to,
            sql,
            named_params! {
                ":run": run, ":risk": self.risk, ":at_ms": at_ms, ":until_ms": self.until_ms, ":state": self.state,
                ":code": self.code, ":session": self.session, ":identity": self.identity, ":client": self.client,
                ":server": self.server, ":text": self.text, ":facts": self.facts,
            },
        )
    }
}
