//! The dashboards: as Grafana wants them, and fit for what is exported.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use zoogate::observe::LatencyClass;
use zoogate::wire::OpCode;

use crate::deployed;
use crate::selectors::{ExportedSeries, SCRAPED, SeriesSelector, selectors};

const FILES: [&str; 3] = ["grafana-overview.json", "grafana-session.json", "grafana-ensemble.json"];

/// Variables that Grafana itself fills in.
const BUILT_IN: [&str; 3] = ["__rate_interval", "__range", "datasource"];

struct DashboardFile {
    name: &'static str,
    content: Value,
}

impl DashboardFile {
    fn all() -> Vec<Self> {
        let read = |name| Self { name, content: serde_json::from_str(&deployed(name)).expect("JSON") };
        FILES.into_iter().map(read).collect()
    }

    fn list(&self, pointer: &str) -> &[Value] {
        self.content.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// Panels that show something; rows only have a title.
    fn panels(&self) -> impl Iterator<Item = &Value> {
        self.list("/panels").iter().filter(|panel| panel["type"] != "row")
    }

    fn targets(&self) -> impl Iterator<Item = (&Value, &Value)> {
        self.panels().flat_map(|panel| targets(panel).iter().map(move |target| (panel, target)))
    }

    fn variables(&self) -> BTreeMap<&str, &Value> {
        self.list("/templating/list").iter().map(|variable| (text(variable, "name"), variable)).collect()
    }
}

fn targets(panel: &Value) -> &[Value] {
    panel["targets"].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value}"))
}

fn number(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_else(|| panic!("no {key} in {value}"))
}

/// The names of variables in a text.
fn variables(text: &str) -> BTreeSet<&str> {
    let end = |rest: &str| rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let names = text.split('$').skip(1).map(|rest| rest.strip_prefix('{').unwrap_or(rest));
    names.map(|rest| &rest[..end(rest).unwrap_or(rest.len())]).collect()
}

/// What a query groups by.
fn groups(expression: &str) -> BTreeSet<&str> {
    let lists = expression.split("by (").skip(1).filter_map(|rest| rest.split(')').next());
    lists.flat_map(|list| list.split(',').map(str::trim)).collect()
}

#[test]
fn panels_are_whole_and_stand_side_by_side() {
    let mut dashboards = BTreeSet::new();
    for file in DashboardFile::all() {
        assert!(dashboards.insert(text(&file.content, "uid").to_owned()), "two dashboards with one uid");
        assert!(file.list("/tags").contains(&Value::from("zoogate")), "{}: the dashboards link by this tag", file.name);
        let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
        for panel in file.list("/panels") {
            assert!(ids.insert(number(panel, "id")), "{}: a panel's id is there twice: {panel}", file.name);
            let title = text(panel, "title");
            let place = &panel["gridPos"];
            let [x, y, wide, high] = ["x", "y", "w", "h"].map(|key| number(place, key));
            assert!(x + wide <= 24, "{title} is cut off");
            for cell in (x..x + wide).flat_map(|x| (y..y + high).map(move |y| (x, y))) {
                assert!(taken.insert(cell), "{}: {title} lies over another panel", file.name);
            }
        }
        for panel in file.panels() {
            let title = text(panel, "title");
            assert!(text(panel, "description").ends_with('.'), "{title}: sentences");
            if panel["type"] != "text" {
                assert!(!targets(panel).is_empty(), "{title} shows nothing");
                assert!(panel.pointer("/fieldConfig/defaults/unit").is_some(), "{title} has no unit");
                assert!(panel.pointer("/fieldConfig/defaults/noValue").is_some(), "{title}: no data without a word");
            }
            let letters: BTreeSet<&str> = targets(panel).iter().map(|target| text(target, "refId")).collect();
            assert_eq!(letters.len(), targets(panel).len(), "{title}: queries with one letter");
        }
    }
}

#[test]
fn queries_ask_for_what_is_exported() {
    let exported = ExportedSeries::read();
    for file in DashboardFile::all() {
        for (panel, target) in file.targets() {
            let (title, expression) = (text(panel, "title"), text(target, "expr"));
            assert_eq!(text(&target["datasource"], "uid"), "${datasource}", "{title}");
            let chosen = selectors(expression);
            for selector in &chosen {
                exported.expect(selector);
            }
            expect_chosen_by_variables(title, expression, &chosen);
            // Only what is grouped by, or the labels of what is shown as it is, can be in a legend.
            let labels = |one: &SeriesSelector<'_>| ExportedSeries::metric(one.name).labels.iter().copied();
            let known: BTreeSet<&str> = chosen.iter().flat_map(labels).chain(SCRAPED).collect();
            let groups = groups(expression);
            assert!(groups.iter().all(|one| known.contains(one) || *one == "le"), "{title}: {groups:?} of {known:?}");
            let shown = text(target, "legendFormat").split("{{").skip(1).filter_map(|rest| rest.split("}}").next());
            for label in shown {
                let there = if groups.is_empty() { known.contains(label) } else { groups.contains(label) };
                assert!(there, "{title}: the legend names {label}, which {expression} does not have");
            }
        }
    }
}

