//! Times in templates: shown in a zone, or as how long ago.

use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::helpers::Call;

/// What `date` prints unless told otherwise.
const FORMAT: &str = "%Y-%m-%d %H:%M:%S %Z";

/// `{{date startsAt tz="Europe/Berlin" format="%H:%M"}}`; UTC unless told. Nothing of nothing.
pub(super) fn date(call: &Call<'_, '_>) -> Result<Value, String> {
    let Some(time) = instant(call.argument(0))? else { return Ok(Value::Null) };
    let zone = match call.option("tz") {
        Some(name) => TimeZone::get(&name).map_err(|_| format!("there is no time zone {name:?}"))?,
        None => TimeZone::UTC,
    };
    let format = call.option("format");
    let shown = strtime::format(format.as_deref().unwrap_or(FORMAT), &time.to_zoned(zone));
    shown.map(Value::from).map_err(|error| error.to_string())
}

/// `{{since startsAt}}`: how long before `now` that was.
pub(super) fn since(call: &Call<'_, '_>) -> Result<Value, String> {
    let now = instant(call.root("now"))?;
    Ok(instant(call.argument(0))?.zip(now).map_or(Value::Null, |(time, now)| between(time, now).into()))
}

/// `{{duration startsAt endsAt}}`.
pub(super) fn duration(call: &Call<'_, '_>) -> Result<Value, String> {
    let (from, to) = (instant(call.argument(0))?, instant(call.argument(1))?);
    Ok(from.zip(to).map_or(Value::Null, |(from, to)| between(from, to).into()))
}

/// RFC 3339, or seconds since 1970.
fn instant(value: &Value) -> Result<Option<Timestamp>, String> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if text.is_empty() => Ok(None),
        Value::String(text) => {
            text.parse().map(Some).map_err(|_| format!("{text:?} is no time such as 2026-01-31T12:00:00Z"))
        }
        Value::Number(seconds) => {
            let ms = seconds.as_f64().unwrap_or_default() * 1000.0;
            Timestamp::from_millisecond(ms as i64).map(Some).map_err(|error| error.to_string())
        }
        other => Err(format!("{other} is no time")),
    }
}

/// The two largest units, as `3d 4h` or `12s`; nothing negative.
fn between(from: Timestamp, to: Timestamp) -> String {
    let seconds = to.duration_since(from).as_secs().max(0);
    let units = [("d", seconds / 86_400), ("h", seconds / 3_600 % 24), ("m", seconds / 60 % 60), ("s", seconds % 60)];
    let first = units.iter().position(|(_, count)| *count > 0).unwrap_or(units.len() - 1);
    let shown = units.iter().skip(first).take(2).filter(|(_, count)| *count > 0);
    let shown: Vec<String> = shown.map(|(unit, count)| format!("{count}{unit}")).collect();
    if shown.is_empty() { "0s".to_owned() } else { shown.join(" ") }
}
