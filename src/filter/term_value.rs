//! The values of terms: how they are read, written and compared.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::field_value::FieldValue;
use super::filter_field::FieldType;
use super::glob_pattern::GlobPattern;
use super::term_operator::TermOperator;
use crate::ids::{ServerId, SessionId};
use crate::wire::{ErrorCode, OpClass, OpCode};

/// A value that a row's is compared with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum TermValue {
    Session(SessionId),
    /// A text, and whether what stands behind it and a space may differ.
    Text(String, bool),
    Pattern(GlobPattern),
    Socket(SocketAddr),
    Host(IpAddr),
    /// A server by its name, and its number once it was looked up.
    Server(String, Option<ServerId>),
    Operation(OpCode),
    Class(OpClass),
    Outcome(ErrorCode),
    Number(u64),
    /// Nanoseconds.
    Duration(u64),
    Size(u64),
    Flag(bool),
}

const CLASSES: [(&str, OpClass); 4] =
    [("read", OpClass::Read), ("write", OpClass::Write), ("ping", OpClass::Ping), ("other", OpClass::Other)];
/// Unit and its nanoseconds, largest first.
const TIMES: [(&str, u64); 5] =
    [("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];
const SIZES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("", 1)];

/// The number in a text times what its unit stands for.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, scale) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*scale)
}

/// The code of a name out of a table, whatever the case of its letters, or of a number.
fn code(text: &str, slots: usize, name: impl Fn(usize) -> &'static str) -> Option<CodeName> {
    let by_name = (0..slots).find(|slot| name(*slot).eq_ignore_ascii_case(text)).map(CodeName::Slot);
    by_name.or_else(|| text.parse().ok().map(CodeName::Code))
}

enum CodeName {
    Slot(usize),
    Code(i32),
}

impl TermValue {
    /// Reads a value; the error says what could stand there.
    pub(super) fn parse(text: &str, of: FieldType, operator: TermOperator) -> Result<Self, String> {
        if matches!(operator, TermOperator::Like | TermOperator::Unlike) {
            return Ok(Self::Pattern(GlobPattern::parse(text)));
        }
        match of {
            FieldType::Session => SessionId::parse(text)
                .map(Self::Session)
                .map_err(|_| "a session id in hexadecimal, such as 0x100001a2b3c0000".to_owned()),
            FieldType::Name => Ok(Self::Text(text.to_owned(), true)),
            FieldType::Text => Ok(Self::Text(text.to_owned(), false)),
            FieldType::Address => address(text).ok_or_else(|| "an IP address, with or without a port".to_owned()),
            FieldType::Server => Ok(Self::Server(text.to_owned(), None)),
            FieldType::Number => text.parse().map(Self::Number).map_err(|_| "a whole number".to_owned()),
            FieldType::Operation => operation(text).map(Self::Operation),
            FieldType::Class => {
                let found = CLASSES.iter().find(|(name, _)| *name == text);
                found.map(|(_, class)| Self::Class(*class)).ok_or_else(|| "read, write, ping or other".to_owned())
            }
            FieldType::Outcome => outcome(text).map(Self::Outcome),
            FieldType::Duration => scaled(text, &TIMES)
                .map(Self::Duration)
                .ok_or_else(|| "a whole number and its unit (ns, us, ms, s or m), such as 10ms".to_owned()),
            FieldType::Size => scaled(text, &SIZES)
                .map(Self::Size)
                .ok_or_else(|| "bytes as a whole number, or with a unit (KiB, MiB, GiB), such as 64KiB".to_owned()),
            FieldType::Flag => text.parse().map(Self::Flag).map_err(|_| "true or false".to_owned()),
        }
    }

    /// Signs that may be compared at every byte of a text.
    pub(super) fn retried(&self) -> usize {
        match self {
            Self::Pattern(pattern) => pattern.retried(),
            _ => 0,
        }
    }

