//! All that the screen knows: answers go in, and it says what to ask next.

use std::collections::HashMap;

use super::api_question::{ApiAnswer, ApiQuestion, PollFailure, PollQuestions, PollRound};
use super::cli_command::command_line;
use super::detail_page::DetailPage;
use super::event_rows::{incident_rows, move_rows};
use super::filter_line::FilterLine;
use super::load_rows::{LoadSides, load_limits, load_rows};
use super::server_rows::{ServerSides, server_rows};
use super::session_rows::{SessionSides, session_rows};
use super::table_state::TableState;
use super::top_view::TopView;
use super::whole_list::{fitting_keys, fitting_servers};
use crate::api::{IncidentView, LoadAnswer, LoadRowView, MoveView, RefusalView, ServerView};
use crate::filter::Filter;
use crate::text::one_line;

/// What `zoogate top` shows, without the terminal.
#[derive(Clone, Debug)]
pub struct TopModel {
    pub(super) admin: String,
    /// The options that have a command ask the same zoogate.
    asked_with: Vec<String>,
    pub(super) view: TopView,
    /// One for each view, in their order.
    tables: Vec<TableState>,
    servers: ServerSides,
    sessions: SessionSides,
    /// What causes the load, by view: what its counters gained, and what they do not know.
    loads: HashMap<TopView, (LoadSides, String)>,
    /// Moves and refusals of the round that is being taken.
    moves: Option<(Vec<MoveView>, bool)>,
    refusals: Option<(Vec<RefusalView>, bool)>,
    pub(super) filter: FilterLine,
    pub(super) page: Option<DetailPage>,
    pub(super) overlay: TopOverlay,
    pub(super) frozen_since_ms: Option<u64>,
    pub(super) head: HeadFigures,
    pub(super) away: Option<AwaySince>,
    /// What zoogate said of a question that it did not answer.
    pub(super) refusal: Option<String>,
    /// What there is to say, until a key is pressed.
    pub(super) message: Option<String>,
    /// The newest incident that is known.
    newest_incident: Option<u64>,
    /// What time it is, in milliseconds since 1970.
    pub(super) now_ms: u64,
    /// Letters and lines of the screen.
    pub(super) size: (usize, usize),
}

/// What lies over the table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum TopOverlay {
    Nothing,
    Help,
    /// The chooser of columns with the place of its cursor.
    Columns(usize),
    /// The command that prints what is shown.
    Command(String),
}

/// The figures of the head line.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct HeadFigures {
    pub(super) servers: usize,
    pub(super) serving: usize,
    pub(super) sessions: usize,
    pub(super) operations: Option<f64>,
    pub(super) open_incidents: usize,
    pub(super) leader: Option<String>,
}

/// Since when nobody answers, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct AwaySince {
    pub(super) since_ms: u64,
    pub(super) why: String,
}

impl TopModel {
    /// A screen that knows nothing yet: of the zoogate with this admin address, at this view, with this filter.
    pub fn new(admin: &str, view: TopView, filter: &str, now_ms: u64) -> Self {
        let line = FilterLine::new(filter);
        let message = line.as_ref().err().map(|error| one_line(&error.to_string()).into_owned());
        Self {
            admin: one_line(admin).into_owned(),
            asked_with: vec!["--admin".to_owned(), admin.to_owned()],
            view,
            tables: TopView::ALL.iter().map(|view| TableState::new(*view)).collect(),
            servers: ServerSides::default(),
            sessions: SessionSides::default(),
            loads: HashMap::new(),
            moves: None,
            refusals: None,
            filter: line.unwrap_or_default(),
            page: None,
            overlay: TopOverlay::Nothing,
            frozen_since_ms: None,
            head: HeadFigures::default(),
            away: None,
            refusal: None,
            message,
            newest_incident: None,
            now_ms,
            size: (80, 24),
        }
    }

    /// The options with which a command asks the same zoogate, where they are not `--admin` and its address.
    #[must_use]
    pub fn asked_with(mut self, options: Vec<String>) -> Self {
        self.asked_with = options;
        self
    }

