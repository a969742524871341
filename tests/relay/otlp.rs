//! Telemetry for a collector: what arrives is what OTLP's protocol buffers say, and a collector that is slow, away or
//! refuses costs nobody anything.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyText;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::support::fake::Fake;
use crate::support::pair::Pair;
use crate::support::sockets::connect;
use crate::support::wait::until;
use crate::support::zoogate::{Plan, Zoogate};
use crate::support::{frames, ports};

const SESSION: i64 = 0x0100_0000_0000_5000;
const TIMEOUT: i32 = 600_000;

/// What a collector was sent, in order.
#[derive(Default)]
struct ReceivedTelemetry {
    metrics: Vec<ExportMetricsServiceRequest>,
    logs: Vec<ExportLogsServiceRequest>,
    /// Requests that were answered with a refusal.
    refused: usize,
}

/// A collector that decodes what it is sent; it answers the first requests with these statuses.
struct Collector {
    address: SocketAddr,
    received: Arc<Mutex<ReceivedTelemetry>>,
}

/// Whether a collector knows log records; 404 where not.
type TakesLogs = bool;

impl Collector {
    async fn open(statuses: Vec<u16>) -> Self {
        Self::open_for(statuses, true).await
    }

    async fn open_for(statuses: Vec<u16>, logs: TakesLogs) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let received = Arc::<Mutex<ReceivedTelemetry>>::default();
        let (kept, statuses) = (Arc::clone(&received), Arc::new(Mutex::new(statuses)));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                tokio::spawn(serve(stream, Arc::clone(&kept), Arc::clone(&statuses), logs));
            }
        });
        Self { address, received }
    }

    fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    fn metrics(&self) -> Vec<Metric> {
        let received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = received.metrics.last().cloned().unwrap_or_default();
        newest.resource_metrics.into_iter().flat_map(|one| one.scope_metrics).flat_map(|one| one.metrics).collect()
    }

    fn records(&self) -> Vec<LogRecord> {
        let received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        let all = received.logs.iter().flat_map(|request| &request.resource_logs);
        all.flat_map(|one| &one.scope_logs).flat_map(|one| one.log_records.clone()).collect()
    }

    fn pages(&self) -> usize {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).metrics.len()
    }

    fn refused(&self) -> usize {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).refused
    }
}

/// Reads requests of one connection and answers them.
async fn serve(
    mut stream: TcpStream,
    kept: Arc<Mutex<ReceivedTelemetry>>,
    statuses: Arc<Mutex<Vec<u16>>>,
    logs: TakesLogs,
) {
    let mut read = Vec::new();
    loop {
        let head = loop {
            if let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end + 4;
            }
            if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
                return;
            }
        };
        let lines = String::from_utf8_lossy(&read[..head]).to_lowercase();
        let header =
            |name: &str| lines.lines().find_map(|line| line.strip_prefix(name).map(str::trim).map(str::to_owned));
        assert_eq!(header("content-type:").as_deref(), Some("application/x-protobuf"), "{lines}");
        let length: usize = header("content-length:").expect("a length").parse().expect("a number");
        while read.len() < head + length {
            assert!(stream.read_buf(&mut read).await.expect("a body") > 0);
        }
        let body: Vec<u8> = read.drain(..head + length).skip(head).collect();
        let status = if !logs && lines.contains(" /v1/logs ") {
            404
        } else {
            let mut statuses = statuses.lock().unwrap_or_else(PoisonError::into_inner);
            if statuses.is_empty() { 200 } else { statuses.remove(0) }
        };
        {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            match lines.split(' ').nth(1) {
                _ if status != 200 => kept.refused += 1,
                Some("/v1/metrics") => {
                    kept.metrics.push(ExportMetricsServiceRequest::decode(&body[..]).expect("metrics"));
                }
                Some("/v1/logs") => kept.logs.push(ExportLogsServiceRequest::decode(&body[..]).expect("logs")),
                other => panic!("no signal has {other:?}"),
            }
        }
        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// A zoogate that exports to this endpoint, in front of two servers with a mirrored address each.
async fn exporting(endpoint: &str, servers: &[Fake; 2]) -> (Zoogate, [SocketAddr; 2]) {
    let addresses = [ports::free(), ports::free()];
    let known = [servers[0].address(), servers[1].address()];
    let plan = Plan::before(&known).with("--otlp-endpoint", endpoint).with("--otlp-interval", "1s");
    let plan = plan.mirror(addresses[0], known[0]).mirror(addresses[1], known[1]);
    (plan.start().await, addresses)
}

/// Moves a session from the first server to the second.
async fn one_move(fakes: &mut [Fake; 2], addresses: &[SocketAddr; 2]) {
    let mut pair = Pair::attach(&mut fakes[0], addresses[0], SESSION).await;
    pair.heartbeat().await;
    drop(pair);
    let mut client = connect(addresses[1]).await;
    client.write_all(&frames::reconnect(TIMEOUT, SESSION)).await.expect("a claim");
    let _server = fakes[1].attach(&frames::reconnect(TIMEOUT, SESSION), &frames::connected(TIMEOUT, SESSION)).await;
}

