//! The forms that frames have in ClickHouse's dialect: xids of 8 bytes, and requests with a tracing context behind.

use super::scanner::{FrameForm, ReplyHead, RequestHead, int, long};
use super::{ErrorCode, OpCode};
use crate::ids::{Xid, Zxid};

/// Requests whose xids have 8 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WideRequest;

/// Replies whose xids have 8 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WideReply;

/// Requests of another form that are each followed by a tracing context.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TracedRequest<F>(std::marker::PhantomData<F>);

impl FrameForm for WideRequest {
    type Head = RequestHead;
    const LEN: usize = 12;
    const TRACED: bool = false;
    fn read(bytes: &[u8]) -> RequestHead {
        RequestHead { xid: Xid(long(bytes, 0)), op: OpCode(int(bytes, 8)) }
    }
}

impl FrameForm for WideReply {
    type Head = ReplyHead;
    const LEN: usize = 20;
    const TRACED: bool = false;
    fn read(bytes: &[u8]) -> ReplyHead {
        ReplyHead { xid: Xid(long(bytes, 0)), zxid: Zxid(long(bytes, 8)), error: ErrorCode(int(bytes, 16)) }
    }
}

impl<F: FrameForm> FrameForm for TracedRequest<F> {
    type Head = F::Head;
    const LEN: usize = F::LEN;
    const TRACED: bool = true;
    fn read(bytes: &[u8]) -> F::Head {
        F::read(bytes)
    }
}
