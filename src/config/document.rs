//! Texts about the configuration, made from the declarations: reference, schema, help, the result of a load.

use std::fmt::Write as _;
use std::num::NonZeroUsize;

use schemars::transform::{RecursiveTransform, Transform};
use schemars::{Schema, generate::SchemaSettings};
use serde_json::Value;

use super::catalog::{KeyName, key_names};
use super::keys::ConfigKeys;
use super::load::EffectiveKey;
use crate::text;

/// Keys without a default of their own, and what the reference shows for them.
const EXAMPLES: [(&str, &str); 4] = [
    ("servers", "servers = \"zk1:2181,zk2:2181,zk3:2181\""),
    ("listen", "listen = [\"127.0.0.1:2181\"]"),
    ("mirror", "# mirror = \"127.0.0.1:2191\""),
    ("workers", "# workers = 2"),
];
/// What is said of the default of `workers`, which differs from machine to machine.
const CORES: &str = "the number of cores";
/// Comments are broken before this column.
const WIDTH: usize = 110;

/// `config/reference.toml`: every key with its explanation, its flag, its variable and its default.
pub fn reference_toml() -> String {
    let schema = Value::from(plain_schema());
    let mut text = String::from(
        "# Every key of zoogate's configuration, with its default. Made from the program; do not edit.\n\
         # Flags win over variables, variables over this file, this file over the defaults.\n",
    );
    let mut section = None;
    for name in key_names() {
        if name.section() != section {
            section = name.section();
            let opened = section.unwrap_or_default();
            let about = schema.pointer(&format!("/properties/{opened}/description")).and_then(Value::as_str);
            text.push('\n');
            comment(&mut text, about.unwrap_or_default());
            let _ = writeln!(text, "[{opened}]");
        }
        text.push('\n');
        comment(&mut text, description(&schema, name));
        let _ = writeln!(text, "# Flag --{}, variable {}.", name.flag, name.variable());
        let _ = match EXAMPLES.iter().find(|(path, _)| *path == name.path) {
            Some((_, line)) => writeln!(text, "{line}"),
            None => writeln!(
                text,
                "{} = {}",
                name.key(),
                default_of(name).map(|value| toml_text(&value)).unwrap_or_default()
            ),
        };
    }
    text
}

/// Every key in all its forms, as a table in Markdown.
pub fn settings_table() -> String {
    let mut text = String::from("| key | flag | variable | default |\n|---|---|---|---|\n");
    for name in key_names() {
        let default = match default_of(name) {
            _ if name.path == "workers" => CORES.to_owned(),
            Some(value) => format!("`{}`", toml_text(&value)),
            None => String::new(),
        };
        let _ = writeln!(text, "| `{}` | `--{}` | `{}` | {default} |", name.path, name.flag, name.variable());
    }
    text
}

/// `config/schema.json`: JSON schema of the file, with defaults.
pub fn schema_json() -> String {
    let mut schema = Value::from(plain_schema());
    for name in key_names() {
        let property = schema.pointer_mut(&schema_pointer(name)).and_then(Value::as_object_mut);
        if let (Some(property), Some(default)) = (property, default_of(name).filter(|_| name.path != "workers")) {
            property.insert("default".to_owned(), default);
        }
    }
    format!("{schema:#}\n")
}

/// The keys in force as a file, with a comment that says where each comes from.
pub fn effective_toml(keys: &[EffectiveKey]) -> String {
    let mut text = String::new();
    let mut section = None;
    for key in keys {
        if key.name.section() != section {
            section = key.name.section();
            let _ = writeln!(text, "\n[{}]", section.unwrap_or_default());
        }
        let line = format!("{} = {}", key.name.key(), toml_text(&key.value));
        let _ = writeln!(text, "{line:<44} # {}", key.origin);
    }
    text
}

