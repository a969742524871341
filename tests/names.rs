//! How the sources read, measured: names of types, comments that say why, lengths of files and functions.
//!
//! `cargo test --test names -- --nocapture` prints the figures. The bounds are those of well-kept proxies of the same
//! size; a name of one word is fine where ZooKeeper or the field has no longer one.

mod code_lines;
mod sources;

use std::collections::BTreeMap;

use code_lines::{indent, is_code, lines_without_tests};

/// Most type names of one word, in percent.
const ONE_WORD_NAMES: f64 = 25.0;
/// Fewest words of a type's name, on average.
const WORDS_A_NAME: f64 = 1.9;
/// Fewest lines of comments inside functions to 100 lines of code.
const COMMENTS_INSIDE: f64 = 2.0;
/// Most lines of code of a file.
const FILE_LINES: usize = 420;
/// Most lines of code of a function, its signature and its last brace included.
const FUNCTION_LINES: usize = 64;

/// A type that is declared somewhere.
struct DeclaredType<'a> {
    name: &'a str,
    is_public: bool,
    line: usize,
}

/// What is measured of one file.
#[derive(Default)]
struct FileFigures<'a> {
    types: Vec<DeclaredType<'a>>,
    code_lines: usize,
    /// Lines of comments inside functions.
    comment_lines: usize,
    /// The longest function: its lines of code, and the line where it begins.
    longest_function: (usize, usize),
}

impl<'a> FileFigures<'a> {
    fn of(text: &'a str) -> Self {
        let mut figures = Self::default();
        // The indentation of the function that is open, the line where it began, and its lines of code so far.
        let mut function: Option<(usize, usize, usize)> = None;
        for (number, line) in lines_without_tests(text) {
            figures.code_lines += usize::from(is_code(line));
            figures.types.extend(declared_type(line, number));
            if let Some((depth, began, lines)) = &mut function {
                *lines += usize::from(is_code(line));
                figures.comment_lines += usize::from(line.trim_start().starts_with("// "));
                let closes = line.trim_end() == format!("{}}}", " ".repeat(*depth));
                if closes || (indent(line) == *depth && line.trim_end().ends_with(';')) {
                    figures.longest_function = figures.longest_function.max((*lines, *began));
                    function = None;
                }
            } else if begins_function(line) {
                function = Some((indent(line), number, 1));
            }
        }
        figures
    }
}

/// Whether a line begins a function that does not end on it.
fn begins_function(line: &str) -> bool {
    let words = line.split_whitespace().take_while(|word| !word.contains('(') || word.starts_with("pub("));
    let signature = words.clone().any(|word| word == "fn");
    let only_modifiers = words
        .take_while(|word| *word != "fn")
        .all(|word| word.starts_with("pub") || ["const", "async", "in"].contains(&word) || word.ends_with(')'));
    signature && only_modifiers && !line.trim_end().ends_with(['}', ';'])
}

/// The type that a line declares; associated types are named by their traits and not counted.
fn declared_type(line: &str, number: usize) -> Option<DeclaredType<'_>> {
    let code = line.trim_start();
    let is_public = code.starts_with("pub");
    let rest = match code.strip_prefix("pub(") {
        Some(rest) => rest.split_once(')')?.1.trim_start(),
        None => code.strip_prefix("pub ").unwrap_or(code),
    };
    let (keyword, rest) = rest.split_once(' ')?;
    let declares = ["struct", "enum", "trait", "union"].contains(&keyword) || (keyword == "type" && indent(line) == 0);
    let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(rest.len());
    let name = &rest[..end];
    let is_name = name.starts_with(|first: char| first.is_ascii_uppercase());
    (declares && is_name).then_some(DeclaredType { name, is_public, line: number })
}

/// The words of a name in camel case.
fn words(name: &str) -> usize {
    let letters: Vec<char> = name.chars().collect();
    let begins = |place: usize| {
        let (before, next) = (place.checked_sub(1).map(|before| letters[before]), letters.get(place + 1));
        letters[place].is_ascii_uppercase()
            && (before.is_none_or(|before| !before.is_ascii_uppercase()) || next.is_some_and(char::is_ascii_lowercase))
    };
    (0..letters.len()).filter(|place| begins(*place)).count()
}

#[test]
fn the_sources_read_well() {
    let sources = sources::all();
    let figures: Vec<_> = sources.iter().map(|(name, text)| (name, FileFigures::of(text))).collect();
    let names: Vec<&str> = figures.iter().flat_map(|(_, file)| file.types.iter().map(|one| one.name)).collect();
    let one_word = names.iter().filter(|name| words(name) == 1).count();
    let share = 100.0 * one_word as f64 / names.len() as f64;
    let average = names.iter().map(|name| words(name)).sum::<usize>() as f64 / names.len() as f64;
    let code: usize = figures.iter().map(|(_, file)| file.code_lines).sum();
    let inside: usize = figures.iter().map(|(_, file)| file.comment_lines).sum();
    let comments = 100.0 * inside as f64 / code as f64;
    let file = figures.iter().max_by_key(|(_, file)| file.code_lines).expect("sources");
    let function = figures.iter().max_by_key(|(_, file)| file.longest_function).expect("sources");
    println!("files {}, lines of code {code}, types {}", figures.len(), names.len());
    println!("type names of one word {share:.1} % (at most {ONE_WORD_NAMES} %)");
    println!("words of a type name {average:.2} (at least {WORDS_A_NAME})");
    println!(
        "comments inside functions {comments:.2} to 100 lines of code (at least {COMMENTS_INSIDE}), {inside} lines"
    );
    println!("longest file src/{}: {} lines of code (at most {FILE_LINES})", file.0, file.1.code_lines);
    let (lines, line) = function.1.longest_function;
    println!("longest function src/{}:{line}: {lines} lines of code (at most {FUNCTION_LINES})", function.0);
    assert!(names.len() > 300 && code > 20_000, "the sources were read");
    assert!(share <= ONE_WORD_NAMES && average >= WORDS_A_NAME && comments >= COMMENTS_INSIDE);
    assert!(file.1.code_lines <= FILE_LINES && lines <= FUNCTION_LINES);
}

#[test]
fn no_two_public_types_have_one_name() {
    let sources = sources::all();
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (file, text) in &sources {
        for one in FileFigures::of(text).types.iter().filter(|one| one.is_public) {
            places.entry(one.name).or_default().push(format!("src/{file}:{}", one.line));
        }
    }
    places.retain(|_, places| places.len() > 1);
    assert!(places.is_empty(), "{places:#?}");
}

#[test]
fn names_comments_and_lengths_are_counted_as_they_stand() {
    assert_eq!(["Zxid", "ServerId", "ClickHouseServer", "TCPPort"].map(words), [1, 2, 3, 2]);
    let text = "/// A.\npub struct One {\n}\npub(in crate::a) enum TwoWords {\n}\nimpl One {\n    type Error = Two;\n    \
                /// Doc.\n    pub(super) async fn f(\n        &self,\n    ) {\n        // Why.\n        g();\n    }\n\n    \
                fn h() {}\n}\n// Outside.\n#[cfg(test)]\nmod tests {\n    struct Three;\n    fn f() {\n        // No.\n    }\n}\n";
    let figures = FileFigures::of(text);
    let types: Vec<_> = figures.types.iter().map(|one| (one.name, one.is_public, one.line)).collect();
    assert_eq!(types, [("One", true, 2), ("TwoWords", true, 4)]);
    assert_eq!((figures.code_lines, figures.comment_lines, figures.longest_function), (13, 1, (5, 9)));
}
