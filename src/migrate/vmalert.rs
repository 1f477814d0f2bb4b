//! The command line of vmalert.

use model::source::{SourceFile, Span};
use yaml::Node;

use super::Migration;
use super::tree::{Tree, list, map, plain, text};

/// A word of a command line.
#[derive(Clone, Debug)]
pub struct Word {
    file: SourceFile,
    span: Span,
    text: String,
}

/// What becomes of a flag.
#[derive(Clone, Copy)]
enum To {
    /// The same under another name.
    Flag(&'static str),
    /// A key of the file.
    Key(&'static [&'static str], Shape),
    /// A key of the section of a peer.
    Peer(&'static str, &'static [&'static str], Shape),
    /// A label of all alerts.
    ExternalLabel,
    /// A URL that vmalert completes.
    WriteUrl,
    /// A notifier.
    Notifier,
    /// Nothing, as it concerns this.
    Aside(&'static str),
    /// Nothing: what to do instead.
    Lost(&'static str),
}

#[derive(Clone, Copy)]
enum Shape {
    Text,
    Plain,
    /// `Name: value^^Other: value`.
    Headers,
    /// `a;b`.
    List,
}

const DATASOURCE: &str = "query";
const NOTIFIER: &str = "notifier";
const WRITE: &str = "remote_write";

/// Flags of their own.
const FLAGS: [(&str, To); 38] = [
    ("rule", To::Flag("rule.file")),
    ("evaluationInterval", To::Flag("evaluation.interval")),
    ("rule.resendDelay", To::Flag("rules.alert.resend-delay")),
    ("rule.updateEntriesLimit", To::Flag("rules.history")),
    ("rule.evalDelay", To::Key(&["global", "rule_query_offset"], Shape::Text)),
    ("httpListenAddr", To::Flag("web.listen-address")),
    ("http.pathPrefix", To::Flag("web.route-prefix")),
    ("external.url", To::Flag("web.external-url")),
    ("external.label", To::ExternalLabel),
    ("loggerLevel", To::Lost("give --log.level=debug, info, warn or error")),
    ("loggerFormat", To::Lost("give --log.format=json for json")),
    ("datasource.url", To::Peer(DATASOURCE, &["url"], Shape::Text)),
    ("datasource.headers", To::Peer(DATASOURCE, &["headers"], Shape::Headers)),
    ("datasource.queryStep", To::Peer(DATASOURCE, &["params", "step"], Shape::Text)),
    ("datasource.maxIdleConnections", To::Aside("connections, which are kept as needed")),
    ("datasource.idleConnTimeout", To::Aside("connections, which are kept as needed")),
    ("datasource.disableKeepAlive", To::Aside("connections, which are kept as needed")),
    ("datasource.queryTimeAlignment", To::Lost("a group says it itself: eval_alignment")),
    ("datasource.roundDigits", To::Peer(DATASOURCE, &["params", "round_digits"], Shape::Text)),
    ("datasource.appendTypePrefix", To::Lost("query sources have kinds: see docs/rules-config.md")),
    ("datasource.lookback", To::Lost("shift all queries with global.rule_query_offset")),
    ("datasource.showURL", To::Aside("log lines")),
    ("notifier.url", To::Notifier),
    (
        "notifier.config",
        To::Lost("write what the file finds under alerting.alertmanagers: Consul by another discovery"),
    ),
    ("notifier.blackhole", To::Lost("leave out notifiers: alerts are kept and shown all the same")),
    ("notifier.suppressDuplicateTargetErrors", To::Aside("log lines")),
    ("notifier.showURL", To::Aside("log lines")),
    ("remoteWrite.url", To::WriteUrl),
    ("remoteWrite.headers", To::Peer(WRITE, &["headers"], Shape::Headers)),
    ("remoteWrite.maxBatchSize", To::Peer(WRITE, &["queue_config", "max_samples_per_send"], Shape::Plain)),
    ("remoteWrite.sendTimeout", To::Peer(WRITE, &["remote_timeout"], Shape::Text)),
    ("configCheckInterval", To::Aside("reading files again, which happens by itself")),
    ("rule.templates", To::Lost("templates that rules share are not known: write them into the annotations")),
    ("external.alert.source", To::Lost("links lead to /graph or /explore of --web.external-url")),
    (
        "rule.maxResolveDuration",
        To::Lost("an alert that is not sent again is resolved after four times the resend delay"),
    ),
    ("dryRun", To::Lost("run `watchfire check rules FILE…`")),
    (
        "rule.defaultRuleType",
        To::Lost("say it in the groups (type: graphite is not known), or by query_sources with groups"),
    ),
    (
        "disableAlertgroupLabel",
        To::Lost(
            "the dialect of vmalert adds alertgroup: drop it with alerting.alert_relabel_configs (action: labeldrop)",
        ),
    ),
];

/// Flags that each peer has: datasource, notifier and remoteWrite.
const OF_PEER: [(&str, &[&str], Shape); 16] = [
    ("basicAuth.username", &["basic_auth", "username"], Shape::Text),
    ("basicAuth.usernameFile", &["basic_auth", "username_file"], Shape::Text),
    ("basicAuth.password", &["basic_auth", "password"], Shape::Text),
    ("basicAuth.passwordFile", &["basic_auth", "password_file"], Shape::Text),
    ("bearerToken", &["bearer_token"], Shape::Text),
    ("bearerTokenFile", &["bearer_token_file"], Shape::Text),
    ("tlsCAFile", &["tls_config", "ca_file"], Shape::Text),
    ("tlsCertFile", &["tls_config", "cert_file"], Shape::Text),
    ("tlsKeyFile", &["tls_config", "key_file"], Shape::Text),
    ("tlsServerName", &["tls_config", "server_name"], Shape::Text),
    ("tlsInsecureSkipVerify", &["tls_config", "insecure_skip_verify"], Shape::Plain),
    ("oauth2.clientID", &["oauth2", "client_id"], Shape::Text),
    ("oauth2.clientSecret", &["oauth2", "client_secret"], Shape::Text),
    ("oauth2.clientSecretFile", &["oauth2", "client_secret_file"], Shape::Text),
    ("oauth2.tokenUrl", &["oauth2", "token_url"], Shape::Text),
    ("oauth2.scopes", &["oauth2", "scopes"], Shape::List),
];

/// The beginnings of flags that come in families.
const FAMILIES: [(&str, To); 24] = [
    ("remoteRead.", To::Aside("restoring the state of alerts, which is kept in --storage.path")),
    ("remoteWrite.", To::Aside("queues, which are bounded and kept on disk by themselves")),
    ("replay.", To::Lost("run `watchfire backtest`")),
    ("tls", To::Lost("write a web configuration file and name it in --web.config.file")),
    ("mtls", To::Lost("write a web configuration file and name it in --web.config.file")),
    ("httpAuth.", To::Lost("write a web configuration file with basic_auth_users and name it in --web.config.file")),
    ("http.", To::Aside("details of its HTTP server")),
    ("httpListenAddr.", To::Aside("details of its HTTP server")),
    ("metrics", To::Aside("details of its HTTP server")),
    ("pprof", To::Aside("details of its HTTP server")),
    ("flagsAuthKey", To::Aside("details of its HTTP server")),
    ("reloadAuthKey", To::Aside("details of its HTTP server")),
    ("enableTCP6", To::Aside("details of its HTTP server")),
    ("internStringM", To::Aside("memory and logs of its process")),
    ("internString", To::Aside("memory and logs of its process")),
    ("memory.", To::Aside("memory and logs of its process")),
    ("logger", To::Aside("memory and logs of its process")),
    ("pushmetrics.", To::Lost("let Prometheus scrape /metrics")),
    ("fs.", To::Aside("memory and logs of its process")),
    ("envflag.", To::Lost("write the values out: flags are not read from the environment")),
    ("s3.", To::Lost("rules are read from files: fetch them beforehand")),
    ("clusterMode", To::Lost("give the tenants to the groups, or run one process for each")),
    ("defaultTenant.", To::Lost("give the tenants to the groups, or run one process for each")),
    ("license", To::Aside("its licence")),
];

/// Whether a text is a command line: it names vmalert, or begins with a flag.
pub(super) fn is_command_line(written: &str) -> bool {
    let first = written.trim_start().trim_start_matches("- ").trim_start_matches(['\'', '"']);
    let program = first.split_whitespace().next().unwrap_or_default();
    let is_flag = first.starts_with('-') && !first.starts_with("---") && !first.starts_with("- ");
    is_flag || program.rsplit('/').next().is_some_and(|name| name.starts_with("vmalert") && !name.ends_with(':'))
}

/// The words of a file: quoted as in a shell, or one flag an item of a list, as in a pod.
pub(super) fn words_of(file: &SourceFile) -> Vec<Word> {
    let (mut words, mut word, mut start, mut quote) = (Vec::new(), String::new(), None, None);
    let mut letters = file.text().char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        match (quote, letter) {
            (Some(open), close) if open == close => quote = None,
            (None, '\'' | '"') => {
                quote = Some(letter);
                start.get_or_insert(at);
            }
            (None, '\\') => drop(letters.next_if(|(_, next)| *next == '\n')),
            (None, blank) if blank.is_whitespace() => {
                if let Some(start) = start.take() {
                    let text = std::mem::take(&mut word);
                    words.push(Word { file: file.clone(), span: Span::new(start, at), text });
                }
            }
            (_, letter) => {
                start.get_or_insert(at);
                word.push(letter);
            }
        }
    }
    if let Some(start) = start {
        words.push(Word { file: file.clone(), span: Span::new(start, file.text().len()), text: word });
    }
    words.retain(|word| word.text != "-");
    words
}

/// Takes over what flags say.
pub(super) fn migrate(words: &[Word], migration: &mut Migration) {
    migration.deployment.has_rules = true;
    migration.deployment.flag("rule.dialect", "vmalert");
    let config = &mut migration.deployment.rules_config;
    config.set(&[DATASOURCE, "kind"], text("victoriametrics"));
    let (mut of_notifiers, mut urls) = (Tree::default(), Vec::new());
    let mut of_writes = Tree::default();
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        let Some(flag) = word.text.strip_prefix('-').map(|flag| flag.trim_start_matches('-')) else {
            if !word.text.ends_with("vmalert") && !word.text.contains("/vmalert") {
                // It may be a password.
                migration.notes.lose(&word.file, word.span, "a word", "not a flag, nor the value of one");
            }
            continue;
        };
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, value),
            // A flag alone says yes.
            None => (flag, words.next_if(|next| !next.text.starts_with('-')).map_or("true", |next| next.text.as_str())),
        };
        let Migration { deployment, notes } = &mut *migration;
        match meaning(name) {
            To::Flag(ours) => values_of(value).for_each(|value| deployment.flag(ours, value)),
            To::Key(path, shape) => deployment.rules_config.set(path, shaped(value, shape)),
            To::Peer(WRITE, path, shape) => of_writes.set(path, shaped(value, shape)),
            To::Peer(NOTIFIER, path, shape) => of_notifiers.set(path, shaped(value, shape)),
            To::Peer(section, path, shape) => {
                deployment.rules_config.set(&[&[section], path].concat(), shaped(value, shape));
            }
            To::ExternalLabel => match value.split_once('=') {
                Some((label, value)) => {
                    deployment.rules_config.set(&["global", "external_labels", label], text(value));
                }
                None => notes.lose(&word.file, word.span, name, "a label is written name=value"),
            },
            To::WriteUrl => of_writes.set(&["url"], text(&completed(value))),
            To::Notifier => urls.extend(values_of(value).map(str::to_owned)),
            To::Aside(topic) => notes.aside(topic, name),
            To::Lost(instead) => notes.lose(&word.file, word.span, name, instead),
        }
    }
    let Migration { deployment, notes } = migration;
    if of_writes.has("url") {
        deployment.rules_config.set(&[WRITE], list(vec![of_writes.into_node()]));
    }
    for url in urls {
        match notifier(&url, of_notifiers.clone()) {
            Some(node) => deployment.notifiers.push((None, node)),
            None => notes.step(format!("a notifier's URL could not be read: {} characters", url.len())),
        }
    }
}

