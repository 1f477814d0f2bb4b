//! Requests with the answers of the real Alertmanager 0.25 and ours, which are 0.34's where that differs.

use reqwest::header::HeaderMap;

pub struct Case {
    pub method: &'static str,
    pub path: &'static str,
    pub headers: Vec<(&'static str, &'static str)>,
    pub body: Option<&'static str>,
    pub ours: Expected,
    pub theirs: Expected,
}

/// What an answer must be.
#[derive(Clone, Debug)]
pub struct Expected {
    status: u16,
    /// The whole body; one that ends in `…` is its beginning.
    body: &'static str,
    /// Headers it must have, by lower-case name; an empty value forbids one.
    headers: Vec<(&'static str, &'static str)>,
}

impl Expected {
    pub fn met_by(&self, status: u16, headers: &HeaderMap, body: &str) -> bool {
        let text = body.strip_suffix('\n').unwrap_or(body);
        let body_is_right = self.body.strip_suffix('…').map_or(text == self.body, |start| text.starts_with(start));
        let headers_are_right = self.headers.iter().all(|(name, value)| {
            let given: Vec<_> = headers.get_all(*name).iter().filter_map(|given| given.to_str().ok()).collect();
            if value.is_empty() { given.is_empty() } else { given.join(", ").eq_ignore_ascii_case(value) }
        });
        self.status == status && body_is_right && headers_are_right
    }
}

const JSON: (&str, &str) = ("content-type", "application/json");

fn case(method: &'static str, path: &'static str, status: u16, body: &'static str) -> Case {
    let expected = Expected { status, body, headers: Vec::new() };
    Case { method, path, headers: Vec::new(), body: None, ours: expected.clone(), theirs: expected }
}

fn get(path: &'static str, status: u16, body: &'static str) -> Case {
    case("GET", path, status, body)
}

fn post(path: &'static str, given: &'static str, status: u16, body: &'static str) -> Case {
    Case { body: Some(given), headers: vec![JSON], ..case("POST", path, status, body) }
}

fn alerts(given: &'static str, status: u16, body: &'static str) -> Case {
    post("/api/v2/alerts", given, status, body)
}

fn silence(given: &'static str, status: u16, body: &'static str) -> Case {
    post("/api/v2/silences", given, status, body)
}

impl Case {
    /// Where 0.25 answers otherwise.
    fn theirs(mut self, status: u16, body: &'static str) -> Self {
        self.theirs = Expected { status, body, headers: self.theirs.headers };
        self
    }

    fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// A header of the answer; of ours only if `theirs` is `None`.
    fn gives(mut self, name: &'static str, ours: &'static str, theirs: Option<&'static str>) -> Self {
        self.ours.headers.push((name, ours));
        self.theirs.headers.extend(theirs.map(|value| (name, value)));
        self
    }
}

pub fn cases() -> Vec<Case> {
    [routing(), origins(), parameters(), media_types(), posted_alerts(), unreadable_alerts(), posted_silences(), ends()]
        .into_iter()
        .flatten()
        .collect()
}

