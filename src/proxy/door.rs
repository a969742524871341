//! One listening address on one worker: open while there is somebody to lead clients to.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

use super::connection::Guest;
use super::gateway::{Arrival, FullHouse, Gateway, Permit};
use super::hand_over::HandedOver;
use super::socket::{self, Reservation};
use crate::config::ListenerKind;

/// Pause after an accept or a bind that failed for want of descriptors or memory, so that the loop neither
/// spins nor gives up.
pub(crate) const AFTER_FAILURE: Duration = Duration::from_millis(50);

/// A listening address, as each worker has it.
#[derive(Clone)]
pub(super) struct Door {
    /// The proxy.
    pub(super) gateway: Arc<Gateway>,
    /// The worker's number.
    pub(super) worker: usize,
    /// The address.
    pub(super) reservation: Arc<Reservation>,
    /// What stands behind it.
    pub(super) kind: ListenerKind,
    /// Whether it is to be open.
    pub(super) open: watch::Receiver<bool>,
}

impl Door {
    /// Opens and closes as told, and lets clients in, until the proxy stops.
    pub(super) async fn attend(mut self) {
        let stopping = self.gateway.stopping.clone();
        stopping
            .run_until_cancelled(async {
                while self.open.wait_for(|open| *open).await.is_ok() {
                    match self.reservation.listen() {
                        Ok(listener) => {
                            self.gateway.listens(true);
                            self.accept(&listener).await;
                            self.gateway.listens(false);
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

    /// Lets clients in until the door is to be closed.
    async fn accept(&self, listener: &TcpListener) {
        let mut open = self.open.clone();
        loop {
            tokio::select! {
                biased;
                () = closed(&mut open) => return,
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
        let permit = match self.gateway.admit(address.ip(), self.worker) {
            Ok(permit) => permit,
            Err(full) => {
                let (observatory, listener) = (&self.gateway.observatory, self.reservation.address());
                match full {
                    FullHouse::Everybody => observatory.note_rejected(listener, self.gateway.open()),
                    FullHouse::Address => observatory.note_address_rejected(listener, address),
                }
                socket::reset(client);
                return;
            }
        };
        let (kind, carrier) = (self.kind, permit.worker());
        if carrier == self.worker {
            carry(&self.gateway, self.worker, (client, address), kind, permit);
            return;
        }
        match client.into_std() {
            Ok(client) => {
                let listener = self.reservation.address();
                self.gateway.hand_overs.give(carrier, HandedOver { client, address, listener, kind, permit });
            }
            Err(error) => self.failed("accept", &error),
        }
    }

    fn failed(&self, operation: &'static str, error: &io::Error) {
        self.gateway.observatory.note_listener_failure(self.reservation.address(), operation, error);
    }
}

/// Carries the clients that other workers have let in for this one, until the proxy stops.
pub(super) async fn take_over(gateway: Arc<Gateway>, worker: usize) {
    let Some(mut given) = gateway.hand_overs.of(worker) else { return };
    while let Some(HandedOver { client, address, listener, kind, permit }) = given.recv().await {
        match TcpStream::from_std(client) {
            Ok(client) => carry(&gateway, worker, (client, address), kind, permit),
            Err(error) => gateway.observatory.note_listener_failure(listener, "accept", &error),
        }
    }
}

/// Serves a client on this worker.
fn carry(
    gateway: &Arc<Gateway>,
    worker: usize,
    (client, address): (TcpStream, SocketAddr),
    kind: ListenerKind,
    permit: Permit,
) {
    let (gateway, registry) = (Arc::clone(gateway), Arc::clone(&gateway.control.registries()[worker]));
    let guest = Guest { gateway, registry, arrival: Arrival { client: address, worker }, permit };
    tokio::spawn(async move {
        // A task of its own for the relay: what the handshake needed is given back.
        if let Some(relay) = guest.receive(client, kind).await {
            tokio::spawn(relay);
        }
    });
}

/// Waits until the door is to be closed.
async fn closed(open: &mut watch::Receiver<bool>) {
    // The sender lives as long as the proxy does, so there is no other outcome.
    let _ = open.wait_for(|open| !*open).await;
}

/// Failures of one connection that was gone before it was accepted.
fn is_the_clients(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}
