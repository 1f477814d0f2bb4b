//! Every YAML file of the shared corpus, where it is at hand.

use std::path::{Path, PathBuf};

use yaml::{Kind, Node, SourceFile, Spanned, parse_all, parse_first, position_in_scalar};

/// Files that are refused, and what they are refused for.
const REFUSED: [(&str, &str); 0] = [];

fn corpus() -> Option<PathBuf> {
    let corpus = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus"));
    corpus.is_dir().then(|| corpus.to_owned())
}

fn yaml_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            yaml_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml") {
            found.push(path);
        }
    }
    found.sort();
}

/// Each file becomes trees, and every byte of every scalar is found in the file again.
#[test]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn every_file_of_the_corpus_is_read() {
    let Some(corpus) = corpus() else {
        eprintln!("skipped: every_file_of_the_corpus_is_read, ../shared/corpus is not here");
        return;
    };
    let mut files = Vec::new();
    yaml_files(&corpus, &mut files);
    assert!(files.len() > 300, "only {} files", files.len());
    let mut refused = Vec::new();
    let mut scalars = 0;
    for path in files {
        let name = path.strip_prefix(&corpus).expect("inside").to_string_lossy().into_owned();
        let file = SourceFile::from_bytes(&name, std::fs::read(&path).expect("readable")).expect("UTF-8");
        let parsed = parse_all(&file);
        if let Some(first) = parsed.diagnostics.iter().next() {
            refused.push((name, first.message.clone()));
        } else {
            assert!(parse_first(&file).is_ok(), "{name}");
        }
        parsed.documents.iter().for_each(|document| scalars += check_scalars(document, &file));
    }
    let refused: Vec<_> = refused.iter().map(|(name, message)| (name.as_str(), message.as_str())).collect();
    assert_eq!(refused, REFUSED);
    assert!(scalars > 30_000, "only {scalars} scalars");
}

/// Finds the last character of each scalar in the file again, and counts the scalars.
pub(crate) fn check_scalars(node: &Node, file: &SourceFile) -> usize {
    match &node.kind {
        Kind::Null => 0,
        Kind::Sequence(items) => items.iter().map(|item| check_scalars(item, file)).sum(),
        Kind::Mapping(entries) => entries.iter().map(|(_, value)| check_scalars(value, file)).sum(),
        Kind::Scalar(scalar) => {
            let located = Spanned::new(&scalar.text, node.span);
            let last = scalar.text.trim_end_matches([' ', '\t', '\n']).char_indices().last();
            if let Some((offset, c)) = last {
                let found = file.slice(position_in_scalar(file, &located, offset));
                let same = found.chars().eq([c]) || found.starts_with('\\') || (c == '\'' && found == "''");
                assert!(same, "{:?}: {found:?} is not {c:?} of {:?}", file.position(node.span.start), scalar.text);
            }
            1
        }
    }
}