fn routing() -> Vec<Case> {
    vec![
        get("/api/v2/nothing", 404, r#"{"code":404,"message":"path /api/v2/nothing was not found"}"#),
        get("/api/v2/", 404, r#"{"code":404,"message":"path /api/v2/ was not found"}"#),
        get("/api/v2/silences/", 200, "[]").gives("cache-control", "no-store", None),
        get("/api/v2//alerts?filter=a%3Db", 301, "<a href=\"/api/v2/alerts?filter=a%3Db\">Moved Permanently</a>.\n")
            .gives("location", "/api/v2/alerts?filter=a%3Db", Some("/api/v2/alerts?filter=a%3Db")),
        get("//api/v2/status", 301, "<a href=\"/api/v2/status\">Moved Permanently</a>.\n"),
        case("POST", "/api/v2//alerts", 301, "").gives("location", "/api/v2/alerts", Some("/api/v2/alerts")),
        get("/api/v3/x", 404, "404 page not found").gives("x-content-type-options", "nosniff", Some("nosniff")),
        get("/nothing", 404, "404 page not found"),
        get("/-/healthy", 200, "OK"),
        get("/-/ready", 200, "OK"),
        case("HEAD", "/-/ready", 200, ""),
        case("HEAD", "/-/healthy", 200, ""),
        get("/-/reload", 405, "Method Not Allowed"),
        case("HEAD", "/api/v2/alerts", 405, ""),
        case("POST", "/api/v2/status", 405, r#"{"code":405,"message":"method POST is not allowed, but [GET] are"}"#)
            .gives("allow", "GET", Some("GET")),
        case("PUT", "/api/v2/alerts/groups", 405, r#"{"code":405,"message":"method PUT is not allowed, but [GET] are"}"#),
        case("OPTIONS", "/api/v2/receivers", 405, r#"{"code":405,"message":"method OPTIONS is not allowed, but [GET] are"}"#),
        case("PATCH", "/api/v2/silence/x", 405, r#"{"code":405,"message":"method PATCH is not allowed, but […"#),
        get("/api/v1/alerts", 410, r#"{"status":"deprecated","error":"The Alertmanager v1 API was deprecated in version 0.16.0 and is removed…"#)
            .theirs(200, r#"{"status":"success","data":[]}"#),
        get("/api/v2/receivers", 200, r#"[{"labels":{"name":"hook"},"name":"hook"},{"labels":{"name":"other"},"name":"other"}]"#)
            .theirs(200, r#"[{"name":"hook"},{"name":"other"}]"#)
            .gives("content-type", "application/json", Some("application/json")),
        get("/metrics", 200, "# HELP alertmanager_alerts …")
            .gives("content-type", "text/plain; version=0.0.4; charset=utf-8", Some("text/plain; version=0.0.4; charset=utf-8")),
    ]
}

fn origins() -> Vec<Case> {
    let preflight = |method: &'static str| {
        case("OPTIONS", "/api/v2/alerts", 204, "")
            .theirs(200, "")
            .with("origin", "http://a.b")
            .with("access-control-request-method", method)
    };
    vec![
        get("/api/v2/silences", 200, "[]").gives("vary", "Origin", Some("Origin")).gives(
            "access-control-allow-origin",
            "",
            Some(""),
        ),
        get("/api/v2/silences", 200, "[]").with("origin", "http://a.b").gives(
            "access-control-allow-origin",
            "*",
            Some("*"),
        ),
        preflight("POST")
            .with("access-control-request-headers", "content-type")
            .gives("access-control-allow-origin", "*", Some("*"))
            .gives("access-control-allow-methods", "POST", Some("POST"))
            .gives("access-control-allow-headers", "content-type", Some("content-type"))
            .gives(
                "vary",
                "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
                Some("Origin, Access-Control-Request-Method, Access-Control-Request-Headers"),
            ),
        preflight("DELETE").gives("access-control-allow-origin", "", Some("")),
        preflight("POST").with("access-control-request-headers", "x-secret").gives(
            "access-control-allow-origin",
            "",
            Some(""),
        ),
    ]
}

fn parameters() -> Vec<Case> {
    const NO_SILENCE: &str = "/api/v2/silence/11111111-1111-1111-1111-111111111111";
    vec![
        get("/api/v2/alerts?filter=a", 400, r#""bad matcher format: a""#),
        get("/api/v2/alerts?filter=", 400, r#""bad matcher format: ""#),
        get("/api/v2/silences?filter=a", 400, r#""bad matcher format: a""#),
        get("/api/v2/alerts/groups?filter=a", 400, r#""bad matcher format: a""#),
        get("/api/v2/silences?filter=%7B%7D", 400, r#""unexpected open or close brace: {}""#)
            .theirs(400, r#""bad matcher format: {}""#),
        get("/api/v2/receivers?receiver_matchers=x", 400, r#""bad matcher format: x""#).theirs(200, "[…"),
        get("/api/v2/alerts?filter=a%3D~(", 400, r#""invalid regular expression…"#)
            .theirs(400, r#""error parsing regexp…"#),
        get("/api/v2/alerts?receiver=(", 400, r#""failed to parse receiver param: …"#),
        get("/api/v2/alerts?active=maybe&filter=no=such", 200, "[]"),
        get("/api/v2/alerts?limit=x", 422, r#"{"code":601,"message":"limit in query must be of type int64: \"x\""}"#)
            .theirs(200, "[…"),
        get("/api/v2/alerts?cursor=x", 400, r#""bad cursor…"#).theirs(200, "[…"),
        get("/api/v2/silence/x", 422, r#"{"code":601,"message":"silenceID in path must be of type uuid: \"x\""}"#),
        case(
            "DELETE",
            "/api/v2/silence/x",
            422,
            r#"{"code":601,"message":"silenceID in path must be of type uuid: \"x\""}"#,
        ),
        get(NO_SILENCE, 404, ""),
        case("DELETE", NO_SILENCE, 404, "").theirs(500, r#""silence not found""#),
    ]
}

fn media_types() -> Vec<Case> {
    let typed = |media_type, status, body| Case {
        body: Some("[]"),
        headers: vec![("content-type", media_type)],
        ..case("POST", "/api/v2/alerts", status, body)
    };
    const NOT_ACCEPTABLE: &str =
        r#"{"code":406,"message":"unsupported media type requested, only [application/json] are available"}"#;
    vec![
        typed(
            "text/plain",
            415,
            r#"{"code":415,"message":"unsupported media type \"text/plain\", only [application/json] are allowed"}"#,
        ),
        typed(
            ";;",
            400,
            r#"{"code":400,"message":"parsing Content-Type header from \";;\" failed, because mime: no media type"}"#,
        ),
        typed("application/json; charset=utf-8", 200, ""),
        Case {
            body: Some("[]"),
            ..case(
                "POST",
                "/api/v2/alerts",
                415,
                r#"{"code":415,"message":"unsupported media type \"application/octet-stream\", only [application/json] are allowed"}"#,
            )
        },
        // without a body there is no type of it
        case("POST", "/api/v2/alerts", 422, r#"{"code":602,"message":"alerts in body is required"}"#),
        alerts("[]", 200, "").with("accept", "text/html"),
        alerts("[]", 200, "").with("accept", ""),
        get("/api/v2/receivers", 406, NOT_ACCEPTABLE).with("accept", "text/html"),
        get("/api/v2/silences", 200, "[]").with("accept", "text/html, application/json;q=0.5"),
        get("/api/v2/silences", 200, "[]").with("accept", "*/*"),
    ]
}

fn posted_alerts() -> Vec<Case> {
    vec![
        alerts("[]", 200, ""),
        alerts("null", 200, ""),
        alerts(r#"[{"labels":{"a":"1"},"extra":5}]"#, 200, ""),
        alerts(r#"[{"labels":{"a":"1"}}] trailing"#, 200, ""),
        alerts(r#"[{"labels":{}}]"#, 400, r#""at least one label pair required""#),
        alerts(r#"[{"labels":{"a":""}}]"#, 400, r#""at least one label pair required""#),
        alerts(r#"[{"labels":{"":"1"}}]"#, 400, r#""invalid label set: invalid name \"\"""#),
        alerts(r#"[{"labels":{"a b":"1"}}]"#, 200, "").theirs(400, r#""invalid label set: invalid name \"a b\"""#),
        alerts(r#"[{"labels":{"a":"1"},"annotations":{"":"z"}}]"#, 400, r#""invalid annotations: invalid name \"\"""#),
        alerts(
            r#"[{"labels":{"a":"1"},"startsAt":"2030-01-01T00:00:00Z","endsAt":"2029-01-01T00:00:00Z"}]"#,
            400,
            r#""start time must be before end time""#,
        ),
        alerts(
            r#"[{"labels":{"":"1"}},{"labels":{"ok":"1"}},{"labels":{}}]"#,
            400,
            r#""invalid label set: invalid name \"\"; at least one label pair required""#,
        ),
        alerts(r#"[{"labels":{"a":"1"},"generatorURL":"/g?x=1"}]"#, 200, ""),
        alerts(r#"[{"labels":{"a":"1"},"generatorURL":"mailto:a@b"}]"#, 200, ""),
        alerts(
            r#"[{"labels":{"a":"1"},"generatorURL":"x y"}]"#,
            422,
            r#"{"code":601,"message":"0.generatorURL in body must be of type uri: \"x y\""}"#,
        ),
        alerts(
            r#"[{"labels":{"a":"1"},"generatorURL":"%zz"}]"#,
            422,
            r#"{"code":601,"message":"0.generatorURL in body must be of type uri: \"%zz\""}"#,
        ),
        alerts(r#"[{"labels":{"a":"1"},"startsAt":"2020-01-01T00:00:00"}]"#, 200, ""),
        alerts(r#"[{"labels":{"a":"1"},"startsAt":null}]"#, 200, ""),
    ]
}

fn unreadable_alerts() -> Vec<Case> {
    vec![
        alerts("", 422, r#"{"code":602,"message":"alerts in body is required"}"#),
        alerts(" \n", 422, r#"{"code":602,"message":"alerts in body is required"}"#),
        alerts("[{}]", 422, r#"{"code":602,"message":"0.labels in body is required"}"#),
        alerts(
            r#"[{"labels":{"a":"1"}},{"labels":null}]"#,
            422,
            r#"{"code":602,"message":"1.labels in body is required"}"#,
        ),
        alerts(
            "{}",
            400,
            r#"{"code":400,"message":"parsing alerts body from \"\" failed, because json: cannot unmarshal object into Go value of type models.PostableAlerts"}"#,
        ),
        alerts("[", 400, r#"{"code":400,"message":"parsing alerts body from \"\" failed, because unexpected EOF"}"#),
        alerts("x", 400, r#"{"code":400,"message":"parsing alerts body from \"\" failed, because …"#),
        alerts(
            r#"[{"labels":{"a":1}}]"#,
            400,
            r#"{"code":400,"message":"parsing alerts body from \"\" failed, because …"#,
        ),
        alerts(
            r#"[{"labels":{"a":"1"},"startsAt":"yesterday"}]"#,
            400,
            r#"{"code":400,"message":"parsing alerts body from \"\" failed, because …"#,
        ),
    ]
}

fn posted_silences() -> Vec<Case> {
    vec![
        silence("", 422, r#"{"code":602,"message":"silence in body is required"}"#),
        silence("null", 422, r#"{"code":602,"message":"comment in body is required"}"#),
        silence("{}", 422, r#"{"code":602,"message":"comment in body is required"}"#),
        silence("[]", 400, r#"{"code":400,"message":"parsing silence body from \"\" failed, because json: cannot unmarshal array into Go value of type struct { ID string \"json:\\\"id,omitempty\\\"\" }"}"#),
        silence(
            r#"{"matchers":[],"startsAt":"2020-01-01T00:00:00Z","endsAt":"2099-01-01T00:00:00Z","createdBy":"me","comment":"c"}"#,
            422,
            r#"{"code":612,"message":"matchers in body should have at least 1 items"}"#,
        ),
        silence(
            r#"{"matchers":[{}],"startsAt":"2020-01-01T00:00:00Z","endsAt":"2099-01-01T00:00:00Z","createdBy":"me","comment":"c"}"#,
            422,
            r#"{"code":602,"message":"matchers.0.isRegex in body is required"}"#,
        ),
        silence(
            r#"{"matchers":[{"name":"a","value":"","isRegex":false}],"startsAt":"2020-01-01T00:00:00Z","endsAt":"2099-01-01T00:00:00Z","createdBy":"me","comment":"c"}"#,
            400,
            r#""invalid silence: at least one matcher must not match the empty string""#,
        )
        .theirs(400, r#""silence invalid: at least one matcher must not match the empty string""#),
        silence(
            r#"{"matchers":[{"name":"","value":"x","isRegex":false}],"startsAt":"2020-01-01T00:00:00Z","endsAt":"2099-01-01T00:00:00Z","createdBy":"me","comment":"c"}"#,
            400,
            r#""invalid silence: invalid label matcher 0: invalid label name \"\"""#,
        )
        .theirs(400, r#""silence invalid: invalid label matcher 0: invalid label name \"\"""#),
    ]
}

/// When silences may end, and which there are.
fn ends() -> Vec<Case> {
    vec![
        silence(
            r#"{"matchers":[{"name":"a","value":"z","isRegex":false}],"startsAt":"2020-01-01T00:00:00Z","endsAt":"2020-01-02T00:00:00Z","createdBy":"me","comment":"c"}"#,
            400,
            r#""Failed to create silence: end time can't be in the past""#,
        ),
        silence(
            r#"{"matchers":[{"name":"a","value":"z","isRegex":false}],"startsAt":"2090-01-01T00:00:00Z","endsAt":"2080-01-02T00:00:00Z","createdBy":"me","comment":"c"}"#,
            400,
            r#""Failed to create silence: start time must be before end time""#,
        ),
        silence(
            r#"{"id":"11111111-1111-1111-1111-111111111111","matchers":[{"name":"a","value":"z","isRegex":false}],"startsAt":"2020-01-01T00:00:00Z","endsAt":"2099-01-01T00:00:00Z","createdBy":"me","comment":"c"}"#,
            404,
            r#""silence not found""#,
        ),
        silence(
            r#"{"matchers":[{"name":"a","value":"z","isRegex":false}],"startsAt":"2020-01-01T00:00:00Z","endsAt":"2099-01-01T00:00:00Z","createdBy":"","comment":""}"#,
            200,
            r#"{"silenceID":"…"#,
        ),
    ]
}
