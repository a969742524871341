//! Lists that are asked for whole, as other parts of the screen need all of them: the filter line holds here.

use super::top_view::TopView;
use crate::api::{LoadRowView, ServerView};
use crate::filter::{FieldValue, Filter, FilterError, FilterField, FilterSubject};
use crate::ids::ServerId;
use crate::session::probe_result::ServerHealth;

/// A server as the filter line sees it.
struct ListedServer<'a> {
    place: usize,
    view: &'a ServerView,
}

impl FilterSubject for ListedServer<'_> {
    fn field(&self, field: FilterField) -> FieldValue<'_> {
        match field {
            FilterField::Server => FieldValue::Servers([u16::try_from(self.place).ok().map(ServerId), None]),
            FilterField::State => FieldValue::text(Some(&self.view.state)),
            _ => FieldValue::Absent,
        }
    }
}

/// A path, client or holder as the filter line sees it.
struct ListedKey<'a> {
    field: FilterField,
    row: &'a LoadRowView,
}

impl FilterSubject for ListedKey<'_> {
    fn field(&self, field: FilterField) -> FieldValue<'_> {
        let key = &self.row.key;
        // Without a name it is what could not be told.
        if field != self.field || key.is_empty() {
            return FieldValue::Absent;
        }
        match key.parse() {
            Ok(host) if field == FilterField::Client => FieldValue::Host(host),
            _ if self.row.may_be_cut() => FieldValue::Beginning(key.as_bytes()),
            _ => FieldValue::text(Some(key)),
        }
    }
}

/// The servers that it lets through, in configured order.
///
/// # Errors
/// It names a server that is not among them, or a state that servers do not have.
pub(super) fn fitting_servers(filter: Filter, servers: &[ServerView]) -> Result<Vec<&ServerView>, FilterError> {
    let names: Vec<String> = servers.iter().map(|one| one.server.server.clone().unwrap_or_default()).collect();
    let states = || ServerHealth::ALL.iter().map(|health| health.label());
    // A newer zoogate may tell of states that are not known here.
    let told = || servers.iter().map(|one| &*one.state);
    let words = |field| (field == FilterField::State).then(|| states().chain(told()).collect());
    let filter = filter.with_servers(&names)?.with_words(words)?;
    let listed = servers.iter().enumerate().map(|(place, view)| ListedServer { place, view });
    Ok(listed.filter(|one| filter.matches(one)).map(|one| one.view).collect())
}

/// The paths, clients or holders of a view that it lets through, in the order of the answer.
pub(super) fn fitting_keys<'a>(
    filter: &Filter,
    view: TopView,
    load: &'a [LoadRowView],
) -> impl Iterator<Item = &'a LoadRowView> {
    let fields = view.own_fields();
    load.iter().filter(move |one| fields.iter().all(|field| filter.matches(&ListedKey { field: *field, row: one })))
}
