//! The form of a silence: as typed, and what it means.
//!
//! Duration and end are two ways to say the same. The one that was changed counts; scripts say which that is in `ends_by`.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use model::duration::{format_duration, parse_duration};
use model::matcher::parse::ParseMode;
use model::{LabelSet, MatchOp, Matcher, Timestamp};
use notifier::maintenance::{Maintenance, MaintenanceDraft};
use notifier::schedule::{Schedule, WrittenSchedule};
use notifier::silence::{Silence, SilenceDraft, SilenceState, validate_matchers};
use uuid::Uuid;

use crate::form::Fields;
use crate::here::Here;
use crate::matchers::read_all;

/// More rows are not read.
const ROWS_MAX: usize = 100;
/// As long as nobody says otherwise.
const DURATION: &str = "2h";
/// As browsers write times without a zone.
const LOCAL: &str = "%Y-%m-%dT%H:%M:%S";

/// The form as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Typed {
    /// The silence that is edited, or the recurring one.
    pub(super) id: Option<Uuid>,
    pub(super) rows: Vec<Row>,
    /// Matchers as text, to be made rows of.
    pub(super) paste: String,
    /// Empty: at once.
    pub(super) starts: String,
    pub(super) ends: String,
    pub(super) duration: String,
    /// `end` or `duration`: what was changed last, if a script says so.
    pub(super) ends_by: String,
    /// What the form showed, to see what was changed.
    pub(super) shown_ends: String,
    pub(super) shown_duration: String,
    /// Whose clock the times above and `until` are of.
    pub(super) zone: String,
    pub(super) by: String,
    pub(super) comment: String,
    pub(super) until_resolved: bool,
    pub(super) recurs: bool,
    pub(super) cron: String,
    /// Whose clock the schedule goes by.
    pub(super) timezone: String,
    pub(super) until: String,
    /// Somebody means it although it mutes much.
    pub(super) sure: bool,
}

/// A matcher as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) op: String,
    pub(super) value: String,
}

/// What the form means.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "made once for a request")]
pub(super) enum Meant {
    Once(SilenceDraft),
    Recurring(MaintenanceDraft),
}

/// What cannot be: of a field, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    /// Its name in the form, rows with their number: `matcher-1`.
    pub(super) field: String,
    pub(super) text: String,
}

/// Mistakes as they are found.
#[derive(Default)]
struct Mistakes(Vec<Mistake>);

impl Mistakes {
    fn add(&mut self, field: impl Into<String>, text: impl ToString) {
        self.0.push(Mistake { field: field.into(), text: text.to_string() });
    }

    /// The value, or its mistake noted.
    fn note<T>(&mut self, field: &str, read: Result<T, impl ToString>) -> Option<T> {
        read.map_err(|error| self.add(field, error)).ok()
    }
}

impl Typed {
    /// As a link says it: `?q={…}` (or `filter`), `comment`, `createdBy`, `duration`.
    pub(super) fn of_link(here: &Here) -> Self {
        let text = |name: &str| here.parameter(name).unwrap_or_default();
        let paste = here.parameter("q").or_else(|| here.parameter("filter")).unwrap_or_default();
        let duration = here.parameter("duration").unwrap_or_else(|| DURATION.to_owned());
        Self { paste, by: text("createdBy"), comment: text("comment"), duration, ..Self::empty() }
    }

    /// An empty form.
    fn empty() -> Self {
        Self { duration: DURATION.to_owned(), zone: "UTC".to_owned(), timezone: "UTC".to_owned(), ..Self::default() }
    }

    /// A silence to be changed; one that is over, to be made again.
    pub(super) fn of_silence(silence: &Silence, now: Timestamp) -> Self {
        let is_over = silence.state(now) == SilenceState::Expired;
        let second = |at: Timestamp| at.as_nanos().div_euclid(1_000_000_000);
        let seconds = if is_over {
            silence.ends_at.since(silence.starts_at).as_secs_f64().round().max(60.0)
        } else {
            // As the times are shown: saved as it is, it ends when it did.
            (second(silence.ends_at) - second(silence.starts_at)) as f64
        };
        let duration = format_duration(Duration::from_secs(seconds as u64));
        let (starts, ends) = if is_over {
            (String::new(), String::new())
        } else {
            (local(silence.starts_at, &TimeZone::UTC), local(silence.ends_at, &TimeZone::UTC))
        };
        Self {
            id: (!is_over).then_some(silence.id),
            rows: Row::all(&silence.matchers),
            starts,
            shown_ends: ends.clone(),
            ends,
            shown_duration: duration.clone(),
            duration,
            by: silence.created_by.clone(),
            comment: silence.comment.clone(),
            until_resolved: silence.until_resolved,
            ..Self::empty()
        }
    }

