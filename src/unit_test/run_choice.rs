//! Which tests are run, by patterns of their names.

use model::pattern;

/// Patterns of which a test's name must match one, anywhere in it. Without patterns every test is run.
#[derive(Debug, Clone, Default)]
pub struct RunChoice(Vec<regex::Regex>);

/// A pattern may take this much memory.
const COMPILED_BYTES_MAX: usize = 1 << 20;

impl RunChoice {
    /// A choice by these patterns.
    ///
    /// # Errors
    /// One of them is not valid.
    pub fn new(patterns: &[String]) -> Result<Self, pattern::InvalidPattern> {
        let compile = |text: &String| pattern::unanchored(text, COMPILED_BYTES_MAX);
        patterns.iter().map(compile).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a test of this name is run.
    pub fn names(&self, name: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|pattern| pattern.is_match(name))
    }
}
