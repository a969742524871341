//! A server that is zoogate again: named, left out, and never a drain of descriptors.

use std::fs;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::support::fake::{Fake, SRVR};
use crate::support::frames;
use crate::support::pair::Pair;
use crate::support::ports;
use crate::support::sockets::{connect, rest, send};
use crate::support::wait::until;
use crate::support::zoogate::{Plan, Zoogate};

const SESSION: i64 = 0x0100_0000_0000_0800;
/// Descriptors that a zoogate may have open that carries next to nothing.
const FEW: usize = 120;

/// What a zoogate says that has found a server to lead back to it.
const FOUND: &str = "leads back to this zoogate through something else";

/// Waits until `zoogate` has found `server` to lead back, and no other.
async fn finds(zoogate: &mut Zoogate, server: SocketAddr) {
    zoogate.logs(FOUND).await;
    let labels = [format!("server=\"{server}\""), "reason=\"leads_back\"".to_owned()];
    zoogate.counts("zoogate_probe_results_total", &[&labels[0], "health=\"unreachable\""], 1).await;
    let line = zoogate.log().lines().find(|line| line.contains(FOUND)).map(str::to_owned).unwrap_or_default();
    assert!(line.contains(&server.to_string()), "{line}");
}

#[tokio::test]
async fn a_zoogate_behind_a_zoogate_behind_itself_is_found() {
    let mut fake = Fake::start().await;
    let (first, second) = (ports::free(), ports::free());
    let mut front = Plan::before(&[fake.address(), second]).pooled(first).descriptors(1024).start().await;
    let back = Plan::before(&[first]).pooled(second).descriptors(1024).start().await;
    finds(&mut front, second).await;
    // What is left is a chain: through the one, then the other, to the server.
    for round in 0..6 {
        Pair::attach(&mut fake, second, SESSION + round).await.heartbeat().await;
        Pair::attach(&mut fake, first, SESSION + 10 + round).await.heartbeat().await;
    }
    assert_eq!(back.lines_with(FOUND), 0, "the other one leads to a server");
    let open = [front.descriptors(), back.descriptors()];
    assert!(open.iter().all(|&open| open < FEW), "{open:?} descriptors");
}

#[tokio::test]
async fn a_way_round_through_three_is_found() {
    let mut fake = Fake::start().await;
    let [first, second, third] = [(); 3].map(|()| ports::free());
    let mut front = Plan::before(&[fake.address(), second]).pooled(first).descriptors(1024).start().await;
    let middle = Plan::before(&[third]).pooled(second).descriptors(1024).start().await;
    let back = Plan::before(&[first]).pooled(third).descriptors(1024).start().await;
    finds(&mut front, second).await;
    Pair::attach(&mut fake, second, SESSION).await.heartbeat().await;
    let open = [front.descriptors(), middle.descriptors(), back.descriptors()];
    assert!(open.iter().all(|&open| open < FEW), "{open:?} descriptors");
}

/// The other one has servers of its own, too: only some of what is asked comes round.
#[tokio::test]
async fn a_way_round_beside_others_is_found() {
    let (near, far) = (Fake::start().await, Fake::start().await);
    let (first, second) = (ports::free(), ports::free());
    let front = Plan::before(&[near.address(), second]).pooled(first).descriptors(1024).start().await;
    let back = Plan::before(&[far.address(), first]).pooled(second).descriptors(1024).start().await;
    // Once one of them has left the other there is no way round.
    until("one of them to find it", async || (front.lines_with(FOUND) + back.lines_with(FOUND) > 0).then_some(()))
        .await;
    let open = [front.descriptors(), back.descriptors()];
    assert!(open.iter().all(|&open| open < FEW), "{open:?} descriptors");
}

