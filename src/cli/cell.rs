//! Values of the API as text in a cell or behind a name.

use std::borrow::Cow;

use serde_json::Value;

use crate::api::{RequestView, WatchesView};

/// What can stand in a cell.
pub(super) trait CellValue {
    /// Its text; None when there is no value.
    fn shown(&self) -> Option<String>;

    /// Its text, or a dash.
    fn cell(&self) -> String {
        self.shown().unwrap_or_else(|| "-".to_owned())
    }
}

macro_rules! as_they_are {
    ($($type:ty),*) => {
        $(impl CellValue for $type {
            fn shown(&self) -> Option<String> {
                Some(self.to_string())
            }
        })*
    };
}

as_they_are!(bool, u8, u16, u32, u64, usize, i32, i64, String, Cow<'_, str>);

/// To one place behind the point.
impl CellValue for f64 {
    fn shown(&self) -> Option<String> {
        Some(format!("{self:.1}"))
    }
}

impl<T: CellValue> CellValue for Option<T> {
    fn shown(&self) -> Option<String> {
        self.as_ref().and_then(T::shown)
    }
}

/// Several in one line; none is no value.
impl<T: CellValue> CellValue for Vec<T> {
    fn shown(&self) -> Option<String> {
        (!self.is_empty()).then(|| self.iter().map(T::cell).collect::<Vec<_>>().join("; "))
    }
}

/// What only a newer server knows, as JSON.
impl CellValue for Value {
    fn shown(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }
}

/// Names of members and what they show. A member that is flattened is named behind the one that holds it.
macro_rules! members {
    ($of:expr; $($member:ident $(. $inner:ident)?),* $(,)?) => {
        vec![$((members!(@last $member $($inner)?), $of.$member$(.$inner)?.shown())),*]
    };
    (@last $member:ident) => { stringify!($member) };
    (@last $member:ident $inner:ident) => { stringify!($inner) };
}

pub(super) use members;

/// Members in one line; those without a value are left out.
pub(super) fn in_line(members: impl IntoIterator<Item = (&'static str, Option<String>)>) -> String {
    let shown = members.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?)));
    shown.collect::<Vec<_>>().join(" ")
}

impl CellValue for WatchesView {
    fn shown(&self) -> Option<String> {
        Some(in_line(members!(self; data, exist, child, persistent, recursive, carried)))
    }
}

impl CellValue for RequestView {
    fn shown(&self) -> Option<String> {
        Some(in_line(members!(self; xid, op, path, sent_at.sent_at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_short() {
        assert_eq!((1.26.cell(), None::<u64>.cell(), Some(7_u8).cell()), ("1.3".into(), "-".into(), "7".into()));
        assert_eq!((vec!["a".to_owned(), "b".to_owned()].cell(), Vec::<u8>::new().cell()), ("a; b".into(), "-".into()));
        let watches = WatchesView { data: 2, ..WatchesView::default() };
        assert_eq!(watches.cell(), "data=2 exist=0 child=0 persistent=0 recursive=0 carried=0");
        let request = RequestView { xid: 5, op: "create".to_owned(), path: "/a".to_owned(), ..RequestView::default() };
        assert_eq!(request.cell(), "xid=5 op=create path=/a");
    }
}
