//! `muteTimeIntervals` of v1alpha1, `timeIntervals` of v1beta1.

use yaml::{Field, Node, Spanned};

use super::object::prefixed;
use super::reader::Reader;
use super::value::{Entries, Value};
use crate::object::ObjectKey;

const WEEKDAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

impl Reader<'_> {
    /// A named interval.
    pub(crate) fn time_interval(&self, node: &Node, names: &ObjectKey) -> Option<Value> {
        let what = "a time interval";
        let mut fields = self.decoder.mapping(node, what)?;
        let name = fields.required("name").string();
        let periods = fields.optional("timeIntervals").sequence(|node, _| self.period(node)).unwrap_or_default();
        self.unknown(fields, what);
        let name = name?;
        if name.value.is_empty() {
            self.decoder.error(name.span, "the time interval's name is empty");
        }
        if periods.is_empty() {
            let message = format!("time interval {:?} has no periods: it is never in force", name.value);
            self.decoder.warning(name.span, message);
        }
        let entries = [("name", Value::Text(prefixed(names, &name.value))), ("time_intervals", Value::List(periods))];
        Some(Value::Map(entries.map(|(key, value)| (key.to_owned(), value)).into()))
    }

    fn period(&self, node: &Node) -> Option<Value> {
        let what = "a period";
        let mut fields = self.decoder.mapping(node, what)?;
        let times = fields.optional("times").sequence(|node, _| self.times(node));
        let days = fields.optional("daysOfMonth").sequence(|node, _| self.days_of_month(node));
        let mut out = Entries::new();
        let lists = [
            ("times", times),
            ("weekdays", self.ranges(fields.optional("weekdays"), weekdays)),
            ("days_of_month", days),
            ("months", self.ranges(fields.optional("months"), months)),
            ("years", self.ranges(fields.optional("years"), years)),
        ];
        self.unknown(fields, what);
        for (key, list) in lists {
            out.extend(list.filter(|list| !list.is_empty()).map(|list| (key.to_owned(), Value::List(list))));
        }
        Some(Value::Map(out))
    }

    fn ranges(&self, field: Field<'_>, read: fn(&str) -> Result<String, String>) -> Option<Vec<Value>> {
        field.sequence(|node, decoder| {
            let text: Spanned<String> = decoder.value(node).parse_with(read)?;
            Some(Value::Text(text.value))
        })
    }

    fn times(&self, node: &Node) -> Option<Value> {
        let what = "a time range";
        let mut fields = self.decoder.mapping(node, what)?;
        let start = fields.required("startTime").parse_with(minute);
        let end = fields.required("endTime").parse_with(minute);
        self.unknown(fields, what);
        let (start, end) = (start?, end?);
        if start.value >= end.value {
            self.decoder.error(end.span, "the end is not after the start").hint("split what goes past midnight in two");
        }
        let time = |minute: u32| Value::Text(format!("{:02}:{:02}", minute / 60, minute % 60));
        Some(Value::Map(vec![("start_time".to_owned(), time(start.value)), ("end_time".to_owned(), time(end.value))]))
    }

    fn days_of_month(&self, node: &Node) -> Option<Value> {
        let what = "a range of days";
        let mut fields = self.decoder.mapping(node, what)?;
        let (start, end) = (fields.required("start").integer_in(-31..=31), fields.required("end").integer_in(-31..=31));
        self.unknown(fields, what);
        let (start, end) = (start?, end?);
        for day in [&start, &end].into_iter().filter(|day| day.value == 0) {
            self.decoder.error(day.span, "there is no day 0: 1 is the first, -1 the last of the month");
        }
        let counts_alike = (start.value < 0) == (end.value < 0);
        if (counts_alike && start.value > end.value) || (start.value < 0 && end.value > 0) {
            self.decoder.error(end.span, "the end is before the start");
        }
        Some(Value::Text(range(start.value, end.value)))
    }
}

/// `5` or `1:5`
fn range<T: PartialEq + std::fmt::Display>(start: T, end: T) -> String {
    if start == end { start.to_string() } else { format!("{start}:{end}") }
}

/// `HH:MM` as minutes since midnight; `24:00` is the end of a day.
fn minute(text: &str) -> Result<u32, String> {
    let invalid = || format!("{text:?} is not a time such as 08:30");
    let two_digits = |part: &str| -> Option<u32> {
        let is_number = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| part.parse().ok()).flatten()
    };
    let (hours, minutes) = text.split_once(':').ok_or_else(invalid)?;
    let (hours, minutes) = two_digits(hours).zip(two_digits(minutes)).ok_or_else(invalid)?;
    let minute = hours * 60 + minutes;
    if minutes > 59 || minute > 24 * 60 { Err(invalid()) } else { Ok(minute) }
}

/// Both ends of `a:b`, or twice the same.
fn ends<T: PartialOrd>(text: &str, one: impl Fn(&str) -> Option<T>, what: &str) -> Result<(T, T), String> {
    let (start, end) = text.split_once(':').unwrap_or((text, text));
    let read = |part: &str| one(part.trim()).ok_or_else(|| format!("{part:?} is not {what}"));
    let (start, end) = (read(start)?, read(end)?);
    if start > end { Err(format!("{text:?}: the end is before the start")) } else { Ok((start, end)) }
}

fn position(names: &[&str], name: &str) -> Option<usize> {
    names.iter().position(|known| known.eq_ignore_ascii_case(name))
}

fn weekdays(text: &str) -> Result<String, String> {
    let (start, end) = ends(text, |name| position(&WEEKDAYS, name), "a day of the week such as monday")?;
    let name = |day: usize| WEEKDAYS.get(day).copied().unwrap_or_default();
    Ok(range(name(start), name(end)))
}

fn months(text: &str) -> Result<String, String> {
    let number = |name: &str| name.parse().ok().filter(|month| (1..=12).contains(month));
    let one = |name: &str| position(&MONTHS, name).map(|index| index + 1).or_else(|| number(name));
    let (start, end) = ends(text, one, "a month such as may or 5")?;
    Ok(range(start, end))
}

fn years(text: &str) -> Result<String, String> {
    let one = |year: &str| year.parse::<u32>().ok().filter(|year| (2000..=2999).contains(year));
    let (start, end) = ends(text, one, "a year such as 2027")?;
    Ok(range(start, end))
}