/// The way leads through an address of one server's own, where nothing is read before it is passed on.
#[tokio::test]
async fn a_way_round_through_a_mirror_is_found() {
    let near = Fake::start().await;
    let (mirror, second) = (ports::free(), ports::free());
    let mut back = Plan::before(&[near.address(), mirror]).pooled(second).descriptors(1024).start().await;
    let front = Plan::before(&[second]).mirror(mirror, second).descriptors(1024).start().await;
    finds(&mut back, mirror).await;
    assert_eq!(front.lines_with(FOUND), 0, "the other one leads to a server");
    let open = [front.descriptors(), back.descriptors()];
    assert!(open.iter().all(|&open| open < FEW), "{open:?} descriptors");
}

/// Nothing but addresses of one server's own, which pass a client on before it has said a word. It comes to be while all
/// of them are open, and clients of every kind are there at once.
#[tokio::test]
async fn a_way_round_of_mirrors_alone_is_found_before_it_takes_every_descriptor() {
    let (first, second) = (ports::free(), ports::free());
    let mut fake = Fake::at(SocketAddr::from(([127, 0, 0, 77], second.port()))).await;
    let hosts = NamedTempFile::new().expect("a file");
    let lead_to = |ip: &str| {
        fs::write(hosts.path(), format!("127.0.0.1 localhost\n{ip} zk.test\n")).expect("a file of names");
    };
    lead_to("127.0.0.77");
    let name = format!("zk.test:{}", second.port());
    let plan = Plan::before_names(&name).with("--listen", &format!("{first}={name}")).hosts(hosts.path());
    let front = plan.descriptors(1024).start().await;
    let back = Plan::before(&[first]).mirror(second, first).descriptors(1024).start().await;
    for (round, address) in [first, second].into_iter().enumerate() {
        Pair::attach(&mut fake, address, SESSION + round as i64).await.heartbeat().await;
    }
    lead_to("127.0.0.1");
    let mut clients = Vec::new();
    for said in [&b""[..], b"stat", &frames::connect(6_000), &frames::reconnect(6_000, SESSION), &[0x16, 3, 1, 0]] {
        let mut client = connect(first).await;
        send(&mut client, said).await;
        clients.push(client);
    }
    until("one of them to find it", async || (front.lines_with(FOUND) + back.lines_with(FOUND) > 0).then_some(()))
        .await;
    until("what went round to end", async || (front.descriptors() < FEW && back.descriptors() < FEW).then_some(()))
        .await;
    for zoogate in [&front, &back] {
        assert_eq!(zoogate.metric("zoogate_rejected_connections_total", &["reason=\"too_many\""]).await, 0);
        assert_eq!(zoogate.metric("zoogate_listener_errors_total", &[]).await, 0);
        assert_eq!(zoogate.metric("zoogate_connect_failures_total", &["reason=\"descriptors\""]).await, 0);
    }
    // Once it leads to a server again, clients come through.
    lead_to("127.0.0.77");
    until("the address to be open", async || TcpStream::connect(first).await.ok()).await;
}

/// One that leads elsewhere again is used again.
#[tokio::test]
async fn a_way_round_that_is_gone_is_forgotten() {
    let near = Fake::start().await;
    let (first, second) = (ports::free(), ports::free());
    let mut front = Plan::before(&[near.address(), second]).pooled(first).start().await;
    let back = Plan::before(&[first]).pooled(second).start().await;
    finds(&mut front, second).await;
    drop(back);
    let _real = Fake::at(second).await;
    let labels = [format!("server=\"{second}\""), "health=\"serving\"".to_owned()];
    let labels = [labels[0].as_str(), &labels[1]];
    let before = front.metric("zoogate_probe_results_total", &labels).await;
    front.logs("no longer leads back to this zoogate").await;
    front.counts("zoogate_probe_results_total", &labels, before + 1).await;
}

/// Whoever asks what zoogate asks, as often as he likes, is answered and taken for nothing else.
#[tokio::test]
async fn questions_of_others_are_no_way_round() {
    let fake = Fake::start().await;
    let (address, mirror) = (ports::free(), ports::free());
    let plan = Plan::before(&[fake.address()]).pooled(address).mirror(mirror, fake.address());
    let zoogate = plan.with("--probe-interval", "10ms").start().await;
    for _ in 0..300 {
        for door in [address, mirror] {
            let mut stream: TcpStream = connect(door).await;
            send(&mut stream, b"srvr").await;
            assert!(rest(&mut stream).await.0.starts_with(b"Zookeeper version"), "no answer");
        }
    }
    assert_eq!(zoogate.lines_with("leads back"), 0);
}

