//! One direction of a conversation in ClickHouse's dialect: wide xids, tracing contexts, compressed blocks.
//!
//! Apart from the [inspector](super::Inspector), so that ZooKeeper's own frames cost what they cost without it.

use super::conversation::{ReplyReader, RequestReader};
use super::event::{Event, EventSink};
use crate::wire::{
    BlockScanner, DecodeFault, Dialect, FrameScanner, RequestHead, TracedRequest, WideReply, WideRequest,
};

/// Frames or blocks behind a handshake.
#[derive(Debug)]
pub(super) enum DialectFrames {
    /// With xids of 8 bytes.
    Wide(FrameScanner),
    /// Requests with xids of 4 bytes, each with a tracing context behind.
    Traced(FrameScanner),
    /// Requests with xids of 8 bytes, each with a tracing context behind.
    TracedWide(FrameScanner),
    /// Compressed: followed from block to block.
    Blocks(BlockScanner),
}

impl DialectFrames {
    /// Requests as this dialect has them; None when they are as ZooKeeper's.
    pub(super) fn of_requests(dialect: Dialect) -> Option<Self> {
        Some(match (dialect.compressed, dialect.traced, dialect.wide_xids) {
            (true, ..) => Self::Blocks(BlockScanner::default()),
            (_, true, true) => Self::TracedWide(FrameScanner::new()),
            (_, true, _) => Self::Traced(FrameScanner::new()),
            (.., true) => Self::Wide(FrameScanner::new()),
            _ => return None,
        })
    }

    /// Replies as this dialect has them, which are never followed by a context; None when they are as ZooKeeper's.
    pub(super) fn of_replies(dialect: Dialect) -> Option<Self> {
        Self::of_requests(Dialect { traced: false, ..dialect })
    }

    /// Reads bytes of the client.
    pub(super) fn read_requests<S: EventSink>(
        &mut self,
        bytes: &[u8],
        reader: &mut RequestReader<'_, S>,
    ) -> Result<(), DecodeFault> {
        match self {
            Self::Wide(scanner) => scanner.scan::<WideRequest, _>(bytes, reader),
            Self::Traced(scanner) => scanner.scan::<TracedRequest<RequestHead>, _>(bytes, reader),
            Self::TracedWide(scanner) => scanner.scan::<TracedRequest<WideRequest>, _>(bytes, reader),
            Self::Blocks(scanner) => {
                let (requests, replies) = (scanner.scan(bytes), 0);
                if requests > 0 {
                    reader.sink.on_event(Event::Blocks { requests, replies });
                }
                Ok(())
            }
        }
    }

    /// Reads bytes of the server.
    pub(super) fn read_replies<S: EventSink>(
        &mut self,
        bytes: &[u8],
        reader: &mut ReplyReader<'_, S>,
    ) -> Result<(), DecodeFault> {
        match self {
            Self::Wide(scanner) | Self::Traced(scanner) | Self::TracedWide(scanner) => {
                scanner.scan::<WideReply, _>(bytes, reader)
            }
            Self::Blocks(scanner) => {
                let (requests, replies) = (0, scanner.scan(bytes));
                if replies > 0 {
                    reader.sink.on_event(Event::Blocks { requests, replies });
                }
                Ok(())
            }
        }
    }

    /// Whether the bytes so far end with a whole frame or block.
    pub(super) fn at_boundary(&self) -> bool {
        match self {
            Self::Wide(scanner) | Self::Traced(scanner) | Self::TracedWide(scanner) => scanner.at_boundary(),
            Self::Blocks(scanner) => scanner.at_boundary(),
        }
    }

    /// Whether the last block is the close of the session; frames are read by other means.
    pub(super) fn closes(&self) -> bool {
        matches!(self, Self::Blocks(scanner) if scanner.closes())
    }
}
