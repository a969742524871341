//! Help texts, held as files so that a change of them is seen: `UPDATE_GENERATED=1 cargo test --test cli help`.

use std::fs;
use std::path::Path;

use zoogate::diagnose::CauseCode;
use zoogate::doctor::DoctorCode;
use zoogate::session::verdict::{EndReason, Evidence};

use super::{stderr, stdout, zoogate};

fn check(file: &str, arguments: &[&str]) {
    let output = zoogate(arguments, &[]);
    assert_eq!(output.status.code(), Some(0));
    let shown = stdout(&output);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/help").join(file);
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        fs::write(&path, &shown).expect("a checkout that can be written");
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(shown == expected, "{file} differs: UPDATE_GENERATED=1 writes it anew\n{shown}");
}

#[test]
fn of_the_whole() {
    check("zoogate.txt", &["--help"]);
}

#[test]
fn of_settings_in_short() {
    check("run-short.txt", &["run", "-h"]);
}

#[test]
fn of_settings_in_full() {
    check("run.txt", &["run", "--help"]);
}

#[test]
fn of_a_list() {
    check("sessions.txt", &["sessions", "--help"]);
}

#[test]
fn of_the_doctor() {
    check("doctor.txt", &["doctor", "--help"]);
}

#[test]
fn of_what_changes_something() {
    check("disconnect.txt", &["disconnect", "--help"]);
}

#[test]
fn every_word_is_explained_alone_and_with_all_others() {
    let all = stdout(&zoogate(&["explain"], &[]));
    for reason in EndReason::ALL {
        let one = stdout(&zoogate(&["explain", reason.label()], &[]));
        let text = format!("{}\n    {}\n    look at: {}\n", reason.label(), reason.meaning(), reason.advice());
        // Some words name a cause as well.
        assert!(one.starts_with(&text) && all.contains(&text), "{one}");
    }
    for evidence in Evidence::ALL {
        let one = stdout(&zoogate(&["explain", evidence.label()], &[]));
        assert_eq!(one, format!("{}\n    {}\n", evidence.label(), evidence.meaning()));
        assert!(all.contains(&one), "{one}");
    }
    for cause in CauseCode::ALL {
        let one = stdout(&zoogate(&["explain", cause.label()], &[]));
        let actions = cause.actions().iter().map(|action| format!("    to do: {}: {}\n", action.text, action.why));
        let text = format!("{}\n    {}\n{}", cause.label(), cause.meaning(), actions.collect::<String>());
        assert!(one.ends_with(&text) && all.contains(&text), "{one}");
    }
    for code in DoctorCode::ALL {
        let one = stdout(&zoogate(&["explain", code.label()], &[]));
        assert!(one.starts_with(&format!("{}\n    {} ", code.label(), code.mark().sign())), "{one}");
        let says = [Some(code.why()), code.consequence(), code.change(), code.setting()];
        assert!(says.into_iter().flatten().all(|part| one.contains(part)) && all.contains(&one), "{one}");
    }
    let wrong = zoogate(&["explain", "lagging"], &[]);
    assert_eq!(wrong.status.code(), Some(64));
    assert!(stderr(&wrong).contains("'lagging_server'"), "{}", stderr(&wrong));
}

#[test]
fn no_command_shows_the_help_as_an_error() {
    let output = zoogate(&[], &[]);
    assert_eq!(output.status.code(), Some(64));
    assert!(stderr(&output).contains("Usage: zoogate <COMMAND>"));
}

#[test]
fn unknown_words_are_usage_errors() {
    for arguments in
        [&["chek"][..], &["check", "--pin", "hard"], &["check", "--probe-interval", "2"], &["sessions", "--limit", "x"]]
    {
        let output = zoogate(arguments, &[]);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        assert!(output.stdout.is_empty());
    }
    assert!(stderr(&zoogate(&["check", "--probe-interval", "2"], &[])).contains("\"2\" is not a time"));
}

#[test]
fn completions_and_manual_are_printed() {
    assert!(stdout(&zoogate(&["completions", "bash"], &[])).contains("print-config"));
    assert!(stdout(&zoogate(&["man"], &[])).contains(".TH zoogate 1"));
}
