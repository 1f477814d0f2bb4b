//! Answers as Prometheus' HTTP API writes them: `{"status": "success", "data": {"resultType": "vector", "result": […]}}`.

use std::collections::BTreeMap;

use model::LabelSet;
use promql::histogram::Bucket;
use promql::test_language::series_notation::parse_number;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use super::answer::{Answer, Data, Histogram, Row, Value};
use super::question::to_ms;

/// An answer with what surrounds it.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<WireData>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(default, skip_serializing_if = "is_none_said")]
    warnings: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "is_none_said")]
    infos: Option<Vec<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Success,
    Error,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum WireData {
    Scalar((Seconds, Number)),
    String((Seconds, String)),
    Vector(Vec<WireSample>),
    Matrix(Vec<WireRow>),
}

#[derive(Debug, Deserialize, Serialize)]
struct WireSample {
    metric: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<(Seconds, Number)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    histogram: Option<(Seconds, WireHistogram)>,
}

#[derive(Debug, Deserialize, Serialize)]
struct WireRow {
    metric: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    values: Vec<(Seconds, Number)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    histograms: Vec<(Seconds, WireHistogram)>,
}

#[derive(Debug, Deserialize, Serialize)]
struct WireHistogram {
    count: Number,
    sum: Number,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    buckets: Vec<(u8, Number, Number, Number)>,
}

/// A time, in the program in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Seconds(i64);

/// A number in quotes.
#[derive(Clone, Copy, Debug)]
struct Number(f64);

fn is_none_said(said: &Option<Vec<String>>) -> bool {
    said.as_ref().is_none_or(Vec::is_empty)
}

impl From<Answer> for Envelope {
    fn from(answer: Answer) -> Envelope {
        Envelope {
            status: Status::Success,
            data: Some(answer.data.into()),
            error_type: None,
            error: None,
            warnings: Some(answer.warnings),
            infos: Some(answer.infos),
        }
    }
}

impl Envelope {
    /// The answer in it.
    ///
    /// # Errors
    /// What the server says instead, or that it says nothing.
    pub fn answer(self) -> Result<Answer, String> {
        if self.status == Status::Error {
            return Err(self.error.or(self.error_type).unwrap_or_else(|| "an error without a text".to_owned()));
        }
        let data = self.data.ok_or("the answer has no data")?;
        let (warnings, infos) = (self.warnings.unwrap_or_default(), self.infos.unwrap_or_default());
        Ok(Answer { data: data.into(), warnings, infos })
    }
}

impl From<Data> for WireData {
    fn from(data: Data) -> WireData {
        match data {
            Data::Scalar(at_ms, value) => WireData::Scalar((Seconds(at_ms), Number(value))),
            Data::Text(at_ms, text) => WireData::String((Seconds(at_ms), text)),
            Data::Vector(rows) => WireData::Vector(rows.into_iter().map(WireSample::from).collect()),
            Data::Matrix(rows) => WireData::Matrix(rows.into_iter().map(WireRow::from).collect()),
        }
    }
}

impl From<WireData> for Data {
    fn from(data: WireData) -> Data {
        match data {
            WireData::Scalar((at, value)) => Data::Scalar(at.0, value.0),
            WireData::String((at, text)) => Data::Text(at.0, text),
            WireData::Vector(samples) => Data::Vector(samples.into_iter().map(Row::from).collect()),
            WireData::Matrix(rows) => Data::Matrix(rows.into_iter().map(Row::from).collect()),
        }
    }
}

impl From<Row> for WireSample {
    fn from(row: Row) -> WireSample {
        let mut sample = WireSample { metric: metric(&row.labels), value: None, histogram: None };
        match row.points.into_iter().next_back() {
            Some((at_ms, Value::Float(value))) => sample.value = Some((Seconds(at_ms), Number(value))),
            Some((at_ms, Value::Histogram(histogram))) => sample.histogram = Some((Seconds(at_ms), histogram.into())),
            None => {}
        }
        sample
    }
}

impl From<WireSample> for Row {
    fn from(sample: WireSample) -> Row {
        let value = sample.value.map(|(at, value)| (at.0, Value::Float(value.0)));
        let histogram = sample.histogram.map(|(at, histogram)| (at.0, Value::Histogram(histogram.into())));
        Row { labels: LabelSet::from_pairs(sample.metric), points: value.or(histogram).into_iter().collect() }
    }
}

impl From<Row> for WireRow {
    fn from(row: Row) -> WireRow {
        let mut wire = WireRow { metric: metric(&row.labels), values: Vec::new(), histograms: Vec::new() };
        for (at_ms, value) in row.points {
            match value {
                Value::Float(value) => wire.values.push((Seconds(at_ms), Number(value))),
                Value::Histogram(histogram) => wire.histograms.push((Seconds(at_ms), histogram.into())),
            }
        }
        wire
    }
}

impl From<WireRow> for Row {
    fn from(row: WireRow) -> Row {
        let floats = row.values.into_iter().map(|(at, value)| (at.0, Value::Float(value.0)));
        let histograms = row.histograms.into_iter().map(|(at, value)| (at.0, Value::Histogram(value.into())));
        let mut points: Vec<(i64, Value)> = floats.chain(histograms).collect();
        points.sort_by_key(|(at_ms, _)| *at_ms);
        Row { labels: LabelSet::from_pairs(row.metric), points }
    }
}

