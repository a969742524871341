//! What servers tell of themselves: asked beside the probes, never in their way.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use crate::support::ports;
use crate::support::wait::until;
use crate::support::zoogate::{Plan, Zoogate};

const SRVR: &str = "Zookeeper version: 3.9.3-\u{1b}[2Jx, built on now\nConnections: 9\nOutstanding: 3\nZxid: 0x100000007\n\
    Mode: follower\n";

/// A server that answers words, and counts them.
struct WordServer {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    task: AbortHandle,
}

impl WordServer {
    /// One that answers each word with this, without an end where there is nothing.
    async fn start(answer: fn(&str) -> Option<String>) -> Self {
        let listener = TcpListener::bind(ports::free()).await.expect("an address to listen on");
        let address = listener.local_addr().expect("its address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let words = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                tokio::spawn(tell(stream, Arc::clone(&words), answer));
            }
        });
        Self { address, asked, task: task.abort_handle() }
    }

    fn times(&self, word: &str) -> usize {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).iter().filter(|asked| *asked == word).count()
    }

    /// A zoogate in front of it that asks often, and for details too.
    async fn watched(&self) -> Zoogate {
        let plan = Plan::before(&[self.address]).pooled(ports::free()).with("--probe-interval", "50ms");
        plan.variable("ZOOGATE_PROBE_DETAILS", "true").start().await
    }
}

impl Drop for WordServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn tell(mut stream: TcpStream, asked: Arc<Mutex<Vec<String>>>, answer: fn(&str) -> Option<String>) {
    let mut word = [0; 4];
    if stream.read_exact(&mut word).await.is_err() {
        return;
    }
    let word = String::from_utf8_lossy(&word).into_owned();
    asked.lock().unwrap_or_else(PoisonError::into_inner).push(word.clone());
    match answer(&word) {
        // Whoever asked may have read enough.
        Some(text) => drop(stream.write_all(text.as_bytes()).await),
        None => while stream.write_all(&[b'x'; 4096]).await.is_ok() {},
    }
}

fn refusal(word: &str) -> String {
    format!("{word} is not executed because it is not in the whitelist.\n")
}

async fn server(zoogate: &Zoogate) -> Value {
    zoogate.json("/api/ensemble").await["servers"][0].clone()
}

/// Waits until the server has been probed so many times.
async fn probed(words: &WordServer, times: usize) {
    until("probes", async || (words.times("srvr") >= times).then_some(())).await;
}

#[tokio::test]
async fn a_server_that_allows_the_words_tells_its_details() {
    let words = WordServer::start(|word| {
        Some(match word {
            "srvr" => SRVR.to_owned(),
            "mntr" => "zk_version\t3.9.3-x\nzk_num_alive_connections\t9\nzk_uptime\t5000\n".to_owned(),
            "conf" => "clientPort=1\ntickTime=2000\nmaxSessionTimeout=40000\nserverId=3\n".to_owned(),
            word => refusal(word),
        })
    })
    .await;
    let zoogate = words.watched().await;
    let told = until("details", async || {
        let told = server(&zoogate).await;
        (told["details"]["tick_ms"] == 2_000 && told["bypassing"] == 8).then_some(told)
    })
    .await;
    let details = &told["details"];
    assert_eq!((&details["max_session_timeout_ms"], &details["uptime_ms"]), (&json!(40_000), &json!(5_000)), "{told}");
    assert_eq!((&details["connections"], &details["outstanding_requests"]), (&json!(9), &json!(3)), "{told}");
    assert_eq!((&told["myid"], &told["state"], &told["role"]), (&json!(3), &json!("serving"), &json!("follower")));
    assert!(
        told["probe_ms"]["samples"].as_u64() > Some(0) && told["connect_ms"]["last"].as_f64() > Some(0.0),
        "{told}"
    );
    assert_eq!(words.times("cons"), 0, "its number of connections was told already");
    assert_eq!(zoogate.metric("zoogate_server_bypassing_connections", &[]).await, 8);
}

#[tokio::test]
async fn a_server_that_allows_nothing_is_left_alone_and_tells_what_srvr_tells() {
    let words = WordServer::start(|word| Some(if word == "srvr" { SRVR.to_owned() } else { refusal(word) })).await;
    let zoogate = words.watched().await;
    until("the words", async || (words.times("cons") > 0).then_some(())).await;
    probed(&words, words.times("srvr") + 20).await;
    assert_eq!(["mntr", "conf", "cons"].map(|word| words.times(word)), [1; 3]);
    let told = server(&zoogate).await;
    assert_eq!(told["details"]["version"], "3.9.3-\\u{1b}[2Jx", "{told}");
    assert_eq!((&told["details"]["connections"], &told["details"]["tick_ms"]), (&json!(9), &Value::Null), "{told}");
}

#[tokio::test]
async fn an_answer_without_an_end_holds_no_probe_up() {
    let words = WordServer::start(|word| match word {
        "srvr" => Some(SRVR.to_owned()),
        "mntr" => None,
        word => Some(refusal(word)),
    })
    .await;
    let zoogate = words.watched().await;
    until("the words", async || (words.times("conf") > 0).then_some(())).await;
    probed(&words, words.times("srvr") + 5).await;
    assert_eq!(server(&zoogate).await["state"], "serving");
    zoogate.expect_within_bounds(0);
}

#[tokio::test]
async fn a_server_that_does_not_serve_is_not_asked() {
    let words = WordServer::start(|word| {
        Some(match word {
            "ruok" => refusal(word),
            _ => "This ZooKeeper instance is not currently serving requests\n".to_owned(),
        })
    })
    .await;
    let zoogate = words.watched().await;
    probed(&words, 10).await;
    assert_eq!(["mntr", "conf", "cons"].map(|word| words.times(word)), [0; 3]);
    let ensemble = zoogate.json("/api/ensemble").await;
    let event = &ensemble["timeline"][0];
    assert_eq!((&event["change"], &event["now"]), (&json!("health"), &json!("not_serving")), "{ensemble}");
}
