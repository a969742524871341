//! An admin address that gives a prepared answer to each request and notes what was asked.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// A listening door; it ends with the test's process.
pub(crate) struct Door {
    /// Where it is.
    pub(crate) address: String,
    /// The request lines, in order.
    pub(crate) asked: Receiver<String>,
}

/// Opens a listener that answers everything with this status line and body.
pub(crate) fn open(status: &'static str, body: &str) -> Door {
    let body = body.to_owned();
    open_at("127.0.0.1:0", status, move |_| body.clone())
}

/// Opens a listener at an address that answers a request line with this status line and what is made of the line.
pub(crate) fn open_at(address: &str, status: &'static str, body: impl Fn(&str) -> String + Send + 'static) -> Door {
    let listener = TcpListener::bind(address).expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    let (tell, asked) = channel();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
            let lines = reader.by_ref().lines();
            let head: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            // What is left unread at the close would reset the connection under the answer.
            let length = head.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            reader.read_exact(&mut vec![0; length.unwrap_or(0)]).expect("a whole body");
            let line = head.first().cloned().unwrap_or_default();
            let body = body(&line);
            let answer = format!(
                "HTTP/1.1 {status}\r\nserver: zoogate/9.9.9\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            if tell.send(line).is_err() || stream.write_all(answer.as_bytes()).is_err() {
                break;
            }
        }
    });
    Door { address, asked }
}
