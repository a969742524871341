//! Configuration: what people write, and the checked [`Settings`] that it comes to.
//!
//! Plain values all the way: nothing here opens a file or a socket, and the settings are passed on, never
//! looked up in a global place. The proxy sees [`Settings`] alone; [`ConfigKeys`] declares every key once, for the
//! file, the flags, the variables and the documents made from them.

mod address;
mod catalog;
mod choice;
mod document;
mod error;
mod file;
mod keys;
mod load;
#[cfg(test)]
mod load_tests;
mod optional_path;
mod otlp_endpoint;
mod own_listeners;
mod resolve;
mod settings;
mod units;
mod variables;

pub use address::{AddressError, AdminAddress, ConnectString, DEFAULT_PORT, ListenAddress, ListenValue, ServerAddress};
pub use catalog::{KeyName, VARIABLE_PREFIX, key_names};
pub use choice::{LogFormat, LogLevel, PinMode};
pub use document::{effective_toml, reference_toml, schema_json, settings_table, with_defaults};
pub use error::{ConfigError, FilePlace, ValueOrigin, ValueProblem};
pub use file::FileText;
pub use keys::{
    AdminKeys, ConfigKeys, ConnectionKeys, LedgerKeys, LogKeys, MetricsKeys, OtlpKeys, ProbeKeys, SlowLogKeys,
    StateKeys, TapKeys,
};
pub use load::{ConfigSources, EffectiveKey, LoadedConfig, load};
pub use optional_path::{OptionalPath, OptionalPathError};
pub use own_listeners::OwnListeners;
pub use settings::{
    AdminSettings, ConnectionSettings, LedgerSettings, ListenerKind, ListenerSettings, LogSettings, MetricsSettings,
    OtlpSettings, ProbeSettings, Settings, SlowLogSettings, StateSettings,
};
pub use units::{ByteSize, Period, UnitError};
