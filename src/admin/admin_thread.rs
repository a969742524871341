//! The admin thread: taking the address, running, stopping.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::runtime::Builder;
use tokio_util::sync::CancellationToken;

use super::accept;
use super::allowed_hosts::AllowedHosts;
use super::api_state::ApiState;
use super::connections::AdminConnections;
use super::error::AdminError;
use super::routes::routes;
use crate::control::ConnectionControl;
use crate::history::HistoryReader;
use crate::observe::ProxyTelemetry;

/// An admin address that is taken and not yet served.
#[derive(Debug)]
pub struct AdminListener {
    listener: TcpListener,
    address: SocketAddr,
    history: Option<HistoryReader>,
}

impl AdminListener {
    /// Takes the address. That one beyond loopback is allowed has been settled by the configuration.
    ///
    /// # Errors
    /// [`AdminError::Listen`] names the address.
    pub fn bind(address: SocketAddr) -> Result<Self, AdminError> {
        let wrong = |error| AdminError::Listen { address, error };
        let listener = TcpListener::bind(address).map_err(wrong)?;
        listener.set_nonblocking(true).map_err(wrong)?;
        let address = listener.local_addr().map_err(wrong)?;
        Ok(Self { listener, address, history: None })
    }

    /// With a history to answer from.
    #[must_use]
    pub fn with_history(self, history: Option<HistoryReader>) -> Self {
        Self { history, ..self }
    }

    /// The address, with the port that the kernel chose if it was to choose.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves on a thread of its own what was observed of connections that can be commanded by `control`.
    ///
    /// # Errors
    /// [`AdminError::Thread`] when there is none to be had.
    pub fn start(
        self,
        telemetry: Arc<ProxyTelemetry>,
        control: Arc<ConnectionControl>,
    ) -> Result<AdminThread, AdminError> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(AdminError::Thread)?;
        let stop = CancellationToken::new();
        let (stopped, listener, address) = (stop.clone(), self.listener, self.address);
        let clients = Arc::new(AdminConnections::default());
        let (names, history, served) = (AllowedHosts::of(address.ip()), self.history, Arc::clone(&clients));
        let routes = routes(|listed| ApiState::new((telemetry, control), history, names, served, listed));
        let serve = async move {
            match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => accept::serve(listener, routes, clients, stopped).await,
                Err(error) => tracing::error!(%address, %error, "the admin address is not served"),
            }
        };
        let run = move || {
            runtime.block_on(serve);
            // A question to the history may wait for a disk that does not answer: the end does not.
            runtime.shutdown_background();
        };
        let thread = thread::Builder::new().name("admin".to_owned()).spawn(run);
        Ok(AdminThread { address, stop, thread: Some(thread.map_err(AdminError::Thread)?) })
    }
}

/// A running admin thread. Stops when it is dropped.
#[derive(Debug)]
pub struct AdminThread {
    address: SocketAddr,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl AdminThread {
    /// Where it is served.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets the answers on their way out, and ends.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for AdminThread {
    fn drop(&mut self) {
        self.stop.cancel();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the admin thread panicked");
        }
    }
}
