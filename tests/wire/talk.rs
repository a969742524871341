//! A conversation as the tests hold it: pieces of bytes in the order in which a relay sees them; and what is said of
//! it, in words.

use zoogate::session::Inspector;
use zoogate::session::connection_end::{CloseKind, ConnectionCloser, ConnectionEnd};
use zoogate::session::event::{Event, EventSink, MovedCodeLocation};
use zoogate::time::Timestamp;
use zoogate::wire::Dialect;

/// `jute.maxbuffer` of servers unless it is configured.
const MAX_BUFFER: u32 = 0xf_ffff;

/// Who sent a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    Client,
    Server,
}

/// Bytes in one direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) from: From,
    pub(crate) bytes: Vec<u8>,
}

/// Shows one piece to an inspector, cut as the caller says.
pub(crate) fn show<'a>(
    inspector: &mut Inspector<impl EventSink>,
    from: From,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) {
    for chunk in chunks {
        match from {
            From::Client => inspector.read_client(NOW, chunk),
            From::Server => inspector.read_server(NOW, chunk),
        }
    }
}

/// One time for all: when bytes come is not what these tests are about.
const NOW: Timestamp = Timestamp(1);

/// An inspector at the first byte.
pub(crate) fn inspector<S: EventSink + Default>() -> Inspector<S> {
    Inspector::new(MAX_BUFFER, S::default())
}

/// Everything that is said of a conversation whose server ends it; each piece is cut into chunks by `cut`.
pub(crate) fn told(pieces: &[Piece], mut cut: impl FnMut(&[u8]) -> Vec<&[u8]>) -> Vec<String> {
    let mut inspector = inspector::<Words>();
    for piece in pieces {
        show(&mut inspector, piece.from, cut(&piece.bytes));
    }
    let end = inspector.end(ConnectionCloser::Server(CloseKind::Fin));
    let (in_flight, boundary, untracked) = (inspector.in_flight(), inspector.at_boundary(), inspector.untracked());
    let mut words = std::mem::take(inspector.sink_mut());
    if words.1 != [0, 0] {
        words.0.push(format!("compressed blocks: {} of the client's, {} of the server's", words.1[0], words.1[1]));
    }
    words.0.extend(facts(&end));
    words.0.push(format!("  in flight {in_flight}, at a boundary {boundary}, untracked {untracked}"));
    words.0
}

/// Events, a line each.
#[derive(Default)]
pub(crate) struct Words(pub(crate) Vec<String>, [u32; 2]);

fn text(path: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(path))
}

impl EventSink for Words {
    fn on_event(&mut self, event: Event<'_>) {
        self.0.push(match event {
            Event::ConnectRequested(claim, _) => format!(
                "claim of session {} with last zxid {}, timeout {} ms, password {:?}, read-only {:?}{}",
                claim.session,
                claim.last_zxid,
                claim.timeout_ms,
                claim.password,
                claim.read_only,
                dialect(claim.dialect)
            ),
            Event::ConnectResponded(answer, _) => format!(
                "session {} with timeout {} ms, read-only {:?}, accepted {}",
                answer.session,
                answer.timeout_ms,
                answer.read_only,
                answer.accepted()
            ),
            Event::Unread(opening) => format!("unread: {opening:?}"),
            Event::Request(request) => {
                let part = if request.part == request.op { String::new() } else { format!(", {}", request.part) };
                format!(
                    "request {} {}{part} {} flags {}, {} B of data, frame of {} B",
                    request.xid.0,
                    request.op,
                    text(request.path),
                    request.flags,
                    request.data_len,
                    request.frame_len
                )
            }
            Event::Reply(reply) => format!(
                "reply {} to {} {} zxid {} {}, flags {}, frames of {} B and {} B",
                reply.xid.0,
                reply.op.map_or("nothing known".to_owned(), |op| op.to_string()),
                text(reply.path.bytes()),
                reply.zxid,
                reply.error,
                reply.flags,
                reply.request_len,
                reply.reply_len
            ),
            Event::Result { op, error } => format!("  result of {op}: {error}"),
            Event::Watch(watch) => format!("watch: type {} state {} {}", watch.kind, watch.state, text(watch.path)),
            Event::Gap { skipped } => format!("gap: {skipped} skipped"),
            Event::Untracked => "untracked".to_owned(),
            Event::MoveRefused { form, refused } => {
                let form = if form == MovedCodeLocation::Multi { "a multi's results" } else { "a header" };
                let refused = refused.map(|refused| format!("{} {} {}", refused.xid.0, refused.op, text(refused.path)));
                format!("session moved, said in {form} to {refused:?}")
            }
            Event::Identified(identity) => format!("identity: {identity}"),
            Event::Recognised(sign) => format!("recognised: {}", sign.label()),
            Event::NodeExists(identity) => format!("exists already: {identity}"),
            Event::NodeOwned { path, owner } => format!("owner of {}: {owner}", text(path)),
            Event::ControllerGone { chroot, watched } => {
                format!("controller gone: {} watched {watched}", text(chroot))
            }
            Event::UnknownPart(op) => format!("a part of a multi is unknown: {op}"),
            Event::Compressed => "compressed".to_owned(),
            Event::Blocks { requests, replies } => {
                // How many are told at once depends on the chunks.
                self.1[0] += requests;
                self.1[1] += replies;
                return;
            }
            Event::Opaque(fault) => format!("opaque: {fault}"),
        });
    }
}

/// What a claim asks for beyond ZooKeeper's own protocol.
fn dialect(asked: Dialect) -> String {
    if asked == Dialect::ZOOKEEPER {
        return String::new();
    }
    let Dialect { version, compressed, traced, .. } = asked;
    format!(", version {version}: xids of {} bits, compressed {compressed}, traced {traced}", asked.xid_bits())
}

/// What is known at the end, in words.
fn facts(end: &ConnectionEnd) -> Vec<String> {
    let mut lines = vec![format!(
        "end: {} unanswered, {} pings unanswered, {} skipped, fatal error {:?}, closing {}, oversized {:?}",
        end.unanswered_count, end.unanswered_pings, end.skipped, end.fatal_error, end.closing, end.oversized
    )];
    let shown = end.unanswered.iter();
    lines.extend(shown.map(|request| format!("  unanswered {} {} {:?}", request.xid.0, request.op, request.path)));
    lines
}
