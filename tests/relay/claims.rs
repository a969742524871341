//! A claim cannot be taken back: it goes up once, for a client that is there, and what is left behind is watched.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::sleep;
use zoogate::ids::SessionId;
use zoogate::wire::{JuteWriter, OpCode};

use crate::support::fake::Fake;
use crate::support::frames;
use crate::support::ports;
use crate::support::sockets::{End, connect, expect, reset, rest, send};
use crate::support::wait::until;
use crate::support::zoogate::{Plan, Zoogate};

const SESSION: i64 = 0x0100_0000_0000_0c00;
const FOLLOWER: &[u8] = b"Zookeeper version: 3.9.3-fake\nZxid: 0x7\nMode: follower\nNode count: 5\n";
const LEADER: &[u8] = b"Zookeeper version: 3.9.3-fake\nZxid: 0x7\nMode: leader\nNode count: 5\n";

/// A leader and two followers.
pub(super) async fn ensemble() -> [Fake; 3] {
    let fakes = [Fake::start().await, Fake::start().await, Fake::start().await];
    for (fake, says) in fakes.iter().zip([LEADER, FOLLOWER, FOLLOWER]) {
        fake.says(Some(says));
    }
    fakes
}

pub(super) fn addresses(fakes: &[Fake]) -> Vec<SocketAddr> {
    fakes.iter().map(Fake::address).collect()
}

/// The next visitor of any of them, who must claim this; with its place.
pub(super) async fn visited(fakes: &mut [Fake], claim: &[u8]) -> (usize, TcpStream) {
    let (at, mut visit) =
        until("a claim", async || fakes.iter_mut().enumerate().find_map(|(at, fake)| Some((at, fake.visit_now()?))))
            .await;
    assert_eq!(visit.opening, claim[..4]);
    expect(&mut visit.stream, &claim[4..]).await;
    (at, visit.stream)
}

/// A session is given through an address and its connection ends; returns its server's place.
pub(super) async fn settle(fakes: &mut [Fake], address: SocketAddr, timeout: i32) -> usize {
    let claim = frames::connect(timeout);
    let mut client = connect(address).await;
    send(&mut client, &claim).await;
    let (home, mut server) = visited(fakes, &claim).await;
    send(&mut server, &frames::connected(timeout, SESSION)).await;
    expect(&mut client, &frames::connected(timeout, SESSION)).await;
    drop(client);
    rest(&mut server).await;
    home
}

pub(super) async fn claim(address: SocketAddr, frame: &[u8]) -> TcpStream {
    let mut client = connect(address).await;
    send(&mut client, frame).await;
    client
}

pub(super) fn nobody_else_is_asked(fakes: &mut [Fake]) {
    for (place, fake) in fakes.iter_mut().enumerate() {
        assert!(fake.visit_now().is_none(), "server {place} was asked as well");
    }
}

/// The server refuses the claim's session from now on, and answers looks.
async fn let_go(zoogate: &Zoogate, server: SocketAddr, health: &str) {
    let (server, health) = (format!("server=\"{server}\""), format!("health=\"{health}\""));
    let seen = zoogate.metric("zoogate_probe_results_total", &[&server, &health]).await;
    zoogate.counts("zoogate_probe_results_total", &[&server, &health], seen + 1).await;
}

#[tokio::test]
async fn a_new_session_whose_client_has_gone_is_closed_at_its_server() {
    let mut fake = Fake::start().await;
    let address = ports::free();
    let zoogate = Plan::before(&[fake.address()]).pooled(address).start().await;
    let frame = frames::connect(60_000);
    let client = claim(address, &frame).await;
    let mut server = fake.visit_with(&frame).await;
    drop(client);
    zoogate.counts("zoogate_connection_ends_total", &["reason=\"client_gone\""], 1).await;
    send(&mut server, &frames::connected(60_000, SESSION)).await;
    expect(&mut server, &JuteWriter::new().request(1, OpCode::CLOSE_SESSION).end().into_bytes()).await;
    zoogate.counts("zoogate_orphaned_sessions_total", &[], 1).await;
    drop(server);
}

#[tokio::test]
async fn a_claim_whose_client_has_gone_is_watched_and_closes_nothing() {
    let mut fakes = ensemble().await;
    let address = ports::free();
    let zoogate = Plan::before(&addresses(&fakes)).pooled(address).start().await;
    let home = settle(&mut fakes, address, 30_000).await;
    let again = frames::reconnect(30_000, SESSION);
    let client = claim(address, &again).await;
    let (at, mut server) = visited(&mut fakes, &again).await;
    assert_eq!(at, home);
    drop(client);
    zoogate.counts("zoogate_connection_ends_total", &["reason=\"client_gone\""], 2).await;
    send(&mut server, &frames::connected(30_000, SESSION)).await;
    assert_eq!(rest(&mut server).await, (vec![], End::Orderly), "a session that exists is never closed for its client");
    zoogate.counts("zoogate_late_claims_total", &[], 1).await;
}

