//! The two machines as `run` wires them, on virtual time, over series in memory: the simulator's loop, which knows nothing of
//! back-tests.

use std::path::{Path, PathBuf};
use std::time::Duration;

use model::Timestamp;
use model::source::SourceFile;
use promql::eval::Storage;
use watchfire::simulate::scenario::Scenario;
use watchfire::simulate::timeline::Delivered;
use watchfire::simulate::world;

/// What the receivers get from `from` on.
pub(crate) fn pages(
    rules: &[PathBuf],
    config: &Path,
    storage: Storage,
    from: Timestamp,
    length: Duration,
) -> anyhow::Result<Vec<Delivered>> {
    let read =
        |path: &PathBuf| -> anyhow::Result<(PathBuf, String)> { Ok((path.clone(), std::fs::read_to_string(path)?)) };
    let text = format!("start: {}\nlength: {}s\n", from.to_rfc3339(), length.as_secs());
    let scenario = SourceFile::new("back-test", text);
    let scenario = Scenario::parse(&scenario, Path::new("")).map_err(|mistakes| anyhow::anyhow!("{mistakes}"))?;
    let scenario = Scenario {
        rules: rules.iter().map(read).collect::<anyhow::Result<_>>()?,
        config: Some(read(&config.to_owned())?),
        storage: Some(storage),
        ..scenario
    };
    Ok(world::play(&scenario)?.deliveries)
}
