//! Expressions from the field, where the shared corpus is there.

use std::fs;
use std::path::{Path, PathBuf};

use promql::{Options, parse_with};

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus");

fn corpus(folder: &str, test: &str) -> Option<PathBuf> {
    let path = Path::new(CORPUS).join(folder);
    if !path.is_dir() {
        eprintln!("skipped: {test} needs {}", path.display());
        return None;
    }
    Some(path)
}

fn files(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            found.extend(files(&path, extensions));
        } else if path.extension().is_some_and(|extension| extensions.iter().any(|wanted| extension == *wanted)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Parses it and its canonical form.
fn check(text: &str) -> Result<(), String> {
    let printed = |text: &str| match parse_with(text, Options::all()) {
        Ok(expr) => Ok(expr.to_string()),
        Err(errors) => Err(format!("{text}\n    {}", errors[0].located(text))),
    };
    let canonical = printed(text)?;
    let again = printed(&canonical)?;
    if again == canonical { Ok(()) } else { Err(format!("{text}\n    prints as {canonical}\n    and then as {again}")) }
}

/// The expression of an `eval` line of a promqltest script.
fn evaluated(line: &str) -> Option<&str> {
    let behind = line.strip_prefix("eval")?;
    let (_, mut rest) =
        behind.trim_start_matches(|c: char| c == '_' || c.is_alphabetic()).split_once(char::is_alphabetic)?;
    let words = if behind.contains("range from") { 7 } else { 3 };
    for _ in 0..words {
        rest = rest.split_once(' ').map(|(_, rest)| rest.trim_start())?;
    }
    Some(rest)
}

#[test]
fn every_eval_of_the_promql_scripts_parses() {
    let Some(folder) = corpus("promql", "every_eval_of_the_promql_scripts_parses") else { return };
    let (mut parsed, mut refused) = (0, Vec::new());
    for path in files(&folder, &["test"]) {
        let script = fs::read_to_string(&path).expect("a readable script");
        for line in script.lines().filter(|line| line.starts_with("eval")) {
            let text = evaluated(line).unwrap_or_else(|| panic!("{}: {line}", path.display()));
            match check(text) {
                Ok(()) => parsed += 1,
                Err(reason) => refused.push(reason),
            }
        }
    }
    // Those of which the script expects a failure fail when evaluated, not before.
    eprintln!("promql scripts: {parsed} expressions parsed, {} refused", refused.len());
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    assert!(parsed > 1600, "{parsed} expressions found");
}

/// The values of `expr` in a YAML file, block scalars included; enough for rule files, which have it no other way.
fn rule_expressions(yaml: &str) -> Vec<String> {
    let lines: Vec<&str> = yaml.lines().collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let trimmed = line.trim_start().trim_start_matches("- ");
        let Some(value) = trimmed.strip_prefix("expr:").or_else(|| trimmed.strip_prefix("query:")) else { continue };
        let column = line.len() - trimmed.len();
        let block: Vec<&str> = lines[index + 1..]
            .iter()
            .copied()
            .take_while(|line| line.trim().is_empty() || line.len() - line.trim_start().len() > column)
            .collect();
        // An anchor before a value is no part of it; an alias has been read where its anchor is.
        let value = value.trim();
        let value = if value.starts_with('&') { value.split_once(' ').map_or("", |(_, value)| value) } else { value };
        if !value.starts_with('*') {
            found.push(scalar(value, &block));
        }
    }
    found
}

fn scalar(value: &str, block: &[&str]) -> String {
    let joined = || block.iter().map(|line| line.trim()).collect::<Vec<_>>();
    match value.chars().next() {
        Some('|' | '>') | None => block.join("\n"),
        Some('\'') => {
            let whole = format!("{value} {}", joined().join(" "));
            whole.trim().trim_matches('\'').replace("''", "'")
        }
        Some('"') => {
            let whole = format!("{value} {}", joined().join(" "));
            // Whatever follows is a comment.
            let mut values = serde_json::Deserializer::from_str(&whole).into_iter::<String>();
            values.next().and_then(Result::ok).unwrap_or_else(|| panic!("{whole}"))
        }
        _ => format!("{} {}", value.split(" #").next().unwrap_or_default(), joined().join(" ")),
    }
}

#[test]
fn every_rule_expression_of_the_field_parses() {
    let (mut parsed, mut refused) = (0, Vec::new());
    for folder in ["rules", "awesome", "prometheusrules"] {
        let Some(folder) = corpus(folder, "every_rule_expression_of_the_field_parses") else { return };
        for path in files(&folder, &["yml", "yaml"]) {
            let yaml = fs::read_to_string(&path).expect("a readable rule file");
            for text in rule_expressions(&yaml) {
                match check(&text) {
                    Ok(()) => parsed += 1,
                    Err(reason) => refused.push(format!("{}: {reason}", path.display())),
                }
            }
        }
    }
    eprintln!("rule files: {parsed} expressions parsed, {} refused", refused.len());
    // One is wrong on purpose, one by mistake: its backslashes are meant for another quoting.
    refused.retain(|reason| !reason.contains("bad_expr.bad.yaml") && !reason.contains("kubernetes_build_info"));
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    assert!(parsed > 1200, "{parsed} expressions found");
}
