//! The beginning of either direction, as far as it has come.

use std::borrow::Cow;
use std::mem;

use crate::wire::DecodeFault;
use crate::wire::handshake::HANDSHAKE_CAP;

/// What has come of a first frame by now, in one piece; copied only where it came in several.
pub(super) fn begun<'b>(held: &mut Vec<u8>, bytes: &'b [u8]) -> Cow<'b, [u8]> {
    let mut held = mem::take(held);
    if held.is_empty() {
        return Cow::Borrowed(bytes);
    }
    held.extend_from_slice(bytes);
    Cow::Owned(held)
}

/// Bytes of a server's first frame behind its length; None while it is not whole.
pub(super) fn answer_len(bytes: &[u8]) -> Result<Option<usize>, DecodeFault> {
    let Some((length, behind)) = bytes.split_first_chunk::<4>() else { return Ok(None) };
    let length = i32::from_be_bytes(*length);
    let len = usize::try_from(length).ok().filter(|len| *len <= HANDSHAKE_CAP);
    let len = len.ok_or(DecodeFault::LongHandshake(length))?;
    Ok((behind.len() >= len).then_some(len))
}
