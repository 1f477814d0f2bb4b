//! `route` of an object.

use std::collections::BTreeSet;

use model::duration::parse_duration;
use yaml::{Field, Fields, Node, Spanned};

use super::matcher::{WrittenMatcher, write_matchers};
use super::object::prefixed;
use super::reader::Reader;
use super::value::{Entries, Value};
use crate::object::ObjectKey;

/// A route and those below it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Route {
    /// Its receiver, grouping and times, as they are written.
    settings: Entries,
    /// The alerts it takes.
    pub(crate) matchers: Vec<WrittenMatcher>,
    /// Whether alerts go on to the routes behind it.
    pub(crate) continues: bool,
    routes: Vec<Route>,
}

/// Where a route stands in the object.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    Top,
    Child,
}

/// What the routes may name.
pub(crate) struct Known<'a> {
    /// Receivers of the object.
    pub(crate) receivers: BTreeSet<&'a str>,
    /// Its time intervals.
    pub(crate) intervals: BTreeSet<&'a str>,
}

impl Route {
    /// As it stands in `alertmanager.yml`.
    pub(crate) fn value(&self, matchers_as_list: bool) -> Value {
        let mut out = self.settings.clone();
        write_matchers(&self.matchers, "", matchers_as_list, &mut out);
        if self.continues {
            out.push(("continue".to_owned(), Value::Plain("true".to_owned())));
        }
        if !self.routes.is_empty() {
            let routes = self.routes.iter().map(|route| route.value(matchers_as_list)).collect();
            out.push(("routes".to_owned(), Value::List(routes)));
        }
        Value::Map(out)
    }
}

impl Reader<'_> {
    /// The object's own route.
    pub(crate) fn route(&self, node: &Node, names: &ObjectKey, known: &Known<'_>) -> Option<Route> {
        self.route_at(Depth::Top, node, names, known)
    }

    fn route_at(&self, depth: Depth, node: &Node, names: &ObjectKey, known: &Known<'_>) -> Option<Route> {
        let what = "a route";
        let mut fields = self.decoder.mapping(node, what)?;
        let mut settings = Entries::new();
        let receiver = fields.optional("receiver").string().filter(|name| !name.value.is_empty());
        match &receiver {
            Some(name) => {
                self.check_known("receiver", name, &known.receivers);
                settings.push(("receiver".to_owned(), Value::Text(prefixed(names, &name.value))));
            }
            None if depth == Depth::Top => {
                self.report(node, "receiver", "the route of the object has no receiver");
            }
            None => {}
        }
        self.group_by(fields.optional("groupBy"), &mut settings);
        self.time(fields.optional("groupWait"), "group_wait", Zero::Kept, &mut settings);
        self.time(fields.optional("groupInterval"), "group_interval", Zero::Dropped, &mut settings);
        self.time(fields.optional("repeatInterval"), "repeat_interval", Zero::Dropped, &mut settings);
        let matchers = self.matchers(fields.optional("matchers"));
        let continues = fields.optional("continue").boolean().is_some_and(|flag| flag.value);
        for (name, out, since) in
            [("muteTimeIntervals", "mute_time_intervals", 22), ("activeTimeIntervals", "active_time_intervals", 24)]
        {
            self.intervals(fields.optional(name), (out, since), (names, known), &mut settings);
        }
        let routes = fields.optional("routes").sequence(|node, _| self.route_at(Depth::Child, node, names, known));
        self.finish(depth, fields, what);
        Some(Route { settings, matchers, continues, routes: routes.unwrap_or_default() })
    }

    /// Routes below the first are not in the schema, so nothing drops unknown fields there: they are mistakes.
    fn finish(&self, depth: Depth, fields: Fields<'_>, what: &str) {
        match depth {
            Depth::Top => self.unknown(fields, what),
            Depth::Child => fields.finish(),
        }
    }

    fn group_by(&self, field: Field<'_>, settings: &mut Entries) {
        let labels = field.string_list().unwrap_or_default();
        let mut seen = BTreeSet::new();
        for label in &labels {
            if !seen.insert(label.value.as_str()) {
                self.decoder.error(label.span, format!("label {:?} is there twice", label.value));
            }
            if label.value == "..." && labels.len() > 1 {
                self.decoder.error(label.span, "\"...\" means all labels and stands alone");
            }
        }
        if !labels.is_empty() {
            settings.push(("group_by".to_owned(), Value::texts(labels.into_iter().map(|label| label.value))));
        }
    }

    fn time(&self, field: Field<'_>, out: &str, zero: Zero, settings: &mut Entries) {
        let Some(text) = field.string().filter(|text| !text.value.is_empty()) else { return };
        match parse_duration(&text.value) {
            Ok(duration) if duration.is_zero() && zero == Zero::Dropped => {
                let message = format!("{} is no interval: the default applies", text.value);
                self.decoder.warning(text.span, message);
            }
            Ok(_) => settings.push((out.to_owned(), Value::Text(text.value))),
            Err(error) => drop(self.decoder.error(text.span, error.to_string())),
        }
    }

    fn intervals(
        &self,
        field: Field<'_>,
        (out, since): (&str, u64),
        (names, known): (&ObjectKey, &Known<'_>),
        settings: &mut Entries,
    ) {
        let listed = field.string_list().unwrap_or_default();
        for name in &listed {
            self.check_known("time interval", name, &known.intervals);
        }
        if let Some(first) = listed.first().filter(|_| !self.target_knows(since)) {
            self.decoder.warning(first.span, format!("{out} needs Alertmanager 0.{since} and is left out"));
        } else if !listed.is_empty() {
            let prefixed = listed.iter().map(|name| prefixed(names, &name.value));
            settings.push((out.to_owned(), Value::texts(prefixed)));
        }
    }

    fn check_known(&self, what: &str, name: &Spanned<String>, known: &BTreeSet<&str>) {
        if known.contains(name.value.as_str()) {
            return;
        }
        let report = self.decoder.error(name.span, format!("{what} {:?} is not defined in this object", name.value));
        match known.is_empty() {
            true => report.hint(format!("the object has no {what}; those of other objects cannot be used")),
            false => report.hint(format!("defined are {}", known.iter().copied().collect::<Vec<_>>().join(", "))),
        };
    }
}

/// What becomes of a duration of nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Zero {
    Kept,
    Dropped,
}
