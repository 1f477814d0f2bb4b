//! What was found damaged at opening, and what came back.

use std::fmt;
use std::path::PathBuf;

/// Where the records came from after damage was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The database itself: an older but consistent state.
    Database,
    /// The newest export.
    Export {
        /// When it was written, in milliseconds since 1970.
        written_at_ms: i64,
    },
    /// There was nothing to restore from: the store starts empty.
    Nothing,
}

/// What was found damaged at opening, and what came back. Somebody should be told: log it and raise an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// What was found.
    pub reason: String,
    /// Where the damaged data lies now, for a later look; `None` if nothing was moved. The engine tried to repair it
    /// first, so single bytes may differ from what was found.
    pub set_aside: Option<PathBuf>,
    /// Where the records came from.
    pub source: Source,
    /// How many records there are now.
    pub records: u64,
    /// Of these, how many could be read from the damaged database itself.
    pub salvaged: u64,
    /// How many acknowledged commits are known to be newer than what came back.
    pub lost_commits: u64,
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the stored data cannot be used as it was found ({}); ", self.reason)?;
        match self.source {
            Source::Database => write!(f, "kept its last consistent state")?,
            Source::Export { written_at_ms } => {
                write!(f, "restored the export written at {written_at_ms} ms since 1970")?;
            }
            Source::Nothing => write!(f, "found no export to restore")?,
        }
        write!(f, ", {} records in all", self.records)?;
        if self.salvaged > 0 {
            write!(f, ", {} of them read from the damaged data", self.salvaged)?;
        }
        if self.lost_commits > 0 {
            write!(f, "; the last {} commits may be missing", self.lost_commits)?;
        }
        if let Some(path) = &self.set_aside {
            write!(f, "; what was found is kept in {}", path.display())?;
        }
        Ok(())
    }
}
