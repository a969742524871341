//! Files of properties are read as Java reads them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use zoogate::doctor::of_properties;

/// How many texts are made.
const TEXTS: usize = 4_000;

/// What texts are made of: everything that has a meaning, and some letters.
const PIECES: [&[u8]; 24] = [
    b"a",
    b"b",
    b"zookeeper.connect",
    b"=",
    b":",
    b" ",
    b"\t",
    b"\x0c",
    b"\n",
    b"\r",
    b"\r\n",
    b"\\",
    b"\\\n",
    b"\\\r\n",
    b"\\\\",
    b"#",
    b"!",
    b"\\u0041",
    b"\\u00e9",
    b"\\u",
    b"\\t",
    b"\\:",
    b"\xe9",
    b",",
];

/// Numbers that are the same at every run.
struct SmallRandom(u64);

impl SmallRandom {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What is read here, as the program in Java writes it.
fn told(text: &[u8]) -> String {
    let Ok(entries) = of_properties(text) else { return "malformed".to_owned() };
    // Java sorts by units of UTF-16, which for these letters is the order of the letters.
    let last: BTreeMap<String, String> = entries.into_iter().map(|entry| (entry.key, entry.value)).collect();
    let pairs = last.iter().map(|(key, value)| format!("{}={} ", hex(key.as_bytes()), hex(value.as_bytes())));
    pairs.collect()
}

#[test]
fn files_of_properties_are_read_as_java_reads_them() {
    let mut random = SmallRandom(7);
    let texts: Vec<Vec<u8>> = (0..TEXTS)
        .map(|_| (0..=random.below(24)).flat_map(|_| PIECES[random.below(PIECES.len())].iter().copied()).collect())
        .collect();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("texts");
    fs::write(&file, texts.iter().map(|text| hex(text) + "\n").collect::<String>()).expect("write the texts");
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/doctor/JavaProperties.java");
    let ended =
        Command::new("java").arg(program).arg(&file).output().expect("run java (Debian package default-jdk-headless)");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let by_java = String::from_utf8(ended.stdout).expect("text");
    assert_eq!(by_java.lines().count(), TEXTS);
    let (mut malformed, mut settings) = (0, 0);
    for (text, expected) in texts.iter().zip(by_java.lines()) {
        assert_eq!(told(text), expected, "{:?}", String::from_utf8_lossy(text));
        malformed += usize::from(expected == "malformed");
        settings += expected.matches('=').count();
    }
    assert!(malformed > 100 && settings > TEXTS, "{malformed} {settings}");
}
