//! What can go wrong at the admin address: at its start, and in answering one request.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::admin_socket::SocketProblem;
use super::admin_token::TokenFileError;
use crate::api::ErrorAnswer;
use crate::text::one_line;

/// Why the admin address is not served.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The address could not be taken.
    #[error("cannot serve metrics and the API on {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the kernel said.
        error: io::Error,
    },
    /// The Unix socket could not be taken.
    #[error("cannot serve metrics and the API on the socket {}: {problem} (admin.socket)", one_line(&path.to_string_lossy()))]
    Socket {
        /// The socket.
        path: PathBuf,
        /// Why.
        problem: SocketProblem,
    },
    /// A token file is of no use.
    #[error(transparent)]
    Token(#[from] TokenFileError),
    /// The operating system refused its thread or its runtime.
    #[error("cannot start the thread of the admin address: {0}")]
    Thread(io::Error),
}

/// An answer that says why there is none.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    error: String,
    reason: String,
    header: Option<Box<(HeaderName, HeaderValue)>>,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, error: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { status, error: error.into(), reason: reason.into(), header: None }
    }

    /// With a header beside what it says.
    pub(super) fn with_header(self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        Self { header: Some(Box::new((name, value.into()))), ..self }
    }

    /// What was asked for does not exist.
    pub(super) fn not_found(error: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, error, reason)
    }

    /// The question itself is wrong.
    pub(super) fn bad_request(error: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error, reason)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (error, reason) = (one_line(&self.error), one_line(&self.reason));
        let mut response = (self.status, Json(ErrorAnswer { error, reason: Some(reason) })).into_response();
        response.headers_mut().extend(self.header.map(|header| *header));
        response
    }
}
