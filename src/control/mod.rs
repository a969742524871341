//! Commands to live connections, each by its number.
//!
//! The admin address asks for something here, and the task that carries the connection does it and says what came of
//! it. A connection is registered under one number for as long as it lives, from the moment that its claim goes up.

mod claim_key;
pub(crate) mod connection_control;
mod relay_command;
mod relay_handle;
mod relay_registry;

pub(crate) use claim_key::ClaimKey;
pub use connection_control::{ConnectionControl, DisconnectError, DisconnectOutcome};
pub(crate) use relay_command::{CommandDelivery, RelayCommand};
pub(crate) use relay_handle::RelayHandle;
pub(crate) use relay_registry::{RegisteredConnection, RelayRegistry, SessionHolder};
