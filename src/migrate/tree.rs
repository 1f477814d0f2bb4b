//! YAML that is put together piece by piece.

use model::source::Span;
use yaml::{Key, Kind, Node, Scalar};

/// A mapping that grows, its keys in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree(Vec<(String, Branch)>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Branch {
    Leaf(Node),
    Tree(Tree),
}

impl Tree {
    /// Whether nothing was set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets what is at a path; what was there before is replaced.
    pub fn set(&mut self, path: &[&str], node: Node) {
        let Some((first, rest)) = path.split_first() else { return };
        let place = self.0.iter().position(|(key, _)| key == first).unwrap_or_else(|| {
            self.0.push(((*first).to_owned(), Branch::Tree(Tree::default())));
            self.0.len() - 1
        });
        let Some((_, branch)) = self.0.get_mut(place) else { return };
        match (rest.is_empty(), branch) {
            (true, branch) => *branch = Branch::Leaf(node),
            (false, Branch::Tree(tree)) => tree.set(rest, node),
            (false, branch) => {
                let mut tree = Tree::default();
                tree.set(rest, node);
                *branch = Branch::Tree(tree);
            }
        }
    }

    /// Adds to the list at a path.
    pub fn push(&mut self, path: &[&str], node: Node) {
        let mut items = self.get(path).and_then(|node| node.as_sequence().map(<[Node]>::to_vec)).unwrap_or_default();
        items.push(node);
        self.set(path, list(items));
    }

    /// The leaf at a path.
    pub fn get(&self, path: &[&str]) -> Option<&Node> {
        let (first, rest) = path.split_first()?;
        match self.0.iter().find(|(key, _)| key == first)? {
            (_, Branch::Leaf(node)) => rest.iter().try_fold(node, |node, key| node.get(key)),
            (_, Branch::Tree(tree)) => tree.get(rest),
        }
    }

    /// Whether anything is at a key.
    pub fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(known, _)| known == key)
    }

    /// As a node.
    pub fn into_node(self) -> Node {
        let entry = |(key, branch)| {
            let node = match branch {
                Branch::Leaf(node) => node,
                Branch::Tree(tree) => tree.into_node(),
            };
            (key, node)
        };
        map(self.0.into_iter().map(entry))
    }
}

/// A text, which is never read as a number.
pub fn text(text: &str) -> Node {
    scalar(text, false)
}

/// A number or truth value, as it is written.
pub fn plain(text: &str) -> Node {
    scalar(text, true)
}

fn scalar(text: &str, plain: bool) -> Node {
    Node { span: Span::default(), kind: Kind::Scalar(Scalar { text: text.into(), plain }) }
}

/// A list.
pub fn list(items: Vec<Node>) -> Node {
    Node { span: Span::default(), kind: Kind::Sequence(items.into()) }
}

/// A list of texts.
pub fn texts<'a>(items: impl IntoIterator<Item = &'a str>) -> Node {
    list(items.into_iter().map(text).collect())
}

/// A mapping.
pub fn map<K: AsRef<str>>(entries: impl IntoIterator<Item = (K, Node)>) -> Node {
    let entry = |(key, node): (K, Node)| (Key { span: Span::default(), text: key.as_ref().into() }, node);
    Node { span: Span::default(), kind: Kind::Mapping(entries.into_iter().map(entry).collect::<Vec<_>>().into()) }
}
