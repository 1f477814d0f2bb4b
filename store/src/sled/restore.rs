//! Opening a directory: as it is where that is sound, else rebuilt from what can be had.

use std::path::Path;

use crate::batch::{Batch, Key};
use crate::error::StoreError;
use crate::recovery::{Recovery, Source};
use crate::sled::directory::{self, DATABASE, EXPORT, PREVIOUS_EXPORT, REBUILDING};
use crate::sled::engine::Engine;
use crate::sled::export::{self, Header};
use crate::sled::record::FORMAT_VERSION;

/// A rebuilt database is written in batches of about this size.
const REBUILD_BYTES: usize = 1 << 20;

/// Opens the database below `dir`, repairing what must be. `acknowledged` is the last generation known to be durable.
pub(super) fn open(dir: &Path, acknowledged: u64, now_ms: i64) -> Result<(Engine, Option<Recovery>), StoreError> {
    let exported = newest_export(dir)?;
    let acknowledged = acknowledged.max(exported);
    let database = dir.join(DATABASE);
    if acknowledged == 0 && !database.exists() {
        return Ok((create(dir)?, None));
    }
    match open_sound(&database) {
        Ok(engine) if engine.meta().generation >= acknowledged => Ok((engine, None)),
        Ok(engine) if engine.meta().generation >= exported => keep_stale(engine, acknowledged),
        Ok(engine) => {
            let reason = format!("it ends at commit {} of {acknowledged}", engine.meta().generation);
            drop(engine);
            rebuild(dir, acknowledged, now_ms, reason)
        }
        Err(StoreError::Damaged { what }) => rebuild(dir, acknowledged, now_ms, what),
        Err(error) => Err(error),
    }
}

/// Creates the database under another name first: what has the right name was complete once.
fn create(dir: &Path) -> Result<Engine, StoreError> {
    refill(dir, 0, None, &Salvaged::default())?;
    directory::rename(dir, REBUILDING, DATABASE)?;
    Engine::open(&dir.join(DATABASE))
}

/// Opens a database that needs no repair beyond removing files which sled can do without.
fn open_sound(database: &Path) -> Result<Engine, StoreError> {
    directory::remove_snapshots(database, true)?;
    match Engine::open(database) {
        Err(StoreError::Damaged { what }) => {
            tracing::warn!(%what, "the database does not open as it is; trying without what can be derived from its log");
            directory::remove_snapshots(database, false)?;
            // sled's settings: always its defaults here, and written anew when missing.
            directory::remove(&database.join("conf"))?;
            // The first finding names the cause; what the second attempt stumbles over may only follow from it.
            Engine::open(database).map_err(|_| StoreError::Damaged { what })
        }
        other => other,
    }
}

/// The database is consistent but lacks the last commits: nothing newer exists, so it stays.
fn keep_stale(mut engine: Engine, acknowledged: u64) -> Result<(Engine, Option<Recovery>), StoreError> {
    let meta = engine.meta();
    engine.advance(acknowledged + 1)?;
    let recovery = Recovery {
        reason: format!("it ends at commit {} of {acknowledged}", meta.generation),
        set_aside: None,
        source: Source::Database,
        records: meta.records,
        salvaged: 0,
        lost_commits: acknowledged - meta.generation,
    };
    Ok((engine, Some(recovery)))
}

/// Writes a new database from the best export and whatever the damaged one still gives, then puts it in place.
pub(super) fn rebuild(
    dir: &Path,
    acknowledged: u64,
    now_ms: i64,
    reason: String,
) -> Result<(Engine, Option<Recovery>), StoreError> {
    tracing::warn!(%reason, "the database is damaged; rebuilding it");
    let salvaged = salvage(&dir.join(DATABASE));
    let base = if salvaged.is_whole && salvaged.generation >= newest_export(dir)? { None } else { best_export(dir)? };
    let (records, is_salvage_used) = refill(dir, acknowledged, base, &salvaged)?;
    let set_aside = if salvaged.is_whole && is_salvage_used {
        directory::remove(&dir.join(DATABASE))?;
        None
    } else {
        directory::set_aside(dir, DATABASE, now_ms)?
    };
    directory::rename(dir, REBUILDING, DATABASE)?;
    let restored = if salvaged.is_whole { salvaged.generation } else { 0 };
    let recovery = Recovery {
        reason,
        set_aside,
        source: match base {
            Some((_, header)) => Source::Export { written_at_ms: header.written_at_ms },
            None if salvaged.is_whole => Source::Database,
            None => Source::Nothing,
        },
        records,
        salvaged: if is_salvage_used { salvaged.records.len() as u64 } else { 0 },
        lost_commits: acknowledged.saturating_sub(base.map_or(restored, |(_, header)| header.generation)),
    };
    Ok((Engine::open(&dir.join(DATABASE))?, Some(recovery)))
}

