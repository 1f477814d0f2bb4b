//! `watchfire simulate`: plays scenario files on virtual time and shows what would be delivered when.
#![expect(clippy::print_stdout, reason = "the output of the command")]

use std::path::PathBuf;
use std::process::ExitCode;

use crate::simulate::scenario::Scenario;
use crate::simulate::world;

/// Plays each scenario; exit code 1 if a delivery differs from what it expects.
///
/// # Errors
/// A scenario cannot be used.
pub fn execute(scenarios: &[PathBuf]) -> anyhow::Result<ExitCode> {
    let mut as_expected = true;
    for path in scenarios {
        let scenario = Scenario::load(path)?;
        let timeline = world::play(&scenario)?;
        println!("{}", path.display());
        print!("{timeline}");
        println!("  {} deliveries, {} queries", timeline.deliveries.len(), timeline.evaluations);
        let Some(expected) = &scenario.expected else { continue };
        for difference in timeline.differences(expected) {
            as_expected = false;
            println!("  {difference}");
        }
    }
    Ok(if as_expected { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
