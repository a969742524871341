//! `POST /api/connections/N/disconnect`: ends a client's connection.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::api_state::ApiState;
use super::change::ChangeRequest;
use super::error::ApiError;
use super::query::PathParams;
use crate::api::{ApiWord, ConnectionPath, DisconnectAnswer, DisconnectRequest};
use crate::control::DisconnectError;
use crate::ids::ConnectionId;

/// Ends the connection and says how.
pub(super) async fn disconnect(
    State(api): State<ApiState>,
    PathParams(ConnectionPath { connection: number }): PathParams<ConnectionPath>,
    change: ChangeRequest<DisconnectRequest>,
) -> Result<Json<DisconnectAnswer>, ApiError> {
    let ChangeRequest { body: DisconnectRequest {}, peer } = change;
    let number = number.parse().map(ConnectionId).map_err(|_| {
        let reason = "a connection's number is decimal, as /api/connections lists it";
        ApiError::bad_request("the path names no connection", reason)
    })?;
    // Who it was is known while it is open.
    let known = api.telemetry.state().open_connection(number);
    let outcome = api.control.disconnect(number).await;
    let (client, session) = (known.map(|one| one.client), known.and_then(|one| one.session));
    let server = known.and_then(|one| one.server).map(|server| api.telemetry.server_name(server));
    let result = outcome.map_or_else(|error| error.to_string(), |outcome| outcome.label().to_owned());
    tracing::info!(
        %peer,
        connection = %number,
        session = session.map(tracing::field::display),
        client = client.map(tracing::field::display),
        server,
        result,
        "an operator asked to end a connection"
    );
    let outcome = outcome.map_err(|error| refused(number, error))?;
    Ok(Json(DisconnectAnswer {
        connection: number.0,
        ended: ApiWord::from(outcome.label()),
        session: session.map(|session| session.to_string()),
        client: client.map(|client| client.to_string()),
        server: server.map(str::to_owned),
    }))
}

fn refused(number: ConnectionId, error: DisconnectError) -> ApiError {
    let reason = match error {
        DisconnectError::NotOpen => {
            let error = format!("no open connection has the number {number}");
            return ApiError::not_found(error, "it has ended, or there never was one: see `zoogate connections`");
        }
        DisconnectError::TooMany => "ask again in a moment",
        DisconnectError::StillOpen => "see `zoogate connections`, and zoogate's log",
    };
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, format!("connection {number} was not ended: {error}"), reason)
}