/// Every series is chosen by job and instance, or the choice above the dashboard would not hold for all of it.
fn expect_chosen_by_variables(title: &str, expression: &str, chosen: &[SeriesSelector<'_>]) {
    for variable in ["job=~\"$job\"", "instance=~\"$instance\""] {
        let own = ["up{", "process_"].iter().map(|name| expression.matches(name).count()).sum::<usize>();
        let times = expression.matches(variable).count();
        assert_eq!(times, chosen.len() + own, "{title}: {variable} in {expression}");
    }
}

#[test]
fn variables_are_declared_and_classes_are_whole() {
    for file in DashboardFile::all() {
        let declared = file.variables();
        let used = file.targets().flat_map(|(_, target)| variables(text(target, "expr")));
        let of_variables = declared.values().filter_map(|one| one["definition"].as_str()).flat_map(variables);
        for name in used.chain(of_variables) {
            assert!(declared.contains_key(name) || BUILT_IN.contains(&name), "{}: ${name} is not declared", file.name);
        }
        assert!(["datasource", "job", "instance"].iter().all(|name| declared.contains_key(name)), "{}", file.name);
        let exported = ExportedSeries::read();
        for definition in declared.values().filter_map(|one| one["definition"].as_str()) {
            let chosen = selectors(definition);
            assert_eq!(chosen.len(), 1, "{definition}");
            exported.expect(&chosen[0]);
        }
        for (name, class) in [("reads", LatencyClass::Read), ("writes", LatencyClass::Write)] {
            let Some(variable) = declared.get(name) else { continue };
            let given: BTreeSet<&str> = text(variable, "query").split('|').collect();
            let slots = (0..OpCode::SLOTS).filter(|slot| LatencyClass::of(OpCode::slot_class(*slot)) == Some(class));
            assert_eq!(given, slots.map(OpCode::slot_name).collect(), "{}: ${name}", file.name);
        }
    }
}

#[test]
fn every_metric_is_on_a_dashboard() {
    let files = FILES.map(deployed).concat();
    // These say what is running, or repeat by cause what another one counts by reason.
    let left_out = ["zoogate_build_info", "zoogate_end_causes_total", "zoogate_own_pauses_total"];
    for metric in zoogate::observe::exposition::catalog::CATALOG {
        let shown =
            files.contains(&format!("{}{{", metric.name)) || files.contains(&format!("{}_bucket{{", metric.name));
        assert!(shown || left_out.contains(&metric.name), "{} is on no dashboard", metric.name);
    }
}

/// Grafana's own description of dashboards (its Go package), which knows every field of every kind of panel.
#[test]
fn grafanas_schema_takes_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("target/peers/grafana-schema");
    fs::create_dir_all(&folder).expect("create a folder for the checker");
    let checker = folder.join("checker");
    let mut go = Command::new("go");
    go.args(["build", "-buildvcs=false", "-o"]).arg(&checker).arg(".");
    let built = go.current_dir(root.join("tests/deployment/grafana_schema")).output().expect("run go (golang-go)");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let files: Vec<_> = FILES.iter().map(|name| root.join("config").join(name)).collect();
    let said = Command::new(&checker).args(&files).output().expect("run the checker");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));

    // It does find what is wrong.
    let wrong = folder.join("wrong.json");
    let typos = [
        ("\"graphMode\"", "\"graphMod\""),
        ("\"lineWidth\"", "\"lineWidht\""),
        ("\"displayMode\": \"table\"", "\"displayMode\": \"tabel\""),
        ("\"schemaVersion\": 42", "\"schemaVersion\": 4200"),
    ];
    for (right, typo) in typos {
        let text = deployed(FILES[0]);
        assert!(text.contains(right), "{right}");
        let text = text.replacen(right, typo, 1);
        fs::write(&wrong, text).expect("write a wrong dashboard");
        let said = Command::new(&checker).arg(&wrong).output().expect("run the checker");
        assert!(!said.status.success(), "{typo} was taken");
    }
}
