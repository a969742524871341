//! Configuration: what people write, and the checked [`Settings`] that it comes to.
//!
//! Plain values all the way: nothing here opens a socket, and the settings are passed on, never looked up
//! in a global place. The other layers see [`Settings`] alone.

mod address;
mod choice;
mod settings;

pub use address::{AddressError, ConnectString, DEFAULT_PORT, Listen, ServerAddress, listen_address};
pub use choice::{LogFormat, LogLevel, PinMode};
pub use settings::{
    AdminSettings, ConnectionSettings, LedgerSettings, ListenerKind, ListenerSettings, LogSettings, MetricsSettings,
    ProbeSettings, Settings,
};
