//! A standard error that takes nothing: the message is lost, and the exit code is not.

use std::fs::File;

use super::{admin_stub, command};

#[test]
fn the_exit_code_tells_what_a_full_standard_error_cannot() {
    let stub = admin_stub::open("404 Not Found", r#"{"error":"there is no such incident"}"#);
    for (arguments, code) in [
        (&["check", "/no/such/file.toml"][..], 2),
        (&["sessions", "--admin", "127.0.0.1:1"], 2),
        (&["report", "--incident", "7", "--admin", &stub.address], 1),
        (&["no-such-command"], 64),
        // What is quoted has to be escaped.
        (&["no-such-command\u{1b}"], 64),
    ] {
        let full = File::options().write(true).open("/dev/full").expect("the device");
        let output = command(arguments, &[]).stderr(full).output().expect("the binary starts");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
    }
}
