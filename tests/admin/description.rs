//! The description of the API: what is served is what is described.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::stage::Stage;

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "DELETE", "PATCH"];

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_else(|| panic!("no status in {answer:?}"))
}

#[test]
fn the_description_is_served_and_names_all_paths() {
    let stage = Stage::after_a_move();
    let described = stage.json("/api/openapi.json");
    let file = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config/openapi.json")).expect("the file");
    assert_eq!(serde_json::from_str::<Value>(&file).expect("JSON"), described);

    let paths = described["paths"].as_object().expect("paths");
    assert!(paths.len() > 15);
    let (_, refusal) = stage.refusal("/api/nothing");
    let reason = refusal["reason"].as_str().expect("a reason");
    for (path, methods) in paths {
        assert!(reason.contains(path.as_str()), "{path} is not in {reason}");
        let asked = path.replace("{session}", "0x0100000000000007").replace(['{', '}'], "");
        // A stream of events has no end.
        let asked =
            if ["/api/tap", "/api/stream"].contains(&asked.as_str()) { format!("{asked}?for_ms=1") } else { asked };
        for method in METHODS {
            let described = methods.get(method.to_lowercase()).is_some();
            let answer = stage.raw(&format!(
                "{method} {asked} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            ));
            assert_eq!(status(&answer) != "405", described, "{method} {path}: {answer}");
            assert!(!answer.contains("there is no such path"), "{method} {path}: {answer}");
        }
    }
}

#[test]
fn a_list_has_the_parameters_that_are_described() {
    let stage = Stage::after_a_move();
    let described = stage.json("/api/openapi.json");
    let parameters = |path: &str| -> BTreeSet<String> {
        let all = described["paths"][path]["get"]["parameters"].as_array();
        all.into_iter().flatten().filter_map(|one| Some(one["name"].as_str()?.to_owned())).collect()
    };
    let lists: Vec<&String> = described["paths"].as_object().expect("paths").keys().collect();
    let mut tried = 0;
    for path in lists.into_iter().filter(|path| !path.contains('{') && parameters(path).contains("limit")) {
        for (name, value) in
            [("limit", "1"), ("server", "0"), ("session", "1"), ("moved", "true"), ("reason", "closed")]
        {
            let (status, text) = stage.ask(&format!("{path}?{name}={value}"));
            let refused = status == 400 && (text.contains("has no filter") || text.contains("unknown field"));
            assert_eq!(!refused, parameters(path).contains(name), "{path}?{name}={value}: {status} {text}");
            tried += 1;
        }
    }
    assert!(tried > 30);
}
