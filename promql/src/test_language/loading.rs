//! What `load` puts into memory.

use std::collections::HashMap;

use model::LabelSet;

use super::ScriptError;
use super::classic_to_native;
use super::script::Load;
use super::series_notation::{Unreadable, WrittenSeries, labels_and_rest, parse_offsets, parse_values};
use crate::eval::{Refused, Storage, Value};

/// The end of the labels of a line that gives start timestamps.
const START_TIMESTAMPS: &str = "@st";

/// Adds the samples of a `load`.
///
/// # Errors
/// A line cannot be read, or its samples do not follow those there are.
pub(super) fn load(storage: &mut Storage, load: &Load) -> Result<(), ScriptError> {
    let mut starts: HashMap<LabelSet, Vec<Option<i64>>> = HashMap::new();
    let mut all = Vec::new();
    for (line, text) in &load.series {
        let wrong = |message: String| ScriptError { line: *line, message };
        let (labels, rest) = labels_and_rest(text).map_err(|error| wrong(error.to_string()))?;
        let in_line = |error: Unreadable, rest: &str| wrong(error.behind(text.len() - rest.len()).to_string());
        if let Some(offsets) = rest.strip_prefix(START_TIMESTAMPS) {
            starts.insert(labels, parse_offsets(offsets).map_err(|error| in_line(error, offsets))?);
            continue;
        }
        let values = parse_values(rest).map_err(|error| in_line(error, rest))?;
        let offsets = starts.get(&labels).map(Vec::as_slice).unwrap_or_default();
        let series = WrittenSeries { labels, values };
        append(storage, &series, offsets, load.step_ms).map_err(|refused| wrong(told(refused)))?;
        all.push(series);
    }
    if load.with_native {
        for series in classic_to_native::converted(&all) {
            let line = load.series.first().map_or(0, |(line, _)| *line);
            append(storage, &series, &[], load.step_ms)
                .map_err(|refused| ScriptError { line, message: told(refused) })?;
        }
    }
    Ok(())
}

fn append(storage: &mut Storage, series: &WrittenSeries, offsets: &[Option<i64>], step_ms: i64) -> Result<(), Refused> {
    let id = storage.series_id(&series.labels);
    let mut at_ms = 0;
    for (index, value) in series.values.iter().enumerate() {
        if let Some(value) = value {
            let start_ms = offsets.get(index).copied().flatten().map_or(0, |offset| at_ms + offset);
            storage.append_started(id, at_ms, start_ms, Value::clone(value))?;
        }
        at_ms += step_ms;
    }
    Ok(())
}

fn told(refused: Refused) -> String {
    match refused {
        Refused::OutOfOrder => "the series has later samples already".to_owned(),
        Refused::Duplicate => "the series has another sample at the same time".to_owned(),
    }
}