#[tokio::test]
async fn a_client_that_comes_back_finds_its_claim_wherever_it_arrives() {
    let mut fakes = ensemble().await;
    let pools = [ports::free(), ports::free()];
    let plan = Plan::before(&addresses(&fakes)).pooled(pools[0]).pooled(pools[1]).with("--workers", "2");
    let zoogate = plan.with("--pin", "off").start().await;
    settle(&mut fakes, pools[0], 30_000).await;
    let again = frames::reconnect(30_000, SESSION);
    let first = claim(pools[0], &again).await;
    let (asked, _first_claim) = visited(&mut fakes, &again).await;
    drop(first);
    let mut kept = Vec::new();
    for round in 1..6 {
        let client = claim(pools[round % 2], &again).await;
        let (at, server) = visited(&mut fakes, &again).await;
        assert_eq!(at, asked, "round {round}");
        kept.push(server);
        drop(client);
    }
    let mut stranger = frames::reconnect(30_000, SESSION);
    *stranger.get_mut(35).expect("a byte of the password") ^= 1;
    let mut places = Vec::new();
    for _ in 0..3 {
        kept.push({
            let client = claim(pools[0], &stranger).await;
            let (at, server) = visited(&mut fakes, &stranger).await;
            places.push(at);
            drop(client);
            server
        });
    }
    assert!(places.iter().any(|at| *at != asked), "a claim with another password follows nobody");
    let mut client = claim(pools[1], &again).await;
    let (_, mut server) = visited(&mut fakes, &again).await;
    send(&mut server, &frames::connected(30_000, SESSION)).await;
    expect(&mut client, &frames::connected(30_000, SESSION)).await;
    zoogate.counts("zoogate_attaches_total", &["routed=\"followed\""], 1).await;
}

#[tokio::test]
async fn what_a_silent_follower_carries_out_late_brings_the_client_back() {
    let mut fakes = ensemble().await;
    let address = ports::free();
    let zoogate = Plan::before(&addresses(&fakes)).pooled(address).with("--probe-interval", "200ms").start().await;
    let mut home = settle(&mut fakes, address, 6_000).await;
    if home == 0 {
        // The leader would be waited for: the session goes to a follower first.
        fakes[0].says(Some(b"This ZooKeeper instance is not currently serving requests\n"));
        let_go(&zoogate, fakes[0].address(), "not_serving").await;
        let again = frames::reconnect(6_000, SESSION);
        let mut client = claim(address, &again).await;
        let (at, mut server) = visited(&mut fakes, &again).await;
        send(&mut server, &frames::connected(6_000, SESSION)).await;
        expect(&mut client, &frames::connected(6_000, SESSION)).await;
        fakes[0].says(Some(LEADER));
        let_go(&zoogate, fakes[0].address(), "serving").await;
        home = at;
    }
    let again = frames::reconnect(6_000, SESSION);
    let mut client = claim(address, &again).await;
    let (at, mut late) = visited(&mut fakes, &again).await;
    assert_eq!(at, home);
    fakes[home].says(None);
    let (other, mut server) = visited(&mut fakes, &again).await;
    assert_ne!(other, home);
    send(&mut server, &frames::connected(6_000, SESSION)).await;
    expect(&mut client, &frames::connected(6_000, SESSION)).await;
    send(&mut client, &frames::ping()).await;
    expect(&mut server, &frames::ping()).await;
    // A reply that is cut when the late answer comes is passed on whole.
    let pong = frames::pong();
    send(&mut server, &pong[..7]).await;
    expect(&mut client, &pong[..7]).await;
    send(&mut late, &frames::connected(6_000, SESSION)).await;
    zoogate.counts("zoogate_late_claims_total", &[], 1).await;
    send(&mut server, &pong[7..]).await;
    assert_eq!(rest(&mut client).await, (pong[7..].to_vec(), End::Orderly));
    rest(&mut server).await;
    rest(&mut late).await;
    zoogate.counts("zoogate_connection_ends_total", &["reason=\"late_claim\""], 1).await;
}

