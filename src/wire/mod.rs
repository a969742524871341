//! The jute wire protocol: frames, heads, records, handshakes. Pure and borrowed: no sockets, no clock, and no
//! allocation on the path of a frame that arrives in one piece.

mod blocks;
mod dialect;
mod error_code;
mod fault;
pub mod first_frame;
pub mod handshake;
pub mod layout;
mod node_data;
mod opcode;
pub mod pipelined;
mod reader;
mod record;
mod scanner;
mod trace;
mod walk_input;
mod whole_record;
mod wide_frames;
mod writer;

pub use blocks::BlockScanner;
pub use dialect::Dialect;
pub use error_code::ErrorCode;
pub use fault::{DecodeFault, FaultKind};
pub use layout::BodyPlan;
pub use node_data::{NODE_DATA_CAP, NodeDataReader};
pub use opcode::{OpClass, OpCode};
pub use reader::JuteReader;
pub use record::{DecodedRecord, PATH_CAP, RecordVisitor};
pub use scanner::{FrameForm, FrameScanner, ReplyHead, RequestHead};
pub use wide_frames::{TracedRequest, WideReply, WideRequest};
pub use writer::JuteWriter;
