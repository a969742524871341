//! Sends encoded requests to a collector.

use std::time::Duration;

use prost::Message;
use thiserror::Error;
use ureq::Agent;

/// How long one request may take.
pub(crate) const SENT_WITHIN: Duration = Duration::from_secs(10);

/// Why a request did not arrive.
#[derive(Debug, Error)]
pub enum SendError {
    /// It may arrive when it is sent again.
    #[error("{url}: {reason}")]
    Passing {
        /// Where to.
        url: String,
        /// What was wrong.
        reason: String,
    },
    /// The collector does not want it, whenever it comes.
    #[error("{url} refused it: {status}")]
    Refused {
        /// Where to.
        url: String,
        /// What it answered.
        status: u16,
    },
}

/// A collector that takes OTLP as protocol buffers over HTTP (OTLP specification, "OTLP/HTTP").
#[derive(Debug)]
pub struct CollectorClient {
    base: String,
    agent: Agent,
}

impl CollectorClient {
    /// Nothing is connected yet.
    pub fn new(base: &str) -> Self {
        let config = Agent::config_builder().timeout_global(Some(SENT_WITHIN)).http_status_as_error(false).proxy(None);
        // Telemetry goes where it was configured to go: a redirect is a refusal.
        let config = config.max_redirects(0);
        Self { base: base.to_owned(), agent: config.build().into() }
    }

    /// Sends a request to the path of its signal.
    ///
    /// # Errors
    /// The collector is not reached, answers too late, or does not take it.
    pub fn send(&self, path: &str, request: &impl Message) -> Result<(), SendError> {
        let url = format!("{}{path}", self.base);
        let passing = |reason: String| SendError::Passing { url: url.clone(), reason };
        let request = self.agent.post(&url).content_type("application/x-protobuf").send(request.encode_to_vec());
        let status = request.map_err(|error| passing(error.to_string()))?.status().as_u16();
        match status {
            200..=299 => Ok(()),
            // These alone are to be tried again (OTLP specification, "Retryable Response Codes").
            429 | 502..=504 => Err(passing(format!("answered {status}"))),
            status => Err(SendError::Refused { url, status }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::thread;

    use super::*;

    #[test]
    fn a_redirect_is_a_refusal_and_nothing_goes_elsewhere() {
        let [collector, elsewhere] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let at = collector.local_addr().unwrap();
        let url = format!("http://{at}");
        let to = elsewhere.local_addr().unwrap();
        let answering = thread::spawn(move || {
            let (mut stream, _) = collector.accept().unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                asked.extend(byte);
            }
            let head = format!("HTTP/1.1 302 Found\r\nlocation: http://{to}/\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(head.as_bytes()).unwrap();
        });
        // A message without fields has no bytes, so that the request ends with its head.
        let refused = CollectorClient::new(&url).send("/v1/logs", &()).unwrap_err();
        // Where nothing came, it still waits: then this comes, and is no request.
        drop(TcpStream::connect(at));
        answering.join().unwrap();
        assert_eq!(refused.to_string(), format!("{url}/v1/logs refused it: 302"));
        elsewhere.set_nonblocking(true).unwrap();
        assert_eq!(elsewhere.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }
}
