//! An event as filters see it, before anything of it is copied.

use std::borrow::Cow;

use super::tapped_event::{EventDetail, EventKind, EventPlace, TappedEvent};
use crate::filter::{FieldValue, FilterField, FilterSubject};

/// An event that passes.
pub(super) struct EventView<'a> {
    pub(super) kind: EventKind,
    pub(super) place: &'a EventPlace,
    pub(super) detail: &'a EventDetail<&'a [u8]>,
}

impl FilterSubject for EventView<'_> {
    fn field(&self, field: FilterField) -> FieldValue<'_> {
        event_field(self.kind, self.place, self.detail, field)
    }
}

impl FilterSubject for TappedEvent {
    fn field(&self, field: FilterField) -> FieldValue<'_> {
        event_field(self.kind, &self.place, &self.detail, field)
    }
}

fn event_field<'a, P: AsRef<[u8]>>(
    kind: EventKind,
    place: &'a EventPlace,
    detail: &'a EventDetail<P>,
    field: FilterField,
) -> FieldValue<'a> {
    let EventPlace { session, identity, client, servers, connection } = place;
    match field {
        FilterField::Kind => FieldValue::text(Some(kind.label())),
        FilterField::Session => FieldValue::session(*session),
        FilterField::Identity => match identity {
            Some(identity) => FieldValue::text(Some(identity)),
            // As lists name a holder that nothing is known of.
            None => FieldValue::made(client.map(|client| client.to_string())),
        },
        FilterField::Client => FieldValue::socket(*client),
        FilterField::Server => FieldValue::Servers(*servers),
        FilterField::Connection => connection.map_or(FieldValue::Absent, |connection| FieldValue::Number(connection.0)),
        FilterField::Moved => FieldValue::Flag(matches!(kind, EventKind::Move | EventKind::Refusal)),
        _ => detail_field(detail, field),
    }
}

fn detail_field<P: AsRef<[u8]>>(detail: &EventDetail<P>, field: FilterField) -> FieldValue<'_> {
    match (detail, field) {
        (EventDetail::Operation { op: Some(op), .. }, FilterField::Op | FilterField::Class) => {
            FieldValue::Operation(*op)
        }
        (EventDetail::Operation { path, .. } | EventDetail::Watch { path, .. }, FilterField::Path) => {
            FieldValue::Text(Cow::Borrowed(path.as_ref()))
        }
        (EventDetail::Operation { error, .. }, FilterField::Error) => FieldValue::Outcome(*error),
        (EventDetail::Operation { nanos: Some(nanos), .. }, FilterField::Latency) => FieldValue::Number(*nanos),
        (EventDetail::Operation { request_bytes, .. }, FilterField::RequestBytes) => {
            FieldValue::Number(u64::from(*request_bytes))
        }
        (EventDetail::Operation { reply_bytes, .. }, FilterField::ReplyBytes) => {
            FieldValue::Number(u64::from(*reply_bytes))
        }
        (EventDetail::Verdict { reason, .. }, FilterField::Reason) => FieldValue::text(*reason),
        (EventDetail::Verdict { cause, .. }, FilterField::Cause) => FieldValue::text(*cause),
        _ => FieldValue::Absent,
    }
}
