//! Log lines on standard error, as text or JSON, with a level that can be changed while running.
//!
//! Lines are handed to a thread that writes them, through a bounded queue: a reader of standard error that has
//! stopped reading costs lines, which are counted, and never a connection's time.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry, fmt, reload};

use crate::config::{LogFormat, LogLevel};
use crate::text;

/// Lines that wait to be written; a wide event is about 500 bytes, and 3 KiB at most.
pub(crate) const LINES: usize = 4_096;

/// Changes the level of a running log. Copies share it.
#[derive(Clone, Debug)]
pub struct LogControl {
    filter: reload::Handle<Targets, Registry>,
    level: Arc<AtomicU8>,
    dropped: ErrorCounter,
    failed: Arc<AtomicU64>,
}

/// Why a log could not be begun or changed.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Another log was begun in this process.
    #[error("the process has a log already")]
    Taken,
    /// The log whose level was to change is gone.
    #[error("the log has ended")]
    Gone,
}

impl LogControl {
    /// The least severe events that are written.
    pub fn level(&self) -> LogLevel {
        LogLevel::ALL.get(usize::from(self.level.load(Ordering::Relaxed))).copied().unwrap_or(LogLevel::Info)
    }

    /// Writes events from this level on.
    ///
    /// # Errors
    /// [`LogError::Gone`] when there is no log any more.
    pub fn set_level(&self, level: LogLevel) -> Result<(), LogError> {
        // The filter first: the level that is shown must be one that is in force.
        self.filter.reload(targets(level)).map_err(|_| LogError::Gone)?;
        self.level.store(level as u8, Ordering::Relaxed);
        Ok(())
    }

    /// Lines that were not written: they found the queue full, or standard error took none (closed, or full).
    pub fn dropped_lines(&self) -> u64 {
        self.dropped.dropped_lines() as u64 + self.failed.load(Ordering::Relaxed)
    }
}

/// Our own events from the given level on; of the crates we use only what should be looked at.
fn targets(level: LogLevel) -> Targets {
    let own = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    // At debug level the crates below would drown our own lines in theirs.
    Targets::new().with_default(own.min(LevelFilter::WARN)).with_target(env!("CARGO_PKG_NAME"), own)
}

/// Begins the process's log on standard error. What waits is written when the guard is dropped.
///
/// # Errors
/// [`LogError::Taken`] when the process has one already.
pub fn begin_log(format: LogFormat, level: LogLevel) -> Result<(LogControl, WorkerGuard), LogError> {
    let (subscriber, control, guard) = log_to(io::stderr(), format, level);
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::Taken)?;
    Ok((control, guard))
}

/// A log to anywhere, not yet in use.
pub fn log_to(
    writer: impl Write + Send + 'static,
    format: LogFormat,
    level: LogLevel,
) -> (impl Subscriber + Send + Sync, LogControl, WorkerGuard) {
    let failed = Arc::new(AtomicU64::new(0));
    let writer = CountingWriter { inner: writer, failed: Arc::clone(&failed) };
    let (lines, guard) =
        NonBlockingBuilder::default().lossy(true).buffered_lines_limit(LINES).thread_name("log").finish(writer);
    let dropped = lines.error_counter();
    let (filter, handle) = reload::Layer::new(targets(level));
    let subscriber = tracing_subscriber::registry().with(filter).with(format_layer(format, lines));
    let control = LogControl { filter: handle, level: Arc::new(AtomicU8::new(level as u8)), dropped, failed };
    (subscriber, control, guard)
}

/// What lines are written to in the end. A line that is not taken is counted, and the next one is tried all the same.
struct CountingWriter<W> {
    inner: W,
    failed: Arc<AtomicU64>,
}

impl<W: Write> Write for CountingWriter<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // A closed standard error must not end the log's thread: it may be reopened.
        if self.inner.write_all(line).is_err() {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // What could not be written has been counted.
        self.inner.flush().or(Ok(()))
    }
}

