//! The description of the API, made from its routes and the types of their answers.

use std::fmt::Write as _;

use aide::OperationOutput;
use aide::generate::infer_responses;
use aide::openapi::{Info, OpenApi, ReferenceOr, SecurityScheme, StatusCode};
use aide::transform::{TransformOpenApi, TransformOperation, TransformPathItem};
use axum::Json;
use schemars::JsonSchema;
use serde_json::Value;

use super::error::ApiError;
use crate::api::{ApiList, ErrorAnswer};
use crate::filter::FilterField;
use crate::text;

/// The name of the token in the description.
const TOKEN: &str = "token";

/// What answers say of all routes together.
#[derive(Debug)]
pub(super) struct RouteList {
    /// All paths, as a sentence lists them.
    pub(super) paths: String,
    /// What else than GET there is, as a sentence lists it.
    pub(super) changes: String,
}

impl RouteList {
    /// Of these.
    pub(super) fn of(paths: &[String], changes: &[String]) -> Self {
        Self { paths: listed(paths), changes: listed(changes) }
    }
}

/// All of it in JSON over several lines.
pub(super) fn written(whole: &OpenApi) -> String {
    // Types of plain members have a form in JSON.
    let whole = serde_json::to_value(whole).map(plain).unwrap_or_default();
    text::json(&format!("{whole:#}\n")).into_owned()
}

/// With commas, and "and" before the last.
fn listed(items: &[String]) -> String {
    let mut text = String::new();
    for (place, item) in items.iter().enumerate() {
        let between = match items.len() - place {
            _ if place == 0 => "",
            1 => " and ",
            _ => ", ",
        };
        let _ = write!(text, "{between}{item}");
    }
    text
}

/// Without Rust's names of number formats, which no other program knows.
fn plain(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(name, value)| name != "format" || !value.is_string());
            Value::Object(kept.map(|(name, value)| (name, plain(value))).collect())
        }
        Value::Array(items) => items.into_iter().map(plain).collect(),
        other => other,
    }
}

/// What the description says of itself, before any path.
pub(super) fn frame() -> OpenApi {
    let info = Info {
        title: "zoogate".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        description: Some("What a zoogate tells of its sessions. Names are added to and not renamed.".to_owned()),
        ..Info::default()
    };
    let mut whole = OpenApi { info, ..OpenApi::default() };
    let scheme = SecurityScheme::Http {
        scheme: "bearer".to_owned(),
        bearer_format: None,
        description: Some("The text of admin.token_file, or of admin.read_token_file to read. Where neither is set, none is asked for.".to_owned()),
        extensions: <_>::default(),
    };
    let _ = TransformOpenApi::new(&mut whole).security_scheme(TOKEN, scheme);
    whole
}

/// Before routes are described, on the thread that describes them.
pub(super) fn begin() {
    infer_responses(false);
}

/// Says of a path that it needs the token.
pub(super) fn needs_token(path: TransformPathItem<'_>) -> TransformPathItem<'_> {
    path.security_requirement(TOKEN)
}

/// An answer in JSON, and errors.
pub(super) fn answers<T: JsonSchema>(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let mut operation = operation.response::<200, Json<T>>().default_response::<Json<ErrorAnswer<'static>>>();
    let described = operation.inner_mut().responses.as_ref().and_then(|all| all.responses.get(&StatusCode::Code(200)));
    let about = match described {
        Some(ReferenceOr::Item(response)) => response.description.clone(),
        _ => String::new(),
    };
    operation.summary(&about)
}

/// Parameters that every list has.
const UNFILTERED: [&str; 2] = ["limit", "filter"];

/// A list in JSON, with its filters and no others.
pub(super) fn lists<L: ApiList + JsonSchema>(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let mut operation = answers::<L>(operation);
    operation.inner_mut().parameters.retain(|parameter| match parameter {
        ReferenceOr::Item(parameter) => {
            let name = parameter.parameter_data_ref().name.as_str();
            UNFILTERED.contains(&name) || FilterField::named(name).is_some_and(|field| L::FILTERS.contains(&field))
        }
        ReferenceOr::Reference { .. } => true,
    });
    operation
}

/// An answer of another kind, and errors in JSON.
pub(super) fn answers_text<'t>(
    operation: TransformOperation<'t>,
    kind: &'static str,
    about: &'static str,
) -> TransformOperation<'t> {
    let mut operation = operation
        .summary(about)
        .response_with::<200, String, _>(|response| response.description(about))
        .default_response::<Json<ErrorAnswer<'static>>>();
    if let Some(responses) = &mut operation.inner_mut().responses
        && let Some(ReferenceOr::Item(response)) = responses.responses.get_mut(&StatusCode::Code(200))
    {
        response.content =
            std::mem::take(&mut response.content).into_values().map(|form| (kind.to_owned(), form)).collect();
    }
    operation
}

impl OperationOutput for ApiError {
    type Inner = ErrorAnswer<'static>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_lists_things() {
        let list = |items: &[&str]| listed(&items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>());
        assert_eq!(list(&[]), "");
        assert_eq!(list(&["a"]), "a");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
    }
}
