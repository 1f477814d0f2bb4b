//! `docs/openapi.yaml` against the routes of the program, against the rules for such documents, and against Alertmanager's own.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use model::source::SourceFile;
use regex::Regex;
use yaml::{Decoder, Node};

use crate::abuse::tool;
use crate::peers::{client, root};
use crate::stage::Watchfire;

const METHODS: [&str; 5] = ["get", "post", "put", "delete", "patch"];

/// A method and a path, parameters without their names.
type Operation = (String, String);

pub struct Document(Node);

impl Document {
    fn read(path: &str) -> Option<Self> {
        let text = std::fs::read_to_string(root().join(path)).ok()?;
        let decoder = Decoder::new(&SourceFile::new(path, text));
        Some(Self(decoder.first_document().expect("the document is YAML")))
    }

    pub fn ours() -> Self {
        Self::read("docs/openapi.yaml").unwrap()
    }

    fn paths(&self) -> Vec<(&str, &Node)> {
        let paths = self.0.get("paths").and_then(Node::as_mapping).unwrap();
        paths.iter().map(|(path, item)| (path.text.as_str(), item)).collect()
    }

    fn operations(&self) -> BTreeSet<Operation> {
        let of_path = |(path, item): (&str, &Node)| {
            let methods = METHODS.into_iter().filter(|method| item.get(method).is_some());
            methods.map(|method| (method.to_owned(), without_names(path))).collect::<Vec<_>>()
        };
        self.paths().into_iter().flat_map(of_path).collect()
    }

    /// What a reference leads to.
    fn resolved<'a>(&'a self, node: &'a Node) -> &'a Node {
        let Some(reference) = node.get("$ref").and_then(Node::as_text) else { return node };
        let steps = reference.trim_start_matches("#/").split('/');
        let target =
            steps.fold(&self.0, |node, step| node.get(step).unwrap_or_else(|| panic!("{reference} leads nowhere")));
        self.resolved(target)
    }

    fn parameters<'a>(&'a self, item: &'a Node, operation: &'a Node) -> BTreeMap<&'a str, &'a Node> {
        let all = [item, operation].into_iter().filter_map(|node| node.get("parameters")?.as_sequence()).flatten();
        all.map(|node| self.resolved(node))
            .map(|node| (node.get("name").and_then(Node::as_text).unwrap(), node))
            .collect()
    }

    /// Fields of an object, its parts' among them.
    fn properties<'a>(&'a self, schema: &'a Node) -> BTreeMap<&'a str, &'a Node> {
        let schema = self.resolved(schema);
        let own = schema.get("properties").and_then(Node::as_mapping).unwrap_or_default();
        let mut all: BTreeMap<&str, &Node> = own.iter().map(|(name, node)| (name.text.as_str(), node)).collect();
        for parts in ["allOf", "anyOf"].into_iter().filter_map(|name| schema.get(name)?.as_sequence()) {
            all.extend(parts.iter().flat_map(|part| self.properties(part)));
        }
        all
    }

    fn kind<'a>(&'a self, schema: &'a Node) -> Option<&'a str> {
        let schema = self.resolved(schema);
        let parts = || ["anyOf", "allOf"].into_iter().find_map(|name| schema.get(name)?.as_sequence());
        match schema.get("type") {
            Some(kind) => kind.as_text(),
            None => parts().and_then(|parts| self.kind(parts.first()?)),
        }
    }
}

fn without_names(path: &str) -> String {
    Regex::new(r"\{[^}]*\}").unwrap().replace_all(path, "{}").into_owned()
}

fn source(path: &str) -> String {
    let text = std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.split("#[cfg(test)]").next().unwrap().to_owned()
}

