//! Moments: text for people, milliseconds for programs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A moment by the calendar.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CalendarMoment {
    /// RFC 3339, in UTC.
    pub text: String,
    /// Milliseconds since 1970.
    pub unix_millis: u64,
}

macro_rules! moments {
    ($($type:ident: $name:ident $millis:ident $what:literal;)*) => {
        $(
            #[doc = concat!($what, " To be flattened into what it belongs to.")]
            #[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
            pub struct $type {
                /// RFC 3339, in UTC; null when there is no such moment.
                pub $name: Option<String>,
                /// The same in milliseconds since 1970.
                pub $millis: Option<u64>,
            }

            impl From<Option<CalendarMoment>> for $type {
                fn from(moment: Option<CalendarMoment>) -> Self {
                    let (text, millis) = moment.map(|moment| (moment.text, moment.unix_millis)).unzip();
                    Self { $name: text, $millis: millis }
                }
            }
        )*
    };
}

moments! {
    AtTime: at at_ms "When it happened.";
    AttachedTime: attached_at attached_at_ms "When a server gave the session.";
    ActiveTime: active_at active_at_ms "When something was last heard.";
    ClaimedTime: claimed_at claimed_at_ms "When the session was claimed.";
    EndedTime: ended_at ended_at_ms "When it ended.";
    SentTime: sent_at sent_at_ms "When it was sent.";
    FirstTime: first first_ms "When the first of them was.";
    LastTime: last last_ms "When the last of them was.";
    SeenTime: seen_at seen_at_ms "When it was last seen.";
    SinceTime: since since_ms "Since when it is so.";
    UntilTime: until until_ms "When it was over.";
}