/// The queue's end that events are written to, one line each. Whatever an event holds, it stays one line.
struct EventLine {
    lines: NonBlocking,
    safe: fn(&str) -> Cow<'_, str>,
}

impl Write for EventLine {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let line = event.strip_suffix(b"\n").unwrap_or(event);
        match (self.safe)(&String::from_utf8_lossy(line)) {
            // The usual line is safe as it is and is passed on without a copy.
            Cow::Borrowed(same) if same.as_bytes() == line => self.lines.write_all(event)?,
            safe => self.lines.write_all(format!("{safe}\n").as_bytes())?,
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lines.flush()
    }
}

fn format_layer<S>(format: LogFormat, lines: NonBlocking) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> tracing_subscriber::registry::LookupSpan<'span>,
{
    let safe = match format {
        LogFormat::Text => text::one_line,
        LogFormat::Json => text::json,
    };
    let writer = move || EventLine { lines: lines.clone(), safe };
    let layer = fmt::layer().with_writer(writer).with_ansi(false).with_target(false);
    match format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::lock::lock;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            lock(&self.0).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is written while something is done.
    pub(crate) fn written(format: LogFormat, level: LogLevel, work: impl FnOnce(&LogControl)) -> String {
        let lines = Lines::default();
        let (subscriber, control, guard) = log_to(lines.clone(), format, level);
        tracing::subscriber::with_default(subscriber, || work(&control));
        drop(guard);
        let bytes = lock(&lines.0).clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn the_level_changes_while_running() {
        let text = written(LogFormat::Text, LogLevel::Info, |control| {
            tracing::debug!("before");
            control.set_level(LogLevel::Debug).unwrap();
            assert_eq!(control.level(), LogLevel::Debug);
            tracing::debug!("between");
            tracing::debug!(target: "hyper", "of others");
            tracing::warn!(target: "hyper", "a warning of others");
            control.set_level(LogLevel::Error).unwrap();
            tracing::info!("after");
            tracing::warn!(target: "hyper", "of others");
        });
        assert!(text.contains("between") && text.contains("a warning of others"), "{text}");
        assert_eq!(text.lines().count(), 2, "{text}");
    }

    #[test]
    fn json_lines_hold_fields_at_the_top() {
        let text = written(LogFormat::Json, LogLevel::Info, |_| {
            tracing::info!(session = "0x1", unanswered = 3, "connection ended");
        });
        let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        assert_eq!(line["message"], "connection ended");
        assert_eq!((&line["session"], &line["unanswered"]), (&"0x1".into(), &3.into()));
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn an_event_is_one_line_that_shows_every_letter_and_json_stays_json() {
        let unseen = "a\n\u{1b}[2J\u{7f}\u{9b}\u{202e}";
        for format in [LogFormat::Text, LogFormat::Json] {
            let text = written(format, LogLevel::Info, |_| tracing::info!(client = %unseen, unseen, "{unseen}"));
            assert_eq!(text.lines().count(), 1, "{text}");
            assert_eq!(text::lines(&text), text);
            if format == LogFormat::Json {
                let line: serde_json::Value = serde_json::from_str(&text).unwrap();
                assert_eq!(line["unseen"], unseen);
            }
        }
    }

    #[test]
    fn lines_that_standard_error_does_not_take_are_counted() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let (subscriber, control, guard) = log_to(writer, LogFormat::Text, LogLevel::Info);
        tracing::subscriber::with_default(subscriber, || (0..3).for_each(|_| tracing::info!("lost")));
        drop(guard);
        assert_eq!(control.dropped_lines(), 3);
    }

    #[test]
    fn a_log_that_is_gone_says_so() {
        let (subscriber, control, _guard) = log_to(io::sink(), LogFormat::Text, LogLevel::Warn);
        drop(subscriber);
        assert!(control.set_level(LogLevel::Info).is_err());
        assert_eq!(control.level(), LogLevel::Warn);
    }
}
