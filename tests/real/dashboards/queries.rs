//! The queries of the shipped dashboards, with their variables filled in as Grafana does.

use std::fs;
use std::path::Path;

use serde_json::Value;

const FILES: [&str; 3] = ["grafana-overview.json", "grafana-session.json", "grafana-ensemble.json"];

/// One query of one panel.
#[derive(Debug)]
pub(super) struct DashboardQuery {
    pub(super) panel: String,
    pub(super) expression: String,
}

/// Every query of every dashboard.
pub(super) fn all() -> Vec<DashboardQuery> {
    let mut queries = Vec::new();
    for file in FILES {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(file);
        let text = fs::read_to_string(path).expect("a dashboard");
        let board: Value = serde_json::from_str(&text).expect("JSON");
        let variables = variables(&board);
        for panel in board["panels"].as_array().expect("panels") {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let expression = target["expr"].as_str().expect("an expression");
                let filled =
                    variables.iter().fold(expression.to_owned(), |text, (name, value)| text.replace(name, value));
                assert!(!filled.contains('$'), "{file}: a variable that is not known: {filled}");
                let panel = format!("{file}: {}", panel["title"].as_str().unwrap_or_default());
                queries.push(DashboardQuery { panel, expression: filled });
            }
        }
    }
    assert!(queries.len() > 90, "{} queries", queries.len());
    queries
}

/// Longer names first: `$server` must not be taken for the beginning of another one.
fn variables(board: &Value) -> Vec<(String, String)> {
    let mut found = vec![("$__rate_interval".to_owned(), "10s".to_owned()), ("$__range".to_owned(), "10m".to_owned())];
    for variable in board["templating"]["list"].as_array().expect("variables") {
        let value = match variable["type"].as_str() {
            Some("constant") => variable["query"].as_str().expect("a value"),
            _ => ".+",
        };
        found.push((format!("${}", variable["name"].as_str().expect("a name")), value.to_owned()));
    }
    found.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    found
}
