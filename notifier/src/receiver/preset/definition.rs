//! What a preset says: the settings of a section, the requests they become, and what the answers mean.

use yaml::{Decoder, Node, SourceFile};

use super::body::{Body, Text};

/// An integration that is data: `templates/presets/<name>/preset.yaml`.
#[derive(Debug)]
pub(crate) struct Preset {
    /// `discord`: the metric label, and with `_configs` the key of the section.
    pub(crate) name: &'static str,
    /// `a discord_configs item`
    pub(crate) item: &'static str,
    /// Whether resolved alerts are told unless the section says otherwise.
    pub(crate) send_resolved: bool,
    pub(crate) shape: Shape,
    /// Settings of which one is needed unless `http_config` brings an `authorization`.
    pub(crate) authorized_by: Option<Vec<&'static str>>,
    pub(crate) login: Option<Login>,
    pub(crate) requests: Vec<Plan>,
    pub(crate) answer: Answer,
}

/// The settings of a mapping.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    pub(crate) settings: Vec<Setting>,
    pub(crate) rules: Vec<Rule>,
}

/// One key of a section.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Of a text: the template it is otherwise.
    pub(crate) default: Option<String>,
    /// Must be given and, where it is a text, render to something.
    pub(crate) required: bool,
    pub(crate) limit: Option<Limit>,
    /// What goes out if the template fails.
    pub(crate) plain: Plain,
    /// Taken as Alertmanager takes it, and like there without an effect: worth a warning.
    pub(crate) is_idle: bool,
    /// The setting and the value of it that makes this text HTML.
    pub(crate) html_if: Option<(&'static str, &'static str)>,
}

