//! The history on disk, as the program writes it: through a kill, a damaged file, a full disk, beside another program.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::Signal;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::support::fake::Fake;
use crate::support::pair::Pair;
use crate::support::sockets::connect;
use crate::support::wait::until;
use crate::support::zoogate::{Plan, Zoogate};
use crate::support::{frames, ports};

const FIRST: i64 = 0x0100_0000_0000_3000;
const TIMEOUT: i32 = 600_000;

fn millis() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a date").as_millis() as u64
}

/// The files of a directory whose names end so.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let all = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    all.filter(|path| path.to_string_lossy().ends_with(ending)).collect()
}

/// What the command says of a directory.
fn history(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zoogate"));
    command.arg("history").args(arguments).arg("--dir").arg(folder).output().expect("the program")
}

fn exported(folder: &Path, kind: &str) -> Vec<Value> {
    let output = history(folder, &["export", "--format", "jsonl", "--kind", kind]);
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("an object in each line")).collect()
}

/// A zoogate in front of these, each with a mirrored address, that keeps its history there.
async fn keeping(folder: &Path, servers: &[&Fake]) -> (Zoogate, Vec<SocketAddr>) {
    let addresses: Vec<SocketAddr> = servers.iter().map(|_| ports::free()).collect();
    (plan(folder, servers, &addresses).start().await, addresses)
}

fn plan(folder: &Path, servers: &[&Fake], addresses: &[SocketAddr]) -> Plan {
    let known: Vec<SocketAddr> = servers.iter().map(|server| server.address()).collect();
    let plan = Plan::before(&known).with("--state-dir", &folder.to_string_lossy());
    addresses.iter().zip(known).fold(plan, |plan, (address, server)| plan.mirror(*address, server))
}

/// Serves everybody who comes, for as long as it is kept.
fn serve(mut fake: Fake) -> tokio::task::AbortHandle {
    tokio::spawn(async move {
        let mut visitors = JoinSet::new();
        loop {
            let mut stream = fake.next().await.stream;
            visitors.spawn(async move {
                let mut claim = [0; 45];
                stream.read_exact(&mut claim).await?;
                let session = i64::from_be_bytes(*claim[16..].first_chunk().expect("eight bytes"));
                stream.write_all(&frames::connected(TIMEOUT, session)).await?;
                stream.read_exact(&mut claim).await.map(|_| ())
            });
            while visitors.try_join_next().is_some() {}
        }
    })
    .abort_handle()
}

/// Claims a session at one address after the other, and notes when each claim was answered.
async fn wander(addresses: Vec<SocketAddr>, session: i64, seen: Arc<Mutex<Vec<(i64, u64)>>>) {
    for address in addresses.iter().cycle() {
        let Ok(mut stream) = TcpStream::connect(address).await else { return };
        let mut answer = [0; 41];
        let claim = frames::reconnect(TIMEOUT, session);
        if stream.write_all(&claim).await.is_err() || stream.read_exact(&mut answer).await.is_err() {
            return;
        }
        seen.lock().unwrap_or_else(PoisonError::into_inner).push((session, millis()));
        sleep(Duration::from_millis(20)).await;
    }
}

/// Moves a session from one server to another and waits until that is on the disk.
async fn one_move(zoogate: &Zoogate, fakes: &mut [Fake; 2], addresses: &[SocketAddr], session: i64) {
    let mut pair = Pair::attach(&mut fakes[0], addresses[0], session).await;
    pair.heartbeat().await;
    drop(pair);
    let mut client = connect(addresses[1]).await;
    let (claim, answer) = (frames::reconnect(TIMEOUT, session), frames::connected(TIMEOUT, session));
    client.write_all(&claim).await.expect("a claim");
    let _server = fakes[1].attach(&claim, &answer).await;
    until("the move to be known", async || {
        let path = format!("/api/moves?session={session:#x}");
        (!zoogate.json(&path).await["moves"].as_array().expect("a list").is_empty()).then_some(())
    })
    .await;
}

async fn kept(zoogate: &Zoogate, query: &str, least: usize) -> Vec<Value> {
    until(query, async || {
        let answer = zoogate.json(&format!("/api/history?{query}")).await;
        let entries = answer["entries"].as_array().unwrap_or_else(|| panic!("{answer}")).clone();
        (entries.len() >= least).then_some(entries)
    })
    .await
}

