//! What routes are entered in: what answers them, or what describes them.

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with, put_with};
use aide::operation::OperationHandler;
use aide::transform::TransformOperation;
use aide::{OperationInput, OperationOutput};
use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, on};

use super::api_state::ApiState;

/// What is done at a route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum RouteVerb {
    /// Something is read.
    Get,
    /// Something is done.
    Post,
    /// Something is set.
    Put,
}

/// Takes routes, each with the function that answers it and the one that describes it.
pub(super) trait RouteBook: Sized {
    /// Enters a route.
    fn route<H, I, O, T>(self, verb: RouteVerb, path: &str, handler: H, describe: impl DescribeRoute) -> Self
    where
        H: Handler<T, ApiState> + OperationHandler<I, O>,
        I: OperationInput,
        O: OperationOutput,
        T: 'static;
}

/// Describes a route.
pub(super) trait DescribeRoute: FnOnce(TransformOperation<'_>) -> TransformOperation<'_> {}

impl<F: FnOnce(TransformOperation<'_>) -> TransformOperation<'_>> DescribeRoute for F {}

impl RouteBook for ApiRouter<ApiState> {
    fn route<H, I, O, T>(self, verb: RouteVerb, path: &str, handler: H, describe: impl DescribeRoute) -> Self
    where
        H: Handler<T, ApiState> + OperationHandler<I, O>,
        I: OperationInput,
        O: OperationOutput,
        T: 'static,
    {
        let described = match verb {
            RouteVerb::Get => get_with(handler, describe),
            RouteVerb::Post => post_with(handler, describe),
            RouteVerb::Put => put_with(handler, describe),
        };
        self.api_route(path, described)
    }
}

/// Routes that are served. They are not described again: the description takes more memory than all else that the
/// admin address holds.
#[derive(Debug, Default)]
pub(super) struct ServedRoutes {
    /// What answers them.
    pub(super) router: Router<ApiState>,
    /// Their paths, in the order in which they were entered.
    pub(super) paths: Vec<String>,
    /// What else than GET there is: the method and the path.
    pub(super) changes: Vec<String>,
}

impl RouteBook for ServedRoutes {
    fn route<H, I, O, T>(mut self, verb: RouteVerb, path: &str, handler: H, _: impl DescribeRoute) -> Self
    where
        H: Handler<T, ApiState> + OperationHandler<I, O>,
        I: OperationInput,
        O: OperationOutput,
        T: 'static,
    {
        let (method, change) = match verb {
            RouteVerb::Get => (MethodFilter::GET, None),
            RouteVerb::Post => (MethodFilter::POST, Some("POST")),
            RouteVerb::Put => (MethodFilter::PUT, Some("PUT")),
        };
        if self.paths.last().is_none_or(|last| last != path) {
            self.paths.push(path.to_owned());
        }
        self.changes.extend(change.map(|method| format!("{method} {path}")));
        Self { router: self.router.route(path, on(method, handler)), ..self }
    }
}
