//! Relabeling and the like, from the camel case of objects to the snake case of files.

use yaml::{Key, Kind, Node};

use super::tree::{list, map};

/// All keys in snake case, at every depth.
pub(super) fn snake_case(node: &Node) -> Node {
    match &node.kind {
        Kind::Mapping(entries) => {
            map(entries.iter().map(|(key, value): &(Key, Node)| (snake(&key.text), snake_case(value))))
        }
        Kind::Sequence(items) => list(items.iter().map(snake_case).collect()),
        _ => node.clone(),
    }
}

/// Rules of relabeling: their actions are written in any case in objects.
pub(super) fn relabelings(node: &Node) -> Node {
    let rule = |rule: &Node| {
        let rule = snake_case(rule);
        let entries = rule.as_mapping().unwrap_or_default().iter();
        map(entries.map(|(key, value)| {
            let is_action = key.text == "action";
            let lower = value.as_text().filter(|_| is_action).map(|text| super::tree::text(&text.to_lowercase()));
            (key.text.to_string(), lower.unwrap_or_else(|| value.clone()))
        }))
    };
    list(node.as_sequence().unwrap_or_default().iter().map(rule).collect())
}

fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}
