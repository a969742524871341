//! Readers of zoogate itself who do not read, or take all places: of its log, of its admin address.

use std::io::Read;
use std::net::SocketAddr;
use std::thread;

use tokio::net::TcpStream;

use crate::support::fake::Fake;
use crate::support::pair::Pair;
use crate::support::ports;
use crate::support::sockets::{connect, reset};
use crate::support::wait::until;
use crate::support::zoogate::{Plan, Zoogate};

const SESSION: i64 = 0x0100_0000_0000_0600;
/// Places of the admin address.
const PLACES: usize = 64;

/// Has so much happen that is worth a line that the log's queue overflows.
async fn make_noise(zoogate: &Zoogate, address: SocketAddr) {
    until("lines to be lost", async || {
        for _ in 0..500 {
            // Somebody who leaves without a word, which is worth a line.
            reset(connect(address).await);
        }
        (zoogate.metric("zoogate_dropped_total", &["queue=\"log\""]).await > 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_log_that_nobody_reads_costs_lines_and_nothing_else() {
    let (mut fake, address) = (Fake::start().await, ports::free());
    let (plan, mut log) = Plan::before(&[fake.address()]).pooled(address).log_to_pipe();
    let zoogate = plan.with("--workers", "1").start().await;
    let mut pair = Pair::attach(&mut fake, address, SESSION).await;
    let before = zoogate.resident();
    make_noise(&zoogate, address).await;
    pair.heartbeat().await;
    // Each line that waits has some 200 bytes and its place.
    let grown = zoogate.resident().saturating_sub(before);
    assert!(grown < 16 << 10, "{grown} KiB for a log that nobody reads");
    // Once it is read lines come again.
    let lines = thread::spawn(move || {
        let (mut lines, mut some) = (Vec::new(), [0; 4096]);
        while !String::from_utf8_lossy(&lines).contains("connection ended") {
            match log.read(&mut some).expect("a log") {
                0 => return false,
                read => lines.extend_from_slice(&some[..read]),
            }
            let keep = lines.len().saturating_sub(8192);
            lines.drain(..keep);
        }
        true
    });
    drop(pair);
    // The line of one that ends while the queue is still full is lost.
    let mut session = SESSION;
    until("a line", async || {
        session += 1;
        drop(Pair::attach(&mut fake, address, session).await);
        lines.is_finished().then_some(())
    })
    .await;
    assert!(lines.join().expect("a reader"), "the log has ended");
}

#[tokio::test]
async fn a_log_that_nobody_reads_does_not_hold_up_a_stop() {
    let (fake, address) = (Fake::start().await, ports::free());
    let (plan, _log) = Plan::before(&[fake.address()]).pooled(address).log_to_pipe();
    let mut zoogate = plan.start().await;
    make_noise(&zoogate, address).await;
    zoogate.terminate();
    assert_eq!(zoogate.ended().await.code(), Some(0));
}

#[tokio::test]
async fn an_admin_address_whose_places_are_taken_holds_up_nobody_and_says_so() {
    let (mut fake, address) = (Fake::start().await, ports::free());
    let mut zoogate = Plan::before(&[fake.address()]).pooled(address).with("--workers", "1").start().await;
    let mut pair = Pair::attach(&mut fake, address, SESSION).await;
    let before = zoogate.resident();
    let mut silent: Vec<TcpStream> = Vec::new();
    for _ in 0..=PLACES {
        silent.push(connect(zoogate.admin()).await);
    }
    zoogate.logs("connection limit of the admin address reached").await;
    // For each further one another has to leave, and traffic does not know of them.
    let late: Vec<TcpStream> = [connect(zoogate.admin()).await, connect(zoogate.admin()).await].into();
    for _ in 0..100 {
        pair.heartbeat().await;
    }
    let grown = zoogate.resident().saturating_sub(before);
    assert!(grown < 4 << 10, "{grown} KiB for the admin address");
    drop(late);
    assert_eq!(zoogate.status("/livez").await, Some(200), "beside all of them");
    drop(silent);
    zoogate.counts("zoogate_operations_total", &["op=\"ping\""], 100).await;
}
