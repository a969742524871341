//! The fields that rows can have.

use super::term_operator::TermOperator;

/// What a term can be about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, strum::VariantArray, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum FilterField {
    /// A session's id.
    Session,
    /// Who holds the session, as lists name it.
    Identity,
    /// The client's address, with or without its port.
    Client,
    /// A server: its address as configured, or its number.
    Server,
    /// The number of a connection.
    Connection,
    /// An operation, by ZooKeeper's name or its code.
    Op,
    /// What kind of work an operation is.
    Class,
    /// A node.
    Path,
    /// The outcome of an operation, by its name or code.
    Error,
    /// Time from a request to its reply.
    Latency,
    /// Bytes of a request's frame.
    RequestBytes,
    /// Bytes of a reply's frame.
    ReplyBytes,
    /// The state, as the list shows it.
    State,
    /// The reason of an end or a move, or the code of a cause or risk, as the list shows it.
    Reason,
    /// The code of a cause.
    Cause,
    /// What kind of event it is.
    Kind,
    /// Whether the session moved, or was refused because it had moved.
    Moved,
}

/// What values of a field are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FieldType {
    Session,
    /// A text that is compared from its beginning to a space: `broker-1` is `broker-1 (controller)` too.
    Name,
    Address,
    Server,
    Number,
    Operation,
    Class,
    Text,
    Outcome,
    Duration,
    Size,
    Flag,
}

impl FilterField {
    /// What events can be chosen by.
    pub const OF_EVENTS: &[Self] = &[
        Self::Kind,
        Self::Session,
        Self::Identity,
        Self::Client,
        Self::Server,
        Self::Connection,
        Self::Op,
        Self::Class,
        Self::Path,
        Self::Error,
        Self::Latency,
        Self::RequestBytes,
        Self::ReplyBytes,
        Self::Reason,
        Self::Cause,
        Self::Moved,
    ];

    /// All of them.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Its name in a filter.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The field of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.name() == name)
    }

    pub(super) fn value_type(self) -> FieldType {
        match self {
            Self::Session => FieldType::Session,
            Self::Identity => FieldType::Name,
            Self::Client => FieldType::Address,
            Self::Server => FieldType::Server,
            Self::Connection => FieldType::Number,
            Self::Op => FieldType::Operation,
            Self::Class => FieldType::Class,
            Self::Path | Self::State | Self::Reason | Self::Cause | Self::Kind => FieldType::Text,
            Self::Error => FieldType::Outcome,
            Self::Latency => FieldType::Duration,
            Self::RequestBytes | Self::ReplyBytes => FieldType::Size,
            Self::Moved => FieldType::Flag,
        }
    }

    /// The operators that make sense with it.
    pub(super) fn operators(self) -> &'static [TermOperator] {
        use TermOperator::{Above, AtLeast, AtMost, Below, Is, IsNot, Like, Unlike};
        match self.value_type() {
            FieldType::Name | FieldType::Text => &[Is, IsNot, Like, Unlike],
            FieldType::Duration | FieldType::Size => &[Above, AtLeast, Below, AtMost, Is, IsNot],
            _ => &[Is, IsNot],
        }
    }
}

/// Names in a row.
pub(super) fn listed(fields: &[FilterField]) -> String {
    fields.iter().map(|field| field.name()).collect::<Vec<_>>().join(", ")
}
