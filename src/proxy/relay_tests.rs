//! Relays over either kind of stream: nothing that is forwarded depends on what carries it.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::{JoinHandle, yield_now};

use super::*;
use crate::control::RelayHandle;
use crate::proxy::relay::half_pipe::READ_BUFFER;
use crate::proxy::relay::live_sink::LiveSink;
use crate::proxy::relay::relay_stream::tests::{StreamKind, over_both_kinds};
use crate::proxy::shared::proxy_state::tests::proxy;
use crate::session::ConnectionLink;
use crate::session::verdict::RouteReason;
use crate::wire::{ErrorCode, JuteWriter, OpCode};

over_both_kinds! {
    bytes_pass_in_whatever_pieces_they_come_and_are_understood
    a_client_that_has_said_everything_still_hears
    a_server_that_has_said_everything_still_hears
    a_side_that_takes_no_more_stops_the_other_and_loses_nothing
    a_side_that_vanishes_takes_the_other_with_it
    what_cannot_be_read_passes_and_is_named
    an_operators_wish_waits_for_the_end_of_a_frame
    bytes_show_that_their_worker_is_at_work
}

#[test]
fn a_server_is_given_up_when_it_has_been_silent_and_has_owed_an_answer_for_long() {
    let silence = |timeout| OwedSilence {
        heard_at: Timestamp(10),
        owed_since: Timestamp(20),
        timeout: Duration::from_millis(timeout),
    };
    let given_up = |timeout, client, silent: u64, owed: u64| {
        let lasted = |since| Duration::from_millis(if since == Timestamp(10) { silent } else { owed });
        is_given_up(&silence(timeout), || client, lasted)
    };
    for (client, timeout, borne) in [
        (ClientProfile::Java, 18_000, 11_000),
        (ClientProfile::Java, 6_000, 3_000),
        (ClientProfile::Go, 4_000, 2_000),
        (ClientProfile::Unknown, 9_000, 5_000),
        (ClientProfile::Kazoo, 10_000, 7_500),
        (ClientProfile::C, 10_000, 7_500),
        (ClientProfile::Node, 10_000, 7_500),
        (ClientProfile::ClickHouse, 30_000, 30_000),
    ] {
        let owed = timeout / 4;
        assert!(given_up(timeout, client, borne, owed), "{client:?} {timeout}");
        assert!(!given_up(timeout, client, borne - 1, borne - 1), "{client:?} {timeout}");
        assert!(!given_up(timeout, client, 10 * timeout, owed - 1), "{client:?} {timeout}: it was asked just now");
    }
}

const SESSION: SessionId = SessionId(0x0100_0000_0000_0009);

/// A client and a server with a relay between them.
struct Joined<K: StreamKind> {
    proxy: Arc<ProxyState>,
    client: K::Stream,
    server: K::Stream,
    relay: JoinHandle<()>,
}

impl<K: StreamKind> Joined<K> {
    /// Nothing was said yet.
    async fn new() -> Self {
        let proxy = Arc::new(proxy("servers = \"a:1\"\nlisten = [\"127.0.0.1:1\"]\nworkers = 2"));
        let ((client, client_side), (server, server_side)) = (K::pair().await, K::pair().await);
        let link = ConnectionLink {
            connection: proxy.next_connection(),
            client: ([127, 0, 0, 1], 4000).into(),
            server: ServerId(0),
            routed: RouteReason::Mirror,
        };
        let inspector = LiveSink::inspect(&proxy, link, 0);
        let registry = &proxy.control.registries()[0];
        let registration = RelayRegistration {
            registered: registry.enter(link.connection, link.server, SessionHolder::Mirrored, RelayHandle::new()),
            server: link.server,
            holder: SessionHolder::Mirrored,
            left_behind: None,
        };
        let permit = proxy.admit(link.client.ip(), 0).unwrap();
        let (up, down) = (HalfPipe::new(READ_BUFFER), HalfPipe::new(READ_BUFFER));
        let clock = proxy.clock;
        let relay = tokio::spawn(async move {
            let begun = registration.begin().await;
            Relay::new((client_side, up), (server_side, down), inspector, clock, begun, permit).await;
        });
        Self { proxy, client, server, relay }
    }