/// Routes as the sources have them: axum does not tell them.
fn routes() -> BTreeSet<Operation> {
    let mut found = BTreeSet::new();
    let mut add = |methods: &str, path: &str| {
        for method in METHODS.into_iter().filter(|method| methods.to_lowercase().contains(method)) {
            found.insert((method.to_owned(), without_names(path)));
        }
    };
    let of_api = Regex::new(r#"\(\s*"(/[^"]*)",\s*only\(\s*"([A-Z,]+)""#).unwrap();
    let api = source("notifier/src/io/api.rs");
    for route in of_api.captures_iter(&api) {
        add(&route[2], &format!("/api/v2{}", &route[1]));
    }
    let written = Regex::new(r#"only\(\s*""#).unwrap().find_iter(&api).count();
    assert_eq!(of_api.captures_iter(&api).count(), written, "a route is written in another way");
    // `any` is documented as what clients of old send.
    add("get", "/api/v1/{path}");
    let plain = Regex::new(r#"\.route\("(/[^"{]*(?:\{\w+\})?)", (.*)\)"#).unwrap();
    for (file, prefixes) in [
        ("notifier/src/io/ack_page.rs", &[""][..]),
        ("rules-engine/src/io/api.rs", &["", "/prometheus"][..]),
        ("rules-engine/src/io/api/preview.rs", &[""][..]),
        ("src/web/operation.rs", &[""][..]),
        ("src/web/document.rs", &[""][..]),
    ] {
        let text = source(file);
        assert_eq!(
            plain.captures_iter(&text).count(),
            text.matches(".route(").count(),
            "{file}: a route is written in another way"
        );
        for route in plain.captures_iter(&text) {
            let called: String =
                METHODS.into_iter().filter(|method| route[2].contains(&format!("{method}("))).collect();
            for prefix in prefixes {
                add(&called, &format!("{prefix}{}", &route[1]));
            }
        }
    }
    let namespaces = source("rules-engine/src/io/api/namespaces.rs");
    let prefixes: Vec<&str> = Regex::new(r#""(/[a-z0-9/]+/rules)""#)
        .unwrap()
        .captures_iter(&namespaces)
        .map(|found| found.extract::<1>().1[0])
        .collect();
    assert_eq!(prefixes.len(), 5, "{prefixes:?}");
    for prefix in prefixes {
        add("get", prefix);
        add("get,post,delete", &format!("{prefix}/{{namespace}}"));
        add("get,delete", &format!("{prefix}/{{namespace}}/{{group}}"));
    }
    found
}

#[test]
fn the_routes_are_those_of_the_document() {
    let (routes, documented) = (routes(), Document::ours().operations());
    assert!(routes.len() > 60, "{}", routes.len());
    let undocumented: Vec<_> = routes.difference(&documented).collect();
    let unknown: Vec<_> = documented.difference(&routes).collect();
    assert!(
        undocumented.is_empty() && unknown.is_empty(),
        "not in docs/openapi.yaml: {undocumented:?}; no route: {unknown:?}"
    );
}

/// A method that is not documented is not answered, one that is documented is.
#[tokio::test(flavor = "multi_thread")]
async fn the_program_answers_what_is_documented_and_serves_the_document() {
    let folder = tempfile::tempdir().unwrap();
    let ours = crate::abuse::both_halves(folder.path(), "http://127.0.0.1:1").await;
    let document = client().get(format!("{}/api/openapi.yaml", ours.url)).send().await.unwrap();
    assert_eq!(document.headers()["content-type"], "application/yaml");
    assert_eq!(document.text().await.unwrap(), std::fs::read_to_string(root().join("docs/openapi.yaml")).unwrap());
    let documented = Document::ours().operations();
    let paths: BTreeSet<&String> =
        documented.iter().map(|(_, path)| path).filter(|path| *path != "/api/v1/{}").collect();
    let mut wrong = Vec::new();
    for path in paths {
        // What ends in a parameter is a silence, a namespace or a token.
        let address = format!("{}{}", ours.url, path.replace("{}", "5c0a8b8e-0f3a-4c29-9d65-3a3c0d1f1a11"));
        for method in METHODS {
            let request = client().request(method.to_uppercase().parse().unwrap(), &address);
            let status = request.send().await.unwrap().status().as_u16();
            let is_documented = documented.contains(&(method.to_owned(), path.clone()));
            if is_documented == (status == 405) {
                wrong.push(format!("{method} {path}: {status}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_api_is_gone_where_the_notifier_is_alone() {
    let folder = tempfile::tempdir().unwrap();
    let ours = Watchfire::notifier(folder.path(), "route: {receiver: r}\nreceivers: [{name: r}]\n").await;
    let answer = client().get(format!("{}/api/v1/alerts", ours.url)).send().await.unwrap();
    assert_eq!(answer.status(), 410);
    assert_eq!(answer.json::<serde_json::Value>().await.unwrap()["status"], "deprecated");
}

#[test]
fn the_document_is_valid() {
    let Some(python) = tool("the_document_is_valid", "python") else { return };
    let checked = Command::new(python)
        .args(["-m", "openapi_spec_validator"])
        .arg(root().join("docs/openapi.yaml"))
        .output()
        .unwrap();
    assert!(
        checked.status.success(),
        "{}{}",
        String::from_utf8_lossy(&checked.stdout),
        String::from_utf8_lossy(&checked.stderr)
    );
}

/// Each path, parameter, status and field of Alertmanager's document is in ours, with the same type.
#[test]
fn the_document_has_all_of_alertmanagers() {
    let Some(theirs) = Document::read("../shared/corpus/alertmanager/openapi.yaml") else {
        eprintln!("skipped the_document_has_all_of_alertmanagers: ../shared is not there");
        return;
    };
    let ours = Document::ours();
    let our_paths: BTreeMap<&str, &Node> = ours.paths().into_iter().collect();
    let (mut compared, mut missing) = (0, Vec::new());
    for (path, their_item) in theirs.paths() {
        let our_path = format!("/api/v2{path}");
        let Some(our_item) = our_paths.get(our_path.as_str()) else {
            missing.push(our_path);
            continue;
        };
        for method in METHODS {
            let Some(their_operation) = their_item.get(method) else { continue };
            let place = format!("{method} {path}");
            let Some(our_operation) = our_item.get(method) else {
                missing.push(place);
                continue;
            };
            let our_parameters = ours.parameters(our_item, our_operation);
            let their_parameters = theirs.parameters(their_item, their_operation);
            let in_query = |node: &&Node| node.get("in").and_then(Node::as_text) != Some("body");
            for (name, parameter) in their_parameters.into_iter().filter(|(_, node)| in_query(node)) {
                let same = our_parameters.get(name).and_then(|ours_one| ours.kind(ours_one.get("schema")?))
                    == theirs.kind(parameter);
                if !same {
                    missing.push(format!("{place}: parameter {name}"));
                }
                compared += 1;
            }
            let answer = |operation: &'_ Node| operation.get("responses").and_then(|all| all.get("200")).cloned();
            let their_schema = answer(their_operation).and_then(|answer| answer.get("schema").cloned());
            let our_schema = answer(our_operation)
                .and_then(|answer| answer.get("content")?.get("application/json")?.get("schema").cloned());
            match (their_schema, our_schema) {
                (Some(their_schema), Some(our_schema)) => {
                    compared += compare(&theirs, &their_schema, &ours, &our_schema, &place, &mut missing);
                }
                (Some(_), None) => missing.push(format!("{place}: an answer")),
                (None, _) => {}
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(compared > 80, "only {compared} things compared");
}

fn compare(
    theirs: &Document,
    their: &Node,
    ours: &Document,
    our: &Node,
    place: &str,
    missing: &mut Vec<String>,
) -> usize {
    if theirs.kind(their) != ours.kind(our) {
        missing.push(format!("{place}: {:?} is {:?}", theirs.kind(their), ours.kind(our)));
    }
    let mut compared = 1;
    if let (Some(their_item), Some(our_item)) = (theirs.resolved(their).get("items"), ours.resolved(our).get("items")) {
        compared += compare(theirs, their_item, ours, our_item, &format!("{place}[]"), missing);
    }
    let our_fields = ours.properties(our);
    for (name, their_field) in theirs.properties(their) {
        match our_fields.get(name) {
            Some(our_field) => {
                compared += compare(theirs, their_field, ours, our_field, &format!("{place}.{name}"), missing);
            }
            None => missing.push(format!("{place}.{name}")),
        }
    }
    compared
}
