//! Recorded conversations with real servers, and what is understood of them.
//!
//! `tests/golden/NAME.frames` holds what passed: lines that begin with `>` are a frame of the client's in
//! hexadecimal, with `<` one of the server's; a line with `#` tells what it shows. `NAME.told` beside it holds what
//! follows from these bytes; `ZOOGATE_GOLDEN=write cargo test --test wire golden` writes it anew. The frames come from
//! `cargo test --test real record_golden_frames -- --ignored`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::talk::{From, Piece, told};

/// Set to `write` to write down what is told now.
const MODE: &str = "ZOOGATE_GOLDEN";

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let entries = fs::read_dir(folder).expect("list the golden frames");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("list the golden frames").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "frames"));
    files.sort();
    files
}

fn read(text: &str) -> Vec<Piece> {
    let frames = text.lines().filter(|line| !line.starts_with('#'));
    frames
        .map(|line| {
            let (side, digits) = line.split_at(1);
            let from = if side == ">" { From::Client } else { From::Server };
            let digits: Vec<u32> = digits.chars().filter_map(|digit| digit.to_digit(16)).collect();
            Piece { from, bytes: digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect() }
        })
        .collect()
}

/// All recorded conversations.
pub(crate) fn conversations() -> Vec<Vec<Piece>> {
    files().iter().map(|path| read(&fs::read_to_string(path).expect("read golden frames"))).collect()
}

#[test]
fn golden_frames_are_understood() {
    let write = std::env::var(MODE).is_ok_and(|mode| mode == "write");
    let files = files();
    assert!(!files.is_empty());
    for path in files {
        let pieces = read(&fs::read_to_string(&path).expect("read golden frames"));
        let lines = told(&pieces, |bytes| vec![bytes]);
        let unreadable = path.display().to_string().contains("unreadable");
        let opaque = lines.iter().any(|line| line.starts_with("opaque"));
        assert_eq!(opaque, unreadable, "{}: {lines:#?}", path.display());
        for size in [1, 3, 17] {
            let cut = told(&pieces, |bytes| bytes.chunks(size).collect());
            assert_eq!(cut, lines, "{} in chunks of {size}", path.display());
        }
        let expected = path.with_extension("told");
        let text = lines.join("\n") + "\n";
        if write {
            fs::write(&expected, &text).expect("write what is told");
        }
        let known = fs::read_to_string(&expected).unwrap_or_default();
        assert_eq!(known, text, "{}: set {MODE}=write when the difference is meant", expected.display());
    }
}
