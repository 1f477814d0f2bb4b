//! Instants as the API writes them, and how they are printed.

use model::Timestamp;
use serde::{Deserialize, Serialize};
use templates::go_template::notifier_functions::functions;
use templates::go_template::{At, Escape, Limits, Render, Template, Value};

/// The layout where none is given.
pub const DEFAULT_LAYOUT: &str = "2006-01-02 15:04:05 MST";

/// An instant of the API. Its text is kept: the offset it is written with is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Moment {
    text: String,
    at: Timestamp,
}

impl Moment {
    /// The instant.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Moment {
        Moment { text: at.to_rfc3339_millis(), at }
    }
}

impl TryFrom<String> for Moment {
    type Error = model::timestamp::InvalidTimestamp;

    fn try_from(text: String) -> Result<Moment, Self::Error> {
        Timestamp::parse_rfc3339(&text).map(|at| Moment { text, at })
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> String {
        moment.text
    }
}

/// A Go layout such as `2006-01-02 15:04:05 MST`, ready to print instants. Go's layouts are the template engine's trade.
#[derive(Debug)]
pub struct Layout(Template);

impl Layout {
    /// Any text is a layout.
    pub fn new(layout: &str) -> Layout {
        let quoted = model::quote::Quoted(layout);
        let text = format!("{{{{ (mustToDate \"2006-01-02T15:04:05Z07:00\" .).Format {quoted} }}}}");
        Layout(Template::parse("date.format", &text, &functions()).expect("a quoted text is a valid argument"))
    }

    /// An instant, in the offset it is written with.
    pub fn print(&self, moment: &Moment) -> String {
        let data = Value::from(moment.as_str());
        let (context, limits) = (At(0.0), Limits::notifications());
        let render = Render { data: &data, variables: &[], context: &context, limits: &limits, escape: Escape::None };
        self.0.execute(&render).unwrap_or_else(|_| moment.as_str().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(layout: &str, text: &str) -> String {
        Layout::new(layout).print(&Moment::try_from(text.to_owned()).unwrap())
    }

    #[test]
    fn prints_as_amtool_does() {
        assert_eq!(printed(DEFAULT_LAYOUT, "2026-11-22T00:03:03.595Z"), "2026-11-22 00:03:03 UTC");
        assert_eq!(printed(DEFAULT_LAYOUT, "2030-01-02T00:00:00.000+02:00"), "2030-01-02 00:00:00 +0200");
        let layout = "Mon Jan _2 15:04:05.000 2006 -0700";
        assert_eq!(printed(layout, "2026-11-21T22:03:02.784Z"), "Sat Nov 21 22:03:02.784 2026 +0000");
        assert_eq!(printed("say \"2006\"", "2026-11-21T22:03:02Z"), "say \"2026\"");
    }
}
