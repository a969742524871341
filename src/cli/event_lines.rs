//! A stream of server-sent events, read event by event.

use std::io::{BufRead, Read as _};

use anyhow::{Context as _, bail};

/// Longest line of a stream, and longest event over all of its lines, in bytes; what sends more is no zoogate.
const LONGEST_EVENT: usize = 1 << 20;

/// One event: its name, where it has one, and its data.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct ReceivedEvent {
    pub(super) name: Option<String>,
    pub(super) data: String,
}

/// Reads events as they come.
pub(super) struct EventLines<R> {
    lines: R,
    /// Who sends them.
    address: String,
}

impl<R: BufRead> EventLines<R> {
    pub(super) fn new(lines: R, address: &str) -> Self {
        Self { lines, address: address.to_owned() }
    }

    /// The next event; None when the stream has ended.
    ///
    /// # Errors
    /// The connection broke, or what comes is no stream of events.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<ReceivedEvent>> {
        let mut event = ReceivedEvent::default();
        loop {
            let mut line = String::new();
            let read = (&mut self.lines).take(LONGEST_EVENT as u64).read_line(&mut line);
            let read = read.with_context(|| format!("the stream of events from {} broke off", self.address))?;
            if read == 0 {
                return Ok(None);
            }
            let Some(line) = line.strip_suffix('\n') else {
                bail!("what answers at {} is no zoogate: an event has a line without an end", self.address);
            };
            if event.data.len() + line.len() > LONGEST_EVENT {
                bail!("what answers at {} is no zoogate: an event is longer than {LONGEST_EVENT} bytes", self.address);
            }
            match line.trim_end_matches('\r').split_once(':') {
                Some(("data", data)) => event.data.push_str(data.strip_prefix(' ').unwrap_or(data)),
                Some(("event", name)) => event.name = Some(name.trim().to_owned()),
                None if !event.data.is_empty() => return Ok(Some(event)),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_and_comments_passed_over() {
        let text = ": still here\n\ndata: {\"a\":\"b:c\"}\n\nevent: dropped\r\ndata:7\r\n\r\n\n";
        let mut events = EventLines::new(text.as_bytes(), "a:1");
        let first = events.next().unwrap().unwrap();
        assert_eq!((first.name, first.data.as_str()), (None, "{\"a\":\"b:c\"}"));
        let second = events.next().unwrap().unwrap();
        assert_eq!((second.name.as_deref(), second.data.as_str()), (Some("dropped"), "7"));
        assert_eq!(events.next().unwrap(), None);
        let endless = vec![b'x'; 2 << 20];
        let many = "data: 0123456789abcdef\n".repeat(LONGEST_EVENT / 16 + 1);
        let said = EventLines::new(many.as_bytes(), "a:1").next().unwrap_err().to_string();
        assert!(said.contains("is no zoogate") && said.contains("longer than 1048576 bytes"), "{said}");
        assert!(EventLines::new(endless.as_slice(), "a:1").next().unwrap_err().to_string().contains("is no zoogate"));
    }
}
