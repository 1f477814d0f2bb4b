//! How much a template may do before it is stopped.

/// Bounds of one execution. Reaching one is an error, never a hang or an overflow of the stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of output, and bytes of any single text made on the way.
    pub output_bytes: usize,
    /// Nodes executed, loop rounds included; long texts count as several.
    pub steps: usize,
    /// Templates called from templates.
    pub template_depth: usize,
}

/// Nesting of parentheses and blocks a source may have; bounds the stack of parser and executor.
pub(crate) const NESTING: usize = 100;

/// Blocks and parentheses in execution at once, templates called from templates included.
pub(crate) const LEVELS: usize = 500;

/// Bytes a template source may have.
pub(crate) const SOURCE_BYTES: usize = 4 << 20;

impl Default for Limits {
    /// For annotations: 1 MiB, a million steps.
    fn default() -> Self {
        Self { output_bytes: 1 << 20, steps: 1_000_000, template_depth: 100 }
    }
}

impl Limits {
    /// For notifications, which may list thousands of alerts: 32 MiB, twenty million steps.
    pub fn notifications() -> Self {
        Self { output_bytes: 32 << 20, steps: 20_000_000, ..Self::default() }
    }
}
