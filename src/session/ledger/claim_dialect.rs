//! How the two sides of a connection wish to speak, and whether they agree.

use crate::wire::Dialect;
use crate::wire::handshake::{ConnectRequest, ConnectResponse, HandshakeAnswer, HandshakeRefusal};

/// The dialect that a claim asks for and what its answer says about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClaimDialect {
    /// What the client asked for.
    pub asked: Dialect,
    /// What is spoken; None while the claim is not answered.
    pub agreed: Option<Dialect>,
    /// How the server refused the claim; None when it did not.
    pub refusal: Option<HandshakeRefusal>,
}

impl ClaimDialect {
    /// Of a claim that was just made.
    pub(super) fn of(request: &ConnectRequest) -> Self {
        Self { asked: request.dialect, agreed: None, refusal: None }
    }

    /// Of a claim that was just answered.
    pub(super) fn answered(self, response: &ConnectResponse) -> Self {
        let refusal = match response.answer() {
            HandshakeAnswer::Given => None,
            HandshakeAnswer::Refused(refusal) => Some(refusal),
        };
        Self { agreed: Some(self.asked.agreed(response.version)), refusal, ..self }
    }

    /// Whether the server answered and does not know the version that the client asked for.
    pub fn is_unknown(&self) -> bool {
        let served = self.refusal != Some(HandshakeRefusal::NotServing);
        self.asked.is_clickhouse() && served && self.agreed.is_some_and(|agreed| agreed.version == 0)
    }
}
