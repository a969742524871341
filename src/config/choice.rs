//! Settings that are one of a few words.

use std::fmt;

use clap::ValueEnum;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether a returning session goes back to the server that it was on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum PinMode {
    /// Every connection is routed afresh.
    Off,
    /// Back to the same server while it serves, elsewhere when it does not.
    Soft,
}

/// How log lines are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One readable line an event.
    Text,
    /// One JSON object an event.
    Json,
}

/// The least severe events that are written.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    Debug,
    Serialize,
    Deserialize,
    JsonSchema,
    ValueEnum,
    strum::VariantArray,
    strum::IntoStaticStr,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// What stops zoogate from doing its work.
    Error,
    /// What an operator should look at: SESSION_MOVED verdicts, servers lost.
    Warn,
    /// Also closed connections and moves: of each kind and server one in a while, and how many more there were.
    Info,
    /// Also each single one of these, and what was decided and why.
    Debug,
    /// Everything there is.
    Trace,
}

impl LogLevel {
    /// All levels, the most severe first.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// The word for it, which tracing's filters understand too.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
