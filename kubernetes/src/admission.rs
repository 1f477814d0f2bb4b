//! What the API server asks before it stores an object, and what it is answered: `AdmissionReview` and `ConversionReview`, v1.

pub mod mutation;

use serde_json::{Value, json};

/// A question about an object that is to be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Comes back in the answer.
    pub uid: String,
    /// Of the review, which the answer repeats.
    pub api_version: String,
    /// Such as `prometheusrules`.
    pub resource: String,
    /// The group of the resource.
    pub group: String,
    /// Where the object is to be.
    pub namespace: String,
    /// What it is to be called.
    pub name: String,
    /// The object; none when it is deleted.
    pub object: Option<Value>,
}

/// What becomes of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// Why it may not be stored; if there is a reason, it may not.
    pub causes: Vec<String>,
    /// What the user should know all the same.
    pub warnings: Vec<String>,
    /// Changes as JSON Patch.
    pub patch: Vec<Value>,
}

/// The longest warning that API servers pass on as it is.
const WARNING_BYTES_MAX: usize = 256;

impl Verdict {
    /// It may be stored as it is.
    pub fn allowed() -> Verdict {
        Verdict::default()
    }

    /// It may not.
    pub fn denied(cause: impl Into<String>) -> Verdict {
        Verdict { causes: vec![cause.into()], ..Verdict::default() }
    }
}

/// Reads a review.
///
/// # Errors
/// It is none.
pub fn read(body: &[u8]) -> Result<Request, String> {
    let review: Value = serde_json::from_slice(body).map_err(|error| format!("not a JSON document: {error}"))?;
    let request = review.get("request").ok_or("the AdmissionReview has no request")?;
    let text = |from: &Value, field: &str| from.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let resource = request.get("resource").unwrap_or(&Value::Null);
    let object = request.get("object").filter(|object| !object.is_null()).cloned();
    let in_metadata = |field| object.as_ref().map(|object| text(object.get("metadata").unwrap_or(&Value::Null), field));
    let or_metadata = |field: &'static str| match text(request, field) {
        given if given.is_empty() => in_metadata(field).unwrap_or_default(),
        given => given,
    };
    Ok(Request {
        uid: text(request, "uid"),
        api_version: text(&review, "apiVersion"),
        resource: text(resource, "resource"),
        group: text(resource, "group"),
        namespace: or_metadata("namespace"),
        name: or_metadata("name"),
        object,
    })
}

/// The review with an answer; `request` is none where the question could not be read.
pub fn answer(request: Option<&Request>, verdict: &Verdict) -> Value {
    let api_version = request.map_or("", |request| &request.api_version);
    let api_version = if api_version.is_empty() { "admission.k8s.io/v1" } else { api_version };
    let mut response = json!({
        "uid": request.map_or("", |request| &request.uid),
        "allowed": verdict.causes.is_empty(),
    });
    if !verdict.causes.is_empty() {
        let causes: Vec<Value> = verdict.causes.iter().map(|cause| json!({ "message": cause })).collect();
        response["status"] = json!({
            "status": "Failure",
            "message": message(&verdict.causes),
            "reason": "Invalid",
            "code": 422,
            "details": {"name": request.map_or("", |request| &request.name), "causes": causes},
        });
    } else if !verdict.patch.is_empty() {
        response["patchType"] = "JSONPatch".into();
        response["patch"] = encoded(&verdict.patch).into();
    }
    if !verdict.warnings.is_empty() {
        let cut =
            |text: &String| text.get(..text.floor_char_boundary(WARNING_BYTES_MAX)).unwrap_or_default().to_owned();
        response["warnings"] = verdict.warnings.iter().map(cut).collect();
    }
    json!({ "apiVersion": api_version, "kind": "AdmissionReview", "response": response })
}

fn encoded(patch: &[Value]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(Value::from(patch).to_string())
}

/// What people see: kubectl shows this and not the causes.
fn message(causes: &[String]) -> String {
    match causes {
        [only] => only.clone(),
        all => format!("{} mistakes:\n{}", all.len(), all.join("\n")),
    }
}

