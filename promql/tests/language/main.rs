//! The language as a whole, through the public API.
#![expect(clippy::print_stderr, reason = "a skipped test says so, and the corpus says how much it held")]

mod canonical;
mod corpus;
mod evaluation;
mod hostile;
mod refused;
mod tree;