#[tokio::test]
async fn a_kill_in_a_storm_of_moves_loses_the_last_second_at_most() {
    let folder = tempfile::tempdir().expect("a folder");
    let fakes = [Fake::start().await, Fake::start().await];
    let (zoogate, addresses) = keeping(folder.path(), &[&fakes[0], &fakes[1]]).await;
    let servers = fakes.map(serve);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut clients = JoinSet::new();
    for number in 0..100 {
        clients.spawn(wander(addresses.clone(), FIRST + number, Arc::clone(&seen)));
    }
    sleep(Duration::from_secs(4)).await;
    // A disk that takes nothing for seconds, as one beside a compiler may, is waited for: not before it has what is a
    // second old.
    let killed_at = until("the disk to take what is written", async || {
        let looked_at = millis();
        let newest = exported(folder.path(), "move").iter().filter_map(|row| row["at_ms"].as_u64()).max();
        newest.is_some_and(|newest| newest + 1_000 > looked_at).then_some(looked_at)
    })
    .await;
    zoogate.signal(Signal::KILL);
    clients.join_all().await;
    drop(zoogate);
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut rows: HashMap<String, usize> = HashMap::new();
    for row in exported(folder.path(), "move") {
        *rows.entry(row["session"].as_str().expect("a session").to_owned()).or_default() += 1;
    }
    let (mut due, mut missing) = (0, 0);
    for number in 0..100 {
        let session = FIRST + number;
        let older = seen.iter().filter(|(one, at)| *one == session && *at + 1_000 < killed_at).count();
        // The first claim is no move.
        let moves = older.saturating_sub(1);
        let written = rows.get(&format!("{session:#x}")).copied().unwrap_or(0);
        (due, missing) = (due + moves, missing + moves.saturating_sub(written));
    }
    let written: usize = rows.values().sum();
    eprintln!(
        "{} claims, {due} moves older than a second at the kill, {written} on the disk, {missing} missing",
        seen.len()
    );
    assert!(due > 1_000, "that is no storm: {due}");
    assert_eq!(missing, 0);

    // It goes on where it was, with what it had.
    servers.iter().for_each(tokio::task::AbortHandle::abort);
    let mut fakes = [Fake::start().await, Fake::start().await];
    let (zoogate, addresses) = keeping(folder.path(), &[&fakes[0], &fakes[1]]).await;
    one_move(&zoogate, &mut fakes, &addresses, FIRST + 500).await;
    kept(&zoogate, "kind=move&limit=100000", written + 1).await;
    assert_eq!(zoogate.lines_with("set aside"), 0);
}

/// A server ends the connection of a session; the number of that incident, when it is on the disk.
async fn one_incident(zoogate: &Zoogate, fake: &mut Fake, address: SocketAddr, session: i64, least: usize) -> Value {
    let mut pair = Pair::attach(fake, address, session).await;
    pair.heartbeat().await;
    drop(pair.server);
    kept(zoogate, "kind=incident", least).await.remove(0)
}

#[tokio::test]
async fn what_was_seen_before_a_kill_was_seen_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut fake = Fake::start().await;
    let (zoogate, addresses) = keeping(folder.path(), &[&fake]).await;
    let first = one_incident(&zoogate, &mut fake, addresses[0], FIRST, 1).await;
    assert_eq!(first["values"]["state"], "open");
    let cause = first["cause"].as_str().expect("a cause").to_owned();
    assert_eq!(first["values"]["impact"]["connections"], 1, "{first}");
    zoogate.signal(Signal::KILL);
    drop(zoogate);

    let (mut zoogate, addresses) = keeping(folder.path(), &[&fake]).await;
    let again = one_incident(&zoogate, &mut fake, addresses[0], FIRST + 1, 2).await;
    assert_eq!(again["cause"], cause.as_str());
    let incidents = zoogate.json("/api/incidents").await;
    let before = &incidents["incidents"][0]["seen_before"];
    assert_eq!((before["count"].as_u64(), &before["last"]), (Some(1), &first["at"]), "{incidents}");
    let answer = zoogate.json(&format!("/api/history?kind=incident&cause={cause}&since=1h")).await;
    assert_eq!((&answer["summary"][0]["count"], &answer["summary"][0]["first"]), (&2.into(), &first["at"]), "{answer}");
    assert_eq!(answer["entries"][1]["values"]["state"], "cut", "nobody saw its end: {answer}");
    assert!(
        zoogate.json("/api/history?kind=incident&until=1h").await["entries"].as_array().expect("a list").is_empty()
    );
    assert_eq!(zoogate.status("/api/history?reason=x").await, Some(400), "a filter that there is not");
    assert_eq!(zoogate.status("/api/history?since=yesterday").await, Some(400));
    assert_eq!(zoogate.status("/api/history?kind=x").await, Some(400));

    // The command asks the one that runs, too.
    let mut command = Command::new(env!("CARGO_BIN_EXE_zoogate"));
    command.args(["history", "--json", "--cause", &cause, "--admin", &zoogate.admin().to_string()]);
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("a thread").expect("the program");
    let asked: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((output.status.code(), asked["entries"].as_array().map(Vec::len)), (Some(0), Some(2)), "{asked}");

    // A stop writes what there is, and the command reads it without a zoogate.
    zoogate.terminate();
    assert!(zoogate.ended().await.success());
    let shown = history(folder.path(), &["--cause", &cause]);
    let text = String::from_utf8(shown.stdout).expect("text");
    let summary = text.lines().nth(1).expect("a summary");
    assert!(summary.starts_with("incident") && summary.contains(&cause) && summary.contains("  2  "), "{text}");
    assert_eq!(exported(folder.path(), "incident")[0]["values"]["state"], "closed");
    let nothing = history(folder.path(), &["--identity", "broker-77"]);
    assert_eq!((nothing.status.code(), String::from_utf8_lossy(&nothing.stdout).trim()), (Some(1), "none"));
}

