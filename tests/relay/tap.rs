//! Those who look at what happens: what they see is what passed, and what they do not read holds nobody up.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::sleep;
use zoogate::wire::{ErrorCode, JuteWriter, OpCode};

use crate::support::fake::Fake;
use crate::support::pair::Pair;
use crate::support::sockets::{expect, send};
use crate::support::wait::within;
use crate::support::zoogate::{Plan, Zoogate};
use crate::support::{frames, ports};

const SESSION: i64 = 0x0100_0000_0000_0700;
/// KiB that zoogate may need for readers beyond what it had: the queues of three, and the buffers of their connections.
const GROWTH: u64 = 8 << 10;

/// A stream of events that is open.
struct Tap(BufReader<TcpStream>);

impl Tap {
    async fn open(zoogate: &Zoogate, query: &str) -> Self {
        let mut stream = TcpStream::connect(zoogate.admin()).await.expect("an admin address");
        let request = format!("GET /api/tap?{query} HTTP/1.0\r\nHost: {}\r\n\r\n", zoogate.admin());
        stream.write_all(request.as_bytes()).await.expect("a request");
        let mut tap = Self(BufReader::new(stream));
        assert!(tap.line().await.contains(" 200 "));
        tap
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        within("a line of the stream", self.0.read_line(&mut line)).await.expect("a stream that goes on");
        line
    }

    /// The next event, or what is missing before it.
    async fn event(&mut self) -> Value {
        loop {
            if let Some(data) = self.line().await.strip_prefix("data: ") {
                return serde_json::from_str(data).unwrap_or_else(|error| panic!("{error} in {data}"));
            }
        }
    }
}

/// A multi of one check, and the reply that says that it failed.
fn failed_multi(xid: i32) -> (Vec<u8>, Vec<u8>) {
    let request = JuteWriter::new().request(xid, OpCode::MULTI).int(13).bool(false).int(-1).buffer(b"/m").int(3);
    let results = JuteWriter::new().int(-1).bool(false).int(-103).int(-103).int(-1).bool(true).int(-1).into_bytes();
    (request.int(-1).bool(true).int(-1).end().into_bytes(), frames::reply(xid, &results))
}

#[tokio::test]
async fn what_passes_is_told_with_its_outcome_and_what_is_slow_is_kept() {
    let (mut fake, address) = (Fake::start().await, ports::free());
    let plan = Plan::before(&[fake.address()]).pooled(address).with("--slow-log-read", "30ms");
    let zoogate = plan.start().await;
    let mut pair = Pair::attach(&mut fake, address, SESSION).await;
    // Open before anything is to be seen; it is seen from the connection's next turn on.
    let (mut tap, mut failures) = (Tap::open(&zoogate, "").await, Tap::open(&zoogate, "filter=error!%3Dok").await);

    let slow = frames::get_data(1, "/slow\n");
    send(&mut pair.client, &slow).await;
    expect(&mut pair.server, &slow).await;
    sleep(Duration::from_millis(60)).await;
    let answer = frames::reply(1, &[0; 9]);
    send(&mut pair.server, &answer).await;
    expect(&mut pair.client, &answer).await;
    let event = tap.event().await;
    for (name, value) in [
        ("kind", json!("operation")),
        ("op", json!("getData")),
        ("path", json!("/slow\n")),
        ("xid", json!(1)),
        ("error", json!("ok")),
        ("zxid", json!("0x7")),
        ("session", json!(format!("{SESSION:#x}"))),
        ("request_bytes", json!(slow.len() - 4)),
        ("reply_bytes", json!(answer.len() - 4)),
        ("server", json!(fake.address().to_string())),
        ("client", json!(pair.client.local_addr().expect("an address").to_string())),
    ] {
        assert_eq!(event[name], value, "{name} of {event}");
    }
    assert!(event["latency_us"].as_u64() >= Some(60_000), "{event}");

    let (request, answer) = failed_multi(2);
    send(&mut pair.client, &request).await;
    expect(&mut pair.server, &request).await;
    send(&mut pair.server, &answer).await;
    expect(&mut pair.client, &answer).await;
    for tap in [&mut tap, &mut failures] {
        let event = tap.event().await;
        assert_eq!(
            (&event["op"], &event["error"], &event["path"]),
            (&json!("multi"), &json!("BADVERSION"), &json!("/m"))
        );
    }

    let fired = JuteWriter::new().reply(-1, -1, ErrorCode(0)).int(2).int(3).buffer(b"/gone").end().into_bytes();
    send(&mut pair.server, &fired).await;
    expect(&mut pair.client, &fired).await;
    let event = tap.event().await;
    assert_eq!(
        (&event["kind"], &event["event"], &event["path"]),
        (&json!("watch"), &json!("deleted"), &json!("/gone"))
    );

    let other = Pair::attach(&mut fake, address, SESSION + 1).await;
    let event = tap.event().await;
    assert_eq!((&event["kind"], &event["session"]), (&json!("attach"), &json!(format!("{:#x}", SESSION + 1))));
    drop(other);
    while tap.event().await["kind"] != json!("close") {}

    let kept = zoogate.json("/api/slow?filter=reason%3Dthreshold").await;
    let one = &kept["slow"][0];
    assert_eq!((&kept["slow"][1], &one["path"], &one["xid"]), (&Value::Null, &json!("/slow\n"), &json!(1)), "{kept}");
    let slowest = zoogate.json("/api/slow?filter=reason%3Dslowest+op%3DgetData").await;
    assert_eq!(slowest["slow"][0]["xid"], json!(1), "{slowest}");
    assert!(zoogate.log().contains("slow operation"), "a line of the log");
}

