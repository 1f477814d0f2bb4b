//! Trees drawn with box characters, as amtool draws routing trees.

/// A node and what hangs below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Branch {
    /// What stands at the node.
    pub text: String,
    /// Below it.
    pub branches: Vec<Branch>,
}

/// Before what hangs below a node that has siblings behind it; the first two blanks are no-break spaces.
const BESIDE: &str = "│\u{a0}\u{a0} ";

/// Before what hangs below the last sibling.
const BELOW: &str = "    ";

impl Branch {
    /// A node with nothing below it yet.
    pub fn new(text: impl Into<String>) -> Branch {
        Branch { text: text.into(), branches: Vec::new() }
    }

    /// The drawing, below a dot, each line ended.
    pub fn draw(&self) -> String {
        let mut out = ".\n".to_owned();
        draw(std::slice::from_ref(self), "", &mut out);
        out
    }
}

fn draw(branches: &[Branch], before: &str, out: &mut String) {
    for (at, branch) in branches.iter().enumerate() {
        let (edge, below) = if at + 1 < branches.len() { ("├── ", BESIDE) } else { ("└── ", BELOW) };
        out.push_str(&format!("{before}{edge}{}\n", branch.text));
        draw(&branch.branches, &format!("{before}{below}"), out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_what_amtool_draws() {
        let leaf = Branch::new;
        let root = Branch {
            text: "root".into(),
            branches: vec![Branch { text: "a".into(), branches: vec![leaf("b"), leaf("c")] }, leaf("d")],
        };
        let drawn = ".\n└── root\n    ├── a\n    │\u{a0}\u{a0} ├── b\n    │\u{a0}\u{a0} └── c\n    └── d\n";
        assert_eq!(root.draw(), drawn);
    }
}
