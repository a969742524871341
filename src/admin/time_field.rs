//! Moments as the API shows them: text for people, milliseconds for programs.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::observe::WallClock;
use crate::time::Timestamp;

/// Writes a moment as the member `NAME` (RFC 3339, UTC) and the member `NAME_ms` (milliseconds since 1970);
/// both null when there is none. To be flattened into what it belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeField {
    /// `NAME` and `NAME_ms`.
    names: [&'static str; 2],
    /// Milliseconds since 1970.
    unix_millis: Option<u64>,
}

macro_rules! moments {
    ($($function:ident $name:literal $millis:literal)*) => {
        impl TimeField {
            $(
                #[doc = concat!("A moment that is told as `", $name, "`.")]
                pub(super) fn $function(wall_clock: &WallClock, at: impl Into<Option<Timestamp>>) -> Self {
                    Self { names: [$name, $millis], unix_millis: at.into().map(|at| wall_clock.unix_millis(at)) }
                }
            )*
        }
    };
}

moments! {
    at "at" "at_ms"
    attached_at "attached_at" "attached_at_ms"
    active_at "active_at" "active_at_ms"
    claimed_at "claimed_at" "claimed_at_ms"
    ended_at "ended_at" "ended_at_ms"
    sent_at "sent_at" "sent_at_ms"
    seen_at "seen_at" "seen_at_ms"
    since "since" "since_ms"
}

impl Serialize for TimeField {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let [name, millis] = self.names;
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry(name, &self.unix_millis.map(WallClock::text))?;
        map.serialize_entry(millis, &self.unix_millis)?;
        map.end()
    }
}