    /// What is to be asked next.
    pub fn questions(&self) -> PollQuestions {
        let filter = self.part_of_view();
        let with_filter = |question: ApiQuestion| {
            let fields = question.fields();
            if fields.is_empty() {
                return Some((question, None));
            }
            // Rows that do not have a field fit no term about it: there is nothing to ask for.
            let fits = filter.part_for(fields) == filter;
            fits.then(|| (question, Some(filter.to_string()).filter(|text| !text.is_empty())))
        };
        // The table behind a page is asked for as well, so that it is fresh when one comes back.
        let page = self.page.as_ref().map(DetailPage::question);
        PollQuestions { questions: self.view.questions().into_iter().chain(page).filter_map(with_filter).collect() }
    }

    /// The part of the filter that holds in the view that is shown.
    fn part_of_view(&self) -> Filter {
        self.filter.part_for(&self.view.fields())
    }

    /// Says what time it is, in milliseconds since 1970.
    pub fn set_time(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
    }

    /// Says how many letters and lines the screen has.
    pub fn resize(&mut self, width: usize, height: usize) {
        self.size = (width, height);
    }

    /// Whether the zoogate that is asked answered last time; why not otherwise.
    pub fn failure(&self) -> Option<&str> {
        self.away.as_ref().map(|away| away.why.as_str()).or(self.refusal.as_deref())
    }

    /// Lines that the whole table takes, those around it included.
    pub fn whole_height(&self) -> usize {
        self.table().visible().len() + super::screen_look::LINES_AROUND
    }

    /// Takes what came of a round.
    pub fn take(&mut self, round: PollRound) {
        self.now_ms = round.at_ms;
        self.refusal = None;
        for (question, answer) in round.answers {
            match answer {
                Ok(answer) => {
                    self.away = None;
                    self.answered(&question, answer);
                }
                Err(PollFailure::Refused(why)) => self.refused(&question, &why),
                Err(PollFailure::Away(why)) => {
                    // The first failure counts: how long it lasts is what one wants to know.
                    let since_ms = self.away.as_ref().map_or(self.now_ms, |away| away.since_ms);
                    self.away = Some(AwaySince { since_ms, why: one_line(&why).into_owned() });
                }
            }
        }
        // Two lists make one table; one of them may not have been asked, because no row of it can fit.
        if self.moves.is_some() || self.refusals.is_some() {
            let (moves, more_moves) = self.moves.take().unwrap_or_default();
            let (refusals, more_refusals) = self.refusals.take().unwrap_or_default();
            let at_ms = self.now_ms;
            let more = more_moves || more_refusals;
            self.table_of(TopView::Moves).take(at_ms, move_rows(&moves, &refusals), more);
        }
    }

    fn refused(&mut self, question: &ApiQuestion, why: &str) {
        self.away = None;
        match &mut self.page {
            Some(page) if page.question() == *question => page.take(why),
            // The first one is shown: the others are mostly the same.
            _ => self.refusal = self.refusal.take().or_else(|| Some(one_line(why).into_owned())),
        }
    }

    fn answered(&mut self, question: &ApiQuestion, answer: ApiAnswer) {
        let at_ms = self.now_ms;
        match answer {
            ApiAnswer::Ensemble(ensemble) => {
                self.head.leader.clone_from(&ensemble.leader);
                self.servers.ensemble = *ensemble;
            }
            ApiAnswer::Latency(slots) => self.servers.latency = slots,
            ApiAnswer::Servers(servers) => self.take_servers(&servers),
            ApiAnswer::Sessions(sessions, more) => {
                self.sessions.count(at_ms, &sessions, more);
                let rows = session_rows(&sessions, &self.sessions, at_ms);
                self.table_of(TopView::Sessions).take(at_ms, rows, more);
            }
            ApiAnswer::Load(load) => self.take_load(question, &load),
            ApiAnswer::Moves(moves, more) => self.moves = Some((moves, more)),
            ApiAnswer::Refusals(refusals, more) => self.refusals = Some((refusals, more)),
            ApiAnswer::Incidents(incidents, more) => match question {
                ApiQuestion::Incidents => {
                    let rows = incident_rows(&incidents, at_ms);
                    self.table_of(TopView::Incidents).take(at_ms, rows, more);
                }
                ApiQuestion::OpenIncidents => {
                    self.head.open_incidents = incidents.iter().filter(|one| one.open).count();
                }
                _ => self.note_incidents(&incidents),
            },
            ApiAnswer::Page(text) => {
                // Another page may have been opened while this one was on its way.
                if let Some(page) = self.page.as_mut().filter(|page| page.question() == *question) {
                    page.take(&text);
                }
            }
        }
    }

