//! Where telemetry is sent.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::address::written_as_a_string;

/// A collector that takes OTLP over HTTP, or none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OtlpEndpoint {
    /// Nothing is sent.
    Off,
    /// Its base, such as `http://127.0.0.1:4318`, without a slash at the end.
    At(String),
}

/// A text that is no such endpoint.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error(
    "{0:?} is no endpoint: expected http://HOST:PORT, such as http://127.0.0.1:4318, or off. For TLS send to a local \
     collector, which has it"
)]
pub struct OtlpEndpointError(String);

impl FromStr for OtlpEndpoint {
    type Err = OtlpEndpointError;

    fn from_str(text: &str) -> Result<Self, OtlpEndpointError> {
        let base = text.trim().trim_end_matches('/');
        let host = base.strip_prefix("http://").unwrap_or_default();
        match base {
            "off" => Ok(Self::Off),
            _ if host.is_empty() || host.contains(|letter: char| letter.is_whitespace() || "@?#".contains(letter)) => {
                Err(OtlpEndpointError(text.to_owned()))
            }
            base => Ok(Self::At(base.to_owned())),
        }
    }
}

impl fmt::Display for OtlpEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::At(base) => f.write_str(base),
        }
    }
}

written_as_a_string!(OtlpEndpoint);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_or_off() {
        assert_eq!("off".parse(), Ok(OtlpEndpoint::Off));
        assert_eq!(" http://[::1]:4318/ ".parse(), Ok(OtlpEndpoint::At("http://[::1]:4318".to_owned())));
        // Neither TLS, which is not there, nor a password, which would be shown with the settings.
        for wrong in ["", "http://", "https://a:4318", "127.0.0.1:4318", "http://user:pass@a:4318", "http://a b"] {
            assert!(wrong.parse::<OtlpEndpoint>().is_err(), "{wrong}");
        }
    }
}
