//! Ending a connection.

use std::fmt::Display;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{ApiList as _, ApiWord, ConnectionList};

/// The wish to end a connection. There is nothing to choose: it is an empty object.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Map<String, Value>")]
#[schemars(extend("maxProperties" = 0))]
pub struct DisconnectRequest {}

impl DisconnectRequest {
    /// Where it is sent for the connection with this number.
    pub fn path(connection: impl Display) -> String {
        format!("{}/{connection}/disconnect", ConnectionList::PATH)
    }
}

impl TryFrom<Map<String, Value>> for DisconnectRequest {
    type Error = &'static str;

    fn try_from(members: Map<String, Value>) -> Result<Self, Self::Error> {
        if members.is_empty() { Ok(Self {}) } else { Err("expected an empty object: there is nothing to choose") }
    }
}

/// A connection that was ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DisconnectAnswer {
    /// Its number.
    pub connection: u64,
    /// How it ended: `at_boundary`, `by_time`, `opaque`, `while_waiting`, or `by_itself`.
    pub ended: ApiWord,
    /// Its session; null for one that has none.
    pub session: Option<String>,
    /// Its client; null where it claimed no session.
    pub client: Option<String>,
    /// Its server; null where it claimed no session, or none was asked for it.
    pub server: Option<String>,
}

/// Connections that were ended.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct DisconnectedList {
    /// Each of them.
    pub disconnected: Vec<DisconnectAnswer>,
}