/// What may stand under a key.
#[derive(Debug)]
pub(crate) enum Kind {
    /// A template; without one, one of the words, if there are any.
    Text(Vec<&'static str>),
    /// One of a few words.
    Word(Vec<&'static str>),
    /// A list of words.
    Words,
    Flag,
    Integer,
    /// As Go writes them; rendered as seconds.
    Duration,
    /// For one attempt.
    Timeout,
    Secret(Source),
    /// A secret address; with `slash`, one that other paths are appended to.
    Url(Source, bool),
    /// A mapping of templates; some names are taken.
    Map(Vec<&'static str>),
    List(&'static str, Shape),
    Section(&'static str, Shape),
}

/// Where else a secret may come from.
#[derive(Debug)]
pub(crate) struct Source {
    /// The key that names a file instead.
    pub(crate) file: Option<&'static str>,
    /// The key of `global`.
    pub(crate) global: Option<&'static str>,
}

/// What must hold between the keys of a mapping.
#[derive(Debug)]
pub(crate) enum Rule {
    AtMostOne(Vec<&'static str>),
    AtLeastOne(Vec<&'static str>),
}

/// The longest text the far side takes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    Characters(usize),
    Bytes(usize),
}

/// What stands in for a text whose template fails.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Plain {
    Nothing,
    Subject,
    Alerts,
}

/// A request whose answer holds the token of the others.
#[derive(Debug)]
pub(crate) struct Login {
    pub(crate) url: Text,
    /// Key of the token in the answer.
    pub(crate) token: String,
    /// How long it is used.
    pub(crate) keep_seconds: i64,
}

/// One request.
#[derive(Debug)]
pub(crate) struct Plan {
    /// All must hold: `firing`, `resolved`, a flag, `memory`; each may begin with `no `.
    pub(crate) when: Vec<String>,
    pub(crate) method: String,
    pub(crate) url: Text,
    /// One without a value is left out.
    pub(crate) headers: Vec<(String, Text)>,
    pub(crate) content: Content,
    /// Keys of the answer that the notification log keeps, if the flag is set.
    pub(crate) remember: Option<(String, Vec<String>)>,
}

/// The body of a request.
#[derive(Debug)]
pub(crate) enum Content {
    Json(Body),
    Form(Body),
    /// A webhook's, by its version, cut to one alert if it is longer than so many bytes.
    Webhook(&'static str, usize),
}

/// What an answer means beyond its status.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// Every failure is worth another attempt.
    pub(crate) retries_all: bool,
    /// The only good text, where the answer is no JSON.
    pub(crate) good_text: Option<String>,
    pub(crate) verdict: Option<Verdict>,
    /// Path to the seconds to wait, in the answer.
    pub(crate) retry_after: Option<String>,
}

/// Failures told with a good status.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) key: String,
    /// What the key holds after a success.
    pub(crate) good: serde_json::Value,
    /// Key of the reason.
    pub(crate) why: String,
    /// Key of what the lists below hold.
    pub(crate) code: String,
    /// Codes that pass.
    pub(crate) passing: Vec<String>,
    /// Codes of a token that is used up.
    pub(crate) token_expired: Vec<String>,
    /// Codes of a remembered message that is gone.
    pub(crate) gone: Vec<String>,
}

impl Preset {
    /// Reads the preset of a section: one of [`templates::presets::ALL`].
    pub(crate) fn of_section((section, text): (&'static str, &'static str)) -> Preset {
        Preset::read(section, text).expect("presets are ours, and each is read by a test")
    }

    fn read(section: &'static str, text: &'static str) -> Option<Preset> {
        let file = SourceFile::new(section, text);
        let root = Decoder::new(&file).first_document()?;
        let reader = Reader(text);
        Some(Preset {
            name: section.strip_suffix("_configs")?,
            item: reader.fixed(root.get("item")?),
            send_resolved: flag(&root, "send_resolved"),
            shape: reader.shape(&root)?,
            authorized_by: root.get("authorized_by").map(|node| reader.list(node)),
            login: match root.get("login") {
                Some(node) => Some(login(node)?),
                None => None,
            },
            requests: root
                .get("requests")?
                .as_sequence()?
                .iter()
                .map(|node| reader.plan(node))
                .collect::<Option<_>>()?,
            answer: root.get("answer").map(answer).unwrap_or_default(),
        })
    }
}

/// Reads names as parts of the embedded text, which lives as long as the program.
struct Reader(&'static str);

impl Reader {
    fn fixed(&self, node: &Node) -> &'static str {
        self.0.get(node.span.range()).unwrap_or_default().trim_matches(['"', '\''])
    }

    fn list(&self, node: &Node) -> Vec<&'static str> {
        node.as_sequence().unwrap_or_default().iter().map(|node| self.fixed(node)).collect()
    }

    fn shape(&self, node: &Node) -> Option<Shape> {
        let settings = node.get("settings")?.as_mapping()?.iter().map(|(key, node)| {
            let name = self.0.get(key.span.range())?;
            self.setting(name, node)
        });
        let rule = |node: &Node| match (node.get("at_most_one"), node.get("at_least_one")) {
            (Some(names), _) => Some(Rule::AtMostOne(self.list(names))),
            (_, Some(names)) => Some(Rule::AtLeastOne(self.list(names))),
            _ => None,
        };
        let rules = node.get("rules").and_then(Node::as_sequence).unwrap_or_default();
        Some(Shape {
            settings: settings.collect::<Option<_>>()?,
            rules: rules.iter().map(rule).collect::<Option<_>>()?,
        })
    }

    /// A setting that is only a word is of that kind.
    fn setting(&self, name: &'static str, node: &Node) -> Option<Setting> {
        let kind = node.as_text().or_else(|| node.get("is")?.as_text()).unwrap_or("text");
        let limit = |key: &str| node.get(key).and_then(Node::as_text).and_then(|text| text.parse().ok());
        let html_if = node.get("html_if").and_then(|node| self.fixed(node).split_once('='));
        Some(Setting {
            name,
            kind: self.kind(kind, node)?,
            default: node.get("default").and_then(Node::as_text).map(str::to_owned),
            required: flag(node, "required"),
            limit: limit("characters").map(Limit::Characters).or(limit("bytes").map(Limit::Bytes)),
            plain: match node.get("plain").and_then(Node::as_text) {
                Some("subject") => Plain::Subject,
                Some("alerts") => Plain::Alerts,
                _ => Plain::Nothing,
            },
            is_idle: flag(node, "idle"),
            html_if,
        })
    }

    fn kind(&self, kind: &str, node: &Node) -> Option<Kind> {
        let source = || Source {
            file: node.get("file").map(|node| self.fixed(node)),
            global: node.get("global").map(|node| self.fixed(node)),
        };
        let list = |key| node.get(key).map(|node| self.list(node)).unwrap_or_default();
        let what = || node.get("what").map(|node| self.fixed(node));
        Some(match kind {
            "text" => Kind::Text(list("one_of")),
            "word" => Kind::Word(list("one_of")),
            "words" => Kind::Words,
            "flag" => Kind::Flag,
            "integer" => Kind::Integer,
            "duration" => Kind::Duration,
            "timeout" => Kind::Timeout,
            "secret" => Kind::Secret(source()),
            "url" => Kind::Url(source(), flag(node, "slash")),
            "map" => Kind::Map(list("reserved")),
            "list" => Kind::List(what()?, self.shape(node)?),
            "section" => Kind::Section(what()?, self.shape(node)?),
            _ => return None,
        })
    }

    fn plan(&self, node: &Node) -> Option<Plan> {
        let content = match (node.get("body"), node.get("form"), node.get("webhook")) {
            (Some(body), ..) => Content::Json(Body::read(body)?),
            (_, Some(form), _) => Content::Form(Body::read(form)?),
            (_, _, Some(webhook)) => {
                Content::Webhook(self.fixed(webhook.get("version")?), webhook.get("bytes")?.as_text()?.parse().ok()?)
            }
            _ => return None,
        };
        let headers = node.get("headers").and_then(Node::as_mapping).unwrap_or_default();
        let header = |(key, node): &(yaml::Key, Node)| Some((key.text.to_string(), Text::read(node.as_text()?)));
        let remember = |node: &Node| Some((text(node, "if")?, texts(node, "keys")));
        Some(Plan {
            when: texts(node, "when"),
            method: text(node, "method").unwrap_or_else(|| "POST".to_owned()),
            url: Text::read(node.get("url")?.as_text()?),
            headers: headers.iter().map(header).collect::<Option<_>>()?,
            content,
            remember: node.get("remember").and_then(remember),
        })
    }
}

fn login(node: &Node) -> Option<Login> {
    Some(Login {
        url: Text::read(node.get("url")?.as_text()?),
        token: text(node, "token")?,
        keep_seconds: text(node, "keep_seconds")?.parse().ok()?,
    })
}

fn answer(node: &Node) -> Answer {
    let verdict = |node: &Node| {
        Some(Verdict {
            key: text(node, "key")?,
            good: serde_json::from_str(&text(node, "good")?).ok()?,
            why: text(node, "why")?,
            code: text(node, "code").or_else(|| text(node, "why"))?,
            passing: texts(node, "passing"),
            token_expired: texts(node, "token_expired"),
            gone: texts(node, "gone"),
        })
    };
    Answer {
        retries_all: flag(node, "retries_all"),
        good_text: text(node, "good_text"),
        verdict: node.get("verdict").and_then(verdict),
        retry_after: text(node, "retry_after"),
    }
}

fn flag(node: &Node, key: &str) -> bool {
    node.get(key).and_then(Node::as_text) == Some("true")
}

fn text(node: &Node, key: &str) -> Option<String> {
    node.get(key).and_then(Node::as_text).map(str::to_owned)
}

fn texts(node: &Node, key: &str) -> Vec<String> {
    let items = node.get(key).and_then(Node::as_sequence).unwrap_or_default();
    items.iter().filter_map(Node::as_text).map(str::to_owned).collect()
}