/// What a stream says, as text, until a write of this data was answered, behind credentials.
async fn told_of_write(tap: &mut Tap, pair: &mut Pair, data: &[u8]) -> (Value, String) {
    let write = JuteWriter::new().request(3, OpCode::SET_DATA).buffer(b"/secrets").buffer(data).int(-1).end();
    for (request, answer) in [
        (frames::auth(), frames::reply(-4, &[])),
        (write.into_bytes(), frames::reply(3, &JuteWriter::new().stat(7, 1, 0, 5).into_bytes())),
    ] {
        // In two pieces, of which the first one ends inside the data or the credentials.
        for piece in [&request[..request.len() - 6], &request[request.len() - 6..]] {
            send(&mut pair.client, piece).await;
            expect(&mut pair.server, piece).await;
        }
        send(&mut pair.server, &answer).await;
        expect(&mut pair.client, &answer).await;
    }
    let mut all = String::new();
    loop {
        let event = tap.event().await;
        all += &event.to_string();
        if event["op"] == json!("setData") {
            return (event, all);
        }
    }
}

#[tokio::test]
async fn node_data_is_shown_only_where_it_may_be_and_was_asked_for() {
    const DATA: &[u8] = b"hunter2\0\x1b\"and much more";
    for (allowed, query, shown) in [
        ("false", "", Value::Null),
        ("true", "", Value::Null),
        ("true", "data=10", json!(r#"hunter2\x00\x1b\""#)),
        ("true", "data=1024", json!(r#"hunter2\x00\x1b\"and much more"#)),
    ] {
        let (mut fake, address) = (Fake::start().await, ports::free());
        let plan = Plan::before(&[fake.address()]).pooled(address).variable("ZOOGATE_TAP_DATA", allowed);
        let zoogate = plan.start().await;
        let mut pair = Pair::attach(&mut fake, address, SESSION).await;
        let mut tap = Tap::open(&zoogate, query).await;
        let (event, all) = told_of_write(&mut tap, &mut pair, DATA).await;
        assert_eq!(event["data"], shown, "{event}");
        assert_eq!(all.contains("hunter2"), shown != Value::Null, "{all}");
        assert!(!all.contains("user:secret") && !zoogate.log().contains("hunter2"), "{all}");
        if query == "data=10" {
            assert!(!all.contains("much more"), "{all}");
        }
    }
}

/// Sends reads one behind another and answers them, until it is told to stop.
async fn play(mut pair: Pair, stop: Arc<AtomicBool>, operations: Arc<AtomicU64>, depth: usize) {
    let (request, answer) = (frames::get_data(1, "/brokers/topics/a"), frames::reply(1, &[0; 80]));
    let (requests, answers) = (request.repeat(depth), answer.repeat(depth));
    while !stop.load(Ordering::Relaxed) {
        send(&mut pair.client, &requests).await;
        expect(&mut pair.server, &requests).await;
        send(&mut pair.server, &answers).await;
        expect(&mut pair.client, &answers).await;
        operations.fetch_add(depth as u64, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn a_reader_that_does_not_read_costs_bounded_memory_and_holds_nobody_up() {
    let (mut fake, address) = (Fake::start().await, ports::free());
    let zoogate = Plan::before(&[fake.address()]).pooled(address).start().await;
    let (stop, operations) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut playing = Vec::new();
    for number in 0..4 {
        let pair = Pair::attach(&mut fake, address, SESSION + number).await;
        playing.push(tokio::spawn(play(pair, Arc::clone(&stop), Arc::clone(&operations), 64)));
    }
    sleep(Duration::from_millis(200)).await;
    let before = zoogate.resident();
    let still = Tap::open(&zoogate, "").await;
    let (mut reads, mut picks) = (Tap::open(&zoogate, "").await, Tap::open(&zoogate, "filter=op%3Ddelete").await);
    let mut missed = 0;
    while missed < 10_000 {
        missed += reads.event().await["dropped"].as_u64().unwrap_or(0);
    }
    // One that is not read is cut; what passes goes on all the while.
    let dropped = zoogate.metric("zoogate_dropped_total", &["queue=\"tap\""]).await;
    assert!(dropped >= missed, "{dropped} are counted, {missed} were told");
    let so_far = operations.load(Ordering::Relaxed);
    while operations.load(Ordering::Relaxed) < so_far + 1_000 {
        sleep(Duration::from_millis(10)).await;
    }
    let grown = zoogate.resident().saturating_sub(before);
    assert!(grown < GROWTH, "{grown} KiB more for those who look");
    stop.store(true, Ordering::Relaxed);
    for one in playing {
        within("what passes to end", one).await.expect("bytes that pass unchanged");
    }
    drop((still, reads));
    // It was shown nothing: none of this was a delete.
    let mut quiet = [0; 4096];
    let told = picks.0.read(&mut quiet).await.expect("a stream");
    assert!(!String::from_utf8_lossy(&quiet[..told]).contains("data:"));
}

/// CPU time of its threads but that of the admin address, and of that one, in hundredths of a second.
fn cpu(zoogate: &Zoogate) -> (u64, u64) {
    let tasks = format!("/proc/{}/task", zoogate.pid().as_raw_nonzero());
    let (mut relay, mut admin) = (0, 0);
    for task in fs::read_dir(tasks).expect("its threads").flatten() {
        let Ok(stat) = fs::read_to_string(task.path().join("stat")) else { continue };
        let (name, rest) = stat.rsplit_once(") ").expect("a name");
        let spent: u64 = rest.split(' ').skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        if name.ends_with("(admin") { admin += spent } else { relay += spent }
    }
    (relay, admin)
}

#[ignore = "made for its figures: cargo test --test relay what_looking_costs -- --ignored --nocapture"]
#[tokio::test]
async fn what_looking_costs() {
    for depth in [1, 64] {
        let (mut fake, address) = (Fake::start().await, ports::free());
        let zoogate = Plan::before(&[fake.address()]).pooled(address).start().await;
        let (stop, operations) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        for number in 0..16 {
            let pair = Pair::attach(&mut fake, address, SESSION + number).await;
            tokio::spawn(play(pair, Arc::clone(&stop), Arc::clone(&operations), depth));
        }
        // Without and with readers in turn, so that both meet the same machine.
        let mut sums = [(0, 0, 0); 2];
        for round in 0..10 {
            let looks = round % 2;
            let mut taps = Vec::new();
            if looks == 1 {
                let still = Tap::open(&zoogate, "").await;
                taps.push(tokio::spawn(async move {
                    sleep(Duration::from_hours(1)).await;
                    drop(still);
                }));
                for query in ["", "filter=latency%3E1s"] {
                    let mut tap = Tap::open(&zoogate, query).await;
                    taps.push(tokio::spawn(async move {
                        let mut line = String::new();
                        while tap.0.read_line(&mut line).await.is_ok_and(|read| read > 0) {
                            line.clear();
                        }
                    }));
                }
            }
            let ((relay, admin), counted) = (cpu(&zoogate), operations.load(Ordering::Relaxed));
            sleep(Duration::from_secs(2)).await;
            let (relay_then, admin_then) = cpu(&zoogate);
            sums[looks].0 += relay_then - relay;
            sums[looks].1 += admin_then - admin;
            sums[looks].2 += operations.load(Ordering::Relaxed) - counted;
            taps.iter().for_each(tokio::task::JoinHandle::abort);
            sleep(Duration::from_millis(300)).await;
        }
        stop.store(true, Ordering::Relaxed);
        for (name, (relay, admin, operations)) in ["nobody looks", "three look, one still"].iter().zip(sums) {
            let each = relay as f64 * 10_000.0 / operations.max(1) as f64;
            println!(
                "depth {depth}: {name}: {operations} operations, {each:.2} us of relay CPU each, admin {admin} ticks"
            );
        }
    }
}
