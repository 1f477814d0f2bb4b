//! The cases of the corpus: what the operator makes of its own tests' objects.
#![expect(clippy::print_stderr, reason = "skipped tests say so")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use yaml::{Decoder, Diagnostics, Node, SourceFile, emit};

use super::super::*;
use super::{parsed, shape};
use crate::object::ObjectKey;

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus/alertmanagerconfigs");

fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let folder = Path::new(CORPUS).join(folder);
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: {} is not there", folder.display());
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.to_string_lossy().ends_with(ending));
    files.sort();
    assert!(!files.is_empty(), "no {ending} in {}", folder.display());
    files
}

fn text<'a>(node: &'a Node, path: &[&str]) -> Option<&'a str> {
    path.iter().try_fold(node, |node, key| node.get(key)).and_then(Node::as_text)
}

/// A case's own Secrets and ConfigMaps.
fn material(case: &Node) -> Material {
    let mut material = Material::default();
    for object in case.get("secrets").and_then(Node::as_sequence).unwrap_or_default() {
        let holder = if text(object, &["kind"]) == Some("Secret") { Holder::Secret } else { Holder::ConfigMap };
        let data = object.get("stringData").or_else(|| object.get("data")).and_then(Node::as_mapping).unwrap();
        let bytes = |value: &Node| value.as_text().unwrap().as_bytes().to_vec();
        let data = data.iter().map(|(key, value)| (key.text.to_string(), bytes(value))).collect();
        let name = text(object, &["metadata", "name"]).unwrap();
        material.insert(holder, text(object, &["metadata", "namespace"]).unwrap(), name, data);
    }
    material
}

fn object(node: &Node, options: &Options) -> Result<AlertmanagerConfig, Diagnostics> {
    let file = SourceFile::new("object.yaml", emit(node));
    AlertmanagerConfig::parse(&file, "default", options).map(|(object, _)| object)
}

/// The outcome of a case: the text, or why something of it was refused.
fn outcome(case: &Node) -> Result<String, String> {
    let target = text(case, &["alertmanager", "version"]).unwrap().parse().unwrap();
    let options = Options { target: Some(target), tls_folder: None };
    let material = material(case);
    let strategy = text(case, &["alertmanager", "alertmanagerConfigMatcherStrategy"]).unwrap();
    let strategy = STRATEGIES.iter().find(|(name, _)| *name == strategy).unwrap().1;
    let rules = Rules {
        strategy,
        namespace: text(case, &["alertmanager", "namespace"]).unwrap(),
        matchers_as_list: target.is_at_least(22),
    };
    let base = match case.get("globalAlertmanagerConfig") {
        None => Base::raw(&SourceFile::new("base.yaml", emit(case.get("baseConfig").unwrap()))),
        Some(global) => global_base(case, global, &material, &options),
    };
    let base = base.map_err(|error| error.to_string())?;
    let objects = case.get("alertmanagerConfigs").and_then(Node::as_sequence).unwrap_or_default();
    let candidates: BTreeMap<ObjectKey, Candidate> = objects
        .iter()
        .map(|node| {
            let metadata = |key| text(node, &["metadata", key]).unwrap();
            (ObjectKey::new(metadata("namespace"), metadata("name")), object(node, &options))
        })
        .collect();
    let merged = merge(&base, &candidates, (&material, &rules), &Contributions::new(), &|_, _| Ok(()));
    let merged = merged.map_err(|error| error.to_string())?;
    match merged.refused.first_key_value() {
        Some((names, why)) => Err(format!("{names}: {why}")),
        None => Ok(merged.text),
    }
}

fn global_base(case: &Node, global: &Node, material: &Material, options: &Options) -> Result<Base, Diagnostics> {
    let object = object(global, options)?;
    let settings = case.get("alertmanager").and_then(|node| node.get("alertmanagerConfiguration")).unwrap();
    let file = SourceFile::new("alertmanager.yaml", emit(settings));
    let decoder = Decoder::new(&file);
    let reader = super::super::reader::Reader {
        decoder: &decoder,
        namespace: &object.names.namespace,
        version: ApiVersion::V1alpha1,
        options,
    };
    let settings = decoder.first_document().and_then(|node| Configuration::read(&node, &reader));
    let (settings, _) = decoder.finish(settings)?;
    Base::object(&object, &settings, material, options.target.is_none_or(|target| target.is_at_least(22)))
}

#[test]
fn every_case_merges_to_what_the_operator_makes_of_it() {
    let mut failures = Vec::new();
    let mut counted = (0, 0);
    for path in files("merge", ".case.yaml").into_iter().chain(files("global", ".case.yaml")) {
        let case = parsed(&std::fs::read_to_string(&path).unwrap());
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let outcome = outcome(&case);
        match text(&case, &["expect", "file"]) {
            Some(file) => {
                counted.0 += 1;
                let expected = parsed(&std::fs::read_to_string(path.with_file_name(file)).unwrap());
                match outcome {
                    Ok(text) if shape(&parsed(&text)) == shape(&expected) => {}
                    Ok(text) => failures.push(format!("{name}: merged to\n{text}")),
                    Err(why) => failures.push(format!("{name}: refused: {why}")),
                }
            }
            None => {
                counted.1 += 1;
                match outcome {
                    Ok(text) => failures.push(format!("{name}: must be refused, merged to\n{text}")),
                    Err(why) => eprintln!("{name}: {}", why.lines().next().unwrap_or_default()),
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    eprintln!("{} merged, {} refused, all as expected", counted.0, counted.1);
}

#[test]
fn bare_specs_get_the_verdict_of_the_operator() {
    for path in files("specs", ".json") {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let version = if name.contains("v1beta1.json") && !name.contains("v1alpha1") {
            ApiVersion::V1beta1
        } else {
            ApiVersion::V1alpha1
        };
        let file = SourceFile::new(name.clone(), std::fs::read_to_string(&path).unwrap());
        let decoder = Decoder::new(&file);
        let options = Options::default();
        let names = ObjectKey::new("default", "test");
        let root = decoder.first_document().unwrap();
        let object = AlertmanagerConfig::read_spec(&root, &decoder, (names, version), &options);
        let verdict = decoder.finish(object);
        assert_eq!(verdict.is_ok(), !name.contains("reject"), "{name}: {verdict:?}");
    }
}

#[test]
fn the_example_of_the_guide_is_read() {
    let path = Path::new(CORPUS).join("alertmanager-config-example.yaml");
    let Ok(text) = std::fs::read_to_string(&path) else {
        return eprintln!("skipped: {} is not there", path.display());
    };
    let file = SourceFile::new("example.yaml", text);
    let (object, warnings) = AlertmanagerConfig::parse(&file, "shop", &Options::default()).unwrap();
    assert_eq!(object.names, ObjectKey::new("shop", "config-example"));
    assert!(warnings.is_empty(), "{warnings}");
}
