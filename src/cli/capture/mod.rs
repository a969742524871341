//! Events as a capture for Wireshark: pcapng with TCP connections made anew.
//!
//! What zoogate tells of an operation are its header, its path and its sizes. Of these frames are made that begin as the
//! real ones did and are cut off behind that: each has its true length on the wire, and only a part of it is in the file.
//! Of a frame above 1 MiB the end has no packets, which the comment says.
//! Node data, passwords, auth and SASL are not in it, because they are not in what is told. Each packet has a comment.

mod block_writer;
mod rebuilt_frame;
mod synthetic_flow;

use std::collections::HashMap;
use std::io::{self, Write};

use block_writer::BlockWriter;
use rebuilt_frame::RebuiltFrame;
use synthetic_flow::SyntheticFlow;

use crate::api::TapEventView;
use crate::text::one_line;

/// Connections whose sequence numbers go on; beyond that they begin anew.
const FLOWS: usize = 65_536;

/// Writes events as packets.
#[derive(Debug)]
pub(super) struct CaptureWriter<W> {
    blocks: BlockWriter<W>,
    flows: HashMap<u64, SyntheticFlow>,
}

impl<W: Write> CaptureWriter<W> {
    pub(super) fn new(out: W) -> io::Result<Self> {
        Ok(Self { blocks: BlockWriter::begin(out)?, flows: HashMap::new() })
    }

    /// Writes the frames of an event. One that belongs to no connection is left out.
    pub(super) fn event(&mut self, event: &TapEventView) -> io::Result<()> {
        let (Some(number), Some(client)) = (event.connection, event.client.as_deref().and_then(|one| one.parse().ok()))
        else {
            return Ok(());
        };
        if self.flows.len() >= FLOWS {
            self.flows.clear();
        }
        let flow = self
            .flows
            .entry(number)
            .or_insert_with(|| SyntheticFlow::new(client, event.server.as_deref().unwrap_or_default()));
        let comment = comment(event);
        for frame in RebuiltFrame::of(event) {
            let left_out = SyntheticFlow::left_out(&frame);
            let shortened = (left_out > 0).then(|| format!("without its last {left_out} bytes, {comment}"));
            let comment = shortened.as_deref().unwrap_or(&comment);
            for packet in flow.packets(&frame) {
                self.blocks.packet(frame.at_us, &packet.bytes, packet.wire_len, comment)?;
            }
        }
        self.blocks.flush()
    }
}

/// What a packet does not say itself.
fn comment(event: &TapEventView) -> String {
    let known = [
        ("", Some(event.kind.as_ref())),
        ("session ", event.session.as_deref()),
        ("held by ", event.identity.as_deref()),
        ("server ", event.server.as_deref()),
        ("", event.op.as_deref()),
        ("", event.path.as_deref()),
        ("", event.error.as_deref()),
        ("reason ", event.reason.as_deref()),
    ];
    let known = known.into_iter().filter_map(|(before, value)| Some(format!("{before}{}", one_line(value?))));
    let numbers = [
        event.connection.map(|connection| format!("connection {connection}")),
        event.latency_us.map(|micros| format!("{}.{:03} ms", micros / 1_000, micros % 1_000)),
    ];
    known.chain(numbers.into_iter().flatten()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
#[path = "capture_tests.rs"]
mod tests;