#[tokio::test]
async fn a_claim_that_its_client_left_behind_and_that_is_answered_first_brings_it_back_too() {
    let mut fakes = ensemble().await;
    let address = ports::free();
    let zoogate = Plan::before(&addresses(&fakes)).pooled(address).with("--probe-interval", "200ms").start().await;
    let again = frames::reconnect(6_000, SESSION);
    let first = claim(address, &again).await;
    let (at, mut late) = visited(&mut fakes, &again).await;
    if at == 0 {
        // Another one leads by now, or this server would be waited for.
        fakes[1].says(Some(LEADER));
        let_go(&zoogate, fakes[1].address(), "serving").await;
    }
    drop(first);
    zoogate.counts("zoogate_connection_ends_total", &["reason=\"client_gone\""], 1).await;
    fakes[at].says(None);
    // Until then the last look that it answered would still be good for a claim.
    sleep(2 * zoogate::route::PROBE_FRESH).await;
    let mut client = claim(address, &again).await;
    let (other, mut server) = visited(&mut fakes, &again).await;
    assert_ne!(other, at);
    // Whether this server carries the claim out before or after that one nobody can see.
    send(&mut late, &frames::connected(6_000, SESSION)).await;
    zoogate.counts("zoogate_late_claims_total", &[], 1).await;
    send(&mut server, &frames::connected(6_000, SESSION)).await;
    assert_eq!(rest(&mut client).await, (frames::connected(6_000, SESSION), End::Orderly));
    zoogate.counts("zoogate_connection_ends_total", &["reason=\"late_claim\""], 1).await;
}

#[tokio::test]
async fn a_claim_whose_patience_is_over_is_ended_in_the_books_and_watched() {
    let mut fakes = [Fake::start().await];
    let address = ports::free();
    let zoogate = Plan::before(&addresses(&fakes)).pooled(address).start().await;
    let frame = frames::connect(30_000);
    let mut client = claim(address, &frame).await;
    let (_, mut server) = visited(&mut fakes, &frame).await;
    assert_eq!(rest(&mut client).await, (vec![], End::Orderly));
    zoogate.counts("zoogate_connection_ends_total", &["reason=\"not_serving\""], 1).await;
    send(&mut server, &frames::connected(30_000, SESSION)).await;
    expect(&mut server, &JuteWriter::new().request(1, OpCode::CLOSE_SESSION).end().into_bytes()).await;
}

#[tokio::test]
async fn while_nobody_else_works_the_one_asked_is_waited_for() {
    let mut fakes = ensemble().await;
    let address = ports::free();
    let zoogate = Plan::before(&addresses(&fakes)).pooled(address).start().await;
    settle(&mut fakes, address, 6_000).await;
    let again = frames::reconnect(6_000, SESSION);
    let mut client = claim(address, &again).await;
    let (_, mut server) = visited(&mut fakes, &again).await;
    zoogate.counts("zoogate_waiting_claims", &[], 1).await;
    sleep(Duration::from_millis(2_300)).await;
    nobody_else_is_asked(&mut fakes);
    let waits = zoogate.json("/api/connections?state=waiting").await;
    assert_eq!(waits["connections"].as_array().map(Vec::len), Some(1), "{waits}");
    send(&mut server, &frames::connected(6_000, SESSION)).await;
    expect(&mut client, &frames::connected(6_000, SESSION)).await;
    assert_eq!(zoogate.metric("zoogate_waiting_claims", &[]).await, 0);
    zoogate.counts("zoogate_claim_wait_seconds_count", &[], 2).await;
    assert!(zoogate.log().contains("a claim waits for its server"));
}