    /// A recurring silence to be changed; one that is over, to be made again.
    pub(super) fn of_maintenance(one: &Maintenance, now: Timestamp) -> Self {
        let WrittenSchedule { cron, duration, timezone, until } = one.schedule.written().clone();
        let is_over = one.state(now) == SilenceState::Expired;
        Self {
            id: (!is_over).then_some(one.id),
            rows: Row::all(&one.matchers),
            starts: if one.starts_at > now { local(one.starts_at, &TimeZone::UTC) } else { String::new() },
            duration: format_duration(duration),
            by: one.created_by.clone(),
            comment: one.comment.clone(),
            until_resolved: one.until_resolved,
            recurs: true,
            cron,
            timezone,
            until: until.filter(|_| !is_over).map(|until| local(until, &TimeZone::UTC)).unwrap_or_default(),
            ..Self::empty()
        }
    }

    /// As a form sent it.
    pub(super) fn of_fields(fields: &Fields) -> Self {
        let text = |name: &str| fields.text(name).to_owned();
        let is_set = |name: &str| !fields.text(name).is_empty();
        let (names, ops, values) = (fields.all("name"), fields.all("op"), fields.all("value"));
        let row = |((name, op), value): ((&str, &str), &str)| Row {
            name: name.trim().to_owned(),
            op: op.to_owned(),
            value: value.to_owned(),
        };
        Self {
            id: fields.text("id").parse().ok(),
            rows: names.zip(ops).zip(values).take(ROWS_MAX).map(row).collect(),
            paste: text("paste"),
            starts: text("starts"),
            ends: text("ends"),
            duration: text("duration"),
            ends_by: text("ends_by"),
            shown_ends: text("shown_ends"),
            shown_duration: text("shown_duration"),
            zone: text("zone"),
            by: text("by"),
            comment: text("comment"),
            until_resolved: is_set("until_resolved"),
            recurs: is_set("recurs"),
            cron: text("cron"),
            timezone: text("timezone"),
            until: text("until"),
            sure: is_set("sure"),
        }
    }

    /// Makes rows of the matchers that were pasted.
    ///
    /// # Errors
    /// They cannot be read; they stay as they are.
    pub(super) fn take_paste(&mut self, mode: ParseMode) -> Result<(), Mistake> {
        if self.paste.is_empty() {
            return Ok(());
        }
        let matchers = read_all(&self.paste, mode)
            .map_err(|error| Mistake { field: "paste".to_owned(), text: error.to_string() })?;
        self.rows.retain(|row| !row.is_empty());
        self.rows.extend(Row::all(&matchers));
        self.paste.clear();
        Ok(())
    }

    /// The matchers of the rows that are filled in.
    ///
    /// # Errors
    /// Every mistake.
    pub(super) fn matchers(&self) -> Result<Vec<Matcher>, Vec<Mistake>> {
        let mut mistakes = Mistakes::default();
        let rows = self.rows.iter().enumerate().filter(|(_, row)| !row.is_empty());
        let read = rows.filter_map(|(place, row)| mistakes.note(&format!("matcher-{}", place + 1), row.read()));
        let matchers: Vec<Matcher> = read.collect();
        if mistakes.0.is_empty()
            && let Err(error) = validate_matchers(&matchers)
        {
            mistakes.add("matchers", error.to_string().trim_start_matches("invalid silence: "));
        }
        if mistakes.0.is_empty() { Ok(matchers) } else { Err(mistakes.0) }
    }

    /// What it means, but for matchers. `now` is the start where none is given.
    ///
    /// # Errors
    /// Every mistake.
    pub(super) fn meant(&self, matchers: Vec<Matcher>, now: Timestamp) -> Result<Meant, Vec<Mistake>> {
        let mut mistakes = Mistakes::default();
        if self.by.is_empty() {
            mistakes.add("by", "Say who you are: others may want to ask.");
        }
        let zone = mistakes.note("zone", zone(&self.zone)).unwrap_or(TimeZone::UTC);
        let starts_at = mistakes.note("starts", instant(&self.starts, &zone)).flatten();
        let meant = if self.recurs {
            self.schedule(&zone, starts_at.unwrap_or(now).max(now), &mut mistakes).map(|schedule| {
                Meant::Recurring(MaintenanceDraft {
                    id: self.id,
                    schedule,
                    starts_at,
                    matchers,
                    until_resolved: self.until_resolved,
                    created_by: self.by.clone(),
                    comment: self.comment.clone(),
                    annotations: LabelSet::empty(),
                })
            })
        } else {
            let starts_at = starts_at.unwrap_or(now);
            self.end(&zone, starts_at, now, &mut mistakes).map(|ends_at| {
                Meant::Once(SilenceDraft {
                    id: self.id,
                    matchers,
                    starts_at,
                    ends_at,
                    created_by: self.by.clone(),
                    comment: self.comment.clone(),
                    annotations: LabelSet::empty(),
                    until_resolved: Some(self.until_resolved),
                })
            })
        };
        meant.filter(|_| mistakes.0.is_empty()).ok_or(mistakes.0)
    }

