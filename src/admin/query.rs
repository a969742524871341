//! What a list is asked for: how many elements, and which.

use aide::OperationInput;
use aide::generate::GenContext;
use aide::openapi::Operation;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::error::ApiError;
use super::filter_words::filter_words;
use crate::api::ListParameters;
use crate::filter::{Filter, FilterError, FilterField, FilterSubject};
use crate::observe::ProxyTelemetry;

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

impl<T: JsonSchema> OperationInput for QueryParams<T> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        Query::<T>::operation_input(ctx, operation);
    }
}

/// The variable parts of a path, each as text: what is wrong with it the handler says.
pub(super) struct PathParams<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for PathParams<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(path)) => Ok(Self(path)),
            Err(rejection) => Err(ApiError::bad_request("the path is not valid", rejection.body_text())),
        }
    }
}

impl<T: JsonSchema> OperationInput for PathParams<T> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        Path::<T>::operation_input(ctx, operation);
    }
}

fn refusal(rejection: &QueryRejection) -> ApiError {
    ApiError::bad_request("the query is not valid", rejection.body_text())
}

/// The [`ListParameters`] of a request, with their words looked up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ListFilter {
    pub(super) limit: usize,
    pub(super) filter: Filter,
}

impl ListFilter {
    /// Looks up what it names. Single parameters are terms of the filter under another name.
    ///
    /// # Errors
    /// A filter that cannot be read, one that is not among those which the list has, a server that there is not.
    pub(super) fn resolve(
        asked: &ListParameters,
        telemetry: &ProxyTelemetry,
        fields: &[FilterField],
    ) -> Result<Self, ApiError> {
        let mut filter = Filter::parse(asked.filter.as_deref().unwrap_or_default())?;
        for (name, value) in asked.pairs() {
            match FilterField::named(name) {
                Some(FilterField::Identity) => filter = filter.and_contains(FilterField::Identity, &value)?,
                Some(field) => filter.and_is(field, &value)?,
                None => {}
            }
        }
        let filter = filter.for_fields(fields)?.with_servers(telemetry.server_names())?.with_words(filter_words)?;
        Ok(Self { limit: asked.limit.unwrap_or(DEFAULT_LIMIT), filter })
    }

    /// Whether it lets a row through.
    pub(super) fn fits(&self, row: &impl FilterSubject) -> bool {
        self.filter.matches(row)
    }
}

impl From<FilterError> for ApiError {
    fn from(error: FilterError) -> Self {
        let reason = error.reason();
        Self::bad_request(error.problem, reason)
    }
}
