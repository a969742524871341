//! Many at once, and much at once: reconnect storms, pings by the hundred thousand, single bytes, a scraper
//! without pause.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::support::crowd::alone;
use crate::support::fake::{Fake, Visit};
use crate::support::pair::Pair;
use crate::support::sockets::{connect, expect, send};
use crate::support::wait::{until, within};
use crate::support::zoogate::Plan;
use crate::support::{frames, ports};

const FIRST: i64 = 0x0100_0000_0000_1000;
/// A session timeout beyond which nobody on a loaded machine loses patience, in milliseconds.
const TIMEOUT: i32 = 600_000;
/// Sessions of the storm, where the descriptor limit allows.
const CROWD: u64 = 10_000;
/// Descriptors of this process that are no sessions.
const HOUSEHOLD: u64 = 200;

/// A server for a crowd: it gives everybody the session that was claimed, or a new one, answers pings, and
/// hangs up on all of them when it is told to.
async fn serve(mut fake: Fake, next: Arc<AtomicU64>, hang_up: CancellationToken) {
    let mut visitors = JoinSet::new();
    loop {
        tokio::select! {
            visit = fake.next() => { visitors.spawn(carry(visit, Arc::clone(&next), hang_up.clone())); }
            () = hang_up.cancelled() => return,
        }
    }
}

async fn carry(visit: Visit, next: Arc<AtomicU64>, hang_up: CancellationToken) {
    tokio::select! {
        _left = answer(visit.stream, &next) => {}
        () = hang_up.cancelled() => {}
    }
}

async fn answer(mut stream: TcpStream, next: &AtomicU64) -> io::Result<()> {
    let mut claim = [0; 45];
    stream.read_exact(&mut claim).await?;
    let claimed = session_at(&claim[16..]);
    let session = if claimed == 0 { FIRST + next.fetch_add(1, Ordering::Relaxed) as i64 } else { claimed };
    stream.write_all(&frames::connected(TIMEOUT, session)).await?;
    let mut ping = [0; 12];
    loop {
        stream.read_exact(&mut ping).await?;
        assert_eq!(ping, frames::ping()[..]);
        stream.write_all(&frames::pong()).await?;
    }
}

fn session_at(bytes: &[u8]) -> i64 {
    i64::from_be_bytes(*bytes.first_chunk().expect("eight bytes"))
}

/// A client as real ones are: it comes back with its session whenever it loses its connection.
async fn live(address: SocketAddr, attached: Arc<AtomicU64>, stop: CancellationToken) {
    let mut session = 0;
    loop {
        tokio::select! {
            // It lost its connection, or found none; it takes its time and comes again.
            _lost = stay(address, &mut session, &attached) => sleep(Duration::from_millis(20)).await,
            () = stop.cancelled() => return,
        }
    }
}

async fn stay(address: SocketAddr, session: &mut i64, attached: &AtomicU64) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(&frames::reconnect(TIMEOUT, *session)).await?;
    let mut answer = [0; 41];
    stream.read_exact(&mut answer).await?;
    let given = session_at(&answer[12..]);
    assert!(*session == 0 || *session == given, "session {session:#x} became {given:#x}");
    *session = given;
    attached.fetch_add(1, Ordering::Relaxed);
    stream.write_all(&frames::ping()).await?;
    let mut pong = [0; 20];
    stream.read_exact(&mut pong).await?;
    assert_eq!(pong, frames::pong()[..]);
    // Nothing more is expected but the end.
    stream.read_exact(&mut pong).await.map(|_| ())
}

#[tokio::test]
async fn a_crowd_that_loses_its_server_at_once_finds_the_other() {
    let alone = alone().await;
    // This process holds both ends of everything, and zoogate as many again.
    storm((alone.descriptors / 2).min(CROWD)).await;
}

#[tokio::test]
#[ignore = "to be run by itself: it takes every descriptor that the system allows, up to 10,000 sessions"]
async fn a_crowd_as_large_as_descriptors_allow_finds_the_other() {
    let alone = alone().await;
    storm((alone.hard_limit.saturating_sub(HOUSEHOLD) / 2).min(CROWD)).await;
}