#[tokio::test]
async fn a_directory_is_one_zoogates_and_its_files_are_sqlite() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut fakes = [Fake::start().await, Fake::start().await];
    let (zoogate, addresses) = keeping(folder.path(), &[&fakes[0], &fakes[1]]).await;
    one_move(&zoogate, &mut fakes, &addresses, FIRST).await;
    // Why is found some seconds after it was written, and added.
    let explained = "a move with its reason and its cause";
    until(explained, async || {
        let one = &kept(&zoogate, "kind=move", 1).await[0];
        (one["cause"].is_string() && one["values"]["reason"].is_string()).then_some(())
    })
    .await;
    let mut second = Command::new(env!("CARGO_BIN_EXE_zoogate"));
    second.args(["run", "--servers", "127.0.0.1:1", "--listen", "127.0.0.1:0", "--admin", "off", "--state-dir"]);
    let second = second.arg(folder.path()).output().expect("the program");
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    let process = format!("in use by another zoogate (process {})", zoogate.pid().as_raw_nonzero());
    assert!(second.status.code() == Some(2) && said.contains(&process), "{said}");

    let file = files(folder.path(), ".db").remove(0);
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).expect("a file").permissions());
    assert_eq!(mode & 0o777, 0o600);
    // Read by another program's SQLite, while this one writes.
    let script = "import sqlite3, sys\nfile = sqlite3.connect(sys.argv[1])\n\
        print(*file.execute('SELECT kind, at, session, text FROM history WHERE kind = \"move\"').fetchone())\n\
        print(*file.execute('PRAGMA integrity_check').fetchone())";
    let output = Command::new("python3").args(["-c", script]).arg(&file).output().expect("python3");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let moved = format!("{FIRST:#x} from {}", fakes[0].address());
    assert!(text.starts_with("move 20") && text.contains(&moved) && text.ends_with("ok\n"), "{output:?}");
    let export = history(folder.path(), &["export", "--kind", "move"]);
    let csv = String::from_utf8(export.stdout).expect("text");
    assert!(
        csv.starts_with("kind,at,at_ms,") && csv.lines().count() == 2 && csv.contains(&format!("{FIRST:#x}")),
        "{csv}"
    );
}

#[tokio::test]
async fn a_damaged_file_is_set_aside_and_a_new_one_begun() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut fakes = [Fake::start().await, Fake::start().await];
    let (mut zoogate, addresses) = keeping(folder.path(), &[&fakes[0], &fakes[1]]).await;
    one_move(&zoogate, &mut fakes, &addresses, FIRST).await;
    kept(&zoogate, "kind=move", 1).await;
    zoogate.terminate();
    assert!(zoogate.ended().await.success());
    let file = files(folder.path(), ".db").remove(0);
    let mut bytes = fs::read(&file).expect("a file");
    bytes.iter_mut().skip(4_096).step_by(3).for_each(|byte| *byte ^= 0x5a);
    fs::write(&file, &bytes).expect("a damaged file");

    let (mut zoogate, addresses) = keeping(folder.path(), &[&fakes[0], &fakes[1]]).await;
    zoogate.logs("a file of the history is damaged; it was set aside, and a new one is begun").await;
    let aside = files(folder.path(), ".damaged-1").remove(0);
    // What was in it is there for whoever can save it.
    assert!(fs::metadata(&aside).expect("a file").len() >= bytes.len() as u64);
    one_move(&zoogate, &mut fakes, &addresses, FIRST + 1).await;
    let moves = kept(&zoogate, "kind=move", 1).await;
    assert_eq!((moves.len(), moves[0]["session"].as_str()), (1, Some(format!("{:#x}", FIRST + 1).as_str())));
}

