use super::*;

const PAGE: &str = r#"# HELP zoogate_moves_total Moves of sessions.
# TYPE zoogate_moves_total counter
zoogate_moves_total{from="zk1:2181",to="zk2:2181"} 3
zoogate_moves_total{from="a\"b}c\\",to="x\ny"} 1
# HELP zoogate_ready 1 while zoogate is ready.
# TYPE zoogate_ready gauge
zoogate_ready 1
# HELP zoogate_operation_duration_seconds Time.
# TYPE zoogate_operation_duration_seconds histogram
zoogate_operation_duration_seconds_bucket{server="zk1:2181",le="0.001"} 4
zoogate_operation_duration_seconds_bucket{server="zk1:2181",le="0.1"} 9
zoogate_operation_duration_seconds_bucket{server="zk1:2181",le="+Inf"} 10
zoogate_operation_duration_seconds_sum{server="zk1:2181"} 0.75
zoogate_operation_duration_seconds_count{server="zk1:2181"} 10
# HELP zoogate_session_operation_duration_seconds Time.
# TYPE zoogate_session_operation_duration_seconds histogram
zoogate_session_operation_duration_seconds_bucket{session="0x1",le="+Inf"} 1
"#;

fn all() -> Vec<Metric> {
    let moment = PageMoment { started_nanos: 1, made_nanos: 2 };
    let mut request = request("here", PAGE, moment);
    request.resource_metrics.remove(0).scope_metrics.remove(0).metrics
}

#[test]
fn counters_gauges_and_histograms_keep_their_names_and_numbers() {
    let metrics = all();
    let names: Vec<&str> = metrics.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names[..3], ["zoogate_moves_total", "zoogate_ready", "zoogate_operation_duration_seconds"]);
    let Some(metric::Data::Sum(moves)) = &metrics[0].data else { panic!("{:?}", metrics[0]) };
    assert!(moves.is_monotonic);
    assert_eq!(moves.data_points[0].value, Some(number_data_point::Value::AsDouble(3.0)));
    assert_eq!(moves.data_points[0].attributes, [text("from", "zk1:2181"), text("to", "zk2:2181")]);
    assert_eq!(moves.data_points[1].attributes, [text("from", "a\"b}c\\"), text("to", "x\ny")]);
    assert!(matches!(&metrics[1].data, Some(metric::Data::Gauge(gauge)) if gauge.data_points.len() == 1));
    let Some(metric::Data::Histogram(times)) = &metrics[2].data else { panic!("{:?}", metrics[2]) };
    let point = &times.data_points[0];
    assert_eq!((point.bucket_counts.as_slice(), point.explicit_bounds.as_slice()), (&[4, 5, 1][..], &[0.001, 0.1][..]));
    assert_eq!((point.count, point.sum, metrics[2].unit.as_str()), (10, Some(0.75), "s"));
}

#[test]
fn series_of_single_sessions_stay_out() {
    let metrics = all();
    let Some(metric::Data::Histogram(times)) = &metrics[3].data else { panic!("{:?}", metrics[3]) };
    assert!(times.data_points.is_empty(), "{times:?}");
}

#[test]
fn a_page_that_cannot_be_read_is_no_metric() {
    for page in ["", "zoogate_x 1", "# TYPE a counter\na{b=\"", "# TYPE a counter\na{b=\"\\", "# TYPE a summary\na 1"] {
        let moment = PageMoment { started_nanos: 1, made_nanos: 2 };
        let request = request("here", page, moment);
        let metrics = &request.resource_metrics[0].scope_metrics[0].metrics;
        let points = metrics.iter().map(|one| match &one.data {
            Some(metric::Data::Sum(sum)) => sum.data_points.len(),
            _ => 0,
        });
        assert_eq!(points.sum::<usize>(), 0, "{page:?}");
    }
}
