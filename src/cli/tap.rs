//! `zoogate tap`: what happens, as it happens.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::Path;

use anyhow::{Context as _, anyhow, bail};

use super::admin_client::AdminClient;
use super::capture::CaptureWriter;
use super::event_lines::ReceivedEvent;
use super::tap_line::TapLines;
use super::tap_options::TapOptions;
use super::{CommandOutcome, print_error, private_file};
use crate::api::{CLOSING, DroppedEvents, ErrorAnswer, TAP, TapEventView, TapParameters};
use crate::text;

/// Where events go.
enum TapOutput<'a> {
    Lines(&'a mut dyn Write, TapLines),
    Json(&'a mut dyn Write),
    Capture(CaptureWriter<BufWriter<File>>),
}

impl TapOutput<'_> {
    fn event(&mut self, data: &str) -> anyhow::Result<()> {
        match self {
            Self::Json(out) => {
                writeln!(out, "{}", text::json(data))?;
                out.flush()?;
            }
            Self::Lines(out, lines) => {
                writeln!(out, "{}", lines.line(&parsed(data)?))?;
                out.flush()?;
            }
            Self::Capture(capture) => capture.event(&parsed(data)?)?,
        }
        Ok(())
    }

    fn dropped(&mut self, data: &str) -> anyhow::Result<()> {
        let DroppedEvents { dropped } = serde_json::from_str(data).context("the stream says what is no number")?;
        match self {
            Self::Json(out) => writeln!(out, "{{\"dropped\":{dropped}}}")?,
            Self::Lines(out, lines) => writeln!(out, "{}", lines.dropped(dropped))?,
            Self::Capture(_) => print_error(&format!("{dropped} events are missing: this reader was too slow")),
        }
        Ok(())
    }
}

fn parsed(data: &str) -> anyhow::Result<TapEventView> {
    serde_json::from_str(data).map_err(|error| anyhow!("the stream has an event that cannot be read: {error}"))
}

/// Shows events until as many came as were asked for, the time is over, or the reader goes away.
pub(super) fn tap(options: &TapOptions, out: &mut dyn Write) -> anyhow::Result<CommandOutcome> {
    let filter = options.filter_text()?;
    let asked = TapParameters {
        filter: (!filter.is_empty()).then_some(filter),
        sample: options.sample,
        count: if options.once { Some(1) } else { options.count.map(std::num::NonZero::get) },
        data: options.data.map(std::num::NonZero::get),
        for_ms: options.duration.map(|period| u64::try_from(period.0.as_millis()).unwrap_or(u64::MAX)),
    };
    let has_end = asked.count.is_some() || asked.for_ms.is_some();
    let client = AdminClient::of(&options.at)?;
    let mut events = client.stream(TAP, &asked.pairs())?;
    let mut output = match &options.pcapng {
        Some(path) => TapOutput::Capture(capture(path)?),
        None if options.json => TapOutput::Json(out),
        None => TapOutput::Lines(out, TapLines::new(options.time, is_coloured())),
    };
    while let Some(ReceivedEvent { name, data }) = events.next()? {
        if name.as_deref() == Some("dropped") {
            output.dropped(&data)?;
        } else if name.as_deref() == Some(CLOSING) {
            let answer: ErrorAnswer = serde_json::from_str(&data).context("the stream ends for no reason")?;
            let said = format!("{}; {}", answer.error, answer.reason.unwrap_or_default());
            bail!("{} ended the stream: {}", client.address(), text::one_line(&said));
        } else {
            output.event(&data)?;
        }
    }
    if !has_end {
        bail!("{} ended the stream of events", client.address());
    }
    Ok(CommandOutcome::Success)
}

fn capture(path: &Path) -> anyhow::Result<CaptureWriter<BufWriter<File>>> {
    let file = private_file::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    CaptureWriter::new(BufWriter::new(file)).with_context(|| format!("cannot write {}", path.display()))
}

/// Whether colours are of use: at a terminal, unless the user wants none (<https://no-color.org>).
fn is_coloured() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
