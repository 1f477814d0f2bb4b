use reqwest::StatusCode;

use super::*;

fn response(status: u16, body: &str) -> Response {
    Response {
        status: StatusCode::from_u16(status).unwrap(),
        headers: HeaderMap::new(),
        body: body.to_owned().into(),
        truncated: false,
    }
}

/// An answer as text: rows, or `error: …`.
fn read_text(status: u16, body: &str) -> String {
    match read(&response(status, body), &Mutex::default()).answer {
        Ok(QueryAnswer { value: QueryValue::Scalar(value), warnings }) => format!("scalar {value} {warnings:?}"),
        Ok(QueryAnswer { value: QueryValue::Vector(rows), warnings }) => {
            let rows: Vec<String> = rows.iter().map(|(labels, value)| format!("{labels} {value}")).collect();
            format!("{} {warnings:?}", rows.join("; "))
        }
        Err(error) => format!("error: {error}"),
    }
}

fn success(kind: &str, result: &str) -> String {
    format!(r#"{{"status":"success","data":{{"resultType":"{kind}","result":{result}}}}}"#)
}

#[test]
fn reads_every_kind_of_answer() {
    let cases = [
        (200, success("vector", "[]"), " []"),
        (200, success("vector", r#"[{"metric":{"__name__":"up","job":"a"},"value":[1.5,"1"]},{"metric":{},"value":[1,"NaN"]}]"#), r#"{__name__="up", job="a"} 1; {} NaN []"#),
        (200, success("vector", r#"[{"metric":{"b":"1","a":"2","b":"3","c":""},"value":[1435781451.781,"+Inf"]}]"#), r#"{a="2", b="3"} inf []"#),
        (200, success("vector", r#"[{"value":[1,"-1.5e-07"],"metric":{"a":"\u003c\"é"},"more":[{}]}]"#), r#"{a="<\"é"} -0.00000015 []"#),
        (200, success("scalar", r#"[1435781451.781,"2.5"]"#), "scalar 2.5 []"),
        (200, r#"{"data":{"result":[1,"3"],"resultType":"scalar","stats":{}},"infos":["i"],"warnings":["w"],"status":"success"}"#.to_owned(), r#"scalar 3 ["w", "i"]"#),
        (200, success("string", r#"[1,"x"]"#), "error: rule result is not a vector or scalar but a string"),
        (200, success("matrix", r#"[{"metric":{"a":"b"},"values":[[1,"2"]]}]"#), "error: rule result is not a vector or scalar but a matrix"),
        (200, success("vector", r#"[{"metric":{"a":"b"},"histogram":[1,{"count":"1","sum":"2","buckets":[[0,"1","2","3"]]}]}]"#), "error: series {a=\"b\"} is a native histogram, which the HTTP query API gives without its schema; take a float of it in the expression, with histogram_quantile or histogram_count for example"),
        (200, success("vector", r#"[{"metric":{"a":"b"}}]"#), "error: series {a=\"b\"} has no value"),
        (200, success("scalar", r#"[1,"many"]"#), r#"error: "many" is not a number"#),
        (400, r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#.to_owned(), "error: parse error"),
        (200, r#"{"status":"error"}"#.to_owned(), "error: the query API answered 200 without an error text"),
        (503, r#"{"status":"error","errorType":"timeout","error":"query timed out in expression evaluation"}"#.to_owned(), "error: query timed out in expression evaluation"),
        (503, r#"{"status":"error","errorType":"timeout","error":""}"#.to_owned(), "error: timeout"),
        (502, "<html>\n  Bad   gateway\n".to_owned(), "error: the query API answered 502 Bad Gateway: <html> Bad gateway"),
        (502, String::new(), "error: the query API answered 502 Bad Gateway: nothing"),
        (200, r#"{"status":"success"}"#.to_owned(), "error: the answer has no data"),
        (200, r#"{"status":"success","data":{"resultType":"vector","result":null}}"#.to_owned(), " []"),
    ];
    for (status, body, expected) in cases {
        assert_eq!(read_text(status, &body), expected, "{status} {body}");
    }
    assert!(read_text(200, "{\"status\":\"succ").starts_with("error: cannot read the answer: "));
    let bad_value = success("vector", r#"[{"metric":{},"value":[1,"infinity"]}]"#);
    assert!(read_text(200, &bad_value).starts_with("error: cannot read the answer: \"infinity\" is not a number"));
    assert_eq!(excerpt("é".repeat(1000).as_bytes()).chars().count(), 201);
    let api = QueryApi::new(&QueryTarget::new("http://p".to_owned())).unwrap();
    let truncated = Response { truncated: true, ..response(200, "{}") };
    let failure = api.reply(Ok(truncated)).answer.unwrap_err();
    assert_eq!(failure.to_string(), "the answer is longer than 134217728 bytes, see answer_bytes_max");
    assert!(!failure.is_passing);
}

#[test]
fn times_and_urls_are_exact() {
    for (ms, text) in [(0, "0.000"), (1_435_781_451_781, "1435781451.781"), (-1, "-0.001"), (-61_001, "-61.001")] {
        assert_eq!(unix_seconds(Timestamp::from_millis(ms)), text);
    }
    for (url, kind, whole) in [
        ("http://p:9090", SourceKind::Prometheus, "http://p:9090/api/v1/query"),
        ("http://p:9090/x/", SourceKind::Thanos, "http://p:9090/x/api/v1/query"),
        ("http://p/?dedup=true", SourceKind::VictoriaMetrics, "http://p/api/v1/query?dedup=true"),
        ("http://p/api/v1/query", SourceKind::Prometheus, "http://p/api/v1/query"),
        ("http://m", SourceKind::Mimir, "http://m/prometheus/api/v1/query"),
        ("http://m/prometheus/", SourceKind::Mimir, "http://m/prometheus/api/v1/query"),
        ("http://l:3100", SourceKind::Loki, "http://l:3100/loki/api/v1/query"),
        ("http://l:3100/loki", SourceKind::Loki, "http://l:3100/loki/api/v1/query"),
        ("http://v/select/logsql/stats_query", SourceKind::VictoriaLogs, "http://v/select/logsql/stats_query"),
    ] {
        assert_eq!(query_url(url, kind.path()), whole);
    }
}

/// A server on this host that answers every request with this.
async fn answering(response: &'static str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(response.as_bytes()).await;
        }
    });
    url
}

#[tokio::test]
async fn failures_that_may_pass_are_told_from_final_ones() {
    let json = |status: &str, body: &str| -> &'static str {
        format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len()).leak()
    };
    let error = r#"{"status":"error","errorType":"execution","error":"why"}"#;
    for (response, is_passing) in [
        (json("400 Bad Request", error), false),
        (json("422 Unprocessable Entity", error), false),
        (json("404 Not Found", "nothing here"), false),
        (json("200 OK", "<html>"), false),
        (json("200 OK", "{\"status\":\"succ"), true),
        (json("429 Too Many Requests", error), true),
        (json("500 Internal Server Error", error), true),
        (json("503 Service Unavailable", "starting"), true),
        ("", true),
    ] {
        let failure = ask(answering(response).await).await.unwrap_err();
        assert_eq!(failure.is_passing, is_passing, "{response}: {failure}");
    }
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert!(ask(format!("http://{closed}")).await.unwrap_err().is_passing, "nobody listens");
    assert!(!ask("http://[".to_owned()).await.unwrap_err().is_passing, "no URL");
}

async fn ask(url: String) -> Result<QueryAnswer, QueryFailure> {
    QueryApi::new(&QueryTarget::new(url))
        .unwrap()
        .query("up", Timestamp::EPOCH, Duration::from_secs(5), Timestamp::EPOCH)
        .await
}

/// A source with these servers.
fn source(urls: Vec<String>) -> QueryApi {
    QueryApi::new(&QueryTarget { urls, ..QueryTarget::new(String::new()) }).unwrap()
}

const ANSWER: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 77\r\n\r\n\
    {\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[1700000000,\"2\"]}}";

#[tokio::test]
async fn the_next_server_is_asked_in_the_same_query_and_stays_the_one() {
    let dead = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let proxy = answering("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 6\r\n\r\n<html>").await;
    let api = source(vec![format!("http://{dead}"), proxy, answering(ANSWER).await]);
    for _ in 0..3 {
        let answer = api.query("x", Timestamp::EPOCH, Duration::from_secs(5), Timestamp::EPOCH).await.unwrap();
        assert_eq!(answer, QueryAnswer::scalar(2.0));
    }
    let counts: Vec<_> = api.tally().servers.iter().map(|server| (server.requests, server.failures)).collect();
    assert_eq!(counts, [(1, 1), (1, 1), (3, 0)]);
}

#[tokio::test]
async fn a_bad_question_is_not_asked_of_the_others() {
    let bad = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 57\r\n\r\n\
        {\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"why\"}  ";
    let api = source(vec![answering(bad).await, answering(ANSWER).await]);
    let failure = api.query("x", Timestamp::EPOCH, Duration::from_secs(5), Timestamp::EPOCH).await.unwrap_err();
    assert_eq!(failure, QueryFailure::from("why"));
    assert_eq!(api.tally().servers[1].requests, 0);
}

#[tokio::test]
async fn a_server_that_hangs_leaves_time_for_the_next() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let api = source(vec![url.clone(), answering(ANSWER).await]);
    let deadline = Duration::from_secs(1);
    assert!(api.query("x", Timestamp::EPOCH, deadline, Timestamp::EPOCH).await.is_ok());
    let all_hang = source(vec![url, format!("http://{}/x", silent.local_addr().unwrap())]);
    let failure = all_hang.query("x", Timestamp::EPOCH, deadline, Timestamp::EPOCH).await.unwrap_err();
    assert!(failure.is_passing, "{failure}");
    assert_eq!(all_hang.tally().servers.iter().map(|server| server.failures).sum::<u64>(), 2);
    let none = source(Vec::new()).query("x", Timestamp::EPOCH, deadline, Timestamp::EPOCH).await.unwrap_err();
    assert_eq!(none.to_string(), "the query source has no servers: none was found");
}

#[test]
fn a_query_carries_what_its_kind_the_source_and_the_group_want() {
    let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let params = pairs(&[("dedup", "true"), ("partial_response", "false")]);
    let headers = HeaderMap::from_iter([(HeaderName::from_static("x-scope-orgid"), HeaderValue::from_static("a"))]);
    let api = QueryApi::new(&QueryTarget { params, headers, ..QueryTarget::new("http://t".to_owned()) }).unwrap();
    let group = Source {
        params: pairs(&[("partial_response", "true"), ("extra_label", "a=b")]),
        headers: pairs(&[("X-Scope-OrgID", "b|c")]),
        ..Source::default()
    };
    assert_eq!(
        api.body(&group, "up > 1", Timestamp::from_secs(7)),
        "query=up+%3E+1&time=7.000&dedup=true&partial_response=true&extra_label=a%3Db"
    );
    assert_eq!(api.headers_for(&group).unwrap()["x-scope-orgid"], "b|c");
    assert_eq!(api.headers_for(&Source::default()).unwrap()["x-scope-orgid"], "a");
    let bad = Source { headers: pairs(&[("a b", "c")]), ..Source::default() };
    assert_eq!(api.headers_for(&bad).unwrap_err().to_string(), "the group's header \"a b\" cannot be sent");
}

#[tokio::test]
async fn a_reload_goes_on_with_what_is_known_of_the_servers() {
    let before = source(vec![answering(ANSWER).await, "http://found".to_owned()]);
    before.query("x", Timestamp::EPOCH, Duration::from_secs(5), Timestamp::EPOCH).await.unwrap();
    let same = before.tally().servers[0].url.clone();
    let urls = |api: &QueryApi| api.tally().servers.iter().map(|server| server.requests).collect::<Vec<_>>();
    let after = source(vec!["http://new".to_owned(), same.trim_end_matches('/').to_owned()]);
    after.go_on_from(&before, false);
    assert_eq!(urls(&after), [0, 1]);
    after.go_on_from(&before, true);
    assert_eq!(urls(&after), [0, 1, 0]);
}

#[tokio::test]
async fn a_long_answer_is_read_like_a_short_one() {
    let series = |n: usize| format!(r#"{{"metric":{{"n":"{n}","pad":"{}"}},"value":[1,"{n}"]}}"#, "x".repeat(200));
    let body = success("vector", &format!("[{}]", (0..3000).map(series).collect::<Vec<_>>().join(",")));
    assert!(body.len() > LONG_ANSWER_BYTES);
    let answer = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let QueryAnswer { value: QueryValue::Vector(rows), .. } = ask(answering(answer.leak()).await).await.unwrap() else {
        panic!("a vector")
    };
    assert_eq!((rows.len(), rows[2999].1), (3000, 2999.0));
}
