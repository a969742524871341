//! `zoogate demo` as a stranger runs it.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_zoogate");

#[test]
fn the_story_is_told_to_its_end() {
    let told = Command::new(PROGRAM).arg("demo").output().expect("the program starts");
    let text = String::from_utf8(told.stdout).expect("plain text");
    assert!(told.status.success(), "{}\n{text}{}", told.status, String::from_utf8_lossy(&told.stderr));
    for part in
        ["leader", "broker-4", "GAP MS", "attach_elsewhere", "certain", "- server 127.0.0.1:", "unanswered", "P99"]
    {
        assert!(text.contains(part), "{part:?} is missing:\n{text}");
    }
    let wide: Vec<&str> = text.lines().filter(|line| line.chars().count() > 100).collect();
    assert!(wide.is_empty(), "wider than 100 columns: {wide:#?}");
    assert!(!text.contains('\x1b'), "no colours where nobody watches:\n{text}");
}

#[test]
fn kept_it_can_be_asked_until_it_is_stopped() {
    let mut demo =
        Command::new(PROGRAM).args(["demo", "--keep"]).stdout(Stdio::piped()).spawn().expect("the program starts");
    let lines = BufReader::new(demo.stdout.take().expect("piped")).lines();
    let admin = lines
        .map(|line| line.expect("plain text"))
        .find_map(|line| line.split_once("--admin ").map(|(_, rest)| rest.to_owned()))
        .expect("the admin address is printed");
    let admin = admin.split(',').next().expect("an address");
    let asked = Command::new(PROGRAM).args(["session-moved", "--admin", admin]).output().expect("the program starts");
    let stopped = Command::new("kill").arg(demo.id().to_string()).status().expect("kill runs");
    let ended = demo.wait().expect("it ends");
    assert!(String::from_utf8_lossy(&asked.stdout).contains("attach_elsewhere"), "{asked:?}");
    assert!(stopped.success() && ended.success(), "{ended}");
}
