//! `watchfire promql`: the offline query engine by itself.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the output of the command")]

use std::path::PathBuf;
use std::process::ExitCode;

use ::promql::test_language;

/// Runs each script; exit code 1 if an evaluation gives something else than it should or a script cannot be read.
pub fn test(files: &[PathBuf]) -> ExitCode {
    let mut as_expected = true;
    let (mut passed, mut total) = (0, 0);
    for path in files {
        let name = path.display();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                eprintln!("{name}: cannot be read: {error}");
                as_expected = false;
                continue;
            }
        };
        match test_language::run(&text) {
            Ok(report) => {
                println!("{name}: {} of {} passed", report.passed, report.total());
                for failure in &report.failed {
                    println!("  {name}:{}: {}\n    {}", failure.line, failure.expr, failure.reason);
                }
                passed += report.passed;
                total += report.total();
                as_expected &= report.failed.is_empty();
            }
            Err(error) => {
                eprintln!("{name}:{}: {}", error.line, error.message);
                as_expected = false;
            }
        }
    }
    if files.len() > 1 {
        println!("{passed} of {total} evaluations passed");
    }
    if as_expected { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
