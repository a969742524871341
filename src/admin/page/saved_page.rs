//! The page as one file that needs nobody: its modules one behind another, and its data in it.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::page_file::{FILES, PageFile};
use crate::text;

/// What a saved page may do: run and show what is in the file, and ask nobody.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// The page with answers of the API in it, which it shows instead of asking.
#[derive(Clone, PartialEq, Debug)]
pub struct SavedPage {
    /// When the answers were given, in milliseconds since 1970.
    pub made_at_ms: u64,
    /// Each answer by its path.
    pub answers: Map<String, Value>,
    /// What could not be read, in sentences for its reader; the page says it first.
    pub missing: Vec<String>,
}

impl SavedPage {
    /// The whole file.
    pub fn html(&self) -> String {
        let saved =
            json!({ "made_at_ms": self.made_at_ms, "answers": self.answers, "missing": self.missing }).to_string();
        let mut page = String::from("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
        // Writing to a String does not fail.
        // The file's own policy: whatever is in the data, nothing is asked for outside of the file.
        let _ = write!(
            page,
            "<meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>zoogate</title>\n\
             <link rel=\"icon\" href=\"data:,\">\n"
        );
        // Styles stand before the data, so that nothing is drawn without them.
        for style in FILES.iter().filter(|file| ends_with(file, "css")) {
            let _ = writeln!(page, "<style>\n{}\n</style>", style.text());
        }
        // Not a program but data: the page reads it as text, and nothing in it can end the element.
        let _ = write!(
            page,
            "</head>\n<body>\n<script type=\"application/json\" id=\"saved\">{}</script>\n",
            without_tags(&text::json(&saved))
        );
        // The chart library is no module: it is run first and leaves one name behind.
        for script in FILES.iter().filter(|file| ends_with(file, "js") && !is_module(file)) {
            let _ = writeln!(page, "<script>\n{}\n</script>", script.text());
        }
        let _ = writeln!(page, "<script type=\"module\">\n{}</script>\n</body>\n</html>", one_module());
        page
    }
}

fn ends_with(file: &PageFile, ending: &str) -> bool {
    file.name.rsplit_once('.').is_some_and(|(_, its)| its == ending)
}

/// Whether it is a module, as all of the page's own scripts are.
fn is_module(file: &PageFile) -> bool {
    ends_with(file, "js") && file.name != "uplot.js"
}

/// All modules as one: each stands behind those that it imports, and no two have a name in common.
fn one_module() -> String {
    let lines = FILES.iter().filter(|file| is_module(file)).flat_map(|file| file.text().lines());
    let mut all = String::new();
    // A module in a file cannot import from another one in the same file: so there is one.
    for line in lines.filter(|line| !line.starts_with("import ")) {
        all.push_str(line.strip_prefix("export ").unwrap_or(line));
        all.push('\n');
    }
    all
}

/// JSON that ends no script: in its texts `<` can be written otherwise, and elsewhere it has none.
fn without_tags(json: &str) -> String {
    json.replace('<', "\\u003c")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// Names that stand at the outermost level of a module.
    fn names(text: &str) -> Vec<&str> {
        text.lines()
            .filter_map(|line| {
                let line = line.strip_prefix("export ").unwrap_or(line);
                let line = line.strip_prefix("async ").unwrap_or(line);
                let rest = ["function ", "const ", "let ", "class "].iter().find_map(|word| line.strip_prefix(word))?;
                rest.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').next()
            })
            .filter(|name| !name.is_empty())
            .collect()
    }

    #[test]
    fn modules_fit_into_one() {
        let mut seen: HashMap<&str, &str> = HashMap::new();
        let mut before: Vec<&str> = Vec::new();
        for file in FILES.iter().filter(|file| is_module(file)) {
            let text = file.text();
            assert!(!text.is_empty(), "{} is no text", file.name);
            let several = text.lines().find(|line| line.starts_with("let ") && line.contains(", "));
            assert_eq!(several, None, "{}: one name a line", file.name);
            for name in names(text) {
                let other = seen.insert(name, file.name);
                assert_eq!(other, None, "{name} is in {} too", file.name);
            }
            for line in text.lines().filter(|line| line.trim_start().starts_with("import ")) {
                let from = line.split('"').nth(1).unwrap_or_else(|| panic!("{}: {line}: one line", file.name));
                let target = from.strip_prefix("./").unwrap_or_else(|| panic!("{}: {line}", file.name));
                assert!(before.contains(&target), "{} stands before {target}, which it imports", file.name);
                assert!(!line.contains(" as "), "{}: {line}: a name of its own would be lost", file.name);
            }
            before.push(file.name);
        }
        assert!(seen.len() > 60, "{seen:?}");
        let one = one_module();
        assert!(!one.lines().any(|line| line.starts_with("import ") || line.starts_with("export ")));
    }

    #[test]
    fn data_ends_no_script() {
        let mut answers = Map::new();
        answers.insert("/api/moves".to_owned(), json!({ "moves": ["</script><script>alert(1)</script><!--"] }));
        let html = SavedPage { made_at_ms: 7, answers: answers.clone(), missing: Vec::new() }.html();
        let (_, rest) = html.split_once("id=\"saved\">").unwrap();
        let (data, _) = rest.split_once("</script>").unwrap();
        let read: Value = serde_json::from_str(data).unwrap();
        assert_eq!(read["answers"], Value::Object(answers));
        assert!(!data.contains('<') && !html.contains("alert(1)</script>"));
        assert_eq!(html.matches("</html>").count(), 1);
    }

    #[test]
    fn no_module_makes_markup_of_text() {
        for file in FILES.iter().filter(|file| is_module(file)) {
            for word in
                ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "DOMParser"]
            {
                assert!(!file.text().contains(word), "{}: {word}", file.name);
            }
            for (number, line) in file.text().lines().enumerate() {
                assert!(line.len() <= 180, "{}:{}: a long line", file.name, number + 1);
                let outside = line.contains("http://") || line.contains("https://");
                assert!(!outside, "{}:{}: names an address outside", file.name, number + 1);
            }
        }
    }
}
