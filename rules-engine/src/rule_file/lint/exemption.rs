//! Findings that are meant to be there: a comment in a rule or right above it names the lints that it is exempt from.
//!
//! ```yaml
//! # watchfire: ignore alert-condition
//! - alert: IndexIsInvalid
//!   expr: pg_invalid_index
//! ```

use std::collections::BTreeSet;

use model::source::{SourceFile, Span};

use super::Lint;

const COMMENT: &str = "# watchfire: ignore ";

/// The lints that the rule at this place is exempt from.
pub(super) fn exemptions(file: &SourceFile, rule: Span) -> BTreeSet<Lint> {
    // most files have none
    if !file.text().contains(COMMENT) {
        return BTreeSet::new();
    }
    let (first, last) = (file.position(rule.start).line, file.position(rule.end).line);
    let is_comment = |line: &u32| file.line(*line).trim_start().starts_with('#');
    let above = (1..first).rev().take_while(is_comment);
    let named = above.chain(first..=last).filter_map(|line| Some(file.line(line).split_once(COMMENT)?.1));
    named.flat_map(|names| names.split([',', ' '])).filter_map(|name| Lint::by_name(name.trim())).collect()
}
