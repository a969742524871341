//! The variable parts of paths. They are text: what is wrong with one is said in words.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which session.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SessionPath {
    /// Its id, hexadecimal with 0x.
    pub session: String,
}

/// Which incident.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct IncidentPath {
    /// Its number, decimal.
    pub incident: String,
}

/// Which connection.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ConnectionPath {
    /// Its number, decimal.
    pub connection: String,
}