    /// The session was given.
    async fn attached() -> Self {
        let mut joined = Self::new().await;
        let claim = JuteWriter::new().begin().int(0).long(0).int(30_000).long(0).buffer(&[0; 16]).end().into_bytes();
        let answer = JuteWriter::new().begin().int(0).int(30_000).long(SESSION.0).buffer(&SESSION.password()).end();
        joined.up(&claim, claim.len()).await;
        joined.down(&answer.into_bytes(), usize::MAX).await;
        joined
    }

    /// The client says something in pieces and the server hears it.
    async fn up(&mut self, bytes: &[u8], piece: usize) {
        pass(&mut self.client, &mut self.server, bytes, piece).await;
    }

    /// As [`up`](Self::up), the other way.
    async fn down(&mut self, bytes: &[u8], piece: usize) {
        pass(&mut self.server, &mut self.client, bytes, piece).await;
    }

    /// A sample of the metrics.
    fn count(&self, sample: &str) -> Option<String> {
        let page = self.proxy.telemetry.metrics();
        page.lines().find_map(|line| Some(line.strip_prefix(sample)?.trim().to_owned()))
    }

    /// Waits until the relay is over, with everything that it held.
    async fn finish(self) {
        drop((self.client, self.server));
        self.relay.await.unwrap();
        assert_eq!((self.proxy.open(), self.proxy.control.registries()[0].len()), (0, 0));
    }
}

async fn pass(from: &mut impl RelayStream, to: &mut impl RelayStream, bytes: &[u8], piece: usize) {
    for piece in bytes.chunks(piece.min(bytes.len())) {
        from.write_all(piece).await.unwrap();
        let mut heard = vec![0; piece.len()];
        to.read_exact(&mut heard).await.unwrap();
        assert_eq!(heard, piece);
    }
}

fn get(xid: i32) -> Vec<u8> {
    JuteWriter::new().request(xid, OpCode::GET_DATA).buffer(b"/a").bool(false).end().into_bytes()
}

fn got(xid: i32, data: usize) -> Vec<u8> {
    JuteWriter::new().reply(xid, 9, ErrorCode::OK).buffer(&vec![7; data]).stat(1, 0, 0, 0).end().into_bytes()
}

/// What is still to be heard, to the end in order.
async fn rest(stream: &mut impl RelayStream) -> Vec<u8> {
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).await.unwrap();
    heard
}

async fn bytes_pass_in_whatever_pieces_they_come_and_are_understood<K: StreamKind>() {
    let mut joined = Joined::<K>::attached().await;
    for (xid, piece) in (1..).zip([1, 7, 64, usize::MAX]) {
        joined.up(&get(xid), piece).await;
        joined.down(&got(xid, 1_000), piece).await;
    }
    // A reply passes before it is read: what stands behind it is heard when it was.
    joined.up(&get(5), usize::MAX).await;
    joined.up(&get(6), usize::MAX).await;
    let reading = joined.proxy.telemetry.meters().reading(SESSION);
    assert_eq!((reading.operations, reading.errors), (4, 0));
    joined.finish().await;
}

async fn an_operators_wish_waits_for_the_end_of_a_frame<K: StreamKind>() {
    let mut joined = Joined::<K>::attached().await;
    let (request, reply) = (get(1), got(1, 500));
    joined.up(&request[..9], usize::MAX).await;
    let mut ended = joined.proxy.control.registries()[0].disconnect(crate::ids::ConnectionId(1)).unwrap();
    for _ in 0..100 {
        yield_now().await;
    }
    assert!(!joined.relay.is_finished() && ended.try_recv().is_err(), "half a request goes up");
    // The other direction may not be cut either.
    joined.down(&reply[..30], usize::MAX).await;
    joined.up(&request[9..], usize::MAX).await;
    for _ in 0..100 {
        yield_now().await;
    }
    assert!(!joined.relay.is_finished() && ended.try_recv().is_err(), "half a reply comes down");
    joined.down(&reply[30..], usize::MAX).await;
    assert_eq!(ended.await, Ok(DisconnectPoint::Boundary));
    assert_eq!((rest(&mut joined.client).await, rest(&mut joined.server).await), (vec![], vec![]));
    let reason = joined.count("zoogate_connection_ends_total{server=\"a:1\",reason=\"disconnected_by_operator\"}");
    assert_eq!(reason.as_deref(), Some("1"));
    joined.finish().await;
}

