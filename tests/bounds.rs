//! The README's table of bounds says what the code does: each of its figures is compared with a constant.
//!
//! Constants are read out of the sources, since most of them are nobody else's business.

use std::fs;
use std::path::Path;

/// A figure of the table: the beginning of its row, how it is written, and the constant that it stands for.
type Claim = (&'static str, &'static str, &'static str, &'static str);

const CLAIMS: &[Claim] = &[
    ("(what repeats", "10 s", "src/observe/sparing.rs", "PAUSE"),
    ("| connections of clients", "a client takes 2;", "src/proxy/descriptors.rs", "PER_CLIENT"),
    ("| connections of clients", "48 are kept", "src/proxy/descriptors.rs", "HOUSE"),
    ("| connections of clients", "4 for each worker", "src/proxy/descriptors.rs", "PER_WORKER"),
    ("| connections of clients", "2 for each server", "src/proxy/descriptors.rs", "PER_SERVER"),
    ("| accepting with no", "50 ms", "src/proxy/door.rs", "AFTER_FAILURE"),
    ("| clients that wait", "4,096", "src/proxy/socket.rs", "BACKLOG"),
    ("| connections to a server only", "40 ms", "src/proxy/probe.rs", "AFTER_REFUSAL"),
    ("| connections to a server only", "10 s", "src/proxy/probe.rs", "LONGEST_PATIENCE"),
    ("| a server that leads back", "100 ms", "src/proxy/loop_watch.rs", "RECENT"),
    ("| a server that leads back", "12 words", "src/proxy/suspect.rs", "TRIAL_WORDS"),
    ("| a server that leads back", "when 4 of", "src/proxy/suspect.rs", "ENOUGH"),
    ("| a server that leads back", "each 5 s", "src/proxy/suspect.rs", "AFTER_PROOF"),
    ("| time to connect to a mirror", "3 s", "src/proxy/connection.rs", "MIRROR_CONNECT"),
    ("| bytes held", "64 KiB", "src/proxy/half_pipe.rs", "READ_BUFFER"),
    ("| bytes taken", "64 KiB", "src/proxy/gate.rs", "READ_AHEAD"),
    ("| time to connect to a server for", "1 s", "src/proxy/reach.rs", "CONNECT_WITHIN"),
    ("| time that a claim waits", "30 s", "src/route/search.rs", "SHORTEST_PATIENCE"),
    ("| time that a claim waits", "10 min", "src/proxy/gateway.rs", "LONGEST_TIMEOUT"),
    ("| claims that are remembered", "65,536", "src/proxy/claims_out.rs", "CLAIMS_REMEMBERED"),
    ("| claims that are remembered", "2 min", "src/route/search.rs", "LONGEST_OUT"),
    ("| claims that are remembered", "30 s", "src/route/search.rs", "SHORTEST_PATIENCE"),
    ("| connections of clients", "one in 256", "src/proxy/descriptors.rs", "LEFT_CLAIMS_SHARE"),
    ("| connections of claims", "256, or one in 256", "src/proxy/claims_out.rs", "CONNECTIONS_WATCHED"),
    ("| complaints of clients", "64", "src/route/standing.rs", "COMPLAINTS"),
    ("| bytes that one direction", "64 KiB", "src/proxy/half_pipe.rs", "BYTES_PER_TURN"),
    ("| requests looked at", "65,536", "src/session/pending.rs", "LOOKED_AT"),
    ("| refusals in words", "16 in", "src/proxy/account.rs", "REFUSALS_AT_ONCE"),
    ("| requests in flight", "4,096", "src/session/pending.rs", "IN_FLIGHT_CAP"),
    ("| paths kept", "16 KiB", "src/session/path_ring.rs", "PATH_RING_CAP"),
    ("| paths kept", "255 bytes", "src/session/path_ring.rs", "KEPT"),
    ("| bytes kept of a ClickHouse client", "16 KiB", "src/session/connection.rs", "HELD_CAP"),
    ("| watched paths", "32,768", "src/session/watches.rs", "WATCHED_PATHS_CAP"),
    ("| claims of", "4,096", "src/session/ledger.rs", "CLAIMANTS"),
    ("| claims of", "8 of each", "src/session/ledger.rs", "CLAIMANT_HISTORY"),
    ("| findings", "65,536", "src/session/ledger.rs", "FINDINGS"),
    ("| log lines", "4,096", "src/observe/logging.rs", "LINES"),
    ("| findings", "8 MiB", "src/session/ledger/kept.rs", "FINDINGS_BYTES"),
    ("| moves, refusals", "3 MiB of moves", "src/session/ledger/kept.rs", "MOVES_BYTES"),
    ("| moves, refusals", "2 MiB", "src/session/ledger/kept.rs", "VERDICTS_BYTES"),
    ("| moves, refusals", "3 MiB of ends", "src/session/ledger/kept.rs", "ENDED_BYTES"),
    ("| ends whose", "50,000", "src/session/ledger/docket.rs", "CASES"),
    ("| ends whose", "6 MiB", "src/session/ledger/docket.rs", "CASES_BYTES"),
    ("| ends whose", "2 KiB", "src/session/ledger/docket.rs", "CASE_BYTES_A_SESSION"),
    ("| unanswered requests", "16,", "src/session/ending.rs", "UNANSWERED_SHOWN"),
    ("| unanswered requests", "255 bytes", "src/session/ending.rs", "UNANSWERED_PATH"),
    ("| unanswered requests", "1,024", "src/session/ending.rs", "UNANSWERED_PATHS"),
    ("| claims in the history", "32;", "src/session/ledger.rs", "HISTORY"),
    ("| bytes of an identity", "128", "src/session/identity.rs", "IDENTITY_PATH_CAP"),
    ("| connections to the admin", "64;", "src/admin/guests.rs", "CONNECTIONS"),
    ("| connections to the admin", "10 s", "src/admin/guests.rs", "STILL"),
    ("| connections to the admin", "2 min", "src/admin/guests.rs", "IDLE"),
    ("| answers of the admin", "8 are", "src/admin/desk.rs", "TRAYS"),
    ("| answers of the admin", "32 requests", "src/admin/desk.rs", "WAITING"),
    ("| rows of a list", "64 at", "src/admin/listing.rs", "ROWS"),
    ("| rows of a list", "256 KiB", "src/admin/listing.rs", "PIECE"),
    ("| happenings", "256", "src/observe/observatory/reading.rs", "STORY"),
    ("| connections to the admin", "after 10 min", "src/admin/door.rs", "LIFETIME"),
    ("| answers of the admin", "4 times", "src/admin/pace.rs", "REST"),
    ("| answers of the admin", "2 s", "src/admin/pace.rs", "LONGEST_REST"),
    ("| one direction", "a minute", "src/proxy/relay.rs", "LINGER"),
    ("| sent bytes", "a minute", "src/proxy/socket.rs", "UNACKNOWLEDGED"),
    ("| steps of the machine's date", "64", "src/observe/calendar.rs", "STEPS"),
    ("| zoogate's own pauses", "300 ms", "src/proxy/own_pause.rs", "NOTED"),
    ("| zoogate's own pauses", "256", "src/session/own_pause.rs", "OWN_PAUSES_KEPT"),
    ("| Kafka clusters", "64", "src/session/ledger/roles.rs", "CONTROLLERS"),
    ("| resident memory", "32 MiB", "tests/relay/support/zoogate.rs", "HOUSE"),
    ("| resident memory", "8 KiB", "tests/relay/support/zoogate.rs", "PER_SESSION"),
];