#[tokio::test]
async fn a_full_disk_is_counted_and_not_felt_and_tried_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut fakes = [Fake::start().await, Fake::start().await];
    let addresses = [ports::free(), ports::free()];
    let mut zoogate = plan(folder.path(), &[&fakes[0], &fakes[1]], &addresses).small_disk(folder.path()).start().await;
    one_move(&zoogate, &mut fakes, &addresses, FIRST).await;
    kept(&zoogate, "kind=move", 1).await;
    let ballast = zoogate.own_path(&folder.path().join("ballast"));
    let full = fs::write(&ballast, vec![0; 2 << 20]).expect_err("a small disk");
    assert_eq!(full.raw_os_error(), Some(rustix::io::Errno::NOSPC.raw_os_error()));
    // The log beside the file has room left in it, so it takes some moves until the disk is met.
    let mut session = FIRST;
    until("a failure", async || {
        session += 1;
        one_move(&zoogate, &mut fakes, &addresses, session).await;
        (zoogate.metric("zoogate_history_write_failures_total", &[]).await > 0).then_some(())
    })
    .await;
    zoogate.logs("the history cannot be written; it is tried again, and traffic goes on").await;
    one_move(&zoogate, &mut fakes, &addresses, session + 1).await;
    fs::remove_file(&ballast).expect("a ballast to throw off");
    zoogate.logs("the history is written again").await;
    // What waited is there, each once.
    let moves = kept(&zoogate, "kind=move", (session + 2 - FIRST) as usize).await;
    assert_eq!(moves.len(), (session + 2 - FIRST) as usize);
    assert_eq!(zoogate.metric("zoogate_findings_dropped_total", &["sink=\"history\""]).await, 0);
    assert_eq!(zoogate.lines_with("the history cannot be written"), 1, "said once");
}

#[tokio::test]
async fn a_full_disk_makes_room_of_its_oldest_week() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut fakes = [Fake::start().await, Fake::start().await];
    let addresses = [ports::free(), ports::free()];
    let mut zoogate = plan(folder.path(), &[&fakes[0], &fakes[1]], &addresses).small_disk(folder.path()).start().await;
    one_move(&zoogate, &mut fakes, &addresses, FIRST).await;
    kept(&zoogate, "kind=move", 1).await;
    // All that the disk has left is taken by a week that is long over.
    let old = zoogate.own_path(&folder.path().join("zoogate-2020-W01.db"));
    fs::write(&old, vec![0; 2 << 20]).expect_err("a small disk");
    let mut session = FIRST;
    until("the old week to go", async || {
        session += 1;
        one_move(&zoogate, &mut fakes, &addresses, session).await;
        (!old.exists()).then_some(())
    })
    .await;
    zoogate.logs("a file of the history was deleted as the disk is full").await;
    zoogate.logs("the history is written again").await;
    let moves = kept(&zoogate, "kind=move", (session + 1 - FIRST) as usize).await;
    assert_eq!(moves.len(), (session + 1 - FIRST) as usize, "each once, and nobody made room by hand");
}

#[tokio::test]
async fn a_directory_that_cannot_be_taken_yet_keeps_no_traffic_and_is_taken_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut fakes = [Fake::start().await, Fake::start().await];
    // Its lock file cannot be opened, as on a disk with errors.
    let lock = folder.path().join("zoogate.lock");
    fs::create_dir(&lock).expect("a folder in the place of the lock file");
    let (mut zoogate, addresses) = keeping(folder.path(), &[&fakes[0], &fakes[1]]).await;
    one_move(&zoogate, &mut fakes, &addresses, FIRST).await;
    assert_eq!(zoogate.lines_with("the history is not written; it is tried again, and traffic goes on"), 1);
    until("a failure", async || (zoogate.metric("zoogate_history_write_failures_total", &[]).await > 0).then_some(()))
        .await;
    fs::remove_dir(&lock).expect("the folder");
    zoogate.logs("the history is written again").await;
    assert_eq!(kept(&zoogate, "kind=move", 1).await.len(), 1, "what waited is there");
}

#[tokio::test]
async fn a_disk_that_hangs_keeps_no_stop() {
    let folder = tempfile::tempdir().expect("a folder");
    let fake = Fake::start().await;
    // Whoever opens a pipe to read waits for somebody who writes to it, as for a disk that does not answer.
    let script = "mkfifo \"$0/zoogate-$(date -u +%G-W%V).db\"";
    assert!(Command::new("sh").args(["-c", script]).arg(folder.path()).status().expect("sh").success());
    let (mut zoogate, _) = keeping(folder.path(), &[&fake]).await;
    let threads = |zoogate: &Zoogate| {
        let pid = zoogate.pid().as_raw_nonzero();
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("its threads");
        let names = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
        // So those are called that wait for a disk in the place of the admin thread.
        names.filter(|name| name.starts_with("tokio")).count()
    };
    let before = threads(&zoogate);
    let mut client = TcpStream::connect(zoogate.admin()).await.expect("the admin address");
    let request = format!("GET /api/history HTTP/1.1\r\nHost: {}\r\n\r\n", zoogate.admin());
    client.write_all(request.as_bytes()).await.expect("a question");
    until("a thread that reads the pipe", async || (threads(&zoogate) > before).then_some(())).await;
    zoogate.terminate();
    assert!(zoogate.ended().await.success());
}
