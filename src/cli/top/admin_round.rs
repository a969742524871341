//! Asks the admin API what the screen wants to know.

use serde::de::DeserializeOwned;
use ureq::http::StatusCode;

use crate::api::{
    ApiList, EnsembleView, IncidentList, IncidentView, LatencyList, LoadAnswer, MoveList, RefusalList, ServerList,
    SessionDetail, SessionList,
};
use crate::cli::admin_client::AdminClient;
use crate::cli::{ensemble, incident, session};
use crate::observe::WallClock;
use crate::top::{ApiAnswer, ApiQuestion, PollFailure, PollQuestions, PollRound};

/// Rows at most of a list: with fewer the busiest of many sessions are not among those that were heard of last.
const ROWS: usize = 10_000;
/// Incidents at most in their own view, and of those that are open.
const INCIDENTS: usize = 200;
/// Moves at most, and refusals: the newest.
const EVENTS: usize = 1_000;
/// Incidents at most that are asked for beside every other view, to tell of a new one.
const NEWEST_INCIDENTS: usize = 20;

/// A query of a question.
type QueryPairs = Vec<(&'static str, String)>;

/// Asks one question after the other, until nobody answers.
pub(super) fn ask(client: &AdminClient<'_>, asked: &PollQuestions) -> PollRound {
    let mut answers = Vec::new();
    for (question, filter) in &asked.questions {
        let query = filter.iter().map(|filter| ("filter", filter.clone())).collect();
        let answer = answer(client, question, query);
        // Each question to nobody may take as long as the client has patience.
        let is_away = matches!(answer, Err(PollFailure::Away(_)));
        answers.push((question.clone(), answer));
        if is_away {
            break;
        }
    }
    PollRound { at_ms: WallClock::unix_now(), answers }
}

fn answer(client: &AdminClient<'_>, question: &ApiQuestion, mut query: QueryPairs) -> Result<ApiAnswer, PollFailure> {
    Ok(match question {
        ApiQuestion::Servers => ApiAnswer::Servers(list::<ServerList>(client, ROWS, query)?.0),
        ApiQuestion::Ensemble => ApiAnswer::Ensemble(Box::new(fetch(client, EnsembleView::PATH, &query)?)),
        ApiQuestion::Latency => ApiAnswer::Latency(list::<LatencyList>(client, ROWS, query)?.0),
        ApiQuestion::Sessions => {
            let (sessions, more) = list::<SessionList>(client, ROWS, query)?;
            ApiAnswer::Sessions(sessions, more)
        }
        ApiQuestion::Load(by) => {
            query.push(("by", (*by).to_owned()));
            ApiAnswer::Load(fetch(client, LoadAnswer::PATH, &query)?)
        }
        ApiQuestion::Moves => {
            let (moves, more) = list::<MoveList>(client, EVENTS, query)?;
            ApiAnswer::Moves(moves, more)
        }
        ApiQuestion::Refusals => {
            let (refusals, more) = list::<RefusalList>(client, EVENTS, query)?;
            ApiAnswer::Refusals(refusals, more)
        }
        ApiQuestion::Incidents => incidents(client, INCIDENTS, query)?,
        ApiQuestion::NewestIncidents => incidents(client, NEWEST_INCIDENTS, query)?,
        ApiQuestion::OpenIncidents => {
            query.push(("state", "open".to_owned()));
            incidents(client, INCIDENTS, query)?
        }
        ApiQuestion::SessionPage(id) => {
            let detail: SessionDetail = fetch(client, &SessionDetail::path(id), &query)?;
            ApiAnswer::Page(page(|text| session::print(&detail, text)))
        }
        ApiQuestion::IncidentPage(id) => {
            let detail: IncidentView = fetch(client, &IncidentView::path(id), &query)?;
            ApiAnswer::Page(page(|text| incident::print(&detail, text)))
        }
        ApiQuestion::EnsemblePage => {
            let detail: EnsembleView = fetch(client, EnsembleView::PATH, &query)?;
            ApiAnswer::Page(page(|text| ensemble::print(&detail, text)))
        }
    })
}

fn incidents(client: &AdminClient<'_>, most: usize, query: QueryPairs) -> Result<ApiAnswer, PollFailure> {
    list::<IncidentList>(client, most, query).map(|(incidents, more)| ApiAnswer::Incidents(incidents, more))
}

/// So many elements of a list, and whether there are more.
fn list<L: ApiList>(
    client: &AdminClient<'_>,
    most: usize,
    mut query: QueryPairs,
) -> Result<(Vec<L::Element>, bool), PollFailure> {
    query.push(("limit", most.to_string()));
    fetch::<L>(client, L::PATH, &query).map(L::into_elements)
}

fn fetch<T: DeserializeOwned>(client: &AdminClient<'_>, path: &str, query: &QueryPairs) -> Result<T, PollFailure> {
    let away = |error: anyhow::Error| PollFailure::Away(format!("{error:#}"));
    let answer = client.get(path, query).map_err(away)?;
    if answer.status == StatusCode::OK {
        answer.good().map_err(away)
    } else {
        Err(PollFailure::Refused(answer.refusal()))
    }
}

/// The text that a command prints.
fn page(print: impl FnOnce(&mut Vec<u8>) -> anyhow::Result<()>) -> String {
    let mut text = Vec::new();
    match print(&mut text) {
        Ok(()) => String::from_utf8_lossy(&text).into_owned(),
        Err(error) => format!("{error:#}"),
    }
}