/// Figures that follow from others, or from what a test in the source holds.
const OTHERS: &[(&str, &str)] = &[
    ("| connections to a server only", "1, 2, 4, 8"),
    ("| watched paths", "17 bytes"),
    ("| moves, refusals", "10,000"),
    // Bounded by the fields of an event.
    ("| log lines", "3 KiB"),
];

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The section of the README, without what is written as code.
fn section() -> String {
    let text = read("README.md");
    let (_, rest) = text.split_once("### Bounds\n").expect("a section of bounds");
    let section = rest.split("\n### ").next().expect("its end");
    section.split('`').step_by(2).collect()
}

/// What a figure stands for: bytes, seconds, or a mere number.
fn meaning(figure: &str) -> f64 {
    if figure == "a minute" {
        return 60.0;
    }
    let mut words = figure.split(' ').skip_while(|word| !word.starts_with(|letter: char| letter.is_ascii_digit()));
    let number = words.next().expect("a number").trim_end_matches(';').replace(',', "");
    let unit = match words.next() {
        Some("ms") => 1e-3,
        Some("min") => 60.0,
        Some("KiB") => 1024.0,
        Some("MiB") => 1024.0 * 1024.0,
        _ => 1.0,
    };
    number.parse::<f64>().unwrap_or_else(|error| panic!("{figure}: {error}")) * unit
}

