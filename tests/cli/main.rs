//! The binary as people meet it: help, exit codes, sources of settings, tables from an admin address.

mod access;
mod admin_stub;
mod doctor;
mod help;
mod lists;
mod run;
mod settings;
mod standard_error;
mod top;
mod unseen;

use std::process::{Command, Output};

/// Runs the binary with no variable of ours set but those given.
fn zoogate(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    command(arguments, variables).output().expect("the binary starts")
}

/// The binary with no variable of ours set but those given.
fn command(arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zoogate"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ZOOGATE_")) {
        command.env_remove(name);
    }
    command.env_remove("COLUMNS").args(arguments).envs(variables.iter().copied());
    command
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// A file of this text that lives as long as the result.
fn file(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("z.toml");
    std::fs::write(&path, text).expect("a written file");
    let path = path.to_string_lossy().into_owned();
    (folder, path)
}