#[tokio::test]
async fn who_waits_while_no_server_is_asked_is_listed() {
    let mut fake = Fake::start().await;
    let address = ports::free();
    let zoogate = Plan::before(&[fake.address()]).pooled(address).start().await;
    fake.says(None);
    zoogate.counts("zoogate_probe_results_total", &["health=\"unresponsive\""], 1).await;
    let again = frames::reconnect(30_000, SESSION);
    let mut client = claim(address, &again).await;
    let waits = async || zoogate.json("/api/connections?state=waiting").await["connections"].clone();
    let listed = until("the client to be listed", async || waits().await.as_array()?.first().cloned()).await;
    let own = client.local_addr().expect("an address").to_string();
    for (field, value) in [("client", Some(own.as_str())), ("server", None), ("listener", Some("pooled"))] {
        assert_eq!(listed[field].as_str(), value, "{listed}");
    }
    assert_eq!(listed["session"], SessionId(SESSION).to_string(), "{listed}");
    assert!(listed["claimed_at"].is_string(), "{listed}");
    let list = Command::new(env!("CARGO_BIN_EXE_zoogate"))
        .args(["connections", "--state", "waiting", "--admin", &zoogate.admin().to_string()])
        .output()
        .expect("the list");
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    let row = list.lines().find(|line| line.contains(&own)).unwrap_or_default();
    assert!(row.contains(" waiting ") && row.contains(" - "), "{list}");
    assert!(zoogate.json("/api/connections?server=0").await["connections"].as_array().is_some_and(Vec::is_empty));
    fake.says(Some(LEADER));
    let mut server = fake.visit_with(&again).await;
    let listed = until("its server to be asked", async || {
        let all = waits().await;
        let [one] = all.as_array()?.as_slice() else { return None };
        one["server"].as_str().map(str::to_owned)
    })
    .await;
    assert_eq!(listed, fake.address().to_string());
    send(&mut server, &frames::connected(30_000, SESSION)).await;
    expect(&mut client, &frames::connected(30_000, SESSION)).await;
    assert_eq!(waits().await.as_array().map(Vec::len), Some(0));
}

#[tokio::test]
async fn for_a_client_that_has_gone_nothing_goes_up_however_long_zoogate_stood_still() {
    let mut fakes = ensemble().await;
    let (pool, mirror) = (ports::free(), ports::free());
    let plan = Plan::before(&addresses(&fakes)).pooled(pool).mirror(mirror, fakes[0].address());
    let zoogate = plan.start().await;
    let again = frames::reconnect(30_000, SESSION);
    for address in [pool, mirror] {
        for by_reset in [false, true] {
            zoogate.freeze();
            let gone = claim(address, &again).await;
            let leave: fn(TcpStream) = if by_reset { reset } else { drop };
            leave(gone);
            zoogate.thaw();
            // A client that is there goes the same way behind it.
            let mut client = claim(address, &frames::connect(30_000)).await;
            let (_, mut server) = visited(&mut fakes, &frames::connect(30_000)).await;
            send(&mut server, &frames::connected(30_000, SESSION + 1)).await;
            expect(&mut client, &frames::connected(30_000, SESSION + 1)).await;
            sleep(Duration::from_millis(300)).await;
            nobody_else_is_asked(&mut fakes);
        }
    }
}

#[tokio::test]
async fn what_a_client_says_before_its_end_goes_up_when_it_waits_for_it() {
    let mut fake = Fake::start().await;
    let (pool, mirror) = (ports::free(), ports::free());
    let _zoogate = Plan::before(&[fake.address()]).pooled(pool).mirror(mirror, fake.address()).start().await;
    let close = JuteWriter::new().request(9, OpCode::CLOSE_SESSION).end().into_bytes();
    let write = JuteWriter::new().request(8, OpCode::DELETE).buffer(b"/a").int(-1).end().into_bytes();
    for address in [pool, mirror] {
        for opening in [
            [frames::connect(30_000), write.clone(), close.clone()].concat(),
            [frames::reconnect(30_000, SESSION), close.clone()].concat(),
        ] {
            let mut client = connect(address).await;
            send(&mut client, &opening).await;
            client.shutdown().await.expect("a connection to half-close");
            let mut server = fake.visit_with(&opening).await;
            let answers = [frames::connected(30_000, SESSION), frames::reply(9, &[])].concat();
            send(&mut server, &answers).await;
            assert_eq!(rest(&mut server).await.0, b"");
            drop(server);
            assert_eq!(rest(&mut client).await.0, answers);
        }
    }
}

#[tokio::test]
async fn what_stands_behind_a_claim_goes_to_a_second_server_only_when_it_has_no_effect() {
    let mut fakes = ensemble().await;
    let address = ports::free();
    let _zoogate = Plan::before(&addresses(&fakes)).pooled(address).start().await;
    let harmless = [frames::connect(30_000), frames::auth(), frames::get_data(1, "/a")].concat();
    let mut client = claim(address, &harmless).await;
    let (first, closes) = visited(&mut fakes, &harmless).await;
    drop(closes);
    let (second, mut server) = visited(&mut fakes, &harmless).await;
    assert_ne!(first, second);
    send(&mut server, &frames::connected(30_000, SESSION)).await;
    expect(&mut client, &frames::connected(30_000, SESSION)).await;
    let write = JuteWriter::new().request(8, OpCode::DELETE).buffer(b"/a").int(-1).end().into_bytes();
    let writes = [frames::connect(30_000), write].concat();
    let mut client = claim(address, &writes).await;
    let (_, closes) = visited(&mut fakes, &writes).await;
    drop(closes);
    assert_eq!(rest(&mut client).await, (vec![], End::Orderly), "the server's answer is final");
    nobody_else_is_asked(&mut fakes);
}