impl From<Histogram> for WireHistogram {
    fn from(histogram: Histogram) -> WireHistogram {
        let bucket =
            |bucket: Bucket| (borders(&bucket), Number(bucket.lower), Number(bucket.upper), Number(bucket.count));
        let buckets = histogram.buckets.into_iter().map(bucket).collect();
        WireHistogram { count: Number(histogram.count), sum: Number(histogram.sum), buckets }
    }
}

impl From<WireHistogram> for Histogram {
    fn from(histogram: WireHistogram) -> Histogram {
        let bucket = |(borders, lower, upper, count): (u8, Number, Number, Number)| Bucket {
            lower: lower.0,
            upper: upper.0,
            count: count.0,
            lower_inclusive: matches!(borders, 1 | 3),
            upper_inclusive: matches!(borders, 0 | 3),
        };
        let buckets = histogram.buckets.into_iter().map(bucket).collect();
        Histogram { count: histogram.count.0, sum: histogram.sum.0, buckets }
    }
}

/// Which borders belong to a bucket: 0 the upper, 1 the lower, 2 neither, 3 both.
fn borders(bucket: &Bucket) -> u8 {
    match (bucket.lower_inclusive, bucket.upper_inclusive) {
        (false, true) => 0,
        (true, false) => 1,
        (false, false) => 2,
        (true, true) => 3,
    }
}

fn metric(labels: &LabelSet) -> BTreeMap<String, String> {
    labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[expect(clippy::cast_precision_loss, reason = "exact for every time of this millennium")]
        let seconds = self.0 as f64 / 1000.0;
        if self.0 % 1000 == 0 { serializer.serialize_i64(self.0 / 1000) } else { serializer.serialize_f64(seconds) }
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Seconds, D::Error> {
        f64::deserialize(deserializer).map(|seconds| Seconds(to_ms(seconds)))
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ser::Serializer::collect_str(serializer, &promql::format_number(self.0))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Number, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let number = parse_number(&text).map(Number);
        number.ok_or_else(|| de::Error::custom(format_args!("{text:?} is not a number")))
    }
}

#[cfg(test)]
mod tests {
    use super::super::question::{Question, When};
    use super::*;

    /// There and back.
    fn travelled(expr: &str, when: When) -> (String, Answer, Answer) {
        let series = "load 1m\n  a{x=\"1\"} 1 2.5 NaN Inf\n  h {{schema:0 sum:5 count:7 z_bucket:2 buckets:[1 2] n_buckets:[1 1]}}x3\n";
        let storage = promql::series_file::read(series, 0).unwrap();
        let answer = Question { expr: expr.to_owned(), when }.ask(&storage, &Default::default()).unwrap();
        let text = serde_json::to_string(&Envelope::from(answer.clone())).unwrap();
        let back: Envelope = serde_json::from_str(&text).unwrap();
        (text, answer, back.answer().unwrap())
    }

    #[test]
    fn answers_of_every_kind_travel() {
        let text = travelled("a", When::At(60_500)).0;
        let expected = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"a","x":"1"},"value":[60.5,"2.5"]}]}}"#;
        assert_eq!(text, expected);
        let histogram = travelled("h", When::At(60_000)).0;
        let expected = r#"{"count":"7","sum":"5","buckets":[[1,"-2","-1","1"],[1,"-1","-0.5","1"],[3,"-0","0","2"],[0,"0.5","1","1"],[0,"1","2","2"]]}"#;
        assert!(histogram.contains(expected), "{histogram}");
        let steps = When::Range { start_ms: 0, end_ms: 120_000, step_ms: 30_000 };
        for (expr, when) in [
            ("h", When::At(0)),
            ("1 / 3", When::At(1)),
            ("\"text\"", When::At(1)),
            ("a[2m]", When::At(90_000)),
            ("a or h", steps),
            ("rate(a[1m])", When::At(60_000)),
        ] {
            let (text, sent, received) = travelled(expr, when);
            assert_eq!(format!("{sent:?}"), format!("{received:?}"), "{text}");
        }
        let infinite = travelled("a", steps.end_at(180_000)).0;
        assert!(infinite.contains(r#"[120,"NaN"]"#) && infinite.contains(r#"[180,"+Inf"]"#), "{infinite}");
    }

    impl When {
        fn end_at(self, end_ms: i64) -> When {
            match self {
                When::Range { start_ms, step_ms, .. } => When::Range { start_ms, end_ms, step_ms },
                at @ When::At(_) => at,
            }
        }
    }

    #[test]
    fn a_refusal_is_told_in_the_servers_words() {
        let refused: Envelope =
            serde_json::from_str(r#"{"status":"error","errorType":"bad_data","error":"1:1: parse error"}"#).unwrap();
        assert_eq!(refused.answer(), Err("1:1: parse error".to_owned()));
        assert!(
            serde_json::from_str::<Envelope>(r#"{"status":"success","data":{"resultType":"scalar","result":[1,"x"]}}"#)
                .is_err()
        );
    }
}
