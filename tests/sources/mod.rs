//! The sources as tests read them: every file below `src`, without its test code.

use std::fs;
use std::path::{Path, PathBuf};

/// Every source with its path below `src` and its text; files of tests are left out.
pub(crate) fn all() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    files
        .iter()
        .filter(|path| !path.to_string_lossy().ends_with("tests.rs"))
        .map(|path| {
            let name = path.strip_prefix(&root).expect("below src").to_string_lossy().into_owned();
            (name, fs::read_to_string(path).expect("a readable source"))
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The lines outside of test code with their numbers, from 1.
pub(crate) fn lines_without_tests(text: &str) -> Vec<(usize, &str)> {
    let mut lines = Vec::new();
    let mut numbered = text.lines().enumerate();
    while let Some((place, line)) = numbered.next() {
        if line.trim_start().starts_with("#[cfg(test)]") {
            let Some((_, item)) = numbered.next() else { break };
            if item.trim_end().ends_with('{') {
                let end = format!("{}}}", " ".repeat(indent(item)));
                numbered.by_ref().find(|(_, line)| line.trim_end() == end);
            }
        } else {
            lines.push((place + 1, line));
        }
    }
    lines
}

/// How far a line is indented.
pub(crate) fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Whether a line is code: neither empty nor a comment.
pub(crate) fn is_code(line: &str) -> bool {
    let line = line.trim_start();
    !line.is_empty() && !line.starts_with("//")
}
