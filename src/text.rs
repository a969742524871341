//! Text from elsewhere, made harmless for a terminal, a line and a label.
//!
//! Paths, identities, answers and arguments are untrusted bytes. A control character among them moves the cursor,
//! forges a line or turns the direction of what follows it. So every way out of the program writes what cannot be
//! seen as an escape that can.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::RangeInclusive;

/// What is not seen but acts, hides or leaves a gap, beside the control characters themselves: marks of direction,
/// separators of lines and paragraphs, joiners, tags, variation selectors and fillers (Unicode's categories Cf, Zl and
/// Zp, its property `Default_Ignorable_Code_Point`, and the blank of the Braille patterns).
const UNSEEN: [RangeInclusive<char>; 26] = [
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{600}'..='\u{605}',
    '\u{61c}'..='\u{61c}',
    '\u{6dd}'..='\u{6dd}',
    '\u{70f}'..='\u{70f}',
    '\u{890}'..='\u{891}',
    '\u{8e2}'..='\u{8e2}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    '\u{200b}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{2800}'..='\u{2800}',
    '\u{3164}'..='\u{3164}',
    '\u{fe00}'..='\u{fe0f}',
    '\u{feff}'..='\u{feff}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff0}'..='\u{fffb}',
    '\u{110bd}'..='\u{110bd}',
    '\u{110cd}'..='\u{110cd}',
    '\u{13430}'..='\u{1343f}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0000}'..='\u{e0fff}',
];

/// Whether a letter must not reach a terminal as it is.
fn is_unseen(letter: char) -> bool {
    // Nearly all text is below the first of them.
    letter.is_control() || (letter >= '\u{ad}' && UNSEEN.iter().any(|range| range.contains(&letter)))
}

/// One line of text: everything that is not seen stands as an escape, line breaks too.
///
/// ```
/// assert_eq!(zoogate::text::one_line("/a\n\u{1b}[2J"), "/a\\n\\u{1b}[2J");
/// ```
pub fn one_line(text: &str) -> Cow<'_, str> {
    escaped(text, is_unseen, |letter, safe| safe.extend(letter.escape_default()))
}

/// Lines of text that the program itself has broken: as [`one_line`], but line breaks stay.
pub fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, |letter| letter != '\n' && is_unseen(letter), |letter, safe| safe.extend(letter.escape_default()))
}

/// JSON with everything that is not seen in JSON's own escapes; its layout stays. Such letters stand only inside of
/// strings, so it means the same as before.
pub fn json(text: &str) -> Cow<'_, str> {
    escaped(
        text,
        |letter| letter != '\n' && is_unseen(letter),
        |letter, safe| {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                // Writing to a String does not fail.
                let _ = write!(safe, "\\u{unit:04x}");
            }
        },
    )
}

/// What stands in a basic string of TOML so that it is read as this text: everything that is not seen is in TOML's own
/// escapes.
///
/// ```
/// assert_eq!(zoogate::text::toml("a\"b\n\u{202e}\u{e0100}"), "a\\\"b\\u000A\\u202E\\U000E0100");
/// ```
pub fn toml(text: &str) -> Cow<'_, str> {
    escaped(
        text,
        |letter| matches!(letter, '"' | '\\') || is_unseen(letter),
        |letter, safe| {
            // Writing to a String does not fail.
            let _ = match letter {
                '"' | '\\' => write!(safe, "\\{letter}"),
                '\u{10000}'.. => write!(safe, "\\U{:08X}", u32::from(letter)),
                _ => write!(safe, "\\u{:04X}", u32::from(letter)),
            };
        },
    )
}

fn escaped(text: &str, unsafe_here: impl Fn(char) -> bool, escape: impl Fn(char, &mut String)) -> Cow<'_, str> {
    // Nearly all text is harmless and costs no copy.
    let Some(first) = text.find(&unsafe_here) else { return Cow::Borrowed(text) };
    let mut safe = String::with_capacity(text.len() + 16);
    safe.push_str(&text[..first]);
    for letter in text[first..].chars() {
        if unsafe_here(letter) { escape(letter, &mut safe) } else { safe.push(letter) }
    }
    Cow::Owned(safe)
}

/// The longest beginning of a text that has at most this many bytes.
pub fn beginning(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_become_escapes_and_the_rest_stays() {
        assert_eq!(one_line("/é/\u{1f600} \\n"), "/é/\u{1f600} \\n");
        assert_eq!(one_line("a\tb\r\u{7f}\u{9b}\u{202e}\u{feff}"), "a\\tb\\r\\u{7f}\\u{9b}\\u{202e}\\u{feff}");
        assert_eq!(lines("a\nb\u{1b}"), "a\nb\\u{1b}");
    }

    #[test]
    fn json_means_the_same_as_before() {
        let text: String = (0..=0x0010_ffff).filter_map(char::from_u32).collect();
        let written = serde_json::to_string_pretty(&serde_json::json!({ "text": text })).unwrap();
        let safe = json(&written);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap()["text"], text);
        assert_eq!(safe.chars().find(|letter| is_unseen(*letter) && *letter != '\n'), None);
    }

    #[test]
    fn a_string_of_toml_means_the_same_as_before() {
        let text: String = (0..=0x0010_ffff).filter_map(char::from_u32).collect();
        let safe = toml(&text);
        assert_eq!(safe.chars().find(|letter| is_unseen(*letter)), None);
        let read: ::toml::Table = ::toml::from_str(&format!("text = \"{safe}\"")).unwrap();
        assert_eq!(read.get("text").and_then(::toml::Value::as_str), Some(text.as_str()));
    }

    #[test]
    fn the_table_is_in_order() {
        assert!(UNSEEN.iter().all(|range| range.start() <= range.end()));
        assert!(UNSEEN.windows(2).all(|two| two[0].end() < two[1].start()));
    }

    /// Letters that a font leaves out or shows as a gap: two names that differ in them look the same.
    #[test]
    fn what_is_left_out_of_a_line_is_unseen() {
        let ignorable = "\u{34f}\u{115f}\u{1160}\u{17b4}\u{17b5}\u{180b}\u{180c}\u{180d}\u{180f}\u{2065}\u{3164}\
                         \u{fe00}\u{fe0f}\u{ffa0}\u{fff0}\u{fff8}\u{e0080}\u{e0100}\u{e01ef}\u{e0fff}";
        for letter in ignorable.chars().chain(['\u{2800}']) {
            assert_eq!(one_line(&format!("broker{letter}-1")), format!("broker{}-1", letter.escape_unicode()));
        }
        let others = "\u{34e}\u{350}\u{1161}\u{180a}\u{2801}\u{3165}\u{fe10}\u{ffa1}\u{fffc}\u{fffd}\u{e1000}";
        assert_eq!(one_line(others), others);
    }

    /// The standard library has a table of its own of what can be printed.
    #[test]
    fn what_cannot_be_printed_and_has_a_meaning_is_unseen() {
        let assigned = ['\u{61c}', '\u{200e}', '\u{200f}', '\u{2066}', '\u{2069}', '\u{202a}', '\u{202e}', '\u{e0001}'];
        for letter in assigned.into_iter().chain((0..0xa0).filter_map(char::from_u32)) {
            let printed: String = letter.escape_debug().collect();
            let shows = printed == letter.to_string() || "\\\"'".contains(letter);
            assert_eq!(is_unseen(letter), !shows, "{letter:?}");
        }
    }

    #[test]
    fn a_beginning_ends_between_letters() {
        assert_eq!(beginning("aé", 2), "a");
        assert_eq!(beginning("aé", 3), "aé");
        assert_eq!(beginning("aé", 9), "aé");
    }
}