/// Stops it, which waits for a collector for some seconds at most.
async fn stop(mut zoogate: Zoogate) -> String {
    zoogate.terminate();
    assert!(zoogate.ended().await.success(), "{}", zoogate.log());
    zoogate.log()
}

fn has(record: &LogRecord, key: &str, value: &str) -> bool {
    record.attributes.iter().any(|one| {
        let text = one.value.as_ref().and_then(|value| value.value.as_ref());
        one.key == key && matches!(text, Some(AnyText::StringValue(text)) if text == value)
    })
}

#[tokio::test]
async fn a_collector_is_sent_metrics_and_findings() {
    let collector = Collector::open(Vec::new()).await;
    let mut fakes = [Fake::start().await, Fake::start().await];
    let (zoogate, addresses) = exporting(&collector.endpoint(), &fakes).await;
    one_move(&mut fakes, &addresses).await;
    let moved = until("the move to arrive", async || {
        collector.records().into_iter().find(|record| record.event_name == "zoogate.move")
    })
    .await;
    // A session is told apart, and its id is not told.
    let hash = moved.attributes.iter().find(|one| one.key == "zoogate.session.hash").cloned().expect("a session");
    let Some(AnyText::StringValue(called)) = hash.value.as_ref().and_then(|value| value.value.clone()) else {
        panic!("{hash:?}")
    };
    let body = moved.body.as_ref().and_then(|body| body.value.clone());
    assert!(
        matches!(&body, Some(AnyText::StringValue(text)) if text.starts_with(&format!("session {called} moved from "))),
        "{body:?}"
    );
    assert!(!format!("{:?}", collector.records()).contains(&format!("{SESSION:x}")), "{moved:?}");
    assert!(has(&moved, "server.address", "127.0.0.1") && moved.time_unix_nano > 0, "{moved:?}");
    let counted = until("the move to be counted", async || {
        let metrics = collector.metrics();
        metrics
            .iter()
            .any(|one| format!("{one:?}").contains("AsDouble(1.0)") && one.name == "zoogate_moves_total")
            .then_some(metrics)
    })
    .await;
    // The collector has every family that the page has, and nothing of a single session.
    let page = zoogate.get("/metrics").await.expect("the page");
    let families =
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")).filter_map(|rest| rest.split(' ').next());
    for family in families {
        assert!(counted.iter().any(|one| one.name == family), "{family} is missing");
    }
    assert!(!format!("{counted:?}").contains(&format!("{SESSION:#x}")), "a session's id is among the metrics");
    stop(zoogate).await;
}

#[tokio::test]
async fn what_a_collector_takes_later_arrives_and_what_it_refuses_is_counted() {
    let collector = Collector::open(vec![503, 503]).await;
    let mut fakes = [Fake::start().await, Fake::start().await];
    let (zoogate, addresses) = exporting(&collector.endpoint(), &fakes).await;
    one_move(&mut fakes, &addresses).await;
    until("the move to arrive", async || {
        collector.records().iter().any(|record| record.event_name == "zoogate.move").then_some(())
    })
    .await;
    assert_eq!(collector.refused(), 2);
    stop(zoogate).await;

    let collector = Collector::open(vec![400; 1_000]).await;
    let mut fakes = [Fake::start().await, Fake::start().await];
    let (zoogate, addresses) = exporting(&collector.endpoint(), &fakes).await;
    one_move(&mut fakes, &addresses).await;
    until("the loss to be counted", async || {
        let page = zoogate.get("/metrics").await.expect("the page");
        page.lines().any(|line| line.starts_with("zoogate_otlp_unsent_total ") && !line.ends_with(" 0")).then_some(())
    })
    .await;
    stop(zoogate).await;
}

#[tokio::test]
async fn a_collector_that_takes_metrics_alone_is_told_of_once() {
    let collector = Collector::open_for(Vec::new(), false).await;
    let mut fakes = [Fake::start().await, Fake::start().await];
    let (zoogate, addresses) = exporting(&collector.endpoint(), &fakes).await;
    for _ in 0..2 {
        let refused = collector.refused();
        one_move(&mut fakes, &addresses).await;
        until("findings to be refused", async || (collector.refused() > refused).then_some(())).await;
        let pages = collector.pages();
        until("metrics to arrive behind them", async || (collector.pages() > pages).then_some(())).await;
    }
    let log = stop(zoogate).await;
    assert_eq!(log.matches("the collector does not take telemetry").count(), 1, "{log}");
    assert!(!log.contains("the collector takes telemetry again"), "{log}");
}

#[tokio::test]
async fn a_collector_that_is_away_or_silent_is_not_felt() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let silent_at = silent.local_addr().expect("an address");
    for (endpoint, waits) in [(format!("http://{}", ports::free()), false), (format!("http://{silent_at}"), true)] {
        let mut fakes = [Fake::start().await, Fake::start().await];
        let (zoogate, addresses) = exporting(&endpoint, &fakes).await;
        let mut pair = Pair::attach(&mut fakes[0], addresses[0], SESSION).await;
        for _ in 0..20 {
            pair.heartbeat().await;
            sleep(Duration::from_millis(50)).await;
        }
        // It ends as it always does, and does not wait for the collector for long.
        drop(pair);
        let log = stop(zoogate).await;
        assert_eq!(log.contains("did not take the last telemetry in time"), waits, "{log}");
    }
}
