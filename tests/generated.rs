//! The documents that are made from the program equal what the program makes.
//!
//! `UPDATE_GENERATED=1 cargo test --test generated` writes them anew.

use std::fs;
use std::path::Path;

/// Compares one generated file, or writes it when asked to.
fn check(file: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        fs::write(&path, expected).expect("a checkout that can be written");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "{file} is out of date: run `UPDATE_GENERATED=1 cargo test --test generated`");
}

#[test]
fn reference() {
    check("config/reference.toml", &zoogate::config::reference_toml());
}

#[test]
fn schema() {
    check("config/schema.json", &zoogate::config::schema_json());
}
