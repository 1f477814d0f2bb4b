//! YAML: any text is read or refused; what is read is printed so that it is read as the same.

use ::yaml::{Decoder, Kind, Node, SourceFile, emit, parse_all, parse_first};

use super::text;

pub fn check(data: &[u8]) {
    let Some(file) = text::file("f.yml", data) else { return };
    let parsed = parse_all(&file);
    text::tells(&parsed.diagnostics);
    for document in &parsed.documents {
        assert!(file.text().get(document.span.range()).is_some(), "a place that is none");
        let printed = SourceFile::new("printed.yml", emit(document));
        match parse_first(&printed) {
            Ok((again, _)) => assert!(is_same(document, &again), "printed differently: {:?}", printed.text()),
            Err(mistakes) => panic!("cannot be read again: {mistakes}\n{:?}", printed.text()),
        }
    }
    let decoder = Decoder::new(&file);
    let first = decoder.first_document();
    let map = first.as_ref().and_then(|root| decoder.value(root).string_map());
    if let Err(mistakes) = decoder.finish(map) {
        text::tells(&mistakes);
    }
}

fn is_same(a: &Node, b: &Node) -> bool {
    match (&a.kind, &b.kind) {
        (Kind::Null, Kind::Null) => true,
        (Kind::Scalar(a), Kind::Scalar(b)) => a.text == b.text,
        (Kind::Sequence(a), Kind::Sequence(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| is_same(a, b))
        }
        (Kind::Mapping(a), Kind::Mapping(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.0.text == b.0.text && is_same(&a.1, &b.1))
        }
        _ => false,
    }
}
