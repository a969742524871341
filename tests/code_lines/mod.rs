//! The lines of a source that are code of the program.

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
