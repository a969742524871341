//! The list of bounds: every figure in it is a constant of the code, and what it says of metrics is true.

use zoogate::bounds::{self, ResourceBound};
use zoogate::observe::exposition::catalog::CATALOG;

/// What stands outside of backquotes, where figures would be bounds.
fn prose(text: &str) -> String {
    text.split('`').step_by(2).collect()
}

/// What stands in backquotes: settings, metrics, paths.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Figures of the list that are no constants.
fn loose_figures(bounds: &[(&str, &str)]) -> Vec<String> {
    let is_figure = |letter: char| letter.is_ascii_digit();
    let loose =
        bounds.iter().filter(|(what, template)| prose(what).contains(is_figure) || prose(template).contains(is_figure));
    loose.map(|(what, template)| format!("{what}: {template}")).collect()
}

#[test]
fn every_figure_is_a_constant() {
    let list = bounds::all();
    let rows: Vec<_> = list.iter().map(|bound| (bound.what, bound.template)).collect();
    assert_eq!(loose_figures(&rows), Vec::<String>::new());
}

#[test]
fn a_figure_that_is_no_constant_is_found() {
    assert_eq!(
        loose_figures(&[("connections", "{most}; `503` for others"), ("words", "12 at once")]),
        ["words: 12 at once"]
    );
}

#[test]
fn metrics_of_the_list_are_exported() {
    let named = |bound: &ResourceBound| code(bound.shown_by).map(str::to_owned).collect::<Vec<_>>();
    let metrics: Vec<String> =
        bounds::all().iter().flat_map(named).filter(|name| name.starts_with("zoogate_")).collect();
    assert!(metrics.len() > 20);
    for metric in metrics {
        let name = metric.split('{').next().unwrap_or_default();
        assert!(CATALOG.iter().any(|known| known.name == name), "{name} is not exported");
    }
}

#[test]
fn no_row_is_there_twice() {
    let list = bounds::all();
    for (place, bound) in list.iter().enumerate() {
        assert!(list[..place].iter().all(|other| other.what != bound.what), "{}", bound.what);
        assert!(!bound.text.contains('|') && !bound.text.contains('\n'), "{}", bound.what);
    }
}
