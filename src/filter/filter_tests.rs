use std::borrow::Cow;
use std::net::SocketAddr;

use proptest::prelude::*;

use super::*;
use crate::wire::{ErrorCode, OpCode};

/// A row with all fields but those that a watch event lacks, when it is one.
struct OneRow {
    is_event: bool,
}

impl FilterSubject for OneRow {
    fn field(&self, field: FilterField) -> FieldValue<'_> {
        match field {
            FilterField::Session => FieldValue::Session(SessionId(0x10)),
            FilterField::Identity => FieldValue::text(Some("broker-3 (controller)")),
            FilterField::Client => FieldValue::Socket(SocketAddr::from(([10, 0, 0, 7], 4000))),
            FilterField::Server if self.is_event => FieldValue::Servers([None, None]),
            FilterField::Server => FieldValue::Servers([Some(ServerId(0)), Some(ServerId(2))]),
            FilterField::Path => FieldValue::Text(Cow::Borrowed(b"/brokers/ids/3\xff")),
            FilterField::Kind => FieldValue::text(Some(if self.is_event { "watch" } else { "operation" })),
            _ if self.is_event => FieldValue::Absent,
            FilterField::Op | FilterField::Class => FieldValue::Operation(OpCode::CREATE),
            FilterField::Error => FieldValue::Outcome(ErrorCode::NODE_EXISTS),
            FilterField::Latency => FieldValue::Number(10_000_000),
            FilterField::RequestBytes => FieldValue::Number(1024),
            FilterField::ReplyBytes => FieldValue::Number(0),
            FilterField::Connection => FieldValue::Number(7),
            FilterField::Moved => FieldValue::Flag(true),
            FilterField::State | FilterField::Reason | FilterField::Cause => FieldValue::text(Some("open")),
        }
    }
}

fn fits(text: &str, is_event: bool) -> bool {
    let names = ["zk1:2181", "zk2:2181", "zk3:2181"].map(str::to_owned);
    Filter::parse(text).unwrap().with_servers(&names).unwrap().matches(&OneRow { is_event })
}

#[test]
fn terms_fit_what_they_say() {
    for yes in [
        "",
        "session=0x10",
        "session!=0x11,0x12",
        "identity=broker-3",
        "identity=\"broker-3 (controller)\"",
        "identity~*controller*",
        "client=10.0.0.7",
        "client=10.0.0.7:4000",
        "server=zk1:2181",
        "server=2",
        "server=zk2:2181,zk3:2181",
        "op=create,delete",
        "op=CREATE op!=getData",
        "class=write",
        "path~/brokers/*",
        "path!~/config/*",
        "error!=ok",
        "error=nodeexists",
        "error=-110",
        "latency>=10ms latency<1s latency=10000us latency>9999us",
        "request_bytes=1KiB reply_bytes<1",
        "connection=7",
        "moved moved=true moved!=false",
        "kind=operation",
    ] {
        assert!(fits(yes, false), "{yes}");
    }
    for no in [
        "session=0x11",
        "identity=broker",
        "identity!=broker-3",
        "client=10.0.0.8",
        "client=10.0.0.7:4001",
        "server=zk2:2181",
        "server!=zk1:2181",
        "op=delete,exists",
        "op!=create,delete",
        "class=read",
        "path=/brokers/ids/3",
        "path~/brokers",
        "error=ok",
        "latency>10ms",
        "moved=false",
        "op=create error=ok",
    ] {
        assert!(!fits(no, false), "{no}");
    }
}

#[test]
fn what_a_row_does_not_have_fits_no_term() {
    for no in
        ["error!=ok", "error=ok", "op!=create", "latency<1s", "class!=read", "server!=zk1:2181", "server=zk1:2181"]
    {
        assert!(!fits(no, true), "{no}");
    }
    assert!(fits("kind!=operation identity=broker-3", true));
}

#[test]
fn a_wrong_filter_says_where_and_what_could_stand_there() {
    for (text, position, word, says) in [
        ("op=create opp=x", Some(11), "opp", "the fields are session, identity"),
        ("op>create", Some(1), "op>", "behind it stands =, !="),
        ("op=create,made", Some(11), "made", "an operation, one of notification, create, delete"),
        ("error=bad", Some(7), "bad", "one of OK, SYSTEMERROR"),
        ("latency>10", Some(9), "10", "its unit (ns, us, ms, s or m)"),
        ("latency>99999999999999999s", Some(9), "99999999999999999s", "its unit"),
        ("session=x!", Some(9), "x!", "a session id in hexadecimal"),
        ("class=", Some(7), "", "a value stands there"),
        ("path=\"/a", Some(6), "/a", "a double quote ends it"),
        ("path=\"/a\"b", Some(10), "b", "a space or a comma"),
        ("path", Some(1), "path", "behind it stands =, !=, ~, !~ and a value"),
        ("path=~/a", Some(5), "=~", "behind a field stands"),
        ("path(/a", Some(5), "(/a", "behind a field stands"),
        ("=x", Some(1), "=x", "a term begins with a field"),
        ("moved=maybe", Some(7), "maybe", "true or false"),
        ("é=1", Some(1), "é", "the fields are"),
    ] {
        let error = Filter::parse(text).unwrap_err();
        assert_eq!((error.position, error.word.as_str()), (position, word), "{text}: {error}");
        assert!(error.to_string().contains(says), "{text}: {error}");
    }
    let long = Filter::parse(&"x".repeat(FILTER_BYTES + 1)).unwrap_err();
    assert!(long.to_string().contains("at most 1024 bytes"), "{long}");
    let server = Filter::parse("server=zk9").unwrap().with_servers(&["zk1:2181".to_owned()]).unwrap_err();
    assert_eq!(server.to_string(), "there is no server zk9: \"zk9\" at character 8: the servers are zk1:2181");
    let field = Filter::parse("moved latency>1s").unwrap().for_fields(&[FilterField::Moved, FilterField::Op]);
    assert_eq!(
        field.unwrap_err().to_string(),
        "this list has no filter latency: \"latency\" at character 7: its filters are moved, op"
    );
}