#[tokio::test]
async fn a_session_that_attaches_again_leaves_nothing_behind_that_could_still_reach_a_server() {
    let mut fakes = ensemble().await;
    let address = ports::free();
    let zoogate = Plan::before(&addresses(&fakes)).pooled(address).with("--pin", "off").start().await;
    let frame = frames::connect(30_000);
    let mut older = claim(address, &frame).await;
    let (home, mut server) = visited(&mut fakes, &frame).await;
    send(&mut server, &frames::connected(30_000, SESSION)).await;
    expect(&mut older, &frames::connected(30_000, SESSION)).await;
    let mut stranger = frames::reconnect(30_000, SESSION);
    *stranger.get_mut(35).expect("a byte of the password") ^= 1;
    let _guess = claim(address, &stranger).await;
    let (guessed_at, _guess_claim) = visited(&mut fakes, &stranger).await;
    assert_ne!(guessed_at, home, "the server would close the good connection before it looks at the password");
    send(&mut older, &frames::ping()).await;
    expect(&mut server, &frames::ping()).await;
    let again = frames::reconnect(30_000, SESSION);
    let mut newer = claim(address, &again).await;
    assert_eq!(rest(&mut server).await, (vec![], End::Reset), "closed before the new claim goes up");
    let (_, mut next) = visited(&mut fakes, &again).await;
    send(&mut next, &frames::connected(30_000, SESSION)).await;
    expect(&mut newer, &frames::connected(30_000, SESSION)).await;
    rest(&mut older).await;
    zoogate.counts("zoogate_connection_ends_total", &["reason=\"superseded\""], 1).await;
}

#[tokio::test]
async fn a_session_is_not_claimed_at_a_server_that_answers_no_probe() {
    let mut fakes = ensemble().await;
    let address = ports::free();
    let _zoogate = Plan::before(&addresses(&fakes)).pooled(address).start().await;
    let home = settle(&mut fakes, address, 30_000).await;
    fakes[home].says(None);
    // Its last answer grows too old to be believed.
    sleep(Duration::from_millis(200)).await;
    let again = frames::reconnect(30_000, SESSION);
    let _client = claim(address, &again).await;
    let (at, _server) = visited(&mut fakes, &again).await;
    assert_ne!(at, home);
}

#[tokio::test]
async fn a_server_that_answers_probes_and_no_claims_is_no_longer_the_first_choice() {
    let mut fakes = ensemble().await;
    let address = ports::free();
    let zoogate = Plan::before(&addresses(&fakes)).pooled(address).start().await;
    let frame = frames::connect(30_000);
    let mut kept = Vec::new();
    // Whoever gets the first claim never answers it.
    let waiting = claim(address, &frame).await;
    let (deaf, hears) = visited(&mut fakes, &frame).await;
    kept.extend([waiting, hears]);
    let give = async |fakes: &mut [Fake], number: i64| {
        let mut client = claim(address, &frame).await;
        let (at, mut server) = visited(fakes, &frame).await;
        send(&mut server, &frames::connected(30_000, SESSION + number)).await;
        expect(&mut client, &frames::connected(30_000, SESSION + number)).await;
        (at, [client, server])
    };
    let (at, pair) = give(&mut fakes, 1).await;
    assert_ne!(at, deaf);
    kept.extend(pair);
    zoogate.counts("zoogate_server_set_aside", &[&format!("server=\"{}\"", fakes[deaf].address())], 1).await;
    for number in 2..8 {
        let (at, pair) = give(&mut fakes, number).await;
        assert_ne!(at, deaf, "although it has the fewest connections");
        kept.extend(pair);
    }
}

#[tokio::test]
async fn words_go_to_a_server_with_a_quorum_while_there_is_one() {
    let fakes = ensemble().await;
    fakes[0].says(Some(b"Zookeeper version: 3.9.3-fake\nZxid: 0x7\nMode: read-only\nNode count: 5\n"));
    let address = ports::free();
    let mut fakes = fakes;
    let _zoogate = Plan::before(&addresses(&fakes)).pooled(address).start().await;
    for _ in 0..6 {
        let _client = claim(address, b"isro").await;
        let (at, visit) =
            until("a word", async || fakes.iter_mut().enumerate().find_map(|(at, fake)| Some((at, fake.visit_now()?))))
                .await;
        assert_eq!((&visit.opening, at == 0), (b"isro", false));
    }
}
