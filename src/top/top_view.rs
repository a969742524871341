//! The views: which tables there are, what they ask, and how they begin.

use super::api_question::ApiQuestion;
use super::top_column::TopColumn;
use super::{event_rows, load_rows, server_rows, session_rows};
use crate::filter::FilterField;

/// A table of the screen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, strum::VariantArray, strum::IntoStaticStr, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum TopView {
    /// The servers of the ensemble.
    Servers,
    /// The sessions.
    Sessions,
    /// Paths that cause the load.
    Paths,
    /// Clients that cause it.
    Clients,
    /// Who holds the sessions that cause it.
    Holders,
    /// Sessions that came to another server, and those that were refused because they had.
    Moves,
    /// What happened, and why.
    Incidents,
}

impl TopView {
    /// All, in the order of their numbers.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Its name.
    pub fn label(self) -> &'static str {
        self.into()
    }

    /// Its columns.
    pub(super) fn columns(self) -> &'static [TopColumn] {
        match self {
            Self::Servers => &server_rows::COLUMNS,
            Self::Sessions => &session_rows::COLUMNS,
            Self::Paths => &load_rows::PATH_COLUMNS,
            Self::Clients => &load_rows::CLIENT_COLUMNS,
            Self::Holders => &load_rows::HOLDER_COLUMNS,
            Self::Moves => &event_rows::MOVE_COLUMNS,
            Self::Incidents => &event_rows::INCIDENT_COLUMNS,
        }
    }

    /// The column that says of a row that is gone since when.
    pub(super) fn state_column(self) -> Option<usize> {
        match self {
            Self::Servers => Some(server_rows::STATE),
            Self::Sessions => Some(session_rows::STATE),
            Self::Paths | Self::Clients | Self::Holders => Some(load_rows::STATE),
            Self::Moves | Self::Incidents => None,
        }
    }

    /// The column by which it is sorted at first, and whether the largest come first; None for the order of the answer.
    pub(super) fn first_order(self) -> Option<(usize, bool)> {
        match self {
            Self::Servers => None,
            Self::Sessions => Some((session_rows::OPERATIONS, true)),
            Self::Paths | Self::Clients | Self::Holders => Some((load_rows::OPERATIONS, true)),
            Self::Moves => Some((event_rows::AT, true)),
            Self::Incidents => Some((event_rows::INCIDENT, true)),
        }
    }

    /// What is to be asked for it. The servers, the newest incidents and the open ones are asked for in every view: the head line and
    /// the last one tell of them.
    pub(super) fn questions(self) -> Vec<ApiQuestion> {
        use ApiQuestion::{
            Ensemble, Incidents, Latency, Moves, NewestIncidents, OpenIncidents, Refusals, Servers, Sessions,
        };
        match self {
            Self::Servers => vec![Ensemble, Latency, Servers, NewestIncidents, OpenIncidents],
            Self::Sessions => vec![Sessions, Servers, NewestIncidents, OpenIncidents],
            Self::Paths | Self::Clients | Self::Holders => {
                let load = self.load_kind().map(ApiQuestion::Load);
                load.into_iter().chain([Servers, NewestIncidents, OpenIncidents]).collect()
            }
            Self::Moves => vec![Moves, Refusals, Servers, NewestIncidents, OpenIncidents],
            Self::Incidents => vec![Incidents, Servers, NewestIncidents, OpenIncidents],
        }
    }

    /// The command that prints the same, with a filter or without one.
    pub(super) fn command(self, is_filtered: bool) -> &'static str {
        match self {
            Self::Servers if is_filtered => "servers",
            // The servers over time say what their list does not: latencies, baselines, connections that bypass.
            Self::Servers => "ensemble",
            Self::Sessions => "sessions",
            // There is no command for the load: this screen as text is one.
            Self::Paths => "top --once --view paths",
            Self::Clients => "top --once --view clients",
            Self::Holders => "top --once --view holders",
            Self::Moves => "moves",
            Self::Incidents => "incidents",
        }
    }

    /// By what it counts the load, if it does.
    pub(super) fn load_kind(self) -> Option<&'static str> {
        match self {
            Self::Paths => Some("path"),
            Self::Clients => Some("client"),
            Self::Holders => Some("identity"),
            _ => None,
        }
    }

    /// What its rows can be chosen by.
    pub(super) fn fields(self) -> Vec<FilterField> {
        let asked = self.questions();
        asked.iter().flat_map(ApiQuestion::fields).chain(self.own_fields()).copied().collect()
    }

    /// By what of that they are chosen here, as their list is asked for whole.
    pub(super) fn own_fields(self) -> &'static [FilterField] {
        match self {
            Self::Servers => &[FilterField::Server, FilterField::State],
            Self::Paths => &[FilterField::Path],
            Self::Clients => &[FilterField::Client],
            Self::Holders => &[FilterField::Identity],
            Self::Sessions | Self::Moves | Self::Incidents => &[],
        }
    }

    /// The view so many places further.
    pub(super) fn further(self, steps: usize) -> Self {
        let place = Self::ALL.iter().position(|view| *view == self).unwrap_or(0);
        Self::ALL[(place + steps) % Self::ALL.len()]
    }
}
