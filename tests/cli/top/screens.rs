//! Every screen, held as files so that a change of them is seen: `UPDATE_GENERATED=1 cargo test --test cli top`.

use std::fs;
use std::path::Path;

use zoogate::top::{TopEffect, TopKey, TopModel, TopView, plain_text};

use super::answers::{BEGINNING, HARMLESS, incidents, load, nobody, round, sessions};
use zoogate::api::IncidentView;
use zoogate::top::{ApiAnswer, ApiQuestion, PollFailure, PollRound};

/// Letters and lines: of an old terminal, and of a wide one.
const SIZES: [(u16, u16); 2] = [(80, 24), (160, 50)];

/// A screen at a view that has been answered twice, two seconds apart.
pub(super) fn at_view(view: TopView) -> TopModel {
    let mut model = TopModel::new("127.0.0.1:9180", view, "", BEGINNING);
    for seconds in [0, 2] {
        model.take(round(&model.questions(), seconds));
    }
    model
}

pub(super) fn press(model: &mut TopModel, keys: &[TopKey]) {
    for key in keys {
        drop(model.press(*key));
    }
}

pub(super) fn type_text(model: &mut TopModel, text: &str) {
    for letter in text.chars() {
        drop(model.press(TopKey::Letter(letter)));
    }
}

