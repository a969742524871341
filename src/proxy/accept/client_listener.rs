//! One listening address on one worker: open while there is a server for its clients.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::config::ListenerKind;
use crate::proxy::carried_client::CarriedClient;
use crate::proxy::connection::DownstreamClient;
use crate::proxy::network::socket::{self, Reservation};
use crate::proxy::shared::hand_over::HandedClient;
use crate::proxy::shared::permit::{ConnectionLimit, Permit};
use crate::proxy::shared::proxy_state::{ClientOrigin, ProxyState};

/// Pause after an accept or a bind that failed for want of descriptors or memory, so that the loop neither
/// spins nor gives up.
pub(crate) const AFTER_FAILURE: Duration = Duration::from_millis(50);

/// A listening address, as each worker has it.
#[derive(Clone)]
pub(in crate::proxy) struct ClientListener {
    /// The proxy.
    pub(in crate::proxy) proxy: Arc<ProxyState>,
    /// The worker's number.
    pub(in crate::proxy) worker: usize,
    /// The address.
    pub(in crate::proxy) reservation: Arc<Reservation>,
    /// What stands behind it.
    pub(in crate::proxy) kind: ListenerKind,
    /// Whether it is to be open.
    pub(in crate::proxy) open: watch::Receiver<bool>,
}

impl ClientListener {
    /// Opens and closes as servers come and go, and accepts clients, until the proxy stops.
    pub(in crate::proxy) async fn attend(mut self) {
        let stopping = self.proxy.stopping.clone();
        stopping
            .run_until_cancelled(async {
                while self.open.wait_for(|open| *open).await.is_ok() {
                    match self.reservation.listen() {
                        Ok(listener) => {
                            self.proxy.listens(true);
                            self.accept(&listener).await;
                            self.proxy.listens(false);
                        }
                        Err(error) => {
                            self.failed("listen", &error);
                            sleep(AFTER_FAILURE).await;
                        }
                    }
                }
            })
            .await;
    }

    /// Lets clients in until the listener is to be closed.
    async fn accept(&self, listener: &TcpListener) {
        let mut open = self.open.clone();
        // One for all clients: to begin to wait anew for each of them costs as much as the accept itself.
        let mut closing = pin!(closed(&mut open));
        loop {
            tokio::select! {
                biased;
                () = &mut closing => return,
                accepted = listener.accept() => match accepted {
                    Ok((client, address)) => self.let_in(client, address),
                    Err(error) if is_the_clients(&error) => {}
                    Err(error) => {
                        self.failed("accept", &error);
                        sleep(AFTER_FAILURE).await;
                    }
                },
            }
        }
    }

    fn let_in(&self, client: TcpStream, address: SocketAddr) {
        let permit = match self.proxy.admit(address.ip(), self.worker) {
            Ok(permit) => permit,
            Err(full) => {
                let (telemetry, listener) = (&self.proxy.telemetry, self.reservation.address());
                match full {
                    ConnectionLimit::Everybody => telemetry.note_rejected(listener, self.proxy.open()),
                    ConnectionLimit::Address => telemetry.note_address_rejected(listener, address),
                }
                // A reset and no orderly end: the client tries its next address at once, and no TIME_WAIT is left
                // here.
                socket::reset(client);
                return;
            }
        };
        let (kind, carrier) = (self.kind, permit.worker());
        // The usual case stays on this thread, without leaving the runtime's registration.
        if carrier == self.worker {
            carry(&self.proxy, self.worker, (client, address), kind, permit);
            return;
        }
        match client.into_std() {
            Ok(client) => {
                let listener = self.reservation.address();
                self.proxy.hand_overs.give(carrier, HandedClient { client, address, listener, kind, permit });
            }
            Err(error) => self.failed("accept", &error),
        }
    }

    fn failed(&self, operation: &'static str, error: &io::Error) {
        self.proxy.telemetry.note_listener_failure(self.reservation.address(), operation, error);
    }
}

/// Carries the clients that other workers have let in for this one, until the proxy stops.
pub(in crate::proxy) async fn take_over(proxy: Arc<ProxyState>, worker: usize) {
    let Some(mut given) = proxy.hand_overs.of(worker) else { return };
    while let Some(HandedClient { client, address, listener, kind, permit }) = given.recv().await {
        match TcpStream::from_std(client) {
            Ok(client) => carry(&proxy, worker, (client, address), kind, permit),
            Err(error) => proxy.telemetry.note_listener_failure(listener, "accept", &error),
        }
    }
}

/// Serves a client on this worker.
fn carry(
    proxy: &Arc<ProxyState>,
    worker: usize,
    (client, address): (TcpStream, SocketAddr),
    kind: ListenerKind,
    permit: Permit,
) {
    let (proxy, registry) = (Arc::clone(proxy), Arc::clone(&proxy.control.registries()[worker]));
    let downstream = DownstreamClient { proxy, registry, origin: ClientOrigin { client: address, worker }, permit };
    tokio::spawn(CarriedClient::Receiving(Box::pin(downstream.receive(client, kind))));
}

/// Waits until the listener is to be closed.
async fn closed(open: &mut watch::Receiver<bool>) {
    // The sender lives as long as the proxy does, so there is no other outcome.
    let _ = open.wait_for(|open| !*open).await;
}

/// Failures of one connection that was gone before it was accepted.
fn is_the_clients(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}