/// What becomes of a flag.
fn meaning(name: &str) -> To {
    if let Some((_, to)) = FLAGS.iter().find(|(flag, _)| *flag == name) {
        return *to;
    }
    for (peer, section) in [("datasource.", DATASOURCE), ("notifier.", NOTIFIER), ("remoteWrite.", WRITE)] {
        let rest = name.strip_prefix(peer);
        if let Some((_, path, shape)) = OF_PEER.iter().find(|(flag, ..)| Some(*flag) == rest) {
            return To::Peer(section, path, *shape);
        }
    }
    let family = FAMILIES.iter().find(|(start, _)| name.starts_with(start));
    family.map_or(To::Lost("not known here: see whether it concerns rules"), |(_, to)| *to)
}

/// A flag may be given several times, or once with commas.
fn values_of(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|value| !value.is_empty())
}

fn shaped(value: &str, shape: Shape) -> Node {
    match shape {
        Shape::Text => text(value),
        Shape::Plain => plain(value),
        Shape::List => list(value.split(';').map(text).collect()),
        Shape::Headers => map(value.split("^^").filter_map(|header| {
            let (name, value) = header.split_once(':')?;
            Some((name.trim().to_owned(), text(value.trim())))
        })),
    }
}

/// vmalert adds the path of remote write.
fn completed(url: &str) -> String {
    let url = url.trim_end_matches('/');
    if url.ends_with("/api/v1/write") { url.to_owned() } else { format!("{url}/api/v1/write") }
}

/// An entry of `alertmanagers` for one URL.
fn notifier(url: &str, mut entry: Tree) -> Option<Node> {
    let url = url::Url::parse(url).ok()?;
    let host = url.host_str()?;
    let address = match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    entry.set(&["scheme"], text(url.scheme()));
    let path = url.path().trim_end_matches('/');
    if !path.is_empty() {
        entry.set(&["path_prefix"], text(path));
    }
    if let Some(password) = url.password() {
        entry.set(&["basic_auth", "username"], text(url.username()));
        entry.set(&["basic_auth", "password"], text(password));
    }
    entry.set(&["static_configs"], list(vec![map([("targets", list(vec![text(&address)]))])]));
    Some(entry.into_node())
}