    fn take_servers(&mut self, servers: &[ServerView]) {
        self.servers.count(self.now_ms, servers);
        let rates = servers.iter().filter_map(|one| self.servers.operations.rate(one.server.server.as_deref()?));
        self.head.operations = rates.reduce(|sum, rate| sum + rate);
        self.head.servers = servers.len();
        self.head.serving = servers.iter().filter(|one| one.state == "serving").count();
        self.head.sessions = servers.iter().map(|one| one.sessions).sum();
        let at_ms = self.now_ms;
        let fitting = fitting_servers(self.filter.part_for(TopView::Servers.own_fields()), servers);
        // As where zoogate is asked for it, and only where somebody looks at it.
        if let Some(error) = fitting.as_ref().err().filter(|_| self.view == TopView::Servers) {
            self.refused(&ApiQuestion::Servers, &error.to_string());
        }
        // No row fits what is no filter; those of the former one do not stay.
        let rows = server_rows(&fitting.unwrap_or_default(), &self.servers);
        self.table_of(TopView::Servers).take(at_ms, rows, false);
    }

    fn take_load(&mut self, question: &ApiQuestion, load: &LoadAnswer) {
        // An answer may come when another view is shown already.
        let asked = |view: &&TopView| view.load_kind().map(ApiQuestion::Load).as_ref() == Some(question);
        let Some(view) = TopView::ALL.iter().find(asked).copied() else { return };
        let at_ms = self.now_ms;
        let (sides, limits) = self.loads.entry(view).or_default();
        sides.count(at_ms, load);
        let filter = self.filter.part_for(view.own_fields());
        let fitting: Vec<&LoadRowView> = fitting_keys(&filter, view, &load.load).collect();
        *limits = load_limits(load, if filter.is_empty() { &[] } else { &fitting });
        let rows = load_rows(load, &fitting, sides);
        self.table_of(view).take(at_ms, rows, false);
    }

    /// What the load that is shown does not know.
    pub(super) fn load_limits(&self) -> Option<&str> {
        self.loads.get(&self.view).map(|(_, limits)| limits.as_str())
    }

    fn note_incidents(&mut self, incidents: &[IncidentView]) {
        let newest = incidents.iter().max_by_key(|one| one.id);
        // Before the first answer nothing is new: all of it happened before anybody looked.
        let known = self.newest_incident.unwrap_or(u64::MAX);
        if let Some(new) = newest.filter(|one| one.id > known) {
            let text = format!("incident {} began: {} ({})", new.id, new.cause.code, new.cause.confidence);
            self.message = Some(one_line(&text).into_owned());
        }
        // An answer without any is known as well: the first one that comes then is new.
        self.newest_incident = Some(newest.map_or(0, |one| one.id));
    }

    /// The command that prints what is shown.
    pub(super) fn command(&self) -> String {
        let filter = Some(self.part_of_view().to_string()).filter(|text| self.page.is_none() && !text.is_empty());
        let words = || self.view.command(filter.is_some()).split(' ').map(str::to_owned).collect();
        let words = self.page.as_ref().map_or_else(words, DetailPage::command);
        one_line(&command_line(&words, &self.asked_with, filter.as_deref())).into_owned()
    }

    /// The table of the view that is shown.
    pub(super) fn table(&self) -> &TableState {
        &self.tables[self.view as usize]
    }

    /// As [`table`](Self::table), to be changed.
    pub(super) fn table_mut(&mut self) -> &mut TableState {
        self.table_of(self.view)
    }

    fn table_of(&mut self, view: TopView) -> &mut TableState {
        &mut self.tables[view as usize]
    }

    /// Freezes the screen, or shows what came meanwhile.
    pub(super) fn switch_freeze(&mut self) {
        let now_ms = self.now_ms;
        if self.frozen_since_ms.take().is_some() {
            self.tables.iter_mut().for_each(TableState::thaw);
            self.page.iter_mut().for_each(DetailPage::thaw);
        } else {
            self.frozen_since_ms = Some(now_ms);
            self.tables.iter_mut().for_each(|table| table.freeze(now_ms));
            self.page.iter_mut().for_each(DetailPage::freeze);
        }
    }

    /// Another filter holds: what is no longer in the answers is not gone.
    pub(super) fn filter_changed(&mut self) {
        self.refusal = None;
        let filtered = TopView::ALL.iter().zip(&mut self.tables).filter(|(view, _)| !view.fields().is_empty());
        filtered.for_each(|(_, table)| table.forget_gone());
    }
}
