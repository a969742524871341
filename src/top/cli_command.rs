//! The command line that prints what is shown.

/// `zoogate`, these words, and the options that ask the same zoogate; every word as a shell takes it.
pub(super) fn command_line(words: &[String], asked_with: &[String], filter: Option<&str>) -> String {
    let mut line = vec!["zoogate".to_owned()];
    line.extend(words.iter().cloned());
    line.extend(asked_with.iter().cloned());
    if let Some(filter) = filter {
        line.extend(["--filter".to_owned(), filter.to_owned()]);
    }
    line.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:,@%+".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_it_as_it_is() {
        let words = ["session".to_owned(), "0x1".to_owned()];
        let at = |option: &str, place: &str| [option.to_owned(), place.to_owned()];
        let line = command_line(&words, &at("--admin", "127.0.0.1:9180"), None);
        assert_eq!(line, "zoogate session 0x1 --admin 127.0.0.1:9180");
        let line = command_line(&words, &at("--socket", "/run/a b.sock"), None);
        assert_eq!(line, "zoogate session 0x1 --socket '/run/a b.sock'");
        let line = command_line(&["sessions".to_owned()], &at("--admin", "::1"), Some("latency>10ms identity=it's"));
        assert_eq!(line, r"zoogate sessions --admin ::1 --filter 'latency>10ms identity=it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
