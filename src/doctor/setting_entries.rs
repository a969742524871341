//! Settings of a Kafka broker as people write them: a file in Java's format of properties, or variables of an image.
//!
//! The file is read as `java.util.Properties.load` reads it: lines that a backslash continues, `=`, `:` or a space behind
//! the key, escapes, comments by `#` or `!`, bytes as Latin-1.

use thiserror::Error;

/// One setting as it is written. Its value may be a secret: it is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SettingEntry {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// Why a file is no file of properties.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum PropertiesError {
    /// `\u` without four hexadecimal digits behind it: Java reads nothing of such a file.
    #[error("line {line}: \\u is not followed by four hexadecimal digits")]
    Escape {
        /// The line on which the setting begins, from 1.
        line: usize,
    },
}

/// Reads a file of properties.
///
/// # Errors
/// [`PropertiesError`], where Java refuses the file as well.
pub fn of_properties(bytes: &[u8]) -> Result<Vec<SettingEntry>, PropertiesError> {
    let mut entries = Vec::new();
    for (line, logical) in logical_lines(bytes) {
        let unescaped = |text: &[char]| unescape(text).ok_or(PropertiesError::Escape { line });
        let key_end = end_of_key(&logical);
        let value = value_behind(&logical[key_end..]);
        entries.push(SettingEntry { key: unescaped(&logical[..key_end])?, value: unescaped(value)? });
    }
    Ok(entries)
}

fn is_blank(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\u{c}')
}

/// Lines with their continuations, comments and empty ones left out, each with the number of its first line.
fn logical_lines(bytes: &[u8]) -> Vec<(usize, Vec<char>)> {
    // `LineReader`: a break of one byte at the very end is as if it were not there.
    let bytes = match bytes {
        [.., b'\r', b'\n'] => bytes,
        [rest @ .., b'\r' | b'\n'] => rest,
        _ => bytes,
    };
    let mut lines = Vec::new();
    let mut open: Option<(usize, Vec<char>)> = None;
    for (number, natural) in natural_lines(bytes).enumerate() {
        let text: Vec<char> =
            natural.iter().map(|byte| char::from(*byte)).skip_while(|letter| is_blank(*letter)).collect();
        let continues = open.as_ref().is_some_and(|(_, text)| !text.is_empty());
        // What continues a line is never a comment.
        if !continues && (text.is_empty() || matches!(text[0], '#' | '!')) {
            open = None;
            continue;
        }
        let (first, mut whole) = open.take().unwrap_or((number + 1, Vec::new()));
        whole.extend(&text);
        // An even number of backslashes at the end are escaped ones.
        let backslashes = text.iter().rev().take_while(|letter| **letter == '\\').count();
        if backslashes % 2 == 1 {
            whole.pop();
            open = Some((first, whole));
        } else if !whole.is_empty() {
            lines.push((first, whole));
        }
    }
    // A backslash as the very last letter is dropped, and what is before it is a line, be it an empty one.
    lines.extend(open);
    lines
}

/// Lines by `\n`, `\r` or both.
fn natural_lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
            rest = None;
            return Some(text);
        };
        let width = if text[end..].starts_with(b"\r\n") { 2 } else { 1 };
        rest = Some(&text[end + width..]);
        Some(&text[..end])
    })
}

fn end_of_key(text: &[char]) -> usize {
    let mut is_escaped = false;
    let end = text.iter().position(|letter| {
        let ends = !is_escaped && (matches!(letter, '=' | ':') || is_blank(*letter));
        is_escaped = *letter == '\\' && !is_escaped;
        ends
    });
    end.unwrap_or(text.len())
}

/// What follows a key without blanks and at most one separator.
fn value_behind(text: &[char]) -> &[char] {
    let blanks = |text: &[char]| text.iter().take_while(|letter| is_blank(**letter)).count();
    let rest = &text[blanks(text)..];
    match rest.first() {
        Some('=' | ':') => &rest[1 + blanks(&rest[1..])..],
        _ => rest,
    }
}

/// The text with its escapes resolved; None where Java finds one malformed.
fn unescape(text: &[char]) -> Option<String> {
    // Units of UTF-16: an escape may give half of a letter.
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut letters = text.iter().copied();
    while let Some(letter) = letters.next() {
        let plain = match letter {
            '\\' => match letters.next() {
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('f') => '\u{c}',
                Some('u') => {
                    let digits: String = letters.by_ref().take(4).collect();
                    let is_whole = digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
                    units.push(u16::from_str_radix(&digits, 16).ok().filter(|_| is_whole)?);
                    continue;
                }
                Some(other) => other,
                None => continue,
            },
            other => other,
        };
        units.extend(plain.encode_utf16(&mut [0; 2]).iter());
    }
    Some(String::from_utf16_lossy(&units))
}