#[test]
fn conditions_that_were_made_can_be_read_back() {
    let mut made = Filter::default();
    made.and_is(FilterField::Server, "a, \"b\\").unwrap();
    let mut made = made.and_contains(FilterField::Identity, "x*y z\\").unwrap();
    made.and_is(FilterField::Moved, "false").unwrap();
    let text = made.to_string();
    assert_eq!(Filter::parse(&text).unwrap().to_string(), text);
    assert_eq!(made.only_session(), None);
    made.and_is(FilterField::Session, "0x10").unwrap();
    assert_eq!(made.only_session(), Some(SessionId(0x10)));
    assert_eq!(Filter::parse("session=1,2").unwrap().only_session(), None);
    assert!(made.and_is(FilterField::Client, "nobody").is_err());
}

#[test]
fn comparing_takes_a_bounded_number_of_steps() {
    let part = "a".repeat(RETRIED_SIGNS);
    for text in [format!("path~*{part}*"), format!("path~/b/{part}{part}/*"), format!("path={part}{part}")] {
        assert!(Filter::parse(&text).is_ok(), "{text}");
    }
    for text in [format!("path~*{part}b"), format!("path~*{part} identity~*b"), format!("path!~*{part},a*b")] {
        let error = Filter::parse(&text).unwrap_err().to_string();
        assert!(error.contains("129 signs") && error.contains("at most 128"), "{error}");
    }
    // A star between signs is tried again and again as they are.
    assert!(Filter::parse(&format!("path~{}*", "*a".repeat(RETRIED_SIGNS / 2))).is_ok());
    assert!(Filter::parse(&format!("path~{}*", "*a".repeat(RETRIED_SIGNS / 2 + 1))).is_err());
    assert!(Filter::default().and_contains(FilterField::Identity, &part).is_ok());
    assert!(Filter::default().and_contains(FilterField::Identity, &format!("{part}b")).is_err());
}

#[test]
fn words_that_there_are_not_are_told_with_those_that_there_are() {
    let words = |field| (field == FilterField::Reason).then(|| vec!["session_moved", "closed", "closed"]);
    let checked = |text: &str| Filter::parse(text).unwrap().with_words(words);
    for text in ["reason=closed", "reason!=session_moved,closed", "reason~sesion*", "state=sesion_moved"] {
        assert!(checked(text).is_ok(), "{text}");
    }
    let error = checked("moved reason=closed,sesion_moved").unwrap_err();
    assert_eq!(error.problem, "there is no reason \"sesion_moved\"");
    assert_eq!(
        error.reason(),
        "\"sesion_moved\" at character 21: is session_moved meant? there are closed, session_moved"
    );
    assert!(checked("reason=x").unwrap_err().reason().ends_with(": there are closed, session_moved"));
}

/// A value that a field can have, as it may be written.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z/*?\\\\.:-]{1,12}",
        "\"([^\"\\\\]|\\\\.){0,12}\"",
        "[0-9]{1,4}(ns|us|ms|s|m|KiB|MiB)?",
        "0x[0-9a-f]{1,16}"
    ]
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".{0,80}") {
        if let Ok(filter) = Filter::parse(&text) {
            let _ = filter.matches(&OneRow { is_event: false });
        }
    }

    #[test]
    fn what_was_read_is_written_so_that_it_reads_the_same(
        terms in prop::collection::vec(
            (prop::sample::select(FilterField::ALL), prop::sample::select(TermOperator::ALL), prop::collection::vec(value(), 1..3)),
            0..5,
        ),
    ) {
        let text: Vec<_> =
            terms.iter().map(|(field, operator, values)| format!("{}{}{}", field.name(), operator.sign(), values.join(","))).collect();
        if let Ok(filter) = Filter::parse(&text.join("  ")) {
            let written = filter.to_string();
            let again = Filter::parse(&written).unwrap();
            prop_assert_eq!(again.to_string(), written);
            for is_event in [false, true] {
                prop_assert_eq!(again.matches(&OneRow { is_event }), filter.matches(&OneRow { is_event }));
            }
        }
    }
}
