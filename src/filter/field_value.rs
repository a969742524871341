//! What rows answer when they are asked for a field.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use super::filter_field::FilterField;
use crate::ids::{ServerId, SessionId};
use crate::wire::{ErrorCode, OpCode};

/// What a row has in a field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FieldValue<'a> {
    /// Nothing: no term about it fits.
    Absent,
    /// A text, perhaps not of UTF-8.
    Text(Cow<'a, [u8]>),
    /// The beginning of a text that may go on: a term fits where it does with some rest.
    Beginning(&'a [u8]),
    /// A session.
    Session(SessionId),
    /// A client's address.
    Socket(SocketAddr),
    /// A client's address of which no port is known.
    Host(IpAddr),
    /// The servers that it is about: from which and to which, where a session moved.
    Servers([Option<ServerId>; 2]),
    /// An operation.
    Operation(OpCode),
    /// An operation's outcome.
    Outcome(ErrorCode),
    /// A number: nanoseconds of a latency, bytes of a size.
    Number(u64),
    /// Yes or no.
    Flag(bool),
}

impl<'a> FieldValue<'a> {
    /// Whether there is nothing in it.
    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent | Self::Servers([None, None]))
    }

    /// A text that may not be there.
    pub fn text(text: Option<&'a str>) -> Self {
        text.map_or(Self::Absent, |text| Self::Text(Cow::Borrowed(text.as_bytes())))
    }

    /// The same of one that was made for the question.
    pub fn made(text: Option<String>) -> Self {
        text.map_or(Self::Absent, |text| Self::Text(Cow::Owned(text.into_bytes())))
    }

    /// A client's address that may not be known.
    pub fn socket(client: Option<SocketAddr>) -> Self {
        client.map_or(Self::Absent, Self::Socket)
    }

    /// A session that may not be known.
    pub fn session(session: Option<SessionId>) -> Self {
        session.map_or(Self::Absent, Self::Session)
    }
}

/// A row that can be chosen by a filter. It is asked only for the fields that the filter names.
pub trait FilterSubject {
    /// What it has in a field.
    fn field(&self, field: FilterField) -> FieldValue<'_>;
}
