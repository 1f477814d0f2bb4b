//! The admission webhook: wire format, verdicts on the corpus, certificates that change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use base64::Engine;
use model::matcher::parse::ParseMode;
use rules_engine::rule_file::NameScheme;
use serde_json::{Value, json};
use tower::ServiceExt;
use watchfire::admission::{Checks, Webhook};

use crate::conditions::eventually;
use crate::peers::{free_port, root, watchfire};

fn webhook(names: NameScheme) -> Arc<Webhook> {
    Webhook::new(Checks { names, promql: promql::Options::default(), matcher_mode: ParseMode::Fallback })
}

async fn post(webhook: &Arc<Webhook>, path: &str, content_type: &str, body: Vec<u8>) -> (StatusCode, Value) {
    let request = Request::post(path).header("content-type", content_type).body(Body::from(body)).unwrap();
    let answer = webhook.router().oneshot(request).await.unwrap();
    let status = answer.status();
    let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

async fn asked(webhook: &Arc<Webhook>, path: &str, review: &Value) -> Value {
    let (status, answer) = post(webhook, path, "application/json", review.to_string().into_bytes()).await;
    assert_eq!(status, StatusCode::OK);
    answer["response"].clone()
}

fn corpus(path: &str) -> Option<Value> {
    let path = root().join("../shared/corpus").join(path);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(serde_json::from_str(&text).unwrap()),
        Err(_) => {
            eprintln!("skipped: {} is not there", path.display());
            None
        }
    }
}

fn config_review(version: &str, spec: &Value) -> Value {
    let object = json!({"apiVersion": format!("monitoring.coreos.com/{version}"), "kind": "AlertmanagerConfig",
        "metadata": {"name": "c"}, "spec": spec});
    let resource = json!({"group": "monitoring.coreos.com", "version": version, "resource": "alertmanagerconfigs"});
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {"uid": "u", "resource": resource, "namespace": "shop", "operation": "CREATE", "object": object}})
}

const RULES: &str = "/admission-prometheusrules/validate";
const CONFIGS: &str = "/admission-alertmanagerconfigs/validate";

#[tokio::test]
async fn rules_of_the_corpus_get_their_verdicts() {
    let Some(bad) = corpus("admission/badRulesNoAnnotations.json") else { return };
    let (utf8, legacy) = (webhook(NameScheme::Utf8), webhook(NameScheme::Legacy));
    let denied = asked(&utf8, RULES, &bad).await;
    assert_eq!(denied["allowed"], false);
    assert_eq!(denied["uid"], bad["request"]["uid"]);
    let causes = denied["status"]["details"]["causes"].as_array().unwrap();
    assert_eq!(causes.len(), 2, "{causes:?}");
    assert!(causes.iter().any(|cause| cause["message"].as_str().unwrap().contains("unexpected right parenthesis")));
    let good = corpus("admission/goodRulesWithAnnotations.json").unwrap();
    assert_eq!(asked(&utf8, RULES, &good).await["allowed"], true);
    let names = corpus("admission/goodRulesWithUTF8.json").unwrap();
    assert_eq!(asked(&utf8, RULES, &names).await["allowed"], true);
    assert_eq!(asked(&legacy, RULES, &names).await["allowed"], false);
}

#[tokio::test]
async fn numbers_in_labels_are_mended() {
    let Some(review) = corpus("admission/nonStringsInLabelsAnnotations.json") else { return };
    let answer = asked(&webhook(NameScheme::Utf8), "/admission-prometheusrules/mutate", &review).await;
    assert_eq!((&answer["allowed"], &answer["patchType"]), (&json!(true), &json!("JSONPatch")));
    let patch = base64::engine::general_purpose::STANDARD.decode(answer["patch"].as_str().unwrap()).unwrap();
    let patch: Vec<Value> = serde_json::from_slice(&patch).unwrap();
    let values: Vec<&Value> = patch.iter().map(|one| &one["value"]).collect();
    assert_eq!(patch[0]["path"], "/metadata/annotations/prometheus-operator-validated");
    assert_eq!(values, ["true", "true", "1", "false", "1"]);
}

#[tokio::test]
async fn configs_of_the_corpus_get_their_verdicts_and_convert() {
    let webhook = webhook(NameScheme::Utf8);
    for (file, version, allowed) in [
        ("Test_happy_path_v1alpha1", "v1alpha1", true),
        ("Test_happy_path_v1beta1", "v1beta1", true),
        ("Test_reject_on_duplicate_receiver_v1beta1", "v1beta1", false),
        ("Test_reject_on_invalid_mute_time_intervals_v1alpha1", "v1alpha1", false),
        ("Test_reject_on_invalid_receiver_v1alpha1", "v1alpha1", false),
    ] {
        let Some(spec) = corpus(&format!("alertmanagerconfigs/specs/{file}.json")) else { return };
        let answer = asked(&webhook, CONFIGS, &config_review(version, &spec)).await;
        assert_eq!(answer["allowed"], allowed, "{file}: {answer}");
    }
    let spec = corpus("alertmanagerconfigs/specs/happy_path_v1alpha1_v1beta1.json").unwrap();
    let object = config_review("v1alpha1", &spec)["request"]["object"].clone();
    let review = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview",
        "request": {"uid": "u", "desiredAPIVersion": "monitoring.coreos.com/v1beta1", "objects": [object]}});
    let answer = asked(&webhook, "/convert", &review).await;
    assert_eq!(answer["result"]["status"], "Success");
    let converted = &answer["convertedObjects"][0];
    assert_eq!(converted["spec"]["timeIntervals"], spec["muteTimeIntervals"]);
    assert_eq!(converted["spec"].get("muteTimeIntervals"), None);
}