/// Writes the new database beside the old one: the export first, over it what was salvaged, if that is newer. How many
/// records it holds, and whether the salvage was used.
fn refill(
    dir: &Path,
    acknowledged: u64,
    base: Option<(&str, Header)>,
    salvaged: &Salvaged,
) -> Result<(u64, bool), StoreError> {
    let rebuilding = dir.join(REBUILDING);
    directory::remove(&rebuilding)?;
    let mut fresh = Engine::create(&rebuilding)?;
    if let Some((name, _)) = base {
        fill(&mut fresh, |put| export::read(&dir.join(name), put).map(|_| ()))?;
    }
    let is_salvage_used = base.is_none_or(|(_, header)| salvaged.generation >= header.generation);
    if is_salvage_used {
        fill(&mut fresh, |put| salvaged.records.iter().cloned().try_for_each(|(key, value)| put(key, value)))?;
    }
    fresh.advance(acknowledged.max(fresh.meta().generation) + 1)?;
    Ok((fresh.meta().records, is_salvage_used))
}

/// What a damaged database still gives.
#[derive(Default)]
struct Salvaged {
    /// The last commit it knows of; `u64::MAX` if that cannot be read.
    generation: u64,
    /// True if these are all records of that commit.
    is_whole: bool,
    records: Vec<(Key, Vec<u8>)>,
}

fn salvage(database: &Path) -> Salvaged {
    if !database.exists() {
        return Salvaged::default();
    }
    match Engine::open_unchecked(database) {
        Ok(engine) => {
            let is_whole = engine.check(database).is_ok();
            let generation = engine.stored_meta(database).map(|meta| meta.unwrap_or_default().generation);
            Salvaged { generation: generation.unwrap_or(u64::MAX), is_whole, records: engine.salvage() }
        }
        Err(error) => {
            tracing::warn!(%error, "nothing can be read from the damaged database");
            Salvaged::default()
        }
    }
}

/// Feeds records into `engine`, a batch at a time.
fn fill(
    engine: &mut Engine,
    each: impl FnOnce(&mut dyn FnMut(Key, Vec<u8>) -> Result<(), StoreError>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut batch = Batch::new();
    let mut bytes = 0;
    each(&mut |key, value| {
        bytes += key.len() + value.len();
        batch.put(key, value);
        if bytes < REBUILD_BYTES {
            return Ok(());
        }
        bytes = 0;
        engine.commit(&[std::mem::take(&mut batch)])
    })?;
    engine.commit(&[batch])
}

/// The generation of the newest export whose header can be read; refuses a newer format.
fn newest_export(dir: &Path) -> Result<u64, StoreError> {
    let headers = [EXPORT, PREVIOUS_EXPORT].map(|name| export::header(&dir.join(name)));
    let mut generation = 0;
    for header in headers.into_iter().flatten() {
        if header.version > FORMAT_VERSION {
            let (dir, found) = (dir.to_owned(), header.version);
            return Err(StoreError::NewerFormat { dir, found, known: FORMAT_VERSION });
        }
        generation = generation.max(header.generation);
    }
    Ok(generation)
}

/// The newest whole export; if neither is whole, the one with more records before its damage.
fn best_export(dir: &Path) -> Result<Option<(&'static str, Header)>, StoreError> {
    let mut best: Option<(&'static str, Header, u64)> = None;
    for name in [EXPORT, PREVIOUS_EXPORT] {
        let Some((header, records)) = export::read(&dir.join(name), |_, _| Ok(()))? else { continue };
        if best.as_ref().is_none_or(|(_, known, count)| rank(header, records) > rank(*known, *count)) {
            best = Some((name, header, records));
        }
    }
    if let Some((name, header, records)) = &best
        && *records < header.records
    {
        tracing::warn!(
            export = name,
            records,
            of = header.records,
            "the export is damaged too; using what can be read"
        );
    }
    Ok(best.map(|(name, header, _)| (name, header)))
}

/// What makes one export better than another: being whole, then being newer, or if neither is whole giving more.
fn rank(header: Header, records: u64) -> (bool, u64) {
    let is_whole = records == header.records;
    (is_whole, if is_whole { header.generation } else { records })
}
