//! An event as one line of text.

use std::fmt::Write as _;

use super::tap_options::TimeStyle;
use crate::api::TapEventView;
use crate::text::one_line;

/// Writes events as lines, one after another.
#[derive(Debug)]
pub(super) struct TapLines {
    style: TimeStyle,
    coloured: bool,
    /// Microseconds since 1970 of the first event and of the last one.
    first: Option<u64>,
    last: u64,
}

const RED: &str = "31";
const YELLOW: &str = "33";
const CYAN: &str = "36";
const DIM: &str = "2";

impl TapLines {
    pub(super) fn new(style: TimeStyle, coloured: bool) -> Self {
        Self { style, coloured, first: None, last: 0 }
    }

    /// The line of an event, without its end.
    pub(super) fn line(&mut self, event: &TapEventView) -> String {
        let first = *self.first.get_or_insert(event.at_us);
        let before = if self.last == 0 { first } else { self.last };
        self.last = event.at_us;
        let time = match self.style {
            TimeStyle::Absolute => {
                let (text, micros) = (one_line(&event.at), event.at_us % 1_000);
                text.strip_suffix('Z').map_or_else(|| text.to_string(), |text| format!("{text}{micros:03}Z"))
            }
            TimeStyle::Relative => seconds(event.at_us, first),
            TimeStyle::Delta => seconds(event.at_us, before),
        };
        let who = event.identity.as_deref().or(event.client.as_deref()).unwrap_or("-");
        let session = event.session.as_deref().unwrap_or("-");
        let server = event.server.as_deref().unwrap_or("-");
        let server = event.from.as_ref().map_or_else(|| server.to_owned(), |from| format!("{from} -> {server}"));
        let mut line = self.painted(DIM, &time);
        // Writing to a String does not fail.
        let _ = write!(line, "  {}  {}  {}  ", one_line(session), one_line(who), one_line(&server));
        line += &self.what(event);
        line
    }

    /// What could not be kept up with.
    pub(super) fn dropped(&self, dropped: u64) -> String {
        self.painted(YELLOW, &format!("--- {dropped} events are missing here: this reader was too slow"))
    }

    fn what(&self, event: &TapEventView) -> String {
        if event.kind != "operation" {
            return self.other(event);
        }
        let (op, path) = (event.op.as_deref().unwrap_or("unknown"), event.path.as_deref().unwrap_or(""));
        let mut text = format!("{}  {}", self.painted(CYAN, &one_line(op)), one_line(path));
        let error = event.error.as_deref().unwrap_or("-");
        let colour = if error == "ok" { "" } else { RED };
        let _ = write!(text, "  {}", self.painted(colour, &one_line(error)));
        if let Some(micros) = event.latency_us {
            let _ = write!(text, "  {}.{:03} ms", micros / 1_000, micros % 1_000);
        }
        let bytes = |bytes: Option<u32>| bytes.unwrap_or(0);
        let _ = write!(text, "  {}+{} B", bytes(event.request_bytes), bytes(event.reply_bytes));
        let _ = write!(text, "  xid {}", event.xid.unwrap_or(0));
        let _ = write!(text, "  zxid {}", one_line(event.zxid.as_deref().unwrap_or("-")));
        if let Some(data) = &event.data {
            let _ = write!(text, "  data \"{}\"", one_line(data));
        }
        text
    }

    fn other(&self, event: &TapEventView) -> String {
        let colour = match event.kind.as_ref() {
            "watch" | "attach" => CYAN,
            "close" | "ended" => YELLOW,
            _ => RED,
        };
        let mut text = self.painted(colour, &one_line(&event.kind));
        let words = [&event.event, &event.reason, &event.cause].into_iter().flatten().map(AsRef::as_ref);
        for word in words.chain(event.path.as_deref()) {
            let _ = write!(text, "  {}", one_line(word));
        }
        if let Some(timeout) = event.timeout_ms {
            let _ = write!(text, "  timeout {timeout} ms");
        }
        if let Some(gap) = event.gap_ms {
            let _ = write!(text, "  away {gap} ms");
        }
        if let Some(sentence) = &event.text {
            let _ = write!(text, "  {}", one_line(sentence));
        }
        text
    }

    fn painted(&self, colour: &str, text: &str) -> String {
        if self.coloured && !colour.is_empty() { format!("\u{1b}[{colour}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// From one moment to another, in seconds.
fn seconds(at_us: u64, since_us: u64) -> String {
    // An event may be told behind one that came after it.
    let sign = if at_us < since_us { "-" } else { "+" };
    let micros = at_us.abs_diff(since_us);
    format!("{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(at_us: u64) -> TapEventView {
        TapEventView {
            kind: "operation".into(),
            at: "2026-11-20T10:00:00.123Z".to_owned(),
            at_us,
            session: Some("0x10".to_owned()),
            client: Some("10.0.0.7:4000".to_owned()),
            server: Some("zk1:2181".to_owned()),
            op: Some("create".to_owned()),
            path: Some("/a\n\u{1b}[2J".to_owned()),
            error: Some("NODEEXISTS".to_owned()),
            latency_us: Some(1_234),
            request_bytes: Some(60),
            reply_bytes: Some(16),
            xid: Some(7),
            zxid: Some("0x5".to_owned()),
            ..TapEventView::default()
        }
    }

    #[test]
    fn an_operation_is_one_line_whatever_its_path() {
        let line = TapLines::new(TimeStyle::Absolute, false).line(&event(1_123_456));
        let expected = "2026-11-20T10:00:00.123456Z  0x10  10.0.0.7:4000  zk1:2181  create  /a\\n\\u{1b}[2J  NODEEXISTS  \
                        1.234 ms  60+16 B  xid 7  zxid 0x5";
        assert_eq!(line, expected);
        let with_data = TapEventView { data: Some("a\\x1b\u{1b}[2J".to_owned()), ..event(1_123_456) };
        let line = TapLines::new(TimeStyle::Absolute, false).line(&with_data);
        assert_eq!(line, format!("{expected}  data \"a\\x1b\\u{{1b}}[2J\""));
        let coloured = TapLines::new(TimeStyle::Absolute, true).line(&event(1_123_456));
        assert!(coloured.contains("\u{1b}[31mNODEEXISTS\u{1b}[0m") && !coloured.contains("\u{1b}[2J"), "{coloured:?}");
    }

    #[test]
    fn times_are_since_the_first_or_the_last_event() {
        for (style, expected) in [
            (TimeStyle::Relative, ["+0.000000", "+1.500000", "+1.000000"]),
            (TimeStyle::Delta, ["+0.000000", "+1.500000", "-0.500000"]),
        ] {
            let mut lines = TapLines::new(style, false);
            let times = [5_000_000, 6_500_000, 6_000_000]
                .map(|at_us| lines.line(&event(at_us)).split(' ').next().unwrap_or_default().to_owned());
            assert_eq!(times, expected);
        }
    }

    #[test]
    fn what_is_no_operation_says_why() {
        let moved = TapEventView {
            kind: "move".into(),
            from: Some("zk2:2181".to_owned()),
            reason: Some("lagging_server".into()),
            gap_ms: Some(12),
            op: None,
            path: None,
            ..event(1)
        };
        let line = TapLines::new(TimeStyle::Relative, false).line(&moved);
        assert_eq!(line, "+0.000000  0x10  10.0.0.7:4000  zk2:2181 -> zk1:2181  move  lagging_server  away 12 ms");
    }
}
