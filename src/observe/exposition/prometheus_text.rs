//! Writing histograms and per-session series in the Prometheus text format.
//!
//! Counters and gauges with fixed labels go through the exporter; what is here would not: histograms that are
//! not the exporter's own, and series that come and go with sessions.

use std::fmt::Write;
use std::sync::LazyLock;

use super::catalog::Metric;
use crate::observe::storage::bucket::HistogramBucket;
use crate::observe::storage::histogram_snapshot::HistogramSnapshot;
use crate::text::one_line;

/// The edges of a histogram's exported buckets: a selection of the exact edges of its own.
#[derive(Debug)]
pub(super) struct BucketEdges(Vec<(HistogramBucket, String)>);

impl BucketEdges {
    /// `parts` of each octave (1, 2, 4, 8 or 16), from 2 to the power `from` to 2 to the power `to`, in
    /// nanoseconds.
    fn push(&mut self, from: u32, to: u32, parts: u64) {
        for octave in from..to {
            for part in 1..=parts {
                let nanos = (1_u64 << octave) + (part << octave) / parts;
                self.0.push((HistogramBucket::of(nanos), seconds(nanos)));
            }
        }
    }
}

/// For operations by server: quarter octaves from 16 µs to 1 ms, halves to 134 ms, whole ones to 69 s.
pub(super) static FINE: LazyLock<BucketEdges> = LazyLock::new(|| {
    let mut edges = BucketEdges(Vec::new());
    edges.push(14, 20, 4);
    edges.push(20, 27, 2);
    edges.push(27, 35, 1);
    edges
});

/// For sessions, of which there are many: whole octaves from 33 µs to 34 s.
pub(super) static COARSE: LazyLock<BucketEdges> = LazyLock::new(|| {
    let mut edges = BucketEdges(Vec::new());
    edges.push(14, 35, 1);
    edges
});

/// Nanoseconds as seconds, in as many digits as they need.
fn seconds(nanos: u64) -> String {
    (nanos as f64 / 1e9).to_string()
}

/// A page of metrics in the making.
#[derive(Debug, Default)]
pub(super) struct PrometheusText(String);

impl PrometheusText {
    /// A page that begins with what the exporter has rendered.
    pub(in crate::observe) fn new(rendered: String) -> Self {
        Self(rendered)
    }

    /// Begins a family: all samples of one metric follow it.
    pub(super) fn family(&mut self, metric: &Metric) {
        let (name, kind) = (metric.name, metric.kind.label());
        let _ = writeln!(self.0, "# HELP {name} {}\n# TYPE {name} {kind}", metric.help);
    }

    /// One number.
    pub(super) fn sample(&mut self, metric: &Metric, values: &[&str], number: u64) {
        self.0.push_str(metric.name);
        self.0.push_str(&braced(&labels(metric, values)));
        let _ = writeln!(self.0, " {number}");
    }

    /// A family that is one time.
    pub(in crate::observe) fn time(&mut self, metric: &Metric, nanos: u64) {
        self.family(metric);
        let _ = writeln!(self.0, "{} {}", metric.name, seconds(nanos));
    }

    /// One histogram, in seconds.
    pub(in crate::observe) fn histogram(
        &mut self,
        metric: &Metric,
        values: &[&str],
        all: &HistogramSnapshot,
        edges: &BucketEdges,
    ) {
        let (name, labels, count) = (metric.name, labels(metric, values), all.count());
        let counts = all.cumulative(edges.0.iter().map(|(bucket, _)| *bucket));
        for ((_, le), count) in edges.0.iter().zip(counts) {
            let _ = writeln!(self.0, "{name}_bucket{{{labels},le=\"{le}\"}} {count}");
        }
        let _ = writeln!(self.0, "{name}_bucket{{{labels},le=\"+Inf\"}} {count}");
        let _ = writeln!(self.0, "{name}_sum{{{labels}}} {}", seconds(all.sum()));
        let _ = writeln!(self.0, "{name}_count{{{labels}}} {count}");
    }

    /// The finished page.
    pub(in crate::observe) fn finish(self) -> String {
        self.0
    }
}

fn braced(labels: &str) -> String {
    if labels.is_empty() { String::new() } else { format!("{{{labels}}}") }
}

fn labels(metric: &Metric, values: &[&str]) -> String {
    debug_assert_eq!(metric.labels.len(), values.len(), "labels of {}", metric.name);
    let mut text = String::new();
    for (name, value) in metric.labels.iter().zip(values) {
        let comma = if text.is_empty() { "" } else { "," };
        let _ = write!(text, "{comma}{name}=\"");
        escape(value, &mut text);
        text.push('"');
    }
    text
}

/// Label values are free text but for two characters, and for what must not reach a terminal (paths may hold any).
fn escape(value: &str, text: &mut String) {
    for letter in one_line(value).chars() {
        match letter {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::LatencyHistogram;
    use crate::observe::exposition::catalog::{SESSION_INFO, SESSION_LATENCY};

    #[test]
    fn exported_edges_are_exact_and_rise() {
        for edges in [&FINE, &COARSE] {
            for (bucket, le) in &edges.0 {
                let nanos = le.parse::<f64>().unwrap() * 1e9;
                assert_eq!(nanos.round() as u64, bucket.ceiling(), "{le}");
            }
            assert!(edges.0.is_sorted_by(|left, right| left.0 < right.0));
        }
        let around_50_micros = FINE.0.iter().filter(|(bucket, _)| (40_000..=60_000).contains(&bucket.ceiling()));
        assert!(around_50_micros.count() >= 3, "50 µs fall between edges that are too far apart");
    }

    #[test]
    fn a_histogram_is_cumulative_and_ends_with_all() {
        let histogram = LatencyHistogram::new();
        for nanos in [10_000, 50_000, 50_000, 3_000_000_000, 100_000_000_000] {
            histogram.record(nanos);
        }
        let mut page = PrometheusText::default();
        page.histogram(&SESSION_LATENCY, &["0x1", "read"], &histogram.snapshot(), &COARSE);
        let page = page.finish();
        let value = |start: &str| page.lines().find_map(|line| line.strip_prefix(start)).map(str::trim);
        let name = "zoogate_session_latency_seconds";
        let labels = "session=\"0x1\",class=\"read\"";
        assert_eq!(value(&format!("{name}_bucket{{{labels},le=\"0.000032768\"}}")), Some("1"));
        assert_eq!(value(&format!("{name}_bucket{{{labels},le=\"0.000065536\"}}")), Some("3"));
        assert_eq!(value(&format!("{name}_bucket{{{labels},le=\"4.294967296\"}}")), Some("4"));
        assert_eq!(value(&format!("{name}_bucket{{{labels},le=\"+Inf\"}}")), Some("5"));
        assert_eq!(value(&format!("{name}_sum{{{labels}}}")), Some("103.00011"));
        assert_eq!(value(&format!("{name}_count{{{labels}}}")), Some("5"));
    }

    #[test]
    fn labels_are_escaped() {
        let mut page = PrometheusText::default();
        page.sample(&SESSION_INFO, &["0x1", "zk1:2181", "127.0.0.1:1", "/a\\b\"c\nd"], 1);
        assert_eq!(
            page.finish(),
            "zoogate_session_info{session=\"0x1\",server=\"zk1:2181\",client=\"127.0.0.1:1\",\
             identity=\"/a\\\\b\\\"c\\\\nd\"} 1\n"
        );
    }
}