/// Adds default and variable to the help of each key's flag.
#[must_use]
pub fn with_defaults(command: clap::Command) -> clap::Command {
    key_names().iter().fold(command, |command, name| {
        let default = match default_of(name) {
            _ if name.path == "workers" => format!("default: {CORES}; "),
            Some(Value::String(text)) => format!("default: {text}; "),
            Some(value) => format!("default: {value}; "),
            None => String::new(),
        };
        let note = format!("[{default}{}]", name.variable());
        command.mut_arg(&name.path, |argument| {
            let short = argument.get_help().map(|help| format!("{help} {note}"));
            let long = argument.get_long_help().or(argument.get_help()).map(|help| format!("{help}\n\n{note}"));
            argument.help(short.unwrap_or_default()).long_help(long.unwrap_or_default())
        })
    })
}

/// The value of a key's default, if it has one.
fn default_of(name: &KeyName) -> Option<Value> {
    let defaults = serde_json::to_value(ConfigKeys::defaults(NonZeroUsize::MIN)).ok()?;
    name.path.split('.').try_fold(defaults, |value, part| value.get(part).cloned()).filter(|value| !value.is_null())
}

/// The schema without references, without null (TOML has none) and without Rust's names of number formats.
fn plain_schema() -> Schema {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<ConfigKeys>();
    RecursiveTransform(plain).transform(&mut schema);
    schema
}

fn plain(schema: &mut Schema) {
    schema.remove("default");
    schema.remove("format");
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        // Options come out as "or null", which TOML cannot write: editors would offer something that is refused.
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
        choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            schema.remove("anyOf");
            for (key, value) in only {
                let object = schema.ensure_object();
                object.entry(key).or_insert(value);
            }
        }
    }
}

fn schema_pointer(name: &KeyName) -> String {
    name.path.split('.').fold(String::new(), |pointer, part| format!("{pointer}/properties/{part}"))
}

fn description<'a>(schema: &'a Value, name: &KeyName) -> &'a str {
    schema
        .pointer(&schema_pointer(name))
        .and_then(|property| property.get("description"))
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Writes a text as comment lines of at most [`WIDTH`] columns; its line breaks within paragraphs do not count.
fn comment(text: &mut String, about: &str) {
    for paragraph in about.split("\n\n") {
        let words = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        let layout = textwrap::Options::new(WIDTH).initial_indent("# ").subsequent_indent("# ").break_words(false);
        for line in textwrap::wrap(&words, layout) {
            let _ = writeln!(text, "{line}");
        }
    }
}

/// A value as TOML writes it. Only a string of this kind has escapes for what is not seen.
fn toml_text(value: &Value) -> String {
    match value {
        Value::String(text) => format!("\"{}\"", text::toml(text)),
        Value::Array(items) => format!("[{}]", items.iter().map(toml_text).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_back(written: &str) -> Option<toml::Value> {
        toml::from_str::<toml::Table>(&format!("value = {written}")).ok()?.remove("value")
    }

    #[test]
    fn what_a_literal_string_could_hold_is_escaped_all_the_same() {
        let evil = "c:\\x\u{9b}2J\"'\u{202e}\u{200b}\n\u{e0100}";
        let expected = r#""c:\\x\u009B2J\"'\u202E\u200B\u000A\U000E0100""#;
        assert_eq!(toml_text(&Value::from(evil)), expected);
    }

    proptest! {
        #[test]
        fn values_are_read_back_and_nothing_in_them_is_unseen(
            text in proptest::collection::vec(any::<char>(), 0..40),
            evil in "[\"'\\\\\n\u{9b}\u{200b}\u{202e}\u{e0100}]{0,8}",
        ) {
            let text: String = text.into_iter().chain(evil.chars()).collect();
            let written = toml_text(&Value::from(text.as_str()));
            prop_assert_eq!(text::one_line(&written), written.as_str());
            prop_assert_eq!(read_back(&written), Some(toml::Value::from(text.as_str())));
            let list = toml_text(&Value::from(vec![text.clone(), evil.clone()]));
            prop_assert_eq!(read_back(&list), Some(toml::Value::from(vec![text, evil])));
        }
    }
}
