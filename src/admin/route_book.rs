//! What routes are entered in: what answers them, or what describes them.

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with, put_with};
use aide::operation::OperationHandler;
use aide::transform::TransformOperation;
use aide::{OperationInput, OperationOutput};
use axum::Router;
use axum::handler::Handler;
use axum::routing::{get, post, put};

use super::api_state::ApiState;

/// Takes routes, each with the function that answers it and the one that describes it.
pub(super) trait RouteBook: Sized {
    /// Something that is read.
    fn get<H, I, O, T>(self, path: &str, handler: H, describe: impl DescribeRoute) -> Self
    where
        H: Handler<T, ApiState> + OperationHandler<I, O>,
        I: OperationInput,
        O: OperationOutput,
        T: 'static;

    /// Something that is done.
    fn post<H, I, O, T>(self, path: &str, handler: H, describe: impl DescribeRoute) -> Self
    where
        H: Handler<T, ApiState> + OperationHandler<I, O>,
        I: OperationInput,
        O: OperationOutput,
        T: 'static;

    /// Something that is set.
    fn put<H, I, O, T>(self, path: &str, handler: H, describe: impl DescribeRoute) -> Self
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
    fn get<H, I, O, T>(self, path: &str, handler: H, describe: impl DescribeRoute) -> Self
    where
        H: Handler<T, ApiState> + OperationHandler<I, O>,
        I: OperationInput,
        O: OperationOutput,
        T: 'static,
    {
        self.api_route(path, get_with(handler, describe))
    }

    fn post<H, I, O, T>(self, path: &str, handler: H, describe: impl DescribeRoute) -> Self
    where
        H: Handler<T, ApiState> + OperationHandler<I, O>,
        I: OperationInput,
        O: OperationOutput,
        T: 'static,
    {
        self.api_route(path, post_with(handler, describe))
    }

    fn put<H, I, O, T>(self, path: &str, handler: H, describe: impl DescribeRoute) -> Self
    where
        H: Handler<T, ApiState> + OperationHandler<I, O>,
        I: OperationInput,
        O: OperationOutput,
        T: 'static,
    {
        self.api_route(path, put_with(handler, describe))
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

impl ServedRoutes {
    fn enter(&mut self, path: &str) {
        if self.paths.last().is_none_or(|last| last != path) {
            self.paths.push(path.to_owned());
        }
    }

    fn enter_change(&mut self, method: &str, path: &str) {
        self.enter(path);
        self.changes.push(format!("{method} {path}"));
    }
}

impl RouteBook for ServedRoutes {
    fn get<H, I, O, T>(mut self, path: &str, handler: H, _: impl DescribeRoute) -> Self
    where
        H: Handler<T, ApiState> + OperationHandler<I, O>,
        I: OperationInput,
        O: OperationOutput,
        T: 'static,
    {
        self.enter(path);
        Self { router: self.router.route(path, get(handler)), ..self }
    }

    fn post<H, I, O, T>(mut self, path: &str, handler: H, _: impl DescribeRoute) -> Self
    where
        H: Handler<T, ApiState> + OperationHandler<I, O>,
        I: OperationInput,
        O: OperationOutput,
        T: 'static,
    {
        self.enter_change("POST", path);
        Self { router: self.router.route(path, post(handler)), ..self }
    }

    fn put<H, I, O, T>(mut self, path: &str, handler: H, _: impl DescribeRoute) -> Self
    where
        H: Handler<T, ApiState> + OperationHandler<I, O>,
        I: OperationInput,
        O: OperationOutput,
        T: 'static,
    {
        self.enter_change("PUT", path);
        Self { router: self.router.route(path, put(handler)), ..self }
    }
}
