//! Where settings come from, and what is said when they are wrong.

use std::os::unix::fs::PermissionsExt as _;

use super::{file, stderr, stdout, zoogate};

#[test]
fn print_config_says_who_set_what() {
    let (_folder, path) =
        file("servers = \"zk1\"\nlisten = [\"127.0.0.1:2181\"]\n[probe]\ninterval = \"2s\"\ntimeout = \"2s\"\n");
    let variables = [("ZOOGATE_PROBE_TIMEOUT", "3s"), ("ZOOGATE_LOG_LEVEL", "debug")];
    let shown = stdout(&zoogate(&["print-config", &path, "--log-level", "warn", "--admin", "off"], &variables));
    let line = |key: &str| {
        let line = shown.lines().find(|line| line.starts_with(key)).unwrap_or_default();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("interval"), format!("interval = \"2s\" # {path}:4:12"));
    assert_eq!(line("timeout"), "timeout = \"3s\" # variable ZOOGATE_PROBE_TIMEOUT");
    assert_eq!(line("level"), "level = \"warn\" # flag --log-level");
    assert_eq!(line("address"), "address = \"off\" # flag --admin-address");
    assert_eq!(line("pin"), "pin = \"soft\" # default");
}

#[test]
fn print_config_can_be_read_back() {
    let shown = stdout(&zoogate(
        &["print-config", "--servers", "zk1,[::1]:7/x", "--listen", "127.0.0.1:1,127.0.0.1:2=zk9"],
        &[],
    ));
    let (_folder, path) = file(&shown);
    let again = zoogate(&["print-config", &path], &[]);
    let values = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split(" #").next().unwrap_or_default().trim().to_owned()).collect()
    };
    assert_eq!(values(&stdout(&again)), values(&shown));
}

#[test]
fn check_says_what_would_be_bound() {
    let output = zoogate(
        &["check", "--servers", "127.0.0.2,[::1]:2182/kafka", "--listen", "127.0.0.1:2181", "--mirror", "[::1]:2191"],
        &[],
    );
    assert_eq!(output.status.code(), Some(0));
    let expected = "\
listen  127.0.0.1:2181  pooled over 2 servers
listen  [::1]:2191      mirror of 127.0.0.2:2181
listen  [::1]:2192      mirror of [::1]:2182
admin   127.0.0.1:9180
server  127.0.0.2:2181  127.0.0.2:2181
server  [::1]:2182      [::1]:2182
note: the chroot /kafka is part of the paths that clients send: zoogate has no use for it
valid
";
    assert_eq!(stdout(&output), expected);
}

#[test]
fn check_finds_names_that_nobody_knows() {
    let output = zoogate(&["check", "--servers", "no-such-server.invalid", "--listen", "127.0.0.1:2181"], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("no-such-server.invalid:2181  cannot be resolved: "));
}

#[test]
fn check_finds_servers_that_are_zoogate_itself() {
    for (servers, listen, said) in [
        ("127.0.0.1:2181", "127.0.0.1:2181", "127.0.0.1:2181 is zoogate itself, which listens on 127.0.0.1:2181"),
        ("127.0.0.7:2181", "0.0.0.0:2181", "127.0.0.7:2181 is zoogate itself, which listens on 0.0.0.0:2181"),
        ("zk1,[::1]:2181", "[::]:2181", "[::1]:2181 is zoogate itself, which listens on [::]:2181"),
        ("localhost", "127.0.0.1:2181", "server localhost:2181 is zoogate itself, which listens on 127.0.0.1:2181"),
        ("127.0.0.1", "127.0.0.1:2182=127.0.0.1:2182", "127.0.0.1:2182 is zoogate itself"),
    ] {
        let output = zoogate(&["check", "--servers", servers, "--listen", listen], &[]);
        assert_eq!(output.status.code(), Some(1), "{servers}");
        assert!(stdout(&output).contains(said), "{}", stdout(&output));
    }
    let output = zoogate(&["run", "--servers", "127.0.0.1:2181", "--listen", "0.0.0.0:2181"], &[]);
    assert!(!output.status.success());
    assert!(stderr(&output).contains("is zoogate itself"), "{}", stderr(&output));
}

