//! Queries that templates make themselves: asked between two renderings, within bounds.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::FixedState;
use model::LabelSet;

/// Most queries the templates of one evaluation may make.
pub const MOST_LOOKUPS: usize = 100;
/// Most times the templates of one evaluation are rendered again because of queries.
pub const MOST_ROUNDS: u32 = 8;

/// The series a query gave, or why it gave none.
pub type LookupAnswer = Result<Vec<(LabelSet, f64)>, String>;

/// The answers known so far in one evaluation of a rule.
#[derive(Debug, Default)]
pub struct Lookups {
    answers: HashMap<Arc<str>, LookupAnswer, FixedState>,
    rounds: u32,
}

impl Lookups {
    /// The answer to a query, if it is known.
    pub fn get(&self, expr: &str) -> Option<&LookupAnswer> {
        self.answers.get(expr)
    }

    /// Takes an answer.
    pub fn answer(&mut self, expr: Arc<str>, answer: LookupAnswer) {
        self.answers.insert(expr, answer);
    }

    /// Begins another round: which of the `missing` queries are to be made. The others are answered with an error here.
    pub fn ask(&mut self, missing: Vec<Arc<str>>) -> Vec<Arc<str>> {
        self.rounds += 1;
        let room = match self.rounds {
            0..=MOST_ROUNDS => MOST_LOOKUPS.saturating_sub(self.answers.len()),
            _ => 0,
        };
        let mut asked = missing;
        for refused in asked.split_off(room.min(asked.len())) {
            let error = match self.rounds {
                0..=MOST_ROUNDS => format!("more than {MOST_LOOKUPS} queries in the templates of one evaluation"),
                _ => format!("queries that depend on queries more than {MOST_ROUNDS} deep"),
            };
            self.answer(refused, Err(error));
        }
        asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exprs(range: std::ops::Range<usize>) -> Vec<Arc<str>> {
        range.map(|n| Arc::from(format!("q{n}"))).collect()
    }

    #[test]
    fn number_and_depth_of_queries_are_bounded() {
        let mut lookups = Lookups::default();
        assert_eq!(lookups.ask(exprs(0..60)).len(), 60);
        for expr in exprs(0..60) {
            lookups.answer(expr, Ok(Vec::new()));
        }
        assert_eq!(lookups.ask(exprs(60..120)).len(), 40);
        assert!(matches!(lookups.get("q119"), Some(Err(error)) if error.starts_with("more than 100 queries")));
        assert!(lookups.get("q99").is_none());

        let mut lookups = Lookups::default();
        for round in 0..8 {
            assert_eq!(lookups.ask(exprs(round..round + 1)).len(), 1);
        }
        assert_eq!(lookups.ask(exprs(9..10)), []);
        assert!(matches!(lookups.get("q9"), Some(Err(error)) if error.contains("8 deep")));
    }
}
