//! `zoogate disconnect`: ends a connection, or all connections of a session.

use std::io::Write;

use anyhow::anyhow;
use ureq::http::StatusCode;

use super::CommandOutcome;
use super::admin_client::AdminClient;
use super::cell::CellValue as _;
use super::disconnect_target::DisconnectTarget;
use super::query_options::QueryOptions;
use super::table::{Column, TextTable};
use crate::api::{
    ApiList as _, ApiWord, ConnectionList, ConnectionView, DisconnectAnswer, DisconnectRequest, DisconnectedList,
};
use crate::ids::{ConnectionId, SessionId};
use crate::text;

/// Connections of one session that are asked for: more than any session has open.
const MOST_CONNECTIONS: usize = 100_000;

const COLUMNS: &[Column<DisconnectAnswer>] = &[
    ("CONNECTION", |one| one.connection.cell()),
    ("SESSION", |one| one.session.cell()),
    ("CLIENT", |one| one.client.cell()),
    ("SERVER", |one| one.server.cell()),
    ("ENDED", |one| one.ended.cell()),
];

/// Ends what is open of the target, and says how each connection ended.
pub(super) fn disconnect(
    options: &QueryOptions,
    target: DisconnectTarget,
    out: &mut dyn Write,
) -> anyhow::Result<CommandOutcome> {
    let client = AdminClient::of(&options.at)?;
    let mut ended = DisconnectedList::default();
    let outcome = match target {
        DisconnectTarget::Connection(ConnectionId(number)) => match end(&client, number)? {
            Ok(answer) => {
                ended.disconnected.push(answer);
                Ok(())
            }
            Err(refusal) => {
                writeln!(out, "{refusal}")?;
                return Ok(CommandOutcome::Negative);
            }
        },
        DisconnectTarget::Session(session) => {
            let open = open_connections(&client, session)?;
            if open.is_empty() {
                writeln!(out, "session {session} has no open connection here: see `zoogate session {session}`")?;
                return Ok(CommandOutcome::Negative);
            }
            end_all(&client, open, &mut ended)
        }
    };
    // What was ended is said even where something went wrong afterwards.
    if options.json {
        writeln!(out, "{}", text::json(&serde_json::to_string_pretty(&ended)?))?;
    } else if !ended.disconnected.is_empty() {
        let mut table = TextTable::new(COLUMNS.iter().map(|(title, _)| *title));
        ended.disconnected.iter().for_each(|one| table.element(COLUMNS, one));
        table.write(out)?;
    }
    outcome.map(|()| CommandOutcome::Success)
}

/// Ends one connection; the inner error says that there is no such open connection.
fn end(client: &AdminClient<'_>, number: u64) -> anyhow::Result<Result<DisconnectAnswer, String>> {
    let answer = client.post(&DisconnectRequest::path(number), &DisconnectRequest {})?;
    if answer.status == StatusCode::NOT_FOUND { Ok(Err(answer.refusal())) } else { Ok(Ok(answer.good()?)) }
}

fn open_connections(client: &AdminClient<'_>, session: SessionId) -> anyhow::Result<Vec<ConnectionView>> {
    let query = [("session", session.to_string()), ("limit", MOST_CONNECTIONS.to_string())];
    let (all, _) = client.get(ConnectionList::PATH, &query)?.good::<ConnectionList>()?.into_elements();
    Ok(all.into_iter().filter(|one| one.state != "ended").collect())
}

fn end_all(client: &AdminClient<'_>, open: Vec<ConnectionView>, ended: &mut DisconnectedList) -> anyhow::Result<()> {
    for one in open {
        let number = one.connection;
        let answer = end(client, number).map_err(|error| anyhow!("connection {number}: {error:#}"))?;
        // One that is not there any more has ended since it was listed.
        ended.disconnected.push(answer.unwrap_or_else(|_| DisconnectAnswer {
            connection: number,
            ended: ApiWord::from("by_itself"),
            session: one.session,
            client: Some(one.client),
            server: one.server.server,
        }));
    }
    Ok(())
}
