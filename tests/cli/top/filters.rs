//! What the filter line lets through of lists that are asked for whole.

use zoogate::api::LoadAnswer;
use zoogate::top::{ApiAnswer, ApiQuestion, PollRound, TopKey, TopModel, TopView, plain_text};

use super::answers::{BEGINNING, load, round, servers};
use super::screens::{at_view, press, type_text};

#[test]
fn servers_paths_clients_and_holders_are_narrowed_down_too() {
    for (view, filter, shown, others) in [
        (TopView::Servers, "server=zk2.example.org:2181 op=create", &["zk2.ex"][..], &["zk1.ex", "zk3.ex"][..]),
        (TopView::Servers, "server!=1", &["zk1.ex", "zk3.ex"], &["zk2.ex"]),
        (TopView::Servers, "state=unreachable", &["zk3.ex"], &["zk1.ex", "zk2.ex"]),
        (TopView::Paths, "path~/brokers/*", &["/brokers/topics/t1"], &["/config", "/a/path", "(none)"]),
        (TopView::Clients, "client=10.0.0.2,fd00::1", &["10.0.0.2", "fd00::1"], &["10.0.0.1", "10.0.0.3"]),
        (TopView::Holders, "identity!=broker-1", &["broker-2", "10.0.0.9:4711"], &["broker-1"]),
    ] {
        let mut model = TopModel::new("127.0.0.1:9180", view, filter, BEGINNING);
        for seconds in 1..3 {
            let asked = model.questions();
            model.take(round(&asked, seconds));
        }
        let text = plain_text(&model, 160, 24);
        // The first lines tell of all, and of the filter.
        let rows: Vec<&str> = text.lines().skip(4).collect();
        let has = |name: &&str| rows.iter().any(|row| row.contains(name));
        assert!(shown.iter().all(has) && !others.iter().any(has), "{filter}: {text}");
        assert_eq!(text.contains("not in this view: op=create"), filter.contains("op="), "{text}");
        assert!(text.contains("2/3 serve"), "the head line tells of all: {text}");
    }
}

#[test]
fn servers_that_a_filter_cannot_mean_are_not_shown_and_said() {
    for (filter, said) in [
        ("server=zk9", "there is no server zk9"),
        ("state=servng", "there is no state \"servng\": \"servng\" at character 7: is serving meant? there are "),
    ] {
        let mut model = at_view(TopView::Servers);
        press(&mut model, &[TopKey::Letter('2'), TopKey::Letter('/')]);
        type_text(&mut model, filter);
        press(&mut model, &[TopKey::Enter]);
        model.take(round(&model.questions(), 4));
        assert!(!plain_text(&model, 160, 24).contains("there is no"), "nobody looks at the servers");
        press(&mut model, &[TopKey::Letter('1')]);
        let text = plain_text(&model, 160, 24);
        assert!(!text.lines().skip(4).any(|row| row.contains("example.org")), "rows of no filter: {text}");
        model.take(round(&model.questions(), 6));
        let text = plain_text(&model, 160, 24);
        assert!(text.contains(said) && text.contains("\n0 rows"), "{text}");
    }
    // What a newer zoogate tells of can be asked for.
    let mut model = TopModel::new("127.0.0.1:9180", TopView::Servers, "state=draining", BEGINNING);
    let mut newer = servers(1_000);
    newer[1].state = "draining".into();
    model.take(PollRound { at_ms: BEGINNING, answers: vec![(ApiQuestion::Servers, Ok(ApiAnswer::Servers(newer)))] });
    let text = plain_text(&model, 160, 24);
    assert!(text.contains("zk2.ex") && !text.contains("there is no"), "{text}");
}

#[test]
fn paths_of_which_only_the_beginning_is_known_stay_where_they_may_fit() {
    let long = format!("/brokers/{}/queue/one", "a".repeat(LoadAnswer::KEY_BYTES));
    for (filter, is_shown, may_fit) in [
        (format!("path={long}"), true, true),
        ("path~/brokers/*/queue/*".to_owned(), true, true),
        ("path~*/queue/*".to_owned(), true, true),
        ("path!~*/queue/*".to_owned(), true, true),
        (format!("path!={long}"), true, true),
        ("path=/brokers".to_owned(), false, false),
        ("path~/config/*".to_owned(), false, false),
        ("path!~/brokers/*".to_owned(), false, false),
        (String::new(), true, false),
    ] {
        let mut model = TopModel::new("127.0.0.1:9180", TopView::Paths, &filter, BEGINNING);
        let mut answer = load("path", 1_000);
        answer.load[0].key = long[..LoadAnswer::KEY_BYTES].to_owned();
        let question = model.questions().questions.remove(0).0;
        model.take(PollRound { at_ms: BEGINNING, answers: vec![(question, Ok(ApiAnswer::Load(answer)))] });
        let text = plain_text(&model, 160, 24);
        assert_eq!(text.lines().skip(4).any(|row| row.contains("/brokers/aaaa")), is_shown, "{filter}: {text}");
        assert_eq!(text.contains("1 of these are cut at 128 bytes and may fit"), may_fit, "{filter}: {text}");
    }
}