/// Reads the variables of the usual images: `KAFKA_ZOOKEEPER_CONNECT` is `zookeeper.connect`; three underscores are a
/// dash, two an underscore. Where there are variables with `KAFKA_CFG_`, those alone are settings. Others are left out.
pub fn of_variables(variables: &[(String, String)]) -> Vec<SettingEntry> {
    let with = |prefix: &'static str| {
        variables.iter().filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value.clone())))
    };
    let named: Vec<_> = match with("KAFKA_CFG_").next() {
        Some(_) => with("KAFKA_CFG_").collect(),
        None => with("KAFKA_").filter(|(name, _)| !name.ends_with("OPTS")).collect(),
    };
    let spelled = |name: &str| {
        let lower = name.to_ascii_lowercase().replace("___", "-").replace("__", "\0").replace('_', ".");
        lower.replace('\0', "_")
    };
    named.into_iter().map(|(name, value)| SettingEntry { key: spelled(name), value }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &[u8]) -> Vec<(String, String)> {
        of_properties(text).unwrap().into_iter().map(|entry| (entry.key, entry.value)).collect()
    }

    fn one(text: &str) -> (String, String) {
        let found = pairs(text.as_bytes());
        assert_eq!(found.len(), 1, "{text:?} {found:?}");
        found[0].clone()
    }

    #[test]
    fn keys_end_at_the_first_separator_and_values_at_the_line() {
        for text in ["a=b", "a:b", "a b", "  a = b", "a\t:\tb", "a   b", "a=b\r\n", "a=b\r", "\u{c}a=b"] {
            assert_eq!(one(text), ("a".into(), "b".into()), "{text:?}");
        }
        assert_eq!(one("a==b"), ("a".into(), "=b".into()));
        assert_eq!(one("a = b = c # d "), ("a".into(), "b = c # d ".into()));
        assert_eq!(one("a"), ("a".into(), String::new()));
        assert_eq!(one("a\\ b\\:c\\=d=e"), ("a b:c=d".into(), "e".into()));
        assert_eq!(one("=v"), (String::new(), "v".into()));
    }

    #[test]
    fn comments_and_empty_lines_are_left_out() {
        assert_eq!(pairs(b"# a=b\n ! c=d\n\n  \n#e\\\nf=g\n"), [("f".to_owned(), "g".to_owned())]);
    }

    #[test]
    fn a_backslash_continues_a_line() {
        assert_eq!(one("a=b,\\\n   c,\\\r\n\td"), ("a".into(), "b,c,d".into()));
        assert_eq!(one("a=b\\\n# c"), ("a".into(), "b# c".into()));
        assert_eq!(one("a=b\\\\"), ("a".into(), "b\\".into()));
        assert_eq!(one("a=b\\"), ("a".into(), "b".into()));
        assert_eq!((one("\\"), one("\\\n")), Default::default());
        assert!(pairs(b"\\\r\n").is_empty() && pairs(b"\\\n\n").is_empty());
        assert_eq!(pairs(b"a=b\\\n\nc=d"), [("a".into(), "b".into()), ("c".into(), "d".into())]);
        assert_eq!(pairs(b"\\\n# x\nc=d"), [("c".to_owned(), "d".to_owned())]);
    }

    #[test]
    fn escapes_are_resolved() {
        assert_eq!(one("a=\\u0041\\t\\q\\u00e9\\ud83d\\ude00"), ("a".into(), "A\tq\u{e9}\u{1f600}".into()));
        assert_eq!(pairs(b"a=\xe9"), [("a".to_owned(), "\u{e9}".to_owned())]);
        for text in ["a=\\u12", "a=\\u12g4", "\n\na\\u+123=b"] {
            assert!(of_properties(text.as_bytes()).is_err(), "{text:?}");
        }
        assert!(matches!(of_properties(b"x=1\n\na=\\u12"), Err(PropertiesError::Escape { line: 3 })));
    }

    #[test]
    fn variables_are_spelled_as_settings() {
        let variables = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            let owned: Vec<_> = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            of_variables(&owned).into_iter().map(|entry| (entry.key, entry.value)).collect()
        };
        let plain = variables(&[
            ("KAFKA_ZOOKEEPER_CONNECT", "a"),
            ("PATH", "/"),
            ("KAFKA_OPTS", "-D"),
            ("KAFKA_A__B___C", "d"),
        ]);
        assert_eq!(plain, [("zookeeper.connect".into(), "a".into()), ("a_b-c".into(), "d".into())]);
        let prefixed = variables(&[("KAFKA_CFG_ZOOKEEPER_CONNECT", "a"), ("KAFKA_ZOOKEEPER_PASSWORD", "b")]);
        assert_eq!(prefixed, [("zookeeper.connect".to_owned(), "a".to_owned())]);
    }
}