/// Converts the objects of a `ConversionReview`.
pub fn converted(body: &[u8], convert: impl Fn(&Value, &str) -> Result<Value, String>) -> Value {
    let review: Value = serde_json::from_slice(body).unwrap_or_default();
    let request = review.get("request").unwrap_or(&Value::Null);
    let desired = request.get("desiredAPIVersion").and_then(Value::as_str).unwrap_or_default();
    let objects = request.get("objects").and_then(Value::as_array).cloned().unwrap_or_default();
    let converted: Result<Vec<Value>, String> = match request.is_null() {
        true => Err("the ConversionReview has no request".to_owned()),
        false => objects.iter().map(|object| convert(object, desired)).collect(),
    };
    let (objects, result) = match converted {
        Ok(objects) => (objects, json!({"status": "Success"})),
        Err(message) => (Vec::new(), json!({"status": "Failure", "message": message})),
    };
    json!({
        "apiVersion": review.get("apiVersion").cloned().unwrap_or_else(|| "apiextensions.k8s.io/v1".into()),
        "kind": "ConversionReview",
        "response": {
            "uid": request.get("uid").cloned().unwrap_or_else(|| "".into()),
            "convertedObjects": objects,
            "result": result,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(object: &Value) -> Request {
        let review = json!({
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "request": {
                "uid": "u-1",
                "resource": {"group": "monitoring.coreos.com", "version": "v1", "resource": "prometheusrules"},
                "operation": "CREATE",
                "object": object,
            },
        });
        read(review.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn the_answer_names_the_question() {
        let request = request(&json!({"metadata": {"namespace": "n", "name": "r"}}));
        assert_eq!((&*request.namespace, &*request.name), ("n", "r"));
        let allowed = answer(Some(&request), &Verdict::allowed());
        let expected = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "response": {"uid": "u-1", "allowed": true}});
        assert_eq!(allowed, expected);
        let verdict = Verdict { causes: vec!["one".into(), "two".into()], ..Verdict::default() };
        let denied = answer(Some(&request), &verdict);
        assert_eq!(denied["response"]["allowed"], false);
        let status = &denied["response"]["status"];
        assert_eq!(
            (&status["code"], &status["reason"], &status["details"]["name"]),
            (&json!(422), &json!("Invalid"), &json!("r"))
        );
        assert_eq!(status["details"]["causes"], json!([{"message": "one"}, {"message": "two"}]));
        assert_eq!(status["message"], "2 mistakes:\none\ntwo");
    }

    #[test]
    fn what_is_no_review_is_said_to_be_none() {
        assert!(read(b"{").unwrap_err().starts_with("not a JSON document"));
        assert_eq!(read(b"{}").unwrap_err(), "the AdmissionReview has no request");
        assert_eq!(request(&Value::Null).object, None);
    }

    #[test]
    fn warnings_are_as_long_as_servers_pass_on() {
        let verdict = Verdict { warnings: vec!["ä".repeat(200)], ..Verdict::default() };
        let warning = answer(None, &verdict)["response"]["warnings"][0].as_str().unwrap().len();
        assert_eq!(warning, WARNING_BYTES_MAX);
    }

    #[test]
    fn conversion_answers_all_or_nothing() {
        let review =
            json!({"request": {"uid": "u", "desiredAPIVersion": "b", "objects": [{"x": 1}, {"x": 2}]}}).to_string();
        let done = converted(review.as_bytes(), |object, to| Ok(json!({"x": object["x"], "to": to})));
        assert_eq!(done["response"]["convertedObjects"], json!([{"x": 1, "to": "b"}, {"x": 2, "to": "b"}]));
        let failed = converted(review.as_bytes(), |_, _| Err("no".to_owned()));
        assert_eq!(failed["response"]["result"], json!({"status": "Failure", "message": "no"}));
        assert_eq!(converted(b"", |_, _| Err(String::new()))["response"]["result"]["status"], "Failure");
    }
}
