//! The language in which Prometheus tests its own engine: series to load, expressions, and what they must give.
//!
//! ```text
//! load 5m
//!   up{job="a"} 1 1 0
//!
//! eval instant at 10m sum(up)
//!   {} 0
//! ```
//!
//! Facts: the README of Prometheus' `promqltest`. Runs on virtual time, in memory.
//!
//! | module | what |
//! |---|---|
//! | `script` | the lines of a file as commands |
//! | [`series_notation`] | `up{job="a"} 0+1x5`, also the notation of rule unit tests |
//! | `histogram_notation` | `{{schema:0 sum:5 count:4 buckets:[1 2 1]}}` |
//! | `loading` | what `load` puts into memory |
//! | `classic_to_native` | native histograms made of classic ones, for `load_with_nhcb` |
//! | `expectation` | what an `eval` expects, and whether an answer is that |
//! | `comparison` | when two values are the same |

mod classic_to_native;
pub mod comparison;
mod expectation;
mod histogram_notation;
mod loading;
mod script;
pub mod series_notation;

use std::fmt;

use crate::Options;
use crate::eval::{Settings, Storage};
use script::Command;

/// What became of the evaluations of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// How many gave what they should.
    pub passed: usize,
    /// Those that did not.
    pub failed: Vec<Failure>,
}

/// An evaluation that did not give what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Line of the `eval`, from 1.
    pub line: usize,
    /// The expression.
    pub expr: String,
    /// What was expected, and what came.
    pub reason: String,
}

/// A line that cannot be understood, or samples that cannot be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for ScriptError {}

impl Report {
    /// How many evaluations there were.
    pub fn total(&self) -> usize {
        self.passed + self.failed.len()
    }
}

/// How scripts are evaluated: every part of the language, names removed late, at most 10,000 samples.
pub fn settings() -> Settings {
    Settings { language: Options::all(), samples_max: 10_000, delayed_name_removal: true, ..Settings::default() }
}

/// Runs a script. Every evaluation is made; instant ones also as one step of a range, which must agree.
///
/// # Errors
/// The script itself is not right.
pub fn run(text: &str) -> Result<Report, ScriptError> {
    run_with(text, &settings())
}

/// Only what a script loads; what it evaluates is left out.
///
/// # Errors
/// As [`run`].
pub fn load(text: &str) -> Result<Storage, ScriptError> {
    let mut storage = Storage::new();
    for command in script::parse(text)? {
        match command {
            Command::Clear => storage.clear(),
            Command::Load(load) => loading::load(&mut storage, &load)?,
            Command::Eval(_) => {}
        }
    }
    Ok(storage)
}

/// Runs a script under other settings.
///
/// # Errors
/// As [`run`].
pub fn run_with(text: &str, settings: &Settings) -> Result<Report, ScriptError> {
    let mut storage = Storage::new();
    let mut report = Report::default();
    for command in script::parse(text)? {
        match command {
            Command::Clear => storage.clear(),
            Command::Load(load) => loading::load(&mut storage, &load)?,
            Command::Eval(eval) => match eval.check(&storage, settings) {
                Ok(()) => report.passed += 1,
                Err(reason) => report.failed.push(Failure { line: eval.line, expr: eval.expr, reason }),
            },
        }
    }
    Ok(report)
}