/// This many sessions lose the server that half of them are on.
async fn storm(crowd: u64) {
    let (first, second, address, mirror) = (Fake::start().await, Fake::start().await, ports::free(), ports::free());
    let plan = Plan::before(&[first.address(), second.address()]).pooled(address).mirror(mirror, second.address());
    let zoogate = plan.with("--workers", "2").start().await;
    let next = Arc::new(AtomicU64::new(0));
    let [end_first, end_second, stop] = [(); 3].map(|()| CancellationToken::new());
    let served = tokio::spawn(serve(first, Arc::clone(&next), end_first.clone()));
    let other = tokio::spawn(serve(second, Arc::clone(&next), end_second.clone()));

    let bystander = tokio::spawn(beat(connect(mirror).await, stop.clone()));
    let attached = Arc::new(AtomicU64::new(0));
    let mut clients = JoinSet::new();
    let before = zoogate.resident();
    for _ in 0..crowd {
        clients.spawn(live(address, Arc::clone(&attached), stop.clone()));
    }
    until_count("the crowd to be attached", &attached, crowd).await;
    let there = zoogate.resident().saturating_sub(before);
    // The first server hangs up on everybody and refuses from then on: its half comes back at the other.
    end_first.cancel();
    served.await.expect("a server that ends in order");
    until("everybody to be at the other server", async || {
        (zoogate.metric("zoogate_connections", &[]).await == crowd + 1).then_some(())
    })
    .await;
    until("every session to have moved or stayed", async || {
        let moved = zoogate.metric("zoogate_moves_total", &[]).await;
        (attached.load(Ordering::Relaxed) == crowd + moved).then_some(())
    })
    .await;
    assert_eq!(next.load(Ordering::Relaxed), crowd + 1, "somebody lost a session");
    let after = zoogate.resident().saturating_sub(before);
    eprintln!("{crowd} sessions: {there} KiB attached, {after} KiB after the storm");
    zoogate.expect_within_bounds(crowd + 1);
    assert_eq!(zoogate.metric("zoogate_session_moved_total", &[]).await, 0, "a storm was taken for refusals");
    assert!(zoogate.metric("zoogate_connection_ends_total", &["reason=\"server_leaving\""]).await > 0);
    stop.cancel();
    let (beats, slowest) = bystander.await.expect("a bystander who notices nothing");
    eprintln!("a bystander had {beats} answers meanwhile, the slowest after {slowest:?}");
    assert!(beats > 0);
    clients.join_all().await;
    end_second.cancel();
    other.await.expect("a server that ends in order");
}

/// A client who is not concerned: it pings without pause until it is told to stop. Returns the number of its pings,
/// and how long the slowest took.
async fn beat(mut stream: TcpStream, stop: CancellationToken) -> (u64, Duration) {
    send(&mut stream, &frames::connect(TIMEOUT)).await;
    let mut answer = [0; 41];
    within("an answer", stream.read_exact(&mut answer)).await.expect("a session");
    let (mut beats, mut slowest) = (0, Duration::ZERO);
    while !stop.is_cancelled() {
        let began = Instant::now();
        send(&mut stream, &frames::ping()).await;
        expect(&mut stream, &frames::pong()).await;
        (beats, slowest) = (beats + 1, slowest.max(began.elapsed()));
        sleep(Duration::from_millis(5)).await;
    }
    (beats, slowest)
}

async fn until_count(what: &str, count: &AtomicU64, least: u64) {
    until(what, async || (count.load(Ordering::Relaxed) >= least).then_some(())).await;
}

#[tokio::test]
async fn a_million_pings_cost_no_memory_and_are_all_counted() {
    const AT_ONCE: usize = 500;
    const ROUNDS: usize = 2_000;
    let (mut fake, address) = (Fake::start().await, ports::free());
    let zoogate = Plan::before(&[fake.address()]).pooled(address).start().await;
    let mut other = Pair::attach(&mut fake, address, FIRST + 1).await;
    let Pair { mut client, mut server } = Pair::attach(&mut fake, address, FIRST).await;
    let (pings, answers) = (frames::ping().repeat(AT_ONCE), frames::pong().repeat(AT_ONCE));
    let mut before = 0;
    for round in 0..ROUNDS {
        send(&mut client, &pings).await;
        expect(&mut server, &pings).await;
        send(&mut server, &answers).await;
        expect(&mut client, &answers).await;
        if round % 100 == 0 {
            other.heartbeat().await;
        }
        if round == ROUNDS / 10 {
            before = zoogate.resident();
        }
    }
    let grown = zoogate.resident().saturating_sub(before);
    assert!(grown < 4 << 10, "a million pings cost {grown} KiB");
    zoogate.counts("zoogate_operations_total", &["op=\"ping\""], (AT_ONCE * ROUNDS + ROUNDS / 100) as u64).await;
    assert_eq!(zoogate.metric("zoogate_decode_faults_total", &[]).await, 0);
}

