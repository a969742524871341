//! What the commands that look inside print of a real ensemble's traffic: `tap` as text, JSON and capture, and `top`.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::client::{Client, Kind};
use crate::support::ensemble::{Ensemble, Version};
use crate::support::gate::Gate;
use crate::support::wait::{self, PATIENCE};

const NODE_EXISTS: i32 = -110;
/// Node data that nothing may show.
const SECRET: &[u8] = b"never-shown";

/// A command of zoogate at work, asked of this admin address.
fn begin(admin: SocketAddr, arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zoogate"));
    command.args(arguments).args(["--admin", &admin.to_string()]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program")
}

/// What a command printed by the time it ended, while this goes on.
fn printed(mut child: Child, mut meanwhile: impl FnMut()) -> String {
    wait::until_true("the command to end", PATIENCE, || {
        meanwhile();
        child.try_wait().expect("its state").is_some()
    });
    let output = child.wait_with_output().expect("its output");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", output.status);
    assert!(!errors.contains("missing"), "{errors}");
    String::from_utf8(output.stdout).expect("text")
}

/// One write that succeeds, one that fails, and a read.
fn work(client: &mut Client) {
    client.set_data("/looked-at", SECRET);
    assert_eq!(client.create("/looked-at", SECRET, Kind::Persistent), NODE_EXISTS);
    client.get_data("/looked-at");
}

#[test]
fn tap_and_top_show_what_a_real_session_does() {
    let ensemble = Ensemble::start(Version::V3_9_3);
    let gate = Gate::start(&ensemble);
    let mut client = Client::create_session(gate.pooled());
    assert_eq!(client.create("/looked-at", SECRET, Kind::Persistent), 0);
    let (session, server) = (client.credentials().id(), gate.home_of(&client.credentials()));
    let of_session = format!("session={session}");

    let text = printed(begin(gate.admin(), &["tap", "--count", "6", &of_session]), || work(&mut client));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 6, "{text}");
    for line in &lines {
        assert!(line.contains(&session) && line.contains(&server) && line.contains("/looked-at"), "{line}");
        assert!(line.contains(" ms  ") && line.contains("zxid 0x"), "{line}");
    }
    for (op, outcome) in [("setData", "  ok  "), ("create", "  NODEEXISTS  "), ("getData", "  ok  ")] {
        let of_op = lines.iter().filter(|line| line.contains(&format!("  {op}  ")));
        assert!(of_op.clone().count() == 2 && of_op.clone().all(|line| line.contains(outcome)), "{op}: {text}");
    }

    let json = printed(begin(gate.admin(), &["tap", "--json", "--once", "error!=ok", "class=write"]), || {
        work(&mut client);
    });
    let event: Value = serde_json::from_str(&json).expect("one event");
    assert_eq!(
        (&event["op"], &event["path"], &event["session"]),
        (&"create".into(), &"/looked-at".into(), &session.into())
    );

    let folder = TempDir::with_prefix("zoogate-looking-").expect("a folder");
    let file = folder.path().join("writes.pcapng").display().to_string();
    printed(begin(gate.admin(), &["tap", "--pcapng", &file, "--count", "2", "op=setData"]), || work(&mut client));
    let port = server.rsplit_once(':').map_or("2181", |(_, port)| port);
    let seen = Command::new("tshark")
        .args(["-X", concat!("lua_script:", env!("CARGO_MANIFEST_DIR"), "/config/zookeeper.lua"), "-r", &file])
        .args(["-o", &format!("zookeeper.port:{port}")])
        .args(["-Y", "zookeeper.kind == \"request\"", "-T", "fields", "-e", "zookeeper.path"])
        .output()
        .expect("tshark");
    assert_eq!(String::from_utf8_lossy(&seen.stdout), "/looked-at\n/looked-at\n", "{seen:?}");

    for (view, shown) in
        [("servers", server.as_str()), ("sessions", of_session.trim_start_matches("session=")), ("paths", "/looked-at")]
    {
        let screen = printed(begin(gate.admin(), &["top", "--once", "--interval", "200ms", "--view", view]), || {
            work(&mut client);
        });
        assert!(screen.contains(shown), "{view}: {screen}");
    }
    let all = [text, json, String::from_utf8_lossy(&std::fs::read(&file).expect("the capture")).into_owned()].concat();
    assert!(!all.contains(std::str::from_utf8(SECRET).expect("text")), "node data is shown");
}
