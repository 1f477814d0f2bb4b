//! The body of an instant query's answer, read straight into label sets.
//!
//! `{"status":"success","data":{"resultType":"vector","result":[{"metric":{…},"value":[1.5,"2"]},…]},"warnings":[…]}`

use std::borrow::Cow;
use std::fmt;

use model::LabelSet;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use smol_str::SmolStr;

/// An answer as it stands on the wire.
#[derive(Debug, Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow)]
    pub(super) status: Cow<'a, str>,
    #[serde(default)]
    pub(super) data: Option<Data>,
    #[serde(default, rename = "errorType")]
    pub(super) error_type: Option<String>,
    #[serde(default)]
    pub(super) error: Option<String>,
    #[serde(default)]
    pub(super) warnings: Option<Vec<String>>,
    #[serde(default)]
    pub(super) infos: Option<Vec<String>>,
}

impl Envelope<'_> {
    /// What the server warned of, infos included.
    pub(super) fn into_warnings(self) -> Vec<String> {
        self.warnings.into_iter().flatten().chain(self.infos.into_iter().flatten()).collect()
    }
}

/// Its payload.
#[derive(Debug, Deserialize)]
pub(super) struct Data {
    #[serde(rename = "resultType")]
    pub(super) kind: SmolStr,
    #[serde(default)]
    pub(super) result: Elements,
}

/// What the list `result` holds: series for a vector or matrix, a time and a text for a scalar or string.
#[derive(Debug, Default)]
pub(super) struct Elements {
    pub(super) series: Vec<Series>,
    pub(super) text: Option<String>,
}

/// One series of a vector.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) labels: LabelSet,
    pub(super) value: Value,
}

/// What a series holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value {
    /// A number.
    Float(f64),
    /// A native histogram; its schema is not on the wire.
    Histogram,
    /// Something else, such as the samples of a matrix.
    Other,
}

impl<'de> Deserialize<'de> for Elements {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Elements, D::Error> {
        struct ElementsVisitor;

        impl<'de> Visitor<'de> for ElementsVisitor {
            type Value = Elements;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of series, or a time and a text")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Elements, A::Error> {
                let mut elements = Elements::default();
                while list.next_element_seed(Element(&mut elements))?.is_some() {}
                Ok(elements)
            }

            fn visit_unit<E: Error>(self) -> Result<Elements, E> {
                Ok(Elements::default())
            }
        }

        deserializer.deserialize_any(ElementsVisitor)
    }
}

/// One element of `result`, put where it belongs.
struct Element<'a>(&'a mut Elements);

impl<'de> DeserializeSeed<'de> for Element<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Element<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a series, a time or a text")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let mut series = Series { labels: LabelSet::default(), value: Value::Other };
        while let Some(field) = fields.next_key::<SeriesField>()? {
            match field {
                SeriesField::Metric => series.labels = fields.next_value::<Labels>()?.0,
                SeriesField::Value => series.value = Value::Float(fields.next_value::<Point>()?.0),
                SeriesField::Histogram => {
                    fields.next_value::<IgnoredAny>()?;
                    series.value = Value::Histogram;
                }
                SeriesField::Other => {
                    fields.next_value::<IgnoredAny>()?;
                }
            }
        }
        self.0.series.push(series);
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.0.text = Some(text.to_owned());
        Ok(())
    }

    fn visit_f64<E: Error>(self, _time: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _time: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _time: u64) -> Result<(), E> {
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum SeriesField {
    Metric,
    Value,
    Histogram,
    #[serde(other)]
    Other,
}

/// A label set. A name given twice keeps its last value, as Go reads it; an empty value is an absent label.
pub(super) struct Labels(pub(super) LabelSet);

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Labels, D::Error> {
        struct LabelsVisitor;

        impl<'de> Visitor<'de> for LabelsVisitor {
            type Value = Labels;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping of label names to texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Labels, A::Error> {
                let mut pairs: Vec<(SmolStr, SmolStr)> = Vec::with_capacity(8);
                while let Some(pair) = fields.next_entry()? {
                    pairs.push(pair);
                }
                let labels = LabelSet::from_pairs(pairs);
                Ok(Labels(labels.without_empty()))
            }
        }

        deserializer.deserialize_map(LabelsVisitor)
    }
}

/// `[unix seconds, "number"]`, of which the number is wanted.
struct Point(f64);

impl<'de> Deserialize<'de> for Point {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Point, D::Error> {
        let (_, value) = <(IgnoredAny, Number)>::deserialize(deserializer)?;
        Ok(Point(value.0))
    }
}

/// A number in quotes.
struct Number(f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Number, D::Error> {
        struct NumberVisitor;

        impl Visitor<'_> for NumberVisitor {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number in quotes")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Number, E> {
                number(text).map(Number).ok_or_else(|| E::custom(format_args!("{text:?} is not a number")))
            }
        }

        deserializer.deserialize_str(NumberVisitor)
    }
}

/// A float as Prometheus prints it: decimal or with exponent, `NaN`, `+Inf`, `-Inf`.
pub(super) fn number(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "+Inf" | "Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        // Rust reads words such as "infinity" too, which no server writes.
        _ if text.ends_with(|c: char| c.is_ascii_digit() || c == '.') => text.parse().ok(),
        _ => None,
    }
}
