//! Accepting connections to the admin address: a bounded number, each for a bounded time.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{Request, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, UnixListener};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::admin_peer::AdminPeer;
use super::answer_body::AnswerBody;
use super::connection_stream::{AdminStream, PeerStream};
use super::connections::{AdminConnection, AdminConnections, CONNECTIONS, CONNECTIONS_OF_PEER};
use super::request_body::RequestBody;
use crate::observe::{LogThrottle, ProxyTelemetry};

/// How long a connection lives before it is asked to end after the answer that it is at.
pub(crate) const LIFETIME: Duration = Duration::from_mins(10);
/// How long an answer may take from then on, and when the proxy stops.
const FAREWELL: Duration = Duration::from_secs(1);
/// How often a connection's deadlines are checked.
const LOOK: Duration = Duration::from_secs(1);
/// Pause after a failure to accept, which is likely to happen again at once (no descriptors).
const AFTER_FAILURE: Duration = Duration::from_millis(100);
/// Pause while all open connections wait for an answer.
const FULL: Duration = Duration::from_millis(5);
/// The subject of lines of the log.
const LINES: &str = "admin connections";

/// Where connections come from.
pub(super) enum AdminIncoming {
    /// An address.
    Address(TcpListener),
    /// A Unix socket.
    Socket(UnixListener),
}

impl AdminIncoming {
    async fn accept(&self) -> io::Result<(PeerStream, AdminPeer)> {
        match self {
            Self::Address(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Either::Left(stream), AdminPeer::Address(peer)))
            }
            Self::Socket(listener) => Ok((Either::Right(listener.accept().await?.0), AdminPeer::Socket)),
        }
    }
}

/// Serves until told to stop, then until the answers on their way are out, at most [`FAREWELL`].
pub(super) async fn serve(
    listener: AdminIncoming,
    routes: Router,
    (clients, telemetry): (Arc<AdminConnections>, Arc<ProxyTelemetry>),
    stop: CancellationToken,
) {
    let tasks = TaskTracker::new();
    let log_throttle = telemetry.log_throttle();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                // Waited for here, so that further clients stay in the kernel's queue and cost nothing.
                let client = match place(&clients, peer, log_throttle, &stop).await {
                    PlaceFound::Place(client) => client,
                    PlaceFound::OwnShareUsed => {
                        telemetry.note_admin_refused("connections");
                        continue;
                    }
                    PlaceFound::Stopping => break,
                };
                let (routes, stop, clients) = (routes.clone(), stop.clone(), Arc::clone(&clients));
                tasks.spawn(async move {
                    attend((stream, peer), routes, &client, stop).await;
                    clients.left(&client);
                });
            }
            Err(error) => {
                if let Some(suppressed) = log_throttle.pass_of(LINES, "failure", None) {
                    tracing::warn!(%error, suppressed, "the admin address cannot accept");
                }
                sleep(AFTER_FAILURE).await;
            }
        }
    }
    // Closed before the answers are finished: the kernel then refuses new clients instead of leaving them waiting.
    drop(listener);
    tasks.close();
    let _ = timeout(FAREWELL, tasks.wait()).await;
}

/// What a search for a place came to.
enum PlaceFound {
    Place(Arc<AdminConnection>),
    /// Its peer has as many as it may have, and all of them wait for an answer.
    OwnShareUsed,
    /// The proxy stops before there is one.
    Stopping,
}

/// A place for one more.
async fn place(
    clients: &AdminConnections,
    peer: AdminPeer,
    log_throttle: &LogThrottle,
    stop: &CancellationToken,
) -> PlaceFound {
    loop {
        let before = clients.sent_away();
        let Ok(client) = clients.enter(peer.ip(), Instant::now()) else {
            if let Some(suppressed) = log_throttle.pass_of(LINES, "share", None) {
                let note =
                    "a peer has as many connections to the admin address as it may have; a further one is closed";
                tracing::warn!(%peer, open = CONNECTIONS_OF_PEER, suppressed, "{note}");
            }
            return PlaceFound::OwnShareUsed;
        };
        if (client.is_none() || clients.sent_away() > before)
            && let Some(suppressed) = log_throttle.pass_of(LINES, "full", None)
        {
            let note = "connection limit of the admin address reached; the longest idle connection is closed";
            tracing::warn!(open = CONNECTIONS, suppressed, "{note}");
        }
        if let Some(client) = client {
            return PlaceFound::Place(client);
        }
        tokio::select! {
            () = stop.cancelled() => return PlaceFound::Stopping,
            () = sleep(FULL) => {}
        }
    }
}

