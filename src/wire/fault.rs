//! What can be wrong with bytes that should be ZooKeeper's.

use super::OpCode;

/// Why a stream of bytes could not be read on. It makes a conversation opaque; it never ends one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error, strum::EnumDiscriminants)]
#[strum_discriminants(
    name(FaultKind),
    doc = "The kinds of [`Fault`].",
    derive(strum::VariantArray, strum::IntoStaticStr),
    strum(serialize_all = "snake_case")
)]
pub enum DecodeFault {
    /// A frame announced a length below zero.
    #[error("frame length {0} is negative")]
    NegativeFrame(i32),
    /// A frame is too short for its header.
    #[error("frame of {len} bytes is shorter than its header of {header} bytes")]
    ShortFrame {
        /// Announced length in bytes.
        len: u32,
        /// Length of the header that every such frame begins with, in bytes.
        header: u32,
    },
    /// A field runs past the end of its frame.
    #[error("a field of {op} needs {need} bytes where the frame has {left} left")]
    FieldOverrun {
        /// The operation (or sub-operation) that was being read.
        op: OpCode,
        /// Bytes that the field asked for.
        need: u32,
        /// Bytes that the frame still had.
        left: u32,
    },
    /// A length or count inside a record is below -1.
    #[error("a length of {value} inside {op} is negative")]
    NegativeLength {
        /// The operation (or sub-operation) that was being read.
        op: OpCode,
        /// The value read.
        value: i32,
    },
    /// What follows a request in version 12 is no tracing context.
    #[error("what follows a request is no tracing context")]
    TracingContext,
    /// More came before the answer to a handshake than is held for it, in a dialect that the answer decides.
    #[error("much came before the answer to the handshake")]
    EarlyBytes,
    /// A handshake record is cut short.
    #[error("handshake record of {len} bytes ends early")]
    ShortHandshake {
        /// Announced length in bytes.
        len: usize,
    },
    /// The first frame is too long for a handshake.
    #[error("first frame of {0} bytes is too long for a handshake")]
    LongHandshake(i32),
    /// A password longer than a handshake may carry.
    #[error("handshake password of {0} bytes")]
    HandshakePassword(i32),
}

impl FaultKind {
    /// All kinds.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// A short name for a metric label.
    pub fn label(self) -> &'static str {
        self.into()
    }
}

impl DecodeFault {
    /// What kind of fault it is.
    pub fn kind(self) -> FaultKind {
        self.into()
    }

    /// A short name for a metric label.
    pub fn label(self) -> &'static str {
        self.kind().label()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_label_of_its_own() {
        let expected = "negative_frame short_frame field_overrun negative_length tracing_context \
            early_bytes short_handshake long_handshake handshake_password";
        let labels: Vec<_> = FaultKind::ALL.iter().map(|kind| kind.label()).collect();
        assert_eq!(labels.join(" "), expected);
        assert_eq!(DecodeFault::ShortHandshake { len: 3 }.label(), "short_handshake");
    }
}