/// The value of a constant: bytes, seconds, or a mere number.
fn constant(file: &str, name: &str) -> f64 {
    let text = read(file);
    let declared = format!("const {name}: ");
    let (_, rest) = text.split_once(&declared).unwrap_or_else(|| panic!("{file} has no constant {name}"));
    let value = rest.split(';').next().and_then(|rest| rest.split_once(" = ")).expect("a value").1;
    evaluate(value).unwrap_or_else(|| panic!("{file}: the value of {name} is not understood: {value}"))
}

fn evaluate(text: &str) -> Option<f64> {
    if let Some((left, right)) = text.split_once(" * ") {
        return Some(evaluate(left)? * evaluate(right)?);
    }
    if let Some((left, right)) = text.split_once(" << ") {
        return Some(evaluate(left)? * evaluate(right)?.exp2());
    }
    if let Some((unit, number)) = text.strip_prefix("Duration::from_").and_then(|rest| rest.split_once('(')) {
        let unit = match unit {
            "mins" => 60.0,
            "secs" => 1.0,
            "millis" => 1e-3,
            _ => return None,
        };
        return Some(evaluate(number.strip_suffix(')')?)? * unit);
    }
    text.replace('_', "").parse().ok()
}

#[test]
fn figures_are_those_of_the_code() {
    let section = section();
    for (row, figure, file, name) in CLAIMS {
        let line = section.lines().find(|line| line.starts_with(row)).unwrap_or_else(|| panic!("no row {row}"));
        assert!(line.contains(figure), "{row} does not say {figure}: {line}");
        // The memory of the storm is reckoned in KiB.
        let scale = if file.starts_with("tests/relay") { 1024.0 } else { 1.0 };
        let (said, done) = (meaning(figure), constant(file, name) * scale);
        assert!((said - done).abs() < 1e-9, "{row}: the README says {figure}, {name} in {file} is {done}");
    }
}

#[test]
fn every_figure_is_compared() {
    let mut section = section();
    let claimed = CLAIMS.iter().map(|(row, figure, ..)| (*row, *figure)).chain(OTHERS.iter().copied());
    for (row, figure) in claimed {
        let begin = section.find(row).unwrap_or_else(|| panic!("no row {row}"));
        let at = begin + section[begin..].find(figure).unwrap_or_else(|| panic!("{row} does not say {figure}"));
        section.replace_range(at..at + figure.len(), "");
    }
    let left = section.lines().find(|line| line.contains(|letter: char| letter.is_ascii_digit()));
    assert_eq!(left, None, "a figure that no constant is compared with");
}

#[test]
fn values_and_figures_are_understood() {
    let close = |left: f64, right: f64| (left - right).abs() < 1e-9;
    assert!(close(evaluate("64 * 1024").unwrap(), 65_536.0));
    assert!(close(evaluate("32 << 10").unwrap(), 32_768.0));
    assert!(close(evaluate("Duration::from_millis(1_500)").unwrap(), 1.5));
    assert!(close(meaning("a client takes 2;"), 2.0));
    assert!(close(meaning("16 KiB"), 16_384.0));
    assert!(close(meaning("4,096"), 4_096.0));
    assert_eq!(evaluate("SOMETHING_ELSE"), None);
}
