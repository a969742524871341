//! Accepting connections to the admin address: a bounded number, each for a bounded time.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::observe::Sparing;

/// Connections at one time; more wait in the kernel's backlog.
const CONNECTIONS: usize = 64;
/// How long a connection may take to send a request's head, the pause since the last one included. Longer than
/// usual between two scrapes.
const HEAD: Duration = Duration::from_mins(2);
/// How long a connection lives before it is asked to end after the answer that it is at: those that never read
/// theirs give back their place.
const LIFETIME: Duration = Duration::from_mins(10);
/// How long an answer may take from then on.
const FAREWELL: Duration = Duration::from_secs(5);
/// Pause after a failure to accept, which is likely to happen again at once (no descriptors).
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// Serves until told to stop, then until the answers on their way are out, at most [`FAREWELL`].
pub(super) async fn serve(listener: TcpListener, routes: Router, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let guests = TaskTracker::new();
    let sparing = Sparing::default();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &places, &sparing) => accepted,
        };
        match accepted {
            Ok((stream, place)) => {
                let (routes, stop) = (routes.clone(), stop.clone());
                guests.spawn(async move {
                    attend(stream, routes, stop).await;
                    drop(place);
                });
            }
            Err(error) => {
                if let Some(left_out) = sparing.pass("failure") {
                    tracing::warn!(%error, left_out, "the admin address cannot accept");
                }
                sleep(AFTER_FAILURE).await;
            }
        }
    }
    guests.close();
    let _ = timeout(FAREWELL, guests.wait()).await;
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    sparing: &Sparing,
) -> io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    if places.available_permits() == 0
        && let Some(left_out) = sparing.pass("full")
    {
        tracing::warn!(open = CONNECTIONS, left_out, "connection limit of the admin address reached; others wait");
    }
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    Ok((listener.accept().await?.0, place))
}

async fn attend(stream: TcpStream, routes: Router, stop: CancellationToken) {
    let service = TowerToHyperService::new(routes);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(16 * 1024);
    let mut connection = Box::pin(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = stop.cancelled() => None,
        () = sleep(LIFETIME) => None,
    };
    let ended = if let Some(ended) = ended {
        ended
    } else {
        connection.as_mut().graceful_shutdown();
        timeout(FAREWELL, connection).await.unwrap_or(Ok(()))
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "admin connection");
    }
}
