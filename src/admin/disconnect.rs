//! `POST /api/connections/N/disconnect`: ends a client's connection.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use tracing::Level;

use super::api_state::ApiState;
use super::change::ChangeRequest;
use super::error::ApiError;
use super::query::PathParams;
use crate::api::{ApiWord, ConnectionPath, DisconnectAnswer, DisconnectRequest};
use crate::control::{DisconnectError, DisconnectOutcome};
use crate::ids::ConnectionId;
use crate::observe::LogThrottle;

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
    if let Some(suppressed) = pass(api.telemetry.log_throttle(), outcome) {
        tracing::info!(
            %peer,
            connection = %number,
            session = session.map(tracing::field::display),
            client = client.map(tracing::field::display),
            server,
            result,
            suppressed,
            "an operator asked to end a connection"
        );
    } else {
        tracing::debug!(%peer, connection = %number, result, "an operator asked to end a connection");
    }
    let outcome = outcome.map_err(|error| refused(number, error))?;
    Ok(Json(DisconnectAnswer {
        connection: number.0,
        ended: ApiWord::from(outcome.label()),
        session: session.map(|session| session.to_string()),
        client: client.map(|client| client.to_string()),
        server: server.map(str::to_owned),
    }))
}

/// Whether to write who asked, and if so, how many such lines were suppressed. Whatever ends is written; what ends
/// nothing can be asked for again and again.
fn pass(log_throttle: &LogThrottle, outcome: Result<DisconnectOutcome, DisconnectError>) -> Option<u64> {
    let why = match outcome {
        // A connection that was told to end may end later.
        Ok(_) | Err(DisconnectError::StillOpen) => return Some(0),
        Err(DisconnectError::NotOpen) => "not_open",
        Err(DisconnectError::TooMany) => "too_many",
    };
    log_throttle.pass_level(Level::INFO, Some("disconnect"), why, None)
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

#[cfg(test)]
mod tests {
    use tokio::runtime::Builder;

    use super::*;
    use crate::admin::admin_access::AdminAccess;
    use crate::admin::admin_peer::AdminPeer;
    use crate::admin::api_state::tests::api;
    use crate::config::{LogFormat, LogLevel};
    use crate::control::{RelayHandle, SessionHolder};
    use crate::ids::ServerId;
    use crate::observe::logs::logging::tests::written;
    use crate::session::connection_end::DisconnectPoint;

    /// Asks for the end of a connection.
    async fn ask(api: &ApiState) -> Result<Json<DisconnectAnswer>, ApiError> {
        let path = ConnectionPath { connection: "7".to_owned() };
        let change = ChangeRequest { body: DisconnectRequest {}, peer: AdminPeer::Socket };
        disconnect(State(api.clone()), PathParams(path), change).await
    }

    /// The same while it is open.
    async fn end(api: &ApiState) -> Result<Json<DisconnectAnswer>, ApiError> {
        let holder = SessionHolder::Pooled(None);
        let one = api.control.registries()[0].enter(ConnectionId(7), ServerId(0), holder, RelayHandle::new());
        let ending = async {
            one.handle().disconnected().await;
            one.disconnected_at(DisconnectPoint::Boundary);
        };
        tokio::join!(ask(api), ending).0
    }

    #[test]
    fn each_end_is_written_and_of_requests_that_end_nothing_one_in_a_while() {
        let api = api(AdminAccess::default());
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let text = written(LogFormat::Text, LogLevel::Info, |_| {
            runtime.block_on(async {
                for _ in 0..3 {
                    assert!(ask(&api).await.is_err());
                    assert!(end(&api).await.is_ok());
                }
            });
        });
        let lines = |result: &str| text.lines().filter(|line| line.contains(result)).count();
        assert_eq!((lines("no open connection has this number"), lines("at_boundary")), (1, 3), "{text}");
    }

    #[test]
    fn requests_beyond_those_that_are_carried_out_are_a_line_in_a_while() {
        let log_throttle = LogThrottle::default();
        let (too_many, still_open) = (Err(DisconnectError::TooMany), Err(DisconnectError::StillOpen));
        assert_eq!([0; 3].map(|_| pass(&log_throttle, too_many)), [Some(0), None, None]);
        assert_eq!([0; 3].map(|_| pass(&log_throttle, still_open)), [Some(0); 3]);
    }
}
