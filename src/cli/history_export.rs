//! `zoogate history export`: rows for other programs.

use std::io::Write;
use std::ops::ControlFlow;

use super::CommandOutcome;
use super::admin_client::AdminClient;
use super::history_options::{ExportFormat, HistoryOptions};
use super::history_question::{filter, parameters, warn};
use crate::api::{HistoryAnswer, HistoryEntryView, HistoryParameters};
use crate::history::HistoryReader;
use crate::text;

/// The head of the table.
const HEAD: [&str; 15] = [
    "kind",
    "at",
    "at_ms",
    "until",
    "until_ms",
    "lasted_ms",
    "cause",
    "confidence",
    "identity",
    "session",
    "client",
    "server",
    "from",
    "text",
    "values",
];

pub(super) fn export(
    asked: &HistoryOptions,
    format: ExportFormat,
    out: &mut dyn Write,
) -> anyhow::Result<CommandOutcome> {
    let question = HistoryParameters { limit: asked.limit.or(Some(i64::MAX as usize)), ..parameters(asked) };
    let mut rows = ExportedRows::new(format, out)?;
    let outcome = if let Some(dir) = &asked.dir {
        let mut failed = None;
        let outcome = HistoryReader::new(dir).entries(&filter(&question)?, |entry| match rows.write(&entry) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        })?;
        failed.map_or(Ok(()), Err)?;
        outcome.unread
    } else {
        // The answer is kept as a whole: what is larger than memory is read with --dir.
        let client = AdminClient::of(&asked.asking.at)?;
        let answer: HistoryAnswer = client.get(HistoryAnswer::PATH, &question.pairs())?.good()?;
        answer.entries.iter().try_for_each(|entry| rows.write(entry))?;
        answer.unread
    };
    warn(&outcome);
    rows.finish()
}

/// Rows on their way out.
enum ExportedRows<'a> {
    Csv(Box<csv::Writer<&'a mut dyn Write>>, usize),
    Jsonl(&'a mut dyn Write, usize),
}

impl<'a> ExportedRows<'a> {
    fn new(format: ExportFormat, out: &'a mut dyn Write) -> anyhow::Result<Self> {
        match format {
            ExportFormat::Csv => {
                let mut table = csv::Writer::from_writer(out);
                table.write_record(HEAD)?;
                Ok(Self::Csv(Box::new(table), 0))
            }
            ExportFormat::Jsonl => Ok(Self::Jsonl(out, 0)),
        }
    }

    fn write(&mut self, one: &HistoryEntryView) -> anyhow::Result<()> {
        match self {
            Self::Csv(table, count) => {
                *count += 1;
                let number = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
                let word = |value: &Option<crate::api::ApiWord>| value.clone().unwrap_or_default().into_owned();
                let name = |value: &Option<String>| value.clone().unwrap_or_default();
                let fields = [
                    one.kind.clone().into_owned(),
                    name(&one.at.at),
                    number(one.at.at_ms),
                    name(&one.until.until),
                    number(one.until.until_ms),
                    number(one.lasted_ms),
                    word(&one.cause),
                    word(&one.confidence),
                    name(&one.identity),
                    name(&one.session),
                    name(&one.client),
                    name(&one.server),
                    name(&one.from),
                    one.text.clone(),
                    text::json(&serde_json::to_string(&one.values)?).into_owned(),
                ];
                // A table program takes a field that begins so for a formula, and names come from the traffic.
                let plain = |field: &String| {
                    let shown = text::one_line(field).into_owned();
                    if shown.starts_with(['=', '+', '-', '@']) { format!("'{shown}") } else { shown }
                };
                table.write_record(fields.iter().map(plain))?;
            }
            Self::Jsonl(out, count) => {
                *count += 1;
                writeln!(out, "{}", text::json(&serde_json::to_string(one)?))?;
            }
        }
        Ok(())
    }

    fn finish(self) -> anyhow::Result<CommandOutcome> {
        let count = match self {
            Self::Csv(mut table, count) => {
                table.flush()?;
                count
            }
            Self::Jsonl(_, count) => count,
        };
        Ok(if count == 0 { CommandOutcome::Negative } else { CommandOutcome::Success })
    }
}
