//! What a list is asked for: how many elements, and which.

use std::net::{IpAddr, SocketAddr};

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::error::ApiError;
use super::session_holder::holder;
use crate::api::ListParameters;
use crate::ids::{ServerId, SessionId};
use crate::observe::ProxyTelemetry;
use crate::session::identity::HolderIdentity;

/// Elements of a list unless more are asked for.
const DEFAULT_LIMIT: usize = 1_000;

/// The query of a request, or the reason why it is none.
pub(super) struct QueryParams<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for QueryParams<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(query)) => Ok(Self(query)),
            Err(rejection) => Err(refusal(&rejection)),
        }
    }
}

fn refusal(rejection: &QueryRejection) -> ApiError {
    ApiError::bad_request("the query is not valid", rejection.body_text())
}

/// The [`ListParameters`] of a request, with their words looked up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ListFilter {
    pub(super) limit: usize,
    pub(super) server: Option<ServerId>,
    pub(super) session: Option<SessionId>,
    pub(super) moved: Option<bool>,
    client: Option<ClientFilter>,
    state: Option<String>,
    identity: Option<String>,
    reason: Option<String>,
}

/// A client, or all clients of a host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ClientFilter {
    Socket(SocketAddr),
    Host(IpAddr),
}

impl ClientFilter {
    fn parse(text: &str) -> Result<Self, ApiError> {
        let socket = text.parse().map(Self::Socket);
        socket.or_else(|_| text.parse().map(Self::Host)).map_err(|_| {
            let reason = format!("{text:?} is not an IP address, with or without a port");
            ApiError::bad_request("the client filter is not an address", reason)
        })
    }
}

impl ListFilter {
    /// Looks up what it names.
    ///
    /// # Errors
    /// A filter that is not among those which the list has, a server that there is not, or something that is no
    /// session id.
    pub(super) fn resolve(
        asked: ListParameters,
        telemetry: &ProxyTelemetry,
        filters: &[&str],
    ) -> Result<Self, ApiError> {
        let narrows = |name: &&str| *name != "limit" && !filters.contains(name);
        if let Some(name) = asked.pairs().into_iter().map(|(name, _)| name).find(narrows) {
            let reason = format!("its filters are limit, {}", filters.join(", "));
            return Err(ApiError::bad_request(format!("this list has no filter {name}"), reason));
        }
        let server = asked.server.map(|name| server_named(&name, telemetry)).transpose()?;
        let wrong_id = |reason| ApiError::bad_request("the session filter is not a session id", reason);
        let session = asked.session.map(|id| SessionId::parse(&id)).transpose().map_err(wrong_id)?;
        Ok(Self {
            limit: asked.limit.unwrap_or(DEFAULT_LIMIT),
            server,
            session,
            moved: asked.moved,
            client: asked.client.map(|client| ClientFilter::parse(&client)).transpose()?,
            state: asked.state,
            identity: asked.identity,
            reason: asked.reason,
        })
    }
}

fn server_named(name: &str, telemetry: &ProxyTelemetry) -> Result<ServerId, ApiError> {
    let roster = telemetry.state().roster();
    let by_address = roster.servers.iter().find(|entry| entry.address == name).map(|entry| entry.id);
    let by_number = || name.parse().ok().map(ServerId).filter(|id| roster.get(*id).is_some());
    by_address.or_else(by_number).ok_or_else(|| {
        let known: Vec<&str> = roster.servers.iter().map(|entry| entry.address.as_str()).collect();
        ApiError::bad_request(format!("there is no server {name}"), format!("the servers are {}", known.join(", ")))
    })
}

impl ListFilter {
    pub(super) fn server_fits(&self, servers: &[Option<ServerId>]) -> bool {
        self.server.is_none_or(|wanted| servers.contains(&Some(wanted)))
    }

    pub(super) fn session_fits(&self, session: SessionId) -> bool {
        self.session.is_none_or(|wanted| wanted == session)
    }

    pub(super) fn client_fits(&self, client: Option<SocketAddr>) -> bool {
        match self.client {
            None => true,
            Some(ClientFilter::Socket(wanted)) => client == Some(wanted),
            Some(ClientFilter::Host(wanted)) => client.is_some_and(|client| client.ip() == wanted),
        }
    }

    /// As [`client_fits`](Self::client_fits), for an address without a port.
    pub(super) fn host_fits(&self, host: Option<IpAddr>) -> bool {
        match self.client {
            None => true,
            Some(ClientFilter::Socket(wanted)) => host == Some(wanted.ip()),
            Some(ClientFilter::Host(wanted)) => host == Some(wanted),
        }
    }

    pub(super) fn state_fits(&self, state: &str) -> bool {
        self.state.as_deref().is_none_or(|wanted| wanted == state)
    }

    pub(super) fn reason_fits(&self, reason: Option<&str>) -> bool {
        self.reason.is_none() || self.reason.as_deref() == reason
    }

    pub(super) fn identity_fits(&self, identity: Option<HolderIdentity>, client: Option<SocketAddr>) -> bool {
        let fits = |wanted: &str| holder(identity, client).is_some_and(|name| name.contains(wanted));
        self.identity.as_deref().is_none_or(fits)
    }
}
