//! Range queries, for plots. They bear on no rule: how they go says nothing about a server to the evaluation of rules.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use model::{LabelSet, Timestamp};
use outbound::{Request, Response};
use reqwest::Method;
use serde::Deserialize;
use url::form_urlencoded;

use super::{QueryApi, excerpt, is_busy, query_url, unix_seconds, unsent};
use crate::rule::Source;
use crate::sample::QueryFailure;

/// The instants an expression is evaluated at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first.
    pub start: Timestamp,
    /// None is later.
    pub end: Timestamp,
    /// From each to the next, whole milliseconds.
    pub step: Duration,
}

/// One series over time.
#[derive(Clone, Debug, PartialEq)]
pub struct RangeSeries {
    /// Which.
    pub labels: LabelSet,
    /// Time in milliseconds and value, oldest first; histograms are left out.
    pub points: Vec<(i64, f64)>,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    status: Cow<'a, str>,
    data: Option<Data>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default, deserialize_with = "null_is_empty")]
    result: Vec<Series>,
}

#[derive(Deserialize)]
struct Series {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<(f64, String)>,
}

fn null_is_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Series>, D::Error> {
    Option::<Vec<Series>>::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl QueryApi {
    /// The values of an expression over time, with the parameters and headers a group has of its own. Asks the servers one after
    /// the other until one answers, all within `deadline`.
    ///
    /// # Errors
    /// What went wrong: the server's own words where it answered.
    pub async fn query_range(
        &self,
        source: &Source,
        expr: &str,
        window: Window,
        deadline: Duration,
        now: Timestamp,
    ) -> Result<Vec<RangeSeries>, QueryFailure> {
        let headers = self.headers_for(source)?;
        let body = self.range_body(source, expr, window);
        let candidates = self.servers().candidates(now);
        let share = deadline.checked_div(u32::try_from(candidates.len()).unwrap_or(u32::MAX)).unwrap_or(deadline);
        let mut last = QueryFailure::passing("the query source has no servers: none was found");
        for candidate in candidates {
            let url = range_url(&query_url(&candidate.url, self.kind.path()));
            let request = Request { method: Method::POST, url, headers: headers.clone(), body: body.clone().into() };
            match self.client.send(request, share, now).await {
                Ok(response) if response.truncated => {
                    let text =
                        format!("the answer is longer than {} bytes, see answer_bytes_max", self.answer_bytes_max);
                    return Err(text.into());
                }
                Ok(response) if is_busy(response.status) => last = read(&response).err().unwrap_or(last),
                Ok(response) => return read(&response),
                Err(error) => last = unsent(&error),
            }
        }
        Err(last)
    }

    fn range_body(&self, source: &Source, expr: &str, window: Window) -> String {
        let mut form = form_urlencoded::Serializer::new(String::with_capacity(expr.len() + 128));
        form.append_pair("query", expr)
            .append_pair("start", &unix_seconds(window.start))
            .append_pair("end", &unix_seconds(window.end))
            .append_pair("step", &window.step.as_secs_f64().to_string());
        self.append_params(&mut form, source);
        form.finish()
    }
}

/// `/api/v1/query?x=y` becomes `/api/v1/query_range?x=y`; so do the paths of the other kinds.
fn range_url(instant: &str) -> String {
    match instant.split_once('?') {
        Some((path, query)) => format!("{path}_range?{query}"),
        None => format!("{instant}_range"),
    }
}

fn read(response: &Response) -> Result<Vec<RangeSeries>, QueryFailure> {
    let failure = |text| QueryFailure { text, is_passing: is_busy(response.status) };
    let answer: Answer<'_> = serde_json::from_slice(&response.body)
        .map_err(|_| failure(format!("the query API answered {}: {}", response.status, excerpt(&response.body))))?;
    if answer.status != "success" {
        let text = answer.error.filter(|text| !text.is_empty());
        let untold = || format!("the query API answered {} without an error text", response.status);
        return Err(failure(text.unwrap_or_else(untold)));
    }
    let data = answer.data.ok_or_else(|| failure("the answer has no data".to_owned()))?;
    data.result.into_iter().map(|series| series.read().map_err(failure)).collect()
}

impl Series {
    fn read(self) -> Result<RangeSeries, String> {
        #[expect(clippy::cast_possible_truncation, reason = "a float as an integer stays within its bounds")]
        let point = |(seconds, text): (f64, String)| {
            let value = text.parse().map_err(|_| format!("{text:?} is not a number"))?;
            Ok(((seconds * 1000.0).round() as i64, value))
        };
        let points = self.values.into_iter().map(point).collect::<Result<_, String>>()?;
        Ok(RangeSeries { labels: LabelSet::from_pairs(self.metric), points })
    }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use reqwest::header::HeaderMap;

    use super::*;

    fn answered(status: u16, body: &str) -> Result<Vec<RangeSeries>, String> {
        let status = StatusCode::from_u16(status).unwrap();
        let response = Response { status, headers: HeaderMap::new(), body: body.to_owned().into(), truncated: false };
        read(&response).map_err(|failure| failure.text)
    }

    #[test]
    fn answers_are_series_over_time_or_the_servers_words() {
        let matrix = r#"{"status":"success","data":{"resultType":"matrix","result":[
            {"metric":{"job":"a"},"values":[[1795348800,"1"],[1795348815.5,"NaN"],[1795348830,"+Inf"]]},
            {"metric":{},"histograms":[[1,{"count":"1"}]]}]}}"#;
        let read = answered(200, matrix).unwrap();
        assert_eq!(read[0].labels.to_string(), r#"{job="a"}"#);
        let times: Vec<i64> = read[0].points.iter().map(|(at, _)| *at).collect();
        assert_eq!(times, [1_795_348_800_000, 1_795_348_815_500, 1_795_348_830_000]);
        assert!(read[0].points[1].1.is_nan() && read[0].points[2].1 == f64::INFINITY && read[1].points.is_empty());
        assert_eq!(answered(200, r#"{"status":"success","data":{"resultType":"matrix","result":null}}"#), Ok(vec![]));
        for (status, body, error) in [
            (400, r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#, "parse error"),
            (200, r#"{"status":"error"}"#, "the query API answered 200 OK without an error text"),
            (502, "<html>bad", "the query API answered 502 Bad Gateway: <html>bad"),
            (200, r#"{"status":"success"}"#, "the answer has no data"),
            (200, r#"{"status":"success","data":{"result":[{"values":[[1,"x"]]}]}}"#, "\"x\" is not a number"),
        ] {
            assert_eq!(answered(status, body), Err(error.to_owned()), "{body}");
        }
    }

    #[test]
    fn every_kind_has_ranges_beside_instants() {
        for (url, range) in [
            ("http://p/api/v1/query", "http://p/api/v1/query_range"),
            ("http://p/api/v1/query?x=y/z", "http://p/api/v1/query_range?x=y/z"),
            ("http://v/select/logsql/stats_query", "http://v/select/logsql/stats_query_range"),
        ] {
            assert_eq!(range_url(url), range);
        }
    }
}
