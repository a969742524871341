//! What happens, as it happens, for those who look: operations at their replies, and what else sessions meet.
//!
//! While nobody looks a turn of the relay pays one load. Who looks has a queue of bounded bytes; the relay copies only
//! what a filter lets through, never waits, and counts what finds no room.

pub(crate) mod data_room;
mod event_queue;
mod event_view;
mod frequent_keys;
pub(crate) mod load_book;
pub(crate) mod tap_hub;
mod tap_sink;
mod tapped_event;

pub use data_room::{DataRoom, TakenDataRoom};
pub use frequent_keys::KeyLoad;
pub use load_book::{LoadCounts, LoadKind};
pub use tap_hub::{TapHub, TapReader, TapTurn};
pub(in crate::observe) use tap_sink::TapSink;
pub use tapped_event::{EventDetail, EventKind, EventPlace, TappedEvent};
