//! `zoogate doctor` against real ensembles, whole and broken: what is broken is found, and mended it is found no more.

mod alternating;
mod broken_brokers;
mod broken_ensembles;
mod broken_settings;
mod java_properties;
mod running;

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::support::ensemble::Ensemble;
use super::support::wait;

/// One run of the doctor.
#[derive(Debug)]
struct DoctorRun {
    /// Its exit code.
    code: i32,
    /// Its findings that are not in order, each as its code and its subject.
    findings: Vec<(String, String)>,
    /// How many of them are no hints.
    counting: usize,
    /// All that it said.
    text: String,
}

impl DoctorRun {
    /// Runs it with a broker's file, or with none.
    fn of(arguments: &[&str], properties: Option<&str>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zoogate"));
        command.args(["doctor", "--json"]).args(arguments).env_remove("KAFKA_OPTS").stderr(Stdio::inherit());
        if properties.is_some() {
            command.args(["--kafka", "-"]);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("start zoogate");
        let mut stdin = child.stdin.take().expect("its standard input");
        stdin.write_all(properties.unwrap_or_default().as_bytes()).expect("write a file of properties");
        drop(stdin);
        let output = child.wait_with_output().expect("an end");
        let text = String::from_utf8(output.stdout).expect("text");
        let report: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"));
        let findings = report["findings"].as_array().expect("findings").iter();
        let counting = findings.clone().filter(|finding| finding["mark"] != "ok" && finding["mark"] != "hint").count();
        let word = |finding: &Value, name: &str| finding[name].as_str().expect("a word").to_owned();
        let findings = findings
            .filter(|finding| finding["mark"] != "ok")
            .map(|finding| (word(finding, "code"), word(finding, "subject")))
            .collect();
        Self { code: output.status.code().expect("an exit code"), findings, counting, text }
    }

    fn has(&self, code: &str) -> bool {
        self.findings.iter().any(|(known, _)| known == code)
    }
}

/// Looks at servers again and again until these are its only findings; the load of the machine may add others.
fn found_only(servers: &str, codes: &[&str], time: &str) -> DoctorRun {
    let (mut last, arguments) = (String::new(), ["--servers", servers, "--for", time]);
    wait::until(&format!("findings {codes:?}"), wait::PATIENCE, || {
        let run = DoctorRun::of(&arguments, None);
        let is_right = codes.iter().all(|code| run.has(code))
            && run.findings.iter().all(|(code, _)| codes.contains(&code.as_str()));
        let now = format!("{:?}", run.findings);
        if !is_right && now != last {
            println!("not yet {codes:?}: {now}");
            last = now;
        }
        assert_eq!(run.code, i32::from(run.counting > 0), "{}", run.text);
        is_right.then_some(run)
    })
}

/// Waits until a whole ensemble is found in order.
fn found_whole(ensemble: &Ensemble) -> DoctorRun {
    found_only(&ensemble.connect_string(), &[], "1s")
}