async fn attend(
    (stream, peer): (PeerStream, AdminPeer),
    routes: Router,
    client: &Arc<AdminConnection>,
    stop: CancellationToken,
) {
    let routes = TowerToHyperService::new(routes);
    let service = service_fn(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        let request = request.map(|body| RequestBody::new(body, Arc::clone(client)));
        let answer = hyper::service::Service::call(&routes, request);
        let client = Arc::clone(client);
        async move {
            let answer = answer.await?;
            let kind = answer.headers().get(header::CONTENT_TYPE);
            if kind.is_some_and(|kind| kind == "text/event-stream") {
                client.streams();
            }
            Ok::<_, Infallible>(answer.map(|body| AnswerBody::new(body, client)))
        }
    });
    let mut http = http1::Builder::new();
    http.header_read_timeout(None).max_buf_size(16 * 1024);
    let mut connection =
        Box::pin(http.serve_connection(TokioIo::new(AdminStream::new(stream, Arc::clone(client))), service));
    let born = Instant::now();
    let ended = loop {
        tokio::select! {
            ended = connection.as_mut() => break Some(ended),
            () = client.leave.cancelled() => return,
            () = stop.cancelled() => break None,
            () = sleep(LOOK) => {
                if client.is_overdue(Instant::now()) {
                    return;
                }
                if born.elapsed() >= LIFETIME && !client.is_stream() {
                    break None;
                }
            }
        }
    };
    let ended = match ended {
        Some(ended) => ended,
        // Between two requests there is nothing to wait for.
        None if !client.is_served() => return,
        None => {
            connection.as_mut().graceful_shutdown();
            timeout(FAREWELL, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "admin connection");
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpStream;
    use tokio::task::yield_now;

    use super::*;
    use crate::config::{self, ConfigKeys, ConfigSources, FileText};
    use crate::time::Timestamp;

    fn telemetry() -> Arc<ProxyTelemetry> {
        let text = "servers = \"a:1\"\nlisten = [\"127.0.0.1:1\"]".to_owned();
        let file = Some(FileText { path: "test.toml".into(), text });
        let cores = std::num::NonZeroUsize::MIN;
        let sources = ConfigSources { file, variables: Vec::new(), flags: ConfigKeys::default(), cores };
        Arc::new(ProxyTelemetry::new(&config::load(&sources).unwrap().settings, Timestamp::ZERO))
    }

    #[tokio::test]
    async fn half_a_request_does_not_hold_the_end_up() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (clients, stop) = (Arc::new(AdminConnections::default()), CancellationToken::new());
        let inside = (Arc::clone(&clients), telemetry());
        let serving = tokio::spawn(serve(AdminIncoming::Address(listener), Router::new(), inside, stop.clone()));
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET /livez HTTP/1.1\r\nHost: l").await.unwrap();
        while !clients.any_asks() {
            yield_now().await;
        }
        stop.cancel();
        // Some turns of the runtime, and none of its timers.
        for _ in 0..20 {
            yield_now().await;
        }
        assert!(serving.is_finished(), "it waits for the rest of the request");
    }

    #[tokio::test]
    async fn its_lines_are_suppressed_and_counted_with_all_others() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (clients, stop, telemetry) = (Arc::new(AdminConnections::default()), CancellationToken::new(), telemetry());
        for _ in 0..CONNECTIONS {
            assert!(clients.enter(None, Instant::now()).unwrap().is_some());
        }
        let inside = (Arc::clone(&clients), Arc::clone(&telemetry));
        let serving = tokio::spawn(serve(AdminIncoming::Address(listener), Router::new(), inside, stop.clone()));
        let _client = TcpStream::connect(address).await.unwrap();
        // One more than there are places.
        while clients.sent_away() == 0 {
            yield_now().await;
        }
        stop.cancel();
        serving.await.unwrap();
        assert_eq!(telemetry.log_throttle().pass_of(LINES, "full", None), None, "it was not asked");
    }
}
