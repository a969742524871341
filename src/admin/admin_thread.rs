//! The admin thread: taking the address, running, stopping.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::runtime::Builder;
use tokio_util::sync::CancellationToken;

use super::accept::{self, AdminIncoming};
use super::admin_access::AdminAccess;
use super::admin_socket::AdminSocket;
use super::allowed_hosts::AllowedHosts;
use super::api_state::ApiState;
use super::connections::AdminConnections;
use super::error::AdminError;
use super::routes::routes;
use crate::config::AdminSettings;
use crate::control::ConnectionControl;
use crate::history::HistoryReader;
use crate::observe::ProxyTelemetry;

/// An admin address, a socket, or both, that are taken and not yet served.
#[derive(Debug)]
pub struct AdminListener {
    tcp: Option<(TcpListener, SocketAddr)>,
    socket: Option<AdminSocket>,
    access: AdminAccess,
    history: Option<HistoryReader>,
}

impl AdminListener {
    /// Takes this address and no socket, without a token.
    ///
    /// # Errors
    /// [`AdminError::Listen`] names the address.
    pub fn bind(address: SocketAddr) -> Result<Self, AdminError> {
        let settings = AdminSettings { address: Some(address), token_file: None, read_token_file: None, socket: None };
        Self::of(&settings)
    }

    /// Reads the tokens, and takes the address and the socket. That an address beyond loopback is allowed and has a token
    /// has been settled by the configuration.
    ///
    /// # Errors
    /// [`AdminError`] names the address, the socket, or the file.
    pub fn of(settings: &AdminSettings) -> Result<Self, AdminError> {
        let access = AdminAccess::read(settings.token_file.as_deref(), settings.read_token_file.as_deref())?;
        let tcp = settings.address.map(listen).transpose()?;
        let socket = settings
            .socket
            .as_ref()
            .map(|path| AdminSocket::bind(path).map_err(|problem| AdminError::Socket { path: path.clone(), problem }));
        Ok(Self { tcp, socket: socket.transpose()?, access, history: None })
    }

    /// With a history to answer from.
    #[must_use]
    pub fn with_history(self, history: Option<HistoryReader>) -> Self {
        Self { history, ..self }
    }

    /// The address, with the port that the kernel chose if it was to choose; the unspecified one where only the socket
    /// is served.
    pub fn address(&self) -> SocketAddr {
        address_or_none(self.tcp.as_ref().map(|(_, address)| *address))
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
        let (stopped, tcp, socket) = (stop.clone(), self.tcp, self.socket);
        let address = tcp.as_ref().map(|(_, address)| *address);
        let clients = Arc::new(AdminConnections::default());
        let names = address.map_or(AllowedHosts::Local, |address| AllowedHosts::of(address.ip()));
        let (history, access, served) = (self.history, self.access, Arc::clone(&clients));
        let counted = Arc::clone(&telemetry);
        let routes = routes(|listed| ApiState::new((telemetry, control), history, (names, access), served, listed));
        let serve = async move {
            let over_tcp = async {
                let Some((listener, address)) = tcp else { return };
                match tokio::net::TcpListener::from_std(listener) {
                    Ok(listener) => {
                        let incoming = AdminIncoming::Address(listener);
                        let inside = (Arc::clone(&clients), Arc::clone(&counted));
                        accept::serve(incoming, routes.clone(), inside, stopped.clone()).await;
                    }
                    Err(error) => tracing::error!(%address, %error, "the admin address is not served"),
                }
            };
            let over_socket = async {
                let Some(AdminSocket { listener, file }) = socket else { return };
                match tokio::net::UnixListener::from_std(listener) {
                    Ok(listener) => {
                        let incoming = AdminIncoming::Socket(listener);
                        let inside = (Arc::clone(&clients), Arc::clone(&counted));
                        accept::serve(incoming, routes.clone(), inside, stopped.clone()).await;
                    }
                    Err(error) => tracing::error!(%error, "the socket of the admin address is not served"),
                }
                drop(file);
            };
            tokio::join!(over_tcp, over_socket);
        };
        let run = move || {
            runtime.block_on(serve);
            // A question to the history may wait for a disk that does not answer: the end does not.
            runtime.shutdown_background();
        };
        let thread = thread::Builder::new().name("admin".to_owned()).spawn(run);
        Ok(AdminThread { address: address_or_none(address), stop, thread: Some(thread.map_err(AdminError::Thread)?) })
    }
}

fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), AdminError> {
    let wrong = |error| AdminError::Listen { address, error };
    let listener = TcpListener::bind(address).map_err(wrong)?;
    listener.set_nonblocking(true).map_err(wrong)?;
    let address = listener.local_addr().map_err(wrong)?;
    Ok((listener, address))
}

fn address_or_none(address: Option<SocketAddr>) -> SocketAddr {
    address.unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))
}

/// A running admin thread. Stops when it is dropped.
#[derive(Debug)]
pub struct AdminThread {
    address: SocketAddr,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl AdminThread {
    /// Where it is served; the unspecified address where that is the socket alone.
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
