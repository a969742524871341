//! The page as it is served: by what rules, how large.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::stage::{BROKER, Stage};

/// Bytes of the page and all of its files, compressed.
const WEIGHT: usize = 150 * 1024;

fn get(stage: &Stage, path: &str, further: &str) -> (String, String) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{further}\r\n");
    let answer = stage.raw(&request);
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    (head.to_ascii_lowercase(), body.to_owned())
}

/// All files that the page asks for, itself first: those that it names, and what its modules import.
fn files(stage: &Stage) -> Vec<(String, String, String)> {
    let mut all: Vec<(String, String, String)> = Vec::new();
    let mut wanted = vec!["/".to_owned()];
    while let Some(path) = wanted.pop() {
        if all.iter().any(|(known, ..)| *known == path) {
            continue;
        }
        let (head, body) = get(stage, &path, "");
        assert!(head.starts_with("http/1.1 200"), "{path}: {head}");
        wanted.extend(body.split(['"', '\'']).filter(|text| text.starts_with("/page/")).map(str::to_owned));
        let imports = body.lines().filter(|line| line.starts_with("import "));
        wanted.extend(
            imports.filter_map(|line| Some(format!("/page/{}", line.split("\"./").nth(1)?.split('"').next()?))),
        );
        all.push((path, head, body));
    }
    all
}

fn value<'a>(head: &'a str, name: &str) -> &'a str {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default()
}

fn compressed(text: &str) -> usize {
    let mut gzip =
        Command::new("gzip").args(["-9", "-c"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("gzip");
    let mut input = gzip.stdin.take().expect("its input");
    let text = text.to_owned();
    let writing = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let mut small = Vec::new();
    gzip.stdout.take().expect("its output").read_to_end(&mut small).expect("what it made");
    writing.join().expect("a thread").expect("it reads all");
    assert!(gzip.wait().expect("its end").success());
    small.len()
}

#[test]
fn it_runs_nothing_but_its_own_files_and_is_light() {
    let stage = Stage::empty();
    let all = files(&stage);
    assert!(all.len() > 15, "{} files", all.len());
    for (path, head, body) in &all {
        let policy = value(head, "content-security-policy");
        for rule in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(value(head, "x-content-type-options"), "nosniff", "{path}");
        let kind = value(head, "content-type");
        let fits = match path.rsplit_once('.') {
            Some((_, "js")) => kind.starts_with("text/javascript"),
            Some((_, "css")) => kind.starts_with("text/css"),
            _ => kind.starts_with("text/html"),
        };
        assert!(fits, "{path}: {kind}");
        assert!(!body.is_empty(), "{path}");
    }
    let (_, _, page) = &all[0];
    assert!(
        !page.contains("<style")
            && !page.contains(" style=")
            && !page.split_whitespace().any(|word| word.starts_with("on") && word.contains('=')),
        "{page}"
    );
    assert!(page.matches("<script").count() == page.matches("<script src=").count(), "{page}");
    let weight: usize = all.iter().map(|(_, _, body)| compressed(body)).sum();
    assert!((20_000..=WEIGHT).contains(&weight), "{weight} bytes compressed");
}

#[test]
fn a_browser_that_has_it_is_told_so() {
    let stage = Stage::empty();
    for path in ["/", "/page/main.js"] {
        let (head, body) = get(&stage, path, "");
        assert_eq!(value(&head, "cache-control"), "no-cache", "{path}");
        let tag = value(&head, "etag");
        assert!(tag.len() > 10, "{head}");
        let (head, nothing) = get(&stage, path, &format!("If-None-Match: W/\"other\", {tag}\r\n"));
        assert!(head.starts_with("http/1.1 304") && nothing.is_empty(), "{head}");
        let (head, again) = get(&stage, path, "If-None-Match: \"other\"\r\n");
        assert!(head.starts_with("http/1.1 200") && again == body, "{head}");
    }
    let (head, _) = get(&stage, "/api/servers", "");
    assert_eq!(value(&head, "cache-control"), "no-store");
}

#[test]
fn what_is_no_file_of_it_is_not_found() {
    let stage = Stage::empty();
    for path in ["/page/none.js", "/page/..%2findex.html", "/page/index.html", "/page/%00"] {
        let (status, _) = stage.refusal(path);
        assert_eq!(status, 404, "{path}");
    }
}

/// Reads until all of these have come, in this order.
fn read_until(stream: &mut TcpStream, wanted: &[&str]) -> String {
    let (mut text, mut piece) = (String::new(), [0; 4096]);
    loop {
        let mut rest = text.as_str();
        let all = wanted.iter().all(|one| match rest.split_once(one) {
            Some((_, behind)) => {
                rest = behind;
                true
            }
            None => false,
        });
        if all {
            return text;
        }
        let length = stream.read(&mut piece).unwrap_or_else(|error| panic!("{wanted:?}: {error} behind {text}"));
        assert!(length > 0, "the stream ended before {wanted:?}: {text}");
        text += &String::from_utf8_lossy(&piece[..length]);
    }
}

#[test]
fn open_pages_are_told_what_changes() {
    let stage = Stage::empty();
    let mut pages: Vec<TcpStream> = (0..3)
        .map(|_| {
            let mut page = TcpStream::connect(stage.admin.address()).expect("a connection");
            page.set_read_timeout(Some(Duration::from_secs(30))).expect("a time");
            page.write_all(b"GET /api/stream HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("a request");
            read_until(&mut page, &["text/event-stream", "event: begun"]);
            page
        })
        .collect();
    stage.play_a_move();
    let session = format!("\"session\":\"{BROKER}\"");
    for page in &mut pages {
        read_until(page, &["event: servers", "event: moves", &session, "event: refusals", &session]);
    }
}