async fn a_client_that_has_said_everything_still_hears<K: StreamKind>() {
    let mut joined = Joined::<K>::attached().await;
    joined.client.write_all(&get(1)).await.unwrap();
    joined.client.shutdown().await.unwrap();
    assert_eq!(rest(&mut joined.server).await, get(1));
    joined.down(&got(1, 30_000), usize::MAX).await;
    joined.server.shutdown().await.unwrap();
    assert_eq!(rest(&mut joined.client).await, b"");
    joined.finish().await;
}

async fn a_server_that_has_said_everything_still_hears<K: StreamKind>() {
    let mut joined = Joined::<K>::attached().await;
    joined.server.write_all(&got(1, 30_000)).await.unwrap();
    joined.server.shutdown().await.unwrap();
    assert_eq!(rest(&mut joined.client).await, got(1, 30_000));
    joined.up(&get(2), usize::MAX).await;
    joined.client.shutdown().await.unwrap();
    assert_eq!(rest(&mut joined.server).await, b"");
    joined.finish().await;
}

async fn a_side_that_takes_no_more_stops_the_other_and_loses_nothing<K: StreamKind>() {
    const MUCH: usize = 16 << 20;
    let joined = Joined::<K>::attached().await;
    let said: Vec<u8> = (0..MUCH).map(|place| (place % 251) as u8).collect();
    let Joined { proxy, mut client, mut server, relay } = joined;
    let saying = tokio::spawn(async move {
        client.write_all(&said).await.unwrap();
        (client, said)
    });
    let of_request = |proxy: &ProxyState| proxy.telemetry.counters(0, ServerId(0)).pauses(Direction::Request);
    while of_request(&proxy) == 0 {
        yield_now().await;
    }
    assert!(!saying.is_finished(), "all of it was taken although nobody reads");
    let mut heard = vec![0; MUCH];
    server.read_exact(&mut heard).await.unwrap();
    let (client, said) = saying.await.unwrap();
    assert!(heard == said, "what was heard is not what was said");
    Joined::<K> { proxy, client, server, relay }.finish().await;
}

async fn a_side_that_vanishes_takes_the_other_with_it<K: StreamKind>() {
    for client_goes in [true, false] {
        let Joined { proxy, client, server, relay } = Joined::<K>::attached().await;
        let (gone, mut other) = if client_goes { (client, server) } else { (server, client) };
        gone.abort();
        // Whoever is left learns it, however it goes on.
        while other.write_all(&[1; 64]).await.is_ok() {
            yield_now().await;
        }
        relay.await.unwrap();
        assert_eq!((proxy.open(), proxy.control.registries()[0].len()), (0, 0));
        assert_eq!(proxy.telemetry.meters().dormant(), [SESSION]);
    }
}

async fn what_cannot_be_read_passes_and_is_named<K: StreamKind>() {
    let mut joined = Joined::<K>::attached().await;
    for _ in 0..3 {
        joined.up(&[0xff; 40], 9).await;
        joined.down(&[0xee; 4_000], 1_000).await;
        joined.up(&get(1), usize::MAX).await;
    }
    let faults = r#"zoogate_decode_faults_total{fault="negative_frame"}"#;
    assert_eq!(joined.count(faults).as_deref(), Some("1"));
    joined.finish().await;
}

async fn bytes_show_that_their_worker_is_at_work<K: StreamKind>() {
    let mut joined = Joined::<K>::attached().await;
    joined.proxy.turns.sleeps(0);
    joined.up(&get(1), usize::MAX).await;
    assert!(joined.proxy.turns.is_at_work(0));
    joined.finish().await;
}
