//! What a relay joins: anything that is read, written and ended in order or not.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::proxy::network::socket;

/// One end of a relay.
pub(in crate::proxy) trait RelayStream: AsyncRead + AsyncWrite + Unpin {
    /// Ends it so that the peer sees that something broke; what was not delivered is lost. To drop it is the end in
    /// order.
    fn abort(self);
}

impl RelayStream for TcpStream {
    fn abort(self) {
        socket::reset(self);
    }
}

#[cfg(test)]
pub(in crate::proxy) mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{DuplexStream, duplex};
    use tokio::net::TcpListener;

    use super::*;

    /// Bytes that an in-memory stream takes before its peer reads.
    const IN_MEMORY: usize = 64 * 1024;

    /// Streams of one kind, of which the tests of pipes and relays make their pairs.
    pub(in crate::proxy) trait StreamKind {
        type Stream: RelayStream + Send + 'static;
        /// Two ends of a connection.
        async fn pair() -> (Self::Stream, Self::Stream);
    }

    /// The kernel's.
    pub(in crate::proxy) struct OverTcp;

    /// In memory.
    pub(in crate::proxy) struct InMemory;

    impl StreamKind for OverTcp {
        type Stream = TcpStream;
        async fn pair() -> (TcpStream, TcpStream) {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            (near, listener.accept().await.unwrap().0)
        }
    }

    impl StreamKind for InMemory {
        type Stream = DuplexStream;
        async fn pair() -> (DuplexStream, DuplexStream) {
            duplex(IN_MEMORY)
        }
    }

    impl RelayStream for DuplexStream {
        /// There is no reset in memory: the peer reads the end and can write nothing more.
        fn abort(self) {
            drop(self);
        }
    }

    /// Makes each of these bodies a test over either kind of stream.
    macro_rules! over_both_kinds {
        ($($body:ident)*) => {
            mod over_tcp {
                $(#[tokio::test]
                async fn $body() {
                    super::$body::<crate::proxy::relay::relay_stream::tests::OverTcp>().await;
                })*
            }
            mod in_memory {
                $(#[tokio::test]
                async fn $body() {
                    super::$body::<crate::proxy::relay::relay_stream::tests::InMemory>().await;
                })*
            }
        };
    }
    pub(in crate::proxy) use over_both_kinds;
}