/// Strangers who ask whatever a prober may ask, all the time, make no server lead back.
#[tokio::test]
async fn a_flood_of_all_words_is_no_way_round() {
    let (server, address) = (TcpListener::bind(ports::free()).await.expect("a server"), ports::free());
    let servers = [server.local_addr().expect("its address")];
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = server.accept().await {
            tokio::spawn(async move {
                let mut word = [0; 4];
                stream.read_exact(&mut word).await?;
                // The longer a word is out, the more of the same come in meanwhile.
                sleep(Duration::from_millis(5)).await;
                stream.write_all(if &word == b"srvr" { SRVR } else { b"an answer\n" }).await
            });
        }
    });
    let zoogate = Plan::before(&servers).pooled(address).with("--probe-interval", "10ms").start().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let flood: Vec<_> = (0..8)
        .map(|first| {
            let asked = Arc::clone(&asked);
            tokio::spawn(async move {
                for word in ["conf", "envi", "isro", "ruok", "ruok\nzoogate 0123456789abcdef\n", "srvr"]
                    .iter()
                    .cycle()
                    .skip(first)
                {
                    if let Ok(mut stream) = TcpStream::connect(address).await
                        && stream.write_all(word.as_bytes()).await.is_ok()
                    {
                        let _ = stream.read_to_end(&mut Vec::new()).await;
                        asked.fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
        })
        .collect();
    until("a flood", async || (asked.load(Ordering::Relaxed) > 5_000).then_some(())).await;
    flood.iter().for_each(tokio::task::JoinHandle::abort);
    assert_eq!(zoogate.lines_with("leads back"), 0);
}

#[tokio::test]
async fn a_name_that_comes_to_be_a_listener_is_not_followed() {
    let port = ports::free().port();
    let at = |ip: [u8; 4]| SocketAddr::from((ip, port));
    let mut fake = Fake::at(at([127, 0, 0, 77])).await;
    let hosts = NamedTempFile::new().expect("a file");
    let lead_to = |ip: &str| {
        fs::write(hosts.path(), format!("127.0.0.1 localhost\n{ip} zk.test\n")).expect("a file of names");
    };
    lead_to("127.0.0.77");
    let address = at([127, 0, 0, 1]);
    let plan = Plan::before_names(&format!("zk.test:{port}")).pooled(address).hosts(hosts.path());
    let mut zoogate = plan.start().await;
    lead_to("127.0.0.1");
    zoogate.logs("server is a listener of this zoogate: it is not used").await;
    zoogate.counts("zoogate_probe_results_total", &["health=\"unreachable\""], 1).await;
    assert!(zoogate.descriptors() < FEW, "{} descriptors", zoogate.descriptors());
    lead_to("127.0.0.77");
    until("the address to be open", async || TcpStream::connect(address).await.ok()).await;
    Pair::attach(&mut fake, address, SESSION).await.heartbeat().await;
}

#[tokio::test]
async fn a_name_that_is_a_listener_is_an_error_at_the_start() {
    let address = ports::free();
    for listener in [address.to_string(), format!("0.0.0.0:{}", address.port())] {
        let servers = format!("localhost:{}", address.port());
        let arguments = ["run", "--servers", &servers, "--listen", &listener, "--admin", "off"];
        let mut command = Command::new(env!("CARGO_BIN_EXE_zoogate"));
        let child = command.args(arguments).stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("start zoogate");
        let ended = tokio::task::spawn_blocking(|| child.wait_with_output()).await.expect("a thread").expect("its end");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(!ended.status.success());
        assert!(said.contains(&format!("server {servers} is this zoogate's own listener {listener}")), "{said}");
    }
}