    /// How a row's value stands to it; None when the two have nothing in common.
    pub(super) fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) | Self::Duration(number) | Self::Size(number) => Some(*number),
            _ => None,
        }
    }

    /// Whether a row's value is this one.
    pub(super) fn is(&self, found: &FieldValue<'_>) -> bool {
        match (self, found) {
            (Self::Session(wanted), FieldValue::Session(found)) => wanted == found,
            (Self::Text(wanted, to_space), FieldValue::Text(found)) => {
                let rest = found.strip_prefix(wanted.as_bytes());
                rest.is_some_and(|rest| rest.is_empty() || (*to_space && rest[0] == b' '))
            }
            (Self::Pattern(pattern), FieldValue::Text(found)) => pattern.fits(found),
            (Self::Socket(wanted), FieldValue::Socket(found)) => wanted == found,
            (Self::Socket(wanted), FieldValue::Host(found)) => wanted.ip() == *found,
            (Self::Host(wanted), FieldValue::Socket(found)) => found.ip() == *wanted,
            (Self::Host(wanted), FieldValue::Host(found)) => wanted == found,
            (Self::Server(_, Some(wanted)), FieldValue::Servers(found)) => found.contains(&Some(*wanted)),
            (Self::Operation(wanted), FieldValue::Operation(found)) => wanted == found,
            (Self::Class(wanted), FieldValue::Operation(found)) => *wanted == found.class(),
            (Self::Outcome(wanted), FieldValue::Outcome(found)) => wanted == found,
            (Self::Flag(wanted), FieldValue::Flag(found)) => wanted == found,
            (_, FieldValue::Number(found)) => self.number() == Some(*found),
            _ => false,
        }
    }

    /// Whether it is some text with this beginning.
    pub(super) fn is_some(&self, beginning: &[u8]) -> bool {
        match self {
            Self::Text(wanted, _) => wanted.as_bytes().starts_with(beginning) || self.is_all(beginning),
            Self::Pattern(pattern) => pattern.fits_some(beginning),
            _ => false,
        }
    }

    /// Whether it is every text with this beginning.
    pub(super) fn is_all(&self, beginning: &[u8]) -> bool {
        match self {
            Self::Text(wanted, true) => {
                beginning.strip_prefix(wanted.as_bytes()).is_some_and(|rest| rest.starts_with(b" "))
            }
            Self::Pattern(pattern) => pattern.fits_all(beginning),
            _ => false,
        }
    }
}

fn address(text: &str) -> Option<TermValue> {
    let socket = text.parse().map(TermValue::Socket);
    socket.or_else(|_| text.parse().map(TermValue::Host)).ok()
}

fn operation(text: &str) -> Result<OpCode, String> {
    // The last slot is that of all unknown ones.
    match code(text, OpCode::SLOTS - 1, OpCode::slot_name) {
        Some(CodeName::Slot(slot)) => OpCode::of_slot(slot).ok_or_else(String::new),
        Some(CodeName::Code(code)) => Ok(OpCode(code)),
        None => {
            let names: Vec<&str> = (0..OpCode::SLOTS - 1).map(OpCode::slot_name).collect();
            Err(format!("an operation, one of {}, or its code", names.join(", ")))
        }
    }
}

fn outcome(text: &str) -> Result<ErrorCode, String> {
    match code(text, ErrorCode::SLOTS - 1, ErrorCode::slot_name) {
        Some(CodeName::Slot(slot)) => ErrorCode::of_slot(slot).ok_or_else(String::new),
        Some(CodeName::Code(code)) => Ok(ErrorCode(code)),
        None => {
            let names: Vec<&str> = (0..ErrorCode::SLOTS - 1).map(ErrorCode::slot_name).collect();
            Err(format!("an outcome, one of {}, or its code", names.join(", ")))
        }
    }
}

fn write_scaled(f: &mut fmt::Formatter<'_>, number: u64, units: &[(&str, u64)]) -> fmt::Result {
    match units.iter().find(|(_, scale)| number > 0 && number.is_multiple_of(*scale)) {
        Some((name, scale)) => write!(f, "{}{name}", number / scale),
        None => write!(f, "{number}{}", units.last().map_or("", |(name, _)| name)),
    }
}

/// Quoted where a plain word would be read differently.
fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let is_plain = !text.is_empty() && !text.contains(|letter: char| letter.is_whitespace() || ",\"".contains(letter));
    // What begins behind an operator with one of its signs would be taken for a part of it.
    if is_plain && !text.starts_with(['=', '!', '~', '<', '>']) {
        return f.write_str(text);
    }
    write!(f, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

impl fmt::Display for TermValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session(session) => write!(f, "{session}"),
            Self::Text(text, _) | Self::Server(text, _) => write_quoted(f, text),
            Self::Pattern(pattern) => write_quoted(f, &pattern.text),
            Self::Socket(socket) => write!(f, "{socket}"),
            Self::Host(host) => write!(f, "{host}"),
            Self::Operation(op) => match op.name() {
                Some(name) => f.write_str(name),
                None => write!(f, "{}", op.0),
            },
            Self::Class(class) => {
                f.write_str(CLASSES.iter().find(|(_, known)| known == class).map_or("other", |(name, _)| name))
            }
            Self::Outcome(error) => match error.name() {
                Some(name) => f.write_str(name),
                None => write!(f, "{}", error.0),
            },
            Self::Number(number) => write!(f, "{number}"),
            Self::Duration(nanos) => write_scaled(f, *nanos, &TIMES),
            Self::Size(bytes) => write_scaled(f, *bytes, &SIZES),
            Self::Flag(flag) => write!(f, "{flag}"),
        }
    }
}
