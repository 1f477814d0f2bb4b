mod cases;
mod corpus;

use model::source::SourceFile;
use yaml::{Kind, Node};

/// The tree without places and without regard to the order of keys; empty values are the same as none.
fn shape(node: &Node) -> String {
    match &node.kind {
        Kind::Null => "null".to_owned(),
        Kind::Scalar(scalar) => format!("{:?}", scalar.text),
        Kind::Sequence(items) => format!("[{}]", items.iter().map(shape).collect::<Vec<_>>().join(",\n")),
        Kind::Mapping(entries) => {
            let given = entries.iter().filter(|(_, value)| !value.is_null());
            let mut pairs: Vec<_> = given.map(|(key, value)| format!("{}: {}", key.text, shape(value))).collect();
            pairs.sort();
            format!("{{{}}}", pairs.join(",\n"))
        }
    }
}

fn parsed(text: &str) -> Node {
    yaml::parse_first(&SourceFile::new("text", text)).map(|(node, _)| node).unwrap_or_else(|error| panic!("{error}"))
}
