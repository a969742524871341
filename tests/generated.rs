//! The documents that are made from the program equal what the program makes.
//!
//! `UPDATE_GENERATED=1 cargo test --test generated` writes them anew.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use clap::CommandFactory as _;
use zoogate::cli::Arguments;
use zoogate::diagnose::CauseCode;
use zoogate::diagnose::risk::RiskCode;
use zoogate::doctor::{DoctorCode, DoctorMark};
use zoogate::observe::exposition::catalog::CATALOG;
use zoogate::session::client_profile::{ClientProfile, ClientSign};
use zoogate::session::verdict::{EndReason, Evidence};

/// Compares a file with what it should hold, given what it holds; or writes it when asked to.
fn check(file: &str, expected: impl Fn(&str) -> String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let found = fs::read_to_string(&path).unwrap_or_default();
    let expected = expected(&found);
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        fs::write(&path, expected).expect("a checkout that can be written");
        return;
    }
    assert!(found == expected, "{file} is out of date: run `UPDATE_GENERATED=1 cargo test --test generated`");
}

/// The text with what stands between the marks of each section replaced.
fn filled(text: &str, sections: &[(&str, String)]) -> String {
    let mut text = text.to_owned();
    for (name, content) in sections {
        let open = format!("<!-- generated: {name} -->\n");
        let begin = text.find(&open).unwrap_or_else(|| panic!("no section {name}")) + open.len();
        let end = begin + text[begin..].find("<!-- end -->").unwrap_or_else(|| panic!("section {name} has no end"));
        text.replace_range(begin..end, content);
    }
    text
}

fn commands() -> String {
    let mut table = String::from("| command | |\n|---|---|\n");
    for command in Arguments::command().get_subcommands().filter(|command| !command.is_hide_set()) {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(table, "| `{}` | {} |", command.get_name(), about.replace('|', "\\|"));
    }
    table
}

fn metrics() -> String {
    let mut table = String::from("| metric | labels | |\n|---|---|---|\n");
    for metric in CATALOG {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let _ = writeln!(table, "| `{}` | {} | {} |", metric.name, labels.join(", "), metric.help);
    }
    table
}

fn reasons() -> String {
    let mut table = String::from("| reason | what happened | what to check |\n|---|---|---|\n");
    for reason in EndReason::ALL {
        let _ = writeln!(table, "| `{}` | {} | {} |", reason.label(), reason.meaning(), reason.advice());
    }
    table
}

fn clients() -> String {
    let mut table = String::from(
        "| client | recognised because | gives up a silent server | waits for a session | then |\n|---|---|---|---|---|\n",
    );
    for profile in ClientProfile::ALL {
        let signs = ClientSign::ALL.iter().filter(|sign| sign.profile() == profile).map(|sign| sign.meaning());
        let signs: Vec<&str> = signs.collect();
        let cells = [&*signs.join("; or "), profile.patience(), profile.connect_wait(), profile.comes_back()];
        let _ = writeln!(table, "| {} | {} |", profile.label(), cells.join(" | "));
    }
    table
}

fn causes() -> String {
    let mut table = String::from("| cause | what happened | what to do |\n|---|---|---|\n");
    for cause in CauseCode::ALL {
        let actions: Vec<String> = cause
            .actions()
            .iter()
            .map(|action| match action.setting {
                Some(setting) => format!("{} (`{setting}`)", action.text),
                None => action.text.to_owned(),
            })
            .collect();
        let _ = writeln!(table, "| `{}` | {} | {} |", cause.label(), cause.meaning(), actions.join("; "));
    }
    table
}

fn risks() -> String {
    let mut table = String::from("| risk | what it means | what to do |\n|---|---|---|\n");
    for risk in RiskCode::ALL {
        let _ = writeln!(table, "| `{}` | {} | {} |", risk.label(), risk.meaning(), risk.advice());
    }
    table
}

fn findings() -> String {
    let mut table =
        String::from("| code | | what was found | what it can cause | what to change |\n|---|---|---|---|---|\n");
    for code in DoctorCode::ALL {
        let setting = code.setting().map_or_else(String::new, |setting| format!(" (`{setting}`)"));
        let change = code.change().map_or_else(String::new, |change| format!("{change}{setting}"));
        let (meaning, consequence) = (code.meaning(), code.consequence().unwrap_or_default());
        let sign = code.hint_where().map_or_else(
            || code.mark().sign().to_string(),
            |hint| format!("{}; {} {hint}", code.mark().sign(), DoctorMark::Hint.sign()),
        );
        let _ = writeln!(table, "| `{}` | {sign} | {meaning} | {consequence} | {change} |", code.label());
    }
    table
}

fn evidence() -> String {
    let mut table = String::from("| evidence | what was seen |\n|---|---|\n");
    for evidence in Evidence::ALL {
        let _ = writeln!(table, "| `{}` | {} |", evidence.label(), evidence.meaning());
    }
    table
}

fn bounds() -> String {
    let mut table = String::from("| what | bound | shown by |\n|---|---|---|\n");
    for bound in zoogate::bounds::all() {
        let _ = writeln!(table, "| {} | {} | {} |", bound.what, bound.text, bound.shown_by);
    }
    table
}

#[test]
fn reference() {
    check("config/reference.toml", |_| zoogate::config::reference_toml());
}

#[test]
fn schema() {
    check("config/schema.json", |_| zoogate::config::schema_json());
}

#[test]
fn openapi() {
    check("config/openapi.json", |_| zoogate::admin::openapi_json());
}

#[test]
fn tables_of_the_readme() {
    let sections = [
        ("commands", commands()),
        ("reasons", reasons()),
        ("causes", causes()),
        ("clients", clients()),
        ("evidence", evidence()),
        ("risks", risks()),
        ("findings", findings()),
        ("settings", zoogate::config::settings_table()),
        ("metrics", metrics()),
        ("bounds", bounds()),
    ];
    check("README.md", |text| filled(text, &sections));
}

#[test]
fn only_what_is_between_the_marks_is_replaced() {
    let text = "a\n<!-- generated: x -->\nold\n<!-- end -->\nb\n";
    assert_eq!(filled(text, &[("x", "new\n".to_owned())]), "a\n<!-- generated: x -->\nnew\n<!-- end -->\nb\n");
}
