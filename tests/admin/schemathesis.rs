//! The description of the API against the API: schemathesis (PyPI) asks what the description allows and what it does not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::access::{CHANGE, served, settings};

/// What is installed.
const PACKAGE: &str = "schemathesis==4.32.5";
/// What is looked at: no answer 5xx, statuses, kinds and answers as described, wrong questions and methods refused, and
/// nothing shown without the token.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,\
                      negative_data_rejection,unsupported_method,ignored_auth";

/// The folder that holds it. Made once.
fn installed() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/schemathesis-packages");
    let stamp = folder.join("made-of");
    if fs::read_to_string(&stamp).ok().as_deref() != Some(PACKAGE) {
        fs::create_dir_all(&folder).expect("a folder");
        let install = ["-m", "pip", "install", "-q", "--upgrade", "--target"];
        let mut pip = Command::new("python3");
        let output = pip.args(install).arg(&folder).arg(PACKAGE).output().expect("Debian package python3-pip");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs::write(&stamp, PACKAGE).expect("write down what was installed");
    }
    folder
}

#[test]
fn answers_are_as_described_whatever_is_asked() {
    let packages = installed();
    let folder = tempfile::tempdir().expect("a folder");
    let stage = served(&settings(folder.path(), [127, 0, 0, 1]));
    stage.serving(0);
    let url = format!("http://{}/api/openapi.json", stage.admin.address());
    let mut command = Command::new("python3");
    command
        .args(["-c", "from schemathesis.cli import schemathesis; schemathesis()", "run", &url, "--checks", CHECKS])
        .args(["-H", CHANGE.trim_end(), "--phases", "coverage,fuzzing", "--max-examples", "8", "--seed", "1"])
        // Streams have no end, and one peer has a limit.
        .args(["--exclude-path-regex", "^/api/(tap|stream)$", "--rate-limit", "100/s", "--no-color"])
        .args(["--generation-database", "none"])
        .current_dir(folder.path())
        .env("PYTHONPATH", packages);
    let output = command.output().expect("python3");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let cases = text.lines().find_map(|line| line.trim().split_once(" generated")?.0.parse::<u32>().ok());
    assert!(cases.is_some_and(|cases| cases > 200), "{text}");
}