    /// Whether the end counts, not the duration.
    fn goes_by_end(&self) -> bool {
        match self.ends_by.as_str() {
            "end" => !self.ends.is_empty(),
            "duration" => self.duration.is_empty(),
            _ if self.ends.is_empty() => false,
            _ => self.duration.is_empty() || (self.ends != self.shown_ends && self.duration == self.shown_duration),
        }
    }

    fn end(&self, zone: &TimeZone, starts_at: Timestamp, now: Timestamp, mistakes: &mut Mistakes) -> Option<Timestamp> {
        let ends_at = if self.goes_by_end() {
            mistakes.note("ends", instant(&self.ends, zone)).flatten()?
        } else {
            let length = mistakes.note("duration", duration(&self.duration))?;
            starts_at.plus(length)
        };
        match ends_at {
            end if end <= starts_at => mistakes.add("ends", "It must end after it starts."),
            end if end <= now => mistakes.add("ends", "It would be over already."),
            _ => return Some(ends_at),
        }
        None
    }

    fn schedule(&self, zone: &TimeZone, from: Timestamp, mistakes: &mut Mistakes) -> Option<Schedule> {
        let until = mistakes.note("until", instant(&self.until, zone)).flatten();
        let duration = mistakes.note("duration", duration(&self.duration))?;
        let written = WrittenSchedule {
            cron: self.cron.clone(),
            duration,
            timezone: if self.timezone.is_empty() { "UTC".to_owned() } else { self.timezone.clone() },
            until,
        };
        let read = Schedule::new(written).and_then(|schedule| schedule.check(from).map(|()| schedule));
        read.map_err(|error| {
            // Named as the API's fields are.
            let text = error.to_string();
            let field = ["cron", "duration", "timezone"]
                .into_iter()
                .find(|field| text.starts_with(&format!("schedule.{field}")));
            mistakes.add(field.unwrap_or("cron"), text.replace("schedule.", ""));
        })
        .ok()
    }

    /// Shows duration and end as they follow from each other.
    pub(super) fn settle(&mut self, meant: &Meant) {
        if let Meant::Once(SilenceDraft { starts_at, ends_at, .. }) = meant {
            let zone = zone(&self.zone).unwrap_or(TimeZone::UTC);
            self.ends = local(*ends_at, &zone);
            if self.goes_by_end() || self.duration.is_empty() {
                self.duration = format_duration(Duration::from_secs(ends_at.since(*starts_at).as_secs()));
            }
        }
        self.shown_ends.clone_from(&self.ends);
        self.shown_duration.clone_from(&self.duration);
        self.ends_by.clear();
    }
}

impl Row {
    pub(super) fn all(matchers: &[Matcher]) -> Vec<Row> {
        let row = |matcher: &Matcher| Row {
            name: matcher.name().to_owned(),
            op: matcher.op().as_str().to_owned(),
            value: matcher.value().to_owned(),
        };
        matchers.iter().map(row).collect()
    }

    fn is_empty(&self) -> bool {
        self.name.is_empty() && self.value.is_empty()
    }

    fn read(&self) -> Result<Matcher, String> {
        let op = match self.op.as_str() {
            "=" | "" => MatchOp::Equal,
            "!=" => MatchOp::NotEqual,
            "=~" => MatchOp::Regex,
            "!~" => MatchOp::NotRegex,
            other => return Err(format!("{other:?} is no operator, expected =, !=, =~ or !~")),
        };
        if self.name.is_empty() {
            return Err("The label has no name.".to_owned());
        }
        Matcher::new(&self.name, op, &self.value).map_err(|error| error.to_string())
    }
}

fn zone(name: &str) -> Result<TimeZone, String> {
    match name {
        "" | "UTC" => Ok(TimeZone::UTC),
        name => TimeZone::get(name).map_err(|_| format!("{name:?} is no time zone such as Europe/Berlin")),
    }
}

/// A time on a zone's clock; of two that are called the same, the first. None of nothing.
fn instant(text: &str, zone: &TimeZone) -> Result<Option<Timestamp>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    if let Ok(exact) = Timestamp::parse_rfc3339(text) {
        return Ok(Some(exact));
    }
    let unread = || format!("{text:?} is no time such as 2026-01-31T12:00");
    let civil: DateTime = text.parse().map_err(|_| unread())?;
    let zoned = civil.to_zoned(zone.clone()).map_err(|_| unread())?;
    Ok(Some(Timestamp::from_jiff(zoned.timestamp())))
}

fn local(at: Timestamp, zone: &TimeZone) -> String {
    at.to_jiff().to_zoned(zone.clone()).strftime(LOCAL).to_string()
}

fn duration(text: &str) -> Result<Duration, String> {
    if text.is_empty() {
        return Err("How long? Such as 45m, 2h or 1d.".to_owned());
    }
    let read = parse_duration(&text.replace(' ', ""));
    read.map_err(|_| format!("{text:?} is no duration such as 45m, 2h or 1d12h"))
}

#[cfg(test)]
mod tests;