/// Compares a screen at both sizes with the files that hold it.
fn check(name: &str, model: &mut TopModel) {
    for (width, height) in SIZES {
        model.resize(width.into(), height.into());
        let shown = plain_text(model, width, height);
        assert!(shown.chars().all(|letter| letter == '\n' || !letter.is_control()), "{name}");
        let file = format!("{name}-{width}x{height}.txt");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/top/screens").join(&file);
        if std::env::var_os("UPDATE_GENERATED").is_some() {
            fs::write(&path, &shown).expect("a checkout that can be written");
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        assert!(shown == expected, "{file} differs: UPDATE_GENERATED=1 writes it anew\n{shown}");
    }
}

#[test]
fn of_every_view() {
    for view in TopView::ALL {
        check(view.label(), &mut at_view(*view));
    }
}

#[test]
fn of_what_lies_over_a_view() {
    let mut model = at_view(TopView::Sessions);
    press(&mut model, &[TopKey::Letter('?')]);
    check("help", &mut model);
    press(&mut model, &[TopKey::Escape, TopKey::Letter('c'), TopKey::Down, TopKey::Down, TopKey::Letter(' ')]);
    check("columns", &mut model);
    press(&mut model, &[TopKey::Escape, TopKey::Letter('/')]);
    type_text(&mut model, "identity=it's latency>10ms state!=ended");
    check("filter", &mut model);
    press(&mut model, &[TopKey::Enter, TopKey::Letter('p')]);
    check("command", &mut model);
}

#[test]
fn of_pages() {
    let mut model = at_view(TopView::Sessions);
    press(&mut model, &[TopKey::Down, TopKey::Enter]);
    model.take(round(&model.questions(), 4));
    check("session", &mut model);
    let mut model = at_view(TopView::Incidents);
    press(&mut model, &[TopKey::Enter]);
    model.take(round(&model.questions(), 4));
    model.resize(80, 24);
    press(&mut model, &[TopKey::PageDown, TopKey::Down]);
    check("incident", &mut model);
}

#[test]
fn of_a_zoogate_that_is_away() {
    let mut model = at_view(TopView::Servers);
    model.take(nobody(&model.questions(), 4));
    model.take(nobody(&model.questions(), 16));
    check("away", &mut model);
    let back = round(&model.questions(), 18);
    model.take(back);
    assert_eq!(model.failure(), None);
    assert!(!plain_text(&model, 80, 24).contains("NO ANSWER"));
}

#[test]
fn of_marked_rows() {
    let mut model = at_view(TopView::Sessions);
    press(&mut model, &[TopKey::Letter(' '), TopKey::Down, TopKey::Letter(' '), TopKey::Letter('m')]);
    check("marked", &mut model);
    press(&mut model, &[TopKey::Letter('u')]);
    assert!(plain_text(&model, 80, 24).contains("6 rows"));
}

/// The sessions of an answer, without those in these places.
fn sessions_without(places: &[usize], seconds: u64) -> PollRound {
    let left = sessions(1_000 * seconds).into_iter().enumerate().filter(|(place, _)| !places.contains(place));
    let left = left.map(|(_, session)| session).collect();
    PollRound {
        at_ms: BEGINNING + seconds * 1_000,
        answers: vec![(ApiQuestion::Sessions, Ok(ApiAnswer::Sessions(left, false)))],
    }
}

#[test]
fn what_is_gone_stays_for_a_minute_and_says_since_when() {
    let mut model = at_view(TopView::Sessions);
    model.take(sessions_without(&[0], 4));
    model.take(sessions_without(&[0], 16));
    check("gone", &mut model);
    model.take(sessions_without(&[0], 63));
    assert!(plain_text(&model, 160, 24).contains("gone 59s"));
    model.take(sessions_without(&[0], 64));
    assert!(!plain_text(&model, 160, 24).contains("gone"));
}

#[test]
fn what_another_filter_leaves_out_is_not_gone() {
    let mut model = at_view(TopView::Sessions);
    press(&mut model, &[TopKey::Letter('/')]);
    type_text(&mut model, "identity=broker-2");
    press(&mut model, &[TopKey::Enter]);
    // On its way when the filter changed; then two that know of it, of which the second lacks one more.
    for (without, seconds) in [(&[][..], 4), (&[0, 2], 6), (&[0, 2, 3], 8)] {
        model.take(sessions_without(without, seconds));
    }
    let shown = plain_text(&model, 160, 24);
    assert!(!shown.contains("broker-1") && !shown.contains("broker-3"), "{shown}");
    assert_eq!(shown.matches("gone").count(), 1, "{shown}");
}

#[test]
fn a_frozen_screen_stays_while_data_goes_on() {
    let mut model = at_view(TopView::Sessions);
    press(&mut model, &[TopKey::Letter('z')]);
    let before = plain_text(&model, 160, 24);
    model.take(sessions_without(&[0, 1], 9));
    let body = |text: &str| text.lines().skip(3).map(str::to_owned).collect::<Vec<_>>();
    let frozen = plain_text(&model, 160, 24);
    assert_eq!(body(&frozen), body(&before));
    assert!(frozen.contains("FROZEN at 01:02:05"), "{frozen}");
    press(&mut model, &[TopKey::Letter('z')]);
    assert!(plain_text(&model, 160, 24).contains("gone 0s"), "{}", plain_text(&model, 160, 24));
}

#[test]
fn rows_are_sorted_by_any_column_both_ways() {
    let mut model = at_view(TopView::Sessions);
    let first = |model: &TopModel| plain_text(model, 160, 24).lines().nth(4).unwrap_or_default().to_owned();
    assert!(first(&model).contains("broker-1"), "the busiest");
    press(&mut model, &[TopKey::Letter('r')]);
    // The one that is over has no rate, and is last either way.
    assert!(first(&model).contains("broker-5"));
    press(&mut model, &[TopKey::Right]);
    assert!(plain_text(&model, 160, 24).contains("by P99, largest first"));
    assert!(first(&model).contains("broker-6"));
    press(&mut model, &[TopKey::Left, TopKey::Left, TopKey::Left, TopKey::Left, TopKey::Left]);
    assert!(plain_text(&model, 160, 24).contains("by SESSION, smallest first"));
    assert!(first(&model).contains("0x100000000720001"));
    press(&mut model, &[TopKey::Left]);
    assert!(!plain_text(&model, 160, 24).contains(" first"), "as the answer has them");
    press(&mut model, &[TopKey::Left]);
    assert!(plain_text(&model, 160, 24).contains("by CLIENT, smallest first"));
}

#[test]
fn the_cursor_follows_its_row() {
    let mut model = at_view(TopView::Sessions);
    press(&mut model, &[TopKey::Down, TopKey::Down, TopKey::Letter('r')]);
    let shown = plain_text(&model, 160, 24);
    let under = shown.lines().find(|line| line.starts_with('>')).unwrap_or_default();
    assert!(under.contains("broker-3"), "{shown}");
    press(&mut model, &[TopKey::Enter]);
    assert!(plain_text(&model, 80, 24).contains("session 0x100000000720003"));
    press(&mut model, &[TopKey::Escape, TopKey::Home]);
    assert!(plain_text(&model, 160, 24).lines().nth(4).unwrap_or_default().starts_with('>'));
}

/// The filter with which a question is asked, empty without one; None for one that is not asked.
fn asked_with(model: &TopModel, question: &ApiQuestion) -> Option<String> {
    model
        .questions()
        .questions
        .into_iter()
        .find_map(|(asked, filter)| (asked == *question).then(|| filter.unwrap_or_default()))
}

#[test]
fn a_filter_is_remembered_over_views_and_asked_for_where_it_fits() {
    let mut model = at_view(TopView::Sessions);
    let holds = |text: &str| Some(text.to_owned());
    press(&mut model, &[TopKey::Letter('/')]);
    type_text(&mut model, "identity=q");
    press(&mut model, &[TopKey::Backspace, TopKey::Letter('b')]);
    type_text(&mut model, " state=pending op=create");
    assert_eq!(asked_with(&model, &ApiQuestion::Sessions), holds(""), "it is being typed");
    assert_eq!(model.press(TopKey::Enter), Some(TopEffect::Ask));
    assert_eq!(asked_with(&model, &ApiQuestion::Sessions), holds("identity=b state=pending"));
    assert!(plain_text(&model, 120, 24).contains("not in this view: op=create"));
    press(&mut model, &[TopKey::Letter('6')]);
    assert_eq!(asked_with(&model, &ApiQuestion::Moves), holds("identity=b"));
    assert_eq!(asked_with(&model, &ApiQuestion::Servers), holds(""));
    press(&mut model, &[TopKey::Letter('f')]);
    assert_eq!(asked_with(&model, &ApiQuestion::Moves), holds(""));
    assert!(plain_text(&model, 80, 24).contains("filter off: identity=b state"));
    press(
        &mut model,
        &[TopKey::Letter('f'), TopKey::Letter('/'), TopKey::ClearLine, TopKey::Letter('x'), TopKey::Escape],
    );
    assert_eq!(asked_with(&model, &ApiQuestion::Moves), holds("identity=b"), "what was typed did not count");
    press(&mut model, &[TopKey::Letter('/'), TopKey::ClearLine]);
    type_text(&mut model, "reason=closed");
    press(&mut model, &[TopKey::Enter]);
    assert_eq!(asked_with(&model, &ApiQuestion::Refusals), None, "refusals have no reason");
    assert_eq!(asked_with(&model, &ApiQuestion::Moves), holds("reason=closed"));
}

#[test]
fn what_is_no_filter_is_said_and_stays_to_be_changed() {
    let mut model = at_view(TopView::Sessions);
    press(&mut model, &[TopKey::Letter('/')]);
    type_text(&mut model, "idendity=b");
    assert_eq!(model.press(TopKey::Enter), None);
    let shown = plain_text(&model, 120, 24);
    assert!(shown.contains("filter: idendity=b_") && shown.contains("there is no field idendity"), "{shown}");
    let refused = Err(PollFailure::Refused("there is no server zk9".to_owned()));
    press(&mut model, &[TopKey::Escape]);
    model.take(PollRound { at_ms: BEGINNING + 9_000, answers: vec![(ApiQuestion::Moves, refused)] });
    assert!(plain_text(&model, 80, 24).contains("there is no server zk9"));
}

#[test]
fn what_is_shown_can_be_taken_away() {
    let mut model = at_view(TopView::Sessions);
    press(&mut model, &[TopKey::Letter(' '), TopKey::Down, TopKey::Down, TopKey::Letter(' '), TopKey::Letter('m')]);
    let Some(TopEffect::Export(table)) = model.press(TopKey::Letter('e')) else { panic!("no file") };
    assert_eq!((table.name.as_str(), table.rows), ("zoogate-top-sessions-20261127T010205Z.csv", 2));
    let mut lines = table.text.lines();
    assert!(lines.next().unwrap_or_default().starts_with("session,identity,server,state,operations_per_second,p99,"));
    assert!(lines.next().unwrap_or_default().starts_with("0x100000000720001,broker-1,"));
    assert!(lines.next().unwrap_or_default().starts_with(&format!("0x100000000720004,{HARMLESS},")), "{}", table.text);
    let Some(TopEffect::Export(json)) = model.press(TopKey::Letter('E')) else { panic!("no file") };
    let rows: serde_json::Value = serde_json::from_str(&json.text).expect("JSON");
    assert_eq!((rows.as_array().map(Vec::len), &rows[1]["identity"]), (Some(2), &HARMLESS.into()));
    assert_eq!((&rows[0]["in_flight"], &rows[0]["p99"]), (&1.into(), &"4.10ms".into()));
}

#[test]
fn a_new_incident_is_told_in_every_view() {
    let mut model = at_view(TopView::Sessions);
    let told = |count| PollRound {
        at_ms: BEGINNING + 9_000,
        answers: vec![(ApiQuestion::NewestIncidents, Ok(ApiAnswer::Incidents(incidents(count), false)))],
    };
    assert!(!plain_text(&model, 80, 24).contains("began"));
    model.take(told(3));
    assert!(plain_text(&model, 80, 24).contains("incident 3 began: path_to_server (likely)"));
    press(&mut model, &[TopKey::Down]);
    model.take(told(3));
    assert!(!plain_text(&model, 80, 24).contains("began"), "it was read");
}

#[test]
fn open_incidents_are_counted_also_where_newer_ones_are_over() {
    let mut model = at_view(TopView::Servers);
    let mut over = incidents(2);
    over[0].open = false;
    let open = incidents(30).into_iter().map(|one| IncidentView { open: true, ..one }).collect();
    let told = |question, told| (question, Ok(ApiAnswer::Incidents(told, false)));
    let answers = vec![told(ApiQuestion::OpenIncidents, open), told(ApiQuestion::NewestIncidents, over)];
    model.take(PollRound { at_ms: BEGINNING + 9_000, answers });
    assert!(plain_text(&model, 120, 24).contains("open incidents: 30"), "{}", plain_text(&model, 120, 24));
    assert_eq!(asked_with(&model, &ApiQuestion::OpenIncidents), Some(String::new()), "in every view");
}

#[test]
fn that_there_is_more_is_said() {
    let mut model = at_view(TopView::Moves);
    assert!(!plain_text(&model, 120, 24).contains("there are more"));
    let refusals = (ApiQuestion::Refusals, Ok(ApiAnswer::Refusals(Vec::new(), true)));
    model.take(PollRound { at_ms: BEGINNING + 9_000, answers: vec![refusals] });
    assert!(plain_text(&model, 120, 24).contains("there are more"));
}

/// The rate of the first session when it is in each second answer only, as happens where there are many more.
#[test]
fn of_sessions_that_an_answer_left_out_the_rate_is_known_when_they_come_again() {
    let mut model = at_view(TopView::Sessions);
    for seconds in [4, 6] {
        let without: &[usize] = if seconds == 4 { &[0] } else { &[] };
        let mut round = sessions_without(without, seconds);
        for (_, answer) in &mut round.answers {
            if let Ok(ApiAnswer::Sessions(_, more)) = answer {
                *more = true;
            }
        }
        model.take(round);
    }
    let shown = plain_text(&model, 160, 24);
    let line = shown.lines().find(|line| line.contains("0x100000000720001")).unwrap_or_default();
    assert!(line.contains(" 1000 ") && shown.contains("there are more"), "{shown}");
}

#[test]
fn keys_that_end_it() {
    let mut model = at_view(TopView::Servers);
    assert_eq!(model.press(TopKey::Letter('q')), Some(TopEffect::Quit));
    press(&mut model, &[TopKey::Letter('/')]);
    assert_eq!(model.press(TopKey::Letter('q')), None, "it is typed");
    assert_eq!(model.press(TopKey::Interrupt), Some(TopEffect::Quit));
}

#[test]
fn load_that_is_counted_anew_has_no_rate_from_before() {
    let mut model = at_view(TopView::Paths);
    assert!(plain_text(&model, 120, 24).contains("1000"));
    let mut anew = load("path", 9_000);
    anew.since.since_ms = Some(BEGINNING + 3_000);
    let answers = vec![(ApiQuestion::Load("path"), Ok(ApiAnswer::Load(anew)))];
    model.take(PollRound { at_ms: BEGINNING + 4_000, answers });
    let shown = plain_text(&model, 120, 24);
    let line = shown.lines().find(|line| line.contains("/brokers/topics/t1")).unwrap_or_default().to_owned();
    assert_eq!(line.split_whitespace().nth(2), Some("-"), "{shown}");
}

/// No size of a terminal is too small to be drawn on.
#[test]
fn of_any_size() {
    for view in TopView::ALL {
        for keys in [&[][..], &[TopKey::Letter('?')], &[TopKey::Letter('c')], &[TopKey::Letter('p')], &[TopKey::Enter]]
        {
            let mut model = at_view(*view);
            press(&mut model, keys);
            for width in [1, 2, 5, 7, 20, 79, 300] {
                for height in 1..12 {
                    model.resize(width.into(), height.into());
                    press(&mut model, &[TopKey::PageDown, TopKey::Up]);
                    assert_eq!(plain_text(&model, width, height).lines().count(), usize::from(height));
                }
            }
        }
    }
}

#[test]
fn the_command_asks_the_same_zoogate() {
    let options = ["--socket", "/run/zoo gate.sock"].map(str::to_owned).to_vec();
    let mut model = TopModel::new("/run/zoo gate.sock", TopView::Servers, "", BEGINNING).asked_with(options);
    model.take(round(&model.questions(), 0));
    press(&mut model, &[TopKey::Letter('p')]);
    let shown = plain_text(&model, 160, 50);
    assert!(shown.contains("zoogate ensemble --socket '/run/zoo gate.sock'"), "{shown}");
}
