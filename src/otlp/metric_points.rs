//! The page of metrics as OTLP: the same names, labels and numbers, read off the page, so that both say the same.
//!
//! Series of single sessions stay out: there are many, and a session's id is as good as its password.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
    ScopeMetrics, Sum, metric, number_data_point,
};

use super::resource_identity::{resource, scope, text};

/// When the page was made and since when its counters count, in nanoseconds since 1970.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct PageMoment {
    pub(super) started_nanos: u64,
    pub(super) made_nanos: u64,
}

/// A sample: its labels and its value.
type PageSample<'p> = (Vec<(&'p str, String)>, f64);

/// A family as it stands on the page.
#[derive(Debug, Default)]
struct PageFamily<'p> {
    name: &'p str,
    help: &'p str,
    kind: &'p str,
    /// Of a histogram: those of its buckets, sums and counts by what follows the name.
    samples: Vec<(&'p str, PageSample<'p>)>,
}

/// The whole page as one request.
pub(super) fn request(instance: &str, page: &str, moment: PageMoment) -> ExportMetricsServiceRequest {
    let metrics = families(page).iter().filter_map(|family| metric(family, moment)).collect();
    let scope_metrics = ScopeMetrics { scope: Some(scope()), metrics, ..ScopeMetrics::default() };
    let resource = Some(resource(instance));
    let all = ResourceMetrics { resource, scope_metrics: vec![scope_metrics], ..ResourceMetrics::default() };
    ExportMetricsServiceRequest { resource_metrics: vec![all] }
}

fn families(page: &str) -> Vec<PageFamily<'_>> {
    let mut families: Vec<PageFamily<'_>> = Vec::new();
    let mut help = "";
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ').map_or("", |(_, help)| help);
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            families.push(PageFamily { name, help: std::mem::take(&mut help), kind, samples: Vec::new() });
        } else if let Some(family) = families.last_mut()
            && let Some((suffix, sample)) = sample(line, family.name)
        {
            family.samples.push((suffix, sample));
        }
    }
    families
}

/// One line of the page: what follows the family's name, and the sample.
fn sample<'p>(line: &'p str, family: &str) -> Option<(&'p str, PageSample<'p>)> {
    let rest = line.strip_prefix(family)?;
    // A label's value may hold a brace or a blank, so the labels end with the last brace.
    let (name, labels, value) = match rest.find('{') {
        Some(open) if !rest[..open].contains(' ') => {
            let close = rest.rfind('}')?;
            (&rest[..open], &rest[open + 1..close], rest[close + 1..].trim())
        }
        _ => {
            let (name, value) = rest.split_once(' ')?;
            (name, "", value.trim())
        }
    };
    Some((name, (labels_of(labels), value.parse().ok()?)))
}

fn labels_of(mut text: &str) -> Vec<(&str, String)> {
    let mut labels = Vec::new();
    while let Some((name, rest)) = text.split_once("=\"") {
        let mut value = String::new();
        let mut letters = rest.char_indices();
        let mut end = rest.len();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    end = at + 1;
                    break;
                }
                // The text format escapes these three.
                '\\' => match letters.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, other)) => value.push(other),
                    None => {}
                },
                other => value.push(other),
            }
        }
        labels.push((name.trim_start_matches(','), value));
        text = rest.get(end..).unwrap_or_default();
    }
    labels
}

fn metric(family: &PageFamily<'_>, moment: PageMoment) -> Option<Metric> {
    let data = match family.kind {
        "counter" => metric::Data::Sum(Sum {
            data_points: points(family, moment),
            aggregation_temporality: AggregationTemporality::Cumulative.into(),
            is_monotonic: true,
        }),
        "gauge" => metric::Data::Gauge(Gauge { data_points: points(family, moment) }),
        "histogram" => metric::Data::Histogram(Histogram {
            data_points: distributions(family, moment),
            aggregation_temporality: AggregationTemporality::Cumulative.into(),
        }),
        _ => return None,
    };
    let unit = match family.name {
        name if name.contains("_seconds") => "s",
        name if name.contains("_bytes") => "By",
        _ => "1",
    };
    let (name, description, unit) = (family.name.to_owned(), family.help.to_owned(), unit.to_owned());
    Some(Metric { name, description, unit, data: Some(data), ..Metric::default() })
}

fn is_of_session(labels: &[(&str, String)]) -> bool {
    labels.iter().any(|(name, _)| *name == "session")
}

fn attributes(labels: &[(&str, String)]) -> Vec<KeyValue> {
    labels.iter().filter(|(name, _)| *name != "le").map(|(name, value)| text(name, value.as_str())).collect()
}

fn points(family: &PageFamily<'_>, moment: PageMoment) -> Vec<NumberDataPoint> {
    let shown = family.samples.iter().filter(|(suffix, (labels, _))| suffix.is_empty() && !is_of_session(labels));
    let point = |(_, (labels, value)): &(&str, PageSample<'_>)| NumberDataPoint {
        attributes: attributes(labels),
        start_time_unix_nano: moment.started_nanos,
        time_unix_nano: moment.made_nanos,
        value: Some(number_data_point::Value::AsDouble(*value)),
        ..NumberDataPoint::default()
    };
    shown.map(point).collect()
}

/// What a histogram's series has on the page: cumulative counts by edge, the sum, the count.
#[derive(Debug, Default)]
struct PageDistribution {
    attributes: Vec<KeyValue>,
    edges: Vec<(f64, f64)>,
    sum: f64,
    count: f64,
}

fn distributions(family: &PageFamily<'_>, moment: PageMoment) -> Vec<HistogramDataPoint> {
    let mut series: BTreeMap<String, PageDistribution> = BTreeMap::new();
    for (suffix, (labels, value)) in family.samples.iter().filter(|(_, (labels, _))| !is_of_session(labels)) {
        let others: Vec<_> = labels.iter().filter(|(name, _)| *name != "le").collect();
        let one = series.entry(format!("{others:?}")).or_default();
        one.attributes = attributes(labels);
        match *suffix {
            "_bucket" => {
                let edge = labels.iter().find(|(name, _)| *name == "le").and_then(|(_, edge)| edge.parse().ok());
                one.edges.extend(edge.map(|edge: f64| (edge, *value)));
            }
            "_sum" => one.sum = *value,
            "_count" => one.count = *value,
            _ => {}
        }
    }
    series.into_values().map(|one| distribution(one, moment)).collect()
}

fn distribution(one: PageDistribution, moment: PageMoment) -> HistogramDataPoint {
    // The page counts up to each edge, OTLP between two; the last bucket is the one without an edge.
    let mut below = 0.0;
    let bucket_counts = one.edges.iter().map(|(_, upto)| {
        let within = (upto - below).max(0.0);
        below = *upto;
        within as u64
    });
    HistogramDataPoint {
        bucket_counts: bucket_counts.collect(),
        explicit_bounds: one.edges.iter().map(|(edge, _)| *edge).filter(|edge| edge.is_finite()).collect(),
        attributes: one.attributes,
        start_time_unix_nano: moment.started_nanos,
        time_unix_nano: moment.made_nanos,
        count: one.count as u64,
        sum: Some(one.sum),
        ..HistogramDataPoint::default()
    }
}

#[cfg(test)]
#[path = "metric_points_tests.rs"]
mod tests;
