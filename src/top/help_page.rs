//! What the keys do.

/// A line of the help: keys, and what they do.
const KEYS: [(&str, &str); 17] = [
    ("1 2 3 ... Tab", "another view"),
    ("up down j k", "another row; also Page Up, Page Down, Home, End"),
    ("Enter", "go in: one session's history, one incident's evidence, the ensemble"),
    ("Esc", "come back"),
    ("left right", "sort by another column"),
    ("r", "sort the other way round"),
    ("c", "choose columns"),
    ("/", "type a filter; it holds in every view that it fits"),
    ("f", "switch the filter off or on"),
    ("Space", "mark a row"),
    ("m", "show only marked rows, or all"),
    ("u", "take all marks away"),
    ("z", "freeze the screen; the data goes on below"),
    ("p", "show the command that prints this"),
    ("e E", "write what is shown to a file: CSV, JSON"),
    ("?", "this help"),
    ("q Ctrl-C", "quit; the last screen stays"),
];

/// The lines of the help.
pub(super) fn help_lines() -> Vec<String> {
    KEYS.iter().map(|(keys, what)| format!("{keys:<14}  {what}")).collect()
}