#[test]
fn check_points_at_the_line() {
    let (_folder, path) =
        file("servers = \"zk1\"\nlisten = [\"127.0.0.1:2181\"]\n\n[admin]\nadress = \"127.0.0.1:1\"\n");
    let output = zoogate(&["check", &path], &[]);
    assert_eq!(output.status.code(), Some(1));
    let expected = format!(
        "{path}:5:1: admin.adress: unknown key `adress`, expected one of `address`, `allow_remote`, `token_file`, `read_token_file`, `socket`\n  5 | adress = \"127.0.0.1:1\"\n      ^^^^^^\n"
    );
    assert_eq!(stdout(&output), expected);
}

#[test]
fn an_admin_door_for_all_must_be_asked_for() {
    let least = ["check", "--servers", "127.0.0.2", "--listen", "127.0.0.1:2181", "--admin", "0.0.0.0:9180"];
    let output = zoogate(&least, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stdout(&output).starts_with("flag --admin-address: admin.address: 0.0.0.0:9180 is not a loopback address: ")
    );
    let (_folder, token) = file("0123456789abcdef\n");
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).expect("its mode");
    for (variables, said) in [
        (&[("ZOOGATE_ADMIN_ALLOW_REMOTE", "true")][..], "admin.token_file: the admin address 0.0.0.0:9180 is open to"),
        (
            &[("ZOOGATE_ADMIN_TOKEN_FILE", &token)],
            "flag --admin-address: admin.address: 0.0.0.0:9180 is not a loopback",
        ),
        (&[("ZOOGATE_ADMIN_READ_TOKEN_FILE", &token)], "flag --admin-address: admin.address: "),
    ] {
        let output = zoogate(&least, variables);
        assert_eq!(output.status.code(), Some(1));
        assert!(stdout(&output).starts_with(said), "{}", stdout(&output));
    }
    let both = [("ZOOGATE_ADMIN_ALLOW_REMOTE", "true"), ("ZOOGATE_ADMIN_TOKEN_FILE", token.as_str())];
    assert_eq!(zoogate(&least, &both).status.code(), Some(0));
    assert_eq!(zoogate(&[&least[..], &["--admin-allow-remote"]].concat(), &both[1..]).status.code(), Some(0));
    let alone = ["check", "--servers", "127.0.0.2", "--listen", "127.0.0.1:2181", "--admin-read-token-file", &token];
    let output = zoogate(&alone, &[]);
    assert!(stdout(&output).contains("set admin.token_file too"), "{}", stdout(&output));
}

#[test]
fn a_file_that_cannot_be_read_is_a_failure() {
    let output = zoogate(&["check", "/no/such/file.toml"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stderr(&output), "zoogate: cannot read /no/such/file.toml: No such file or directory (os error 2)\n");
    assert_eq!(zoogate(&["print-config"], &[]).status.code(), Some(2));
}

#[test]
fn absurd_settings_get_short_answers() {
    let names: Vec<String> = (0..70_000).map(|number| format!("zk{number}")).collect();
    let listens: Vec<String> = (0..70_000).map(|number| format!("\"127.0.0.1:{}\"", number % 60_000 + 1)).collect();
    let mirrors: Vec<String> = (0..1_000).map(|number| format!("\"127.0.0.1:{}=m{number}\"", number + 1)).collect();
    let long = "x".repeat(1 << 20);
    for (text, finding) in [
        (format!("servers = \"{}\"", names.join(",")), "70000 servers"),
        (format!("servers = \"zk1\"\nlisten = [{}]", listens.join(",")), "70000 is too many"),
        (format!("listen = [{}]", mirrors.join(",")), "1000 servers"),
        ("servers = \"a\"\nlisten = [\"127.0.0.1:1\"]\nworkers = 1000000000".to_owned(), "1000000000 is too many"),
        (format!("servers = \"{long}\""), "the lookup"),
        (format!("{long} = 1"), "unknown key"),
        (format!("servers = \"{long};\""), "does not name a server"),
    ] {
        let (_folder, path) = file(&text);
        let output = zoogate(&["check", &path], &[]);
        let shown = stdout(&output) + &stderr(&output);
        assert_ne!(output.status.code(), Some(0), "{finding}");
        assert!(shown.len() < 2_000, "{} bytes about {finding}", shown.len());
        assert!(finding == "the lookup" || shown.contains(finding), "{finding}: {shown}");
    }
    let output = zoogate(&["check", "/dev/zero"], &[]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}