#[tokio::test]
async fn what_only_the_notifier_finds_is_denied_and_what_has_no_effect_is_told() {
    let webhook = webhook(NameScheme::Utf8);
    let hook =
        |url: &str| json!({"route": {"receiver": "a"}, "receivers": [{"name": "a", "webhookConfigs": [{"url": url}]}]});
    let denied =
        asked(&webhook, CONFIGS, &config_review("v1alpha1", &hook("https://x.example/{{ nofunction }}"))).await;
    assert!(denied["status"]["message"].as_str().unwrap().contains("nofunction"), "{denied}");
    let mut typo = hook("https://x.example/");
    typo["route"]["grouBy"] = json!(["a"]);
    let allowed = asked(&webhook, CONFIGS, &config_review("v1alpha1", &typo)).await;
    assert_eq!(allowed["allowed"], true);
    assert!(allowed["warnings"][0].as_str().unwrap().contains("unknown field \"grouBy\""), "{allowed}");
    // what is left to secrets and to the base is no mistake of the object
    let spec = json!({"route": {"receiver": "a"}, "receivers": [{"name": "a", "emailConfigs": [{"to": "a@b.example"}],
        "slackConfigs": [{"updateMessage": true, "apiURL": {"name": "s", "key": "k"}}]}]});
    let allowed = asked(&webhook, CONFIGS, &config_review("v1beta1", &spec)).await;
    assert_eq!(allowed["allowed"], true, "{allowed}");
}

#[tokio::test]
async fn what_is_no_review_is_answered_as_the_api_server_expects() {
    let webhook = webhook(NameScheme::Utf8);
    assert_eq!(post(&webhook, RULES, "text/plain", b"{}".to_vec()).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(post(&webhook, RULES, "application/json", Vec::new()).await.0, StatusCode::BAD_REQUEST);
    let too_long = vec![b' '; 9 << 20];
    assert_eq!(post(&webhook, RULES, "application/json", too_long).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    let (status, answer) = post(&webhook, RULES, "application/json", b"{".to_vec()).await;
    assert_eq!((status, &answer["response"]["allowed"]), (StatusCode::OK, &json!(false)));
    let wrong = asked(&webhook, RULES, &config_review("v1alpha1", &json!({}))).await;
    assert!(wrong["status"]["message"].as_str().unwrap().starts_with("expected prometheusrules"), "{wrong}");
    let deleted = json!({"request": {"uid": "u", "object": null,
        "resource": {"group": "monitoring.coreos.com", "resource": "prometheusrules"}}});
    assert_eq!(asked(&webhook, RULES, &deleted).await["allowed"], true);
    let (status, health) = post(&webhook, "/healthz", "text/plain", Vec::new()).await;
    assert_eq!((status, health), (StatusCode::OK, json!({"status": "up"})));
}

/// A new certificate in the files, and a client that trusts only it.
fn certify(folder: &Path) -> reqwest::Client {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("tls.key"), made.signing_key.serialize_pem()).unwrap();
    std::fs::write(folder.join("tls.crt"), made.cert.pem()).unwrap();
    watchfire_crypto();
    let authority = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([authority]).pool_max_idle_per_host(0);
    client.timeout(Duration::from_secs(10)).build().unwrap()
}

fn watchfire_crypto() {
    ::watchfire::install_crypto();
}

async fn is_up(client: &reqwest::Client, port: u16) {
    eventually("the webhook answers over TLS", Duration::from_secs(60), || async {
        let answer = client.get(format!("https://localhost:{port}/healthz")).send().await.ok()?;
        answer.status().is_success().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let first = certify(folder.path());
    let web: PathBuf = folder.path().join("web.yml");
    std::fs::write(&web, "tls_server_config: {cert_file: tls.crt, key_file: tls.key}\n").unwrap();
    let port = free_port();
    let address = format!("--web.listen-address=127.0.0.1:{port}");
    let _alone = watchfire(&["admission".to_owned(), address, format!("--web.config.file={}", web.display())]);
    is_up(&first, port).await;
    let second = certify(folder.path());
    is_up(&second, port).await;

    // and beside a notifier, by the files of a kubernetes.io/tls Secret
    let config = folder.path().join("alertmanager.yml");
    std::fs::write(&config, "route: {receiver: a}\nreceivers: [{name: a}]\n").unwrap();
    let (port, path) = (free_port(), |name: &str| folder.path().join(name).display().to_string());
    let _beside = watchfire(&[
        "notifier".to_owned(),
        format!("--config.file={}", config.display()),
        "--storage.path=".to_owned(),
        format!("--web.listen-address=127.0.0.1:{}", free_port()),
        format!("--admission.listen-address=127.0.0.1:{port}"),
        format!("--admission.cert-file={}", path("tls.crt")),
        format!("--admission.key-file={}", path("tls.key")),
    ]);
    is_up(&second, port).await;
    let third = certify(folder.path());
    is_up(&third, port).await;
}