#[tokio::test]
async fn single_bytes_both_ways_are_understood_and_hold_up_nobody() {
    trickle(|bytes| bytes >= 60_000).await;
}

/// Minutes: `ZOOGATE_MINUTES`, 2 where it is not said.
#[tokio::test]
#[ignore = "takes minutes"]
async fn single_bytes_both_ways_for_minutes() {
    let said = std::env::var("ZOOGATE_MINUTES").ok();
    let minutes = said.map_or(2, |minutes| minutes.parse().expect("a number of minutes"));
    let began = Instant::now();
    trickle(|_| began.elapsed() >= Duration::from_mins(minutes)).await;
}

/// Sends bytes one by one both ways on one session, until there are enough of them.
async fn trickle(enough: impl Fn(usize) -> bool) {
    let (mut fake, address) = (Fake::start().await, ports::free());
    let zoogate = Plan::before(&[fake.address()]).pooled(address).with("--workers", "1").start().await;
    let mut slow = Pair::attach(&mut fake, address, FIRST).await;
    let mut other = Pair::attach(&mut fake, address, FIRST + 1).await;
    slow.client.set_nodelay(true).expect("TCP_NODELAY");
    slow.server.set_nodelay(true).expect("TCP_NODELAY");
    let mut requests = (1..).flat_map(|xid| frames::get_data(xid, "/a/path"));
    // As long as a request, so that only one is in flight at a time.
    let mut replies = (1..).flat_map(|xid| frames::reply(xid, &[5; 4]));
    let (mut bytes, mut before) = (0, 0);
    while !enough(bytes) {
        let (request, reply) = (requests.next().expect("a byte"), replies.next().expect("a byte"));
        send(&mut slow.client, &[request]).await;
        expect(&mut slow.server, &[request]).await;
        send(&mut slow.server, &[reply]).await;
        expect(&mut slow.client, &[reply]).await;
        bytes += 1;
        if bytes % 5_000 == 0 {
            other.heartbeat().await;
        }
        if bytes == 5_000 {
            before = zoogate.resident();
        }
    }
    let grown = zoogate.resident().saturating_sub(before);
    eprintln!("{bytes} single bytes each way cost {grown} KiB");
    assert!(grown < 4 << 10, "{bytes} single bytes each way cost {grown} KiB");
    // As many as have a whole reply, whose head is what counts.
    let whole = bytes / frames::reply(1, &[5; 4]).len();
    zoogate.counts("zoogate_operations_total", &["op=\"getData\""], whole as u64 - 1).await;
    assert_eq!(zoogate.metric("zoogate_decode_faults_total", &[]).await, 0);
    assert_eq!(zoogate.metric("zoogate_untracked_requests_total", &[]).await, 0);
}

#[tokio::test]
async fn a_scraper_without_pause_holds_up_nobody() {
    const SCRAPERS: usize = 8;
    let (mut fake, address) = (Fake::start().await, ports::free());
    let zoogate = Plan::before(&[fake.address()]).pooled(address).with("--workers", "1").start().await;
    let mut pair = Pair::attach(&mut fake, address, FIRST).await;
    let (stop, scraped) = (AtomicBool::new(false), AtomicU64::new(0));
    let scrape = async || {
        while !stop.load(Ordering::Relaxed) {
            for path in ["/metrics", "/api/sessions", "/api/connections", "/livez"] {
                if zoogate.get(path).await.is_some_and(|answer| answer.contains(" 200 OK\r\n")) {
                    scraped.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    };
    let traffic = async {
        let mut before = 0;
        for round in 0..3_000 {
            pair.heartbeat().await;
            if round == 300 {
                before = zoogate.resident();
            }
        }
        until_count("scrapes", &scraped, 200).await;
        stop.store(true, Ordering::Relaxed);
        zoogate.resident().saturating_sub(before)
    };
    let scrapers = async {
        let all: [_; SCRAPERS] = std::array::from_fn(|_| scrape());
        let [one, two, three, four, five, six, seven, eight] = all;
        tokio::join!(one, two, three, four, five, six, seven, eight)
    };
    let (grown, _) = within("traffic beside scrapers", async { tokio::join!(traffic, scrapers) }).await;
    zoogate.counts("zoogate_admin_throttled_total", &[], 1).await;
    assert!(grown < 16 << 10, "{} scrapes cost {grown} KiB", scraped.load(Ordering::Relaxed));
}
