//! What an expression of Prometheus selects, compared with what zoogate exports: a misspelt name, label or word would
//! select nothing, and nobody would see that.

use zoogate::observe::LatencyClass;
use zoogate::observe::ProxyTelemetry;
use zoogate::observe::exposition::catalog::{CATALOG, Metric, MetricKind};
use zoogate::time::Timestamp;
use zoogate::wire::OpCode;

use crate::settings;

/// Labels that Prometheus adds to every series.
pub(crate) const SCRAPED: [&str; 2] = ["job", "instance"];

/// One choice of series: a name with conditions on labels.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SeriesSelector<'a> {
    pub(crate) name: &'a str,
    /// Label, comparison and value of each condition.
    pub(crate) conditions: Vec<(&'a str, &'a str, &'a str)>,
}

fn is_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// Every choice of zoogate's own series in a text, in order.
pub(crate) fn selectors(text: &str) -> Vec<SeriesSelector<'_>> {
    let begins = text.match_indices("zoogate_").map(|(place, _)| place);
    let whole = begins.filter(|place| !text[..*place].ends_with(is_name));
    whole.map(|place| selector(&text[place..])).collect()
}

fn selector(text: &str) -> SeriesSelector<'_> {
    let (name, mut rest) = text.split_at(text.find(|letter| !is_name(letter)).unwrap_or(text.len()));
    let mut conditions = Vec::new();
    let mut before = '{';
    while let Some(inside) = rest.strip_prefix(before).map(str::trim_start).filter(|text| text.starts_with(is_name)) {
        let (label, behind) = inside.split_at(inside.find(|letter| !is_name(letter)).unwrap_or(inside.len()));
        let (comparison, behind) = behind.split_once('"').unwrap_or_else(|| panic!("no word in quotes: {text:.80}"));
        let (value, behind) = behind.split_once('"').unwrap_or_else(|| panic!("an open quote: {text:.80}"));
        conditions.push((label, comparison, value));
        (rest, before) = (behind, ',');
    }
    SeriesSelector { name, conditions }
}

/// What is exported, to compare with.
pub(crate) struct ExportedSeries {
    /// The page of a zoogate that has seen nothing yet.
    page: String,
}

impl ExportedSeries {
    pub(crate) fn read() -> Self {
        let settings = settings(Some("zoogate.toml"), Vec::new());
        Self { page: ProxyTelemetry::new(&settings, Timestamp::ZERO).metrics() }
    }

    /// The metric behind a name, which must be one.
    pub(crate) fn metric(name: &str) -> &'static Metric {
        let of_histogram = ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end));
        let found = CATALOG.iter().find(|metric| match of_histogram {
            Some(family) if metric.kind == MetricKind::Histogram => metric.name == family,
            _ => metric.name == name && metric.kind != MetricKind::Histogram,
        });
        found.unwrap_or_else(|| panic!("{name} is in no catalog"))
    }

    /// Everything that a selector asks for must be there. Words with a variable are left to the dashboard's own checks.
    /// Returns how many words were looked up.
    pub(crate) fn expect(&self, selector: &SeriesSelector<'_>) -> usize {
        let metric = Self::metric(selector.name);
        let mut looked_up = 0;
        for (label, _, value) in &selector.conditions {
            let known = metric.labels.contains(label) || SCRAPED.contains(label) || *label == "le";
            assert!(known, "{} has no label {label}", metric.name);
            if metric.labels.contains(label) && !value.contains('$') && !is_address(label) {
                for word in value.split('|') {
                    assert!(self.has(metric, label, word), "no series of {} has {label}=\"{word}\"", metric.name);
                    looked_up += 1;
                }
            }
        }
        looked_up
    }

    fn has(&self, metric: &Metric, label: &str, word: &str) -> bool {
        let label_is = format!("{label}=\"{word}\"");
        match label {
            // Series of what has not happened yet are not on the page.
            "op" => (0..OpCode::SLOTS).any(|slot| OpCode::slot_name(slot) == word),
            "class" => LatencyClass::ALL.iter().any(|class| class.label() == word),
            "of" => ["probe", "connect", "ping"].contains(&word),
            "which" => ["usual", "last", "worst"].contains(&word),
            "session" => word == "other" || word.starts_with("0x"),
            // Sinks beyond these are added by settings.
            "sink" if ["history", "otlp", "log_lines"].contains(&word) => true,
            _ => self.page.lines().any(|line| {
                line.strip_prefix(metric.name).is_some_and(|rest| rest.starts_with('{')) && line.contains(&label_is)
            }),
        }
    }
}

/// Whether a label's values come from the configuration or from the network, and are no words of ours.
fn is_address(label: &str) -> bool {
    ["server", "from", "to", "listener", "client", "identity", "version"].contains(&label)
}

#[test]
fn names_and_conditions_are_cut_out_of_expressions() {
    let text = "sum by (a) (rate(zoogate_x_total{job=~\"$job\", op!=\"ping\"}[5m])) / zoogate_y + my_zoogate_z";
    let found = selectors(text);
    let conditions = vec![("job", "=~", "$job"), ("op", "!=", "ping")];
    assert_eq!(found[0], SeriesSelector { name: "zoogate_x_total", conditions });
    assert_eq!(found[1], SeriesSelector { name: "zoogate_y", conditions: Vec::new() });
    assert_eq!(found.len(), 2);
}

#[test]
fn what_is_misspelt_is_found() {
    let exported = ExportedSeries::read();
    let wrong = [
        "zoogate_move_total",
        "zoogate_moves_total{server=\"a\"}",
        "zoogate_incidents_total{cause=\"timeout_to_short\"}",
        "zoogate_operation_duration_seconds",
        "zoogate_moves_total_bucket",
        "zoogate_operations_total{op=\"setdata\"}",
    ];
    for text in wrong {
        let refused = std::panic::catch_unwind(|| exported.expect(&selectors(text)[0]));
        assert!(refused.is_err(), "{text} was taken");
    }
    let right = "zoogate_operation_duration_seconds_bucket{le=\"1\", op=\"setData\", job=\"x\"}";
    assert_eq!(exported.expect(&selectors(right)[0]), 1);
}
