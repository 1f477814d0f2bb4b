//! `query` and `query_sources`: who is asked the rules' queries, and which groups ask whom.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use glob::Pattern;
use model::duration::parse_duration;
use model::source::Spanned;
use outbound::HttpConfig;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use yaml::{Decoder, Field, Fields, Node};

use super::discovery::{self, Discovery};
use super::targets::{TargetGroup, Targets};
use super::{alertmanagers, http_section, shown_url};
use crate::engine::SourceBounds;
use crate::relabel::decode_relabeling;
use crate::rule::Language;
use crate::rule_file::{GroupPattern, SourceChoice, TENANT_HEADER};

/// Headers of queries that are set by us.
const RESERVED: [&str; 5] = ["accept", "accept-encoding", "content-type", "content-length", "host"];

/// Parameters of queries that are set by us.
const RESERVED_PARAMS: [&str; 2] = ["query", "time"];

/// The longest answer that is read if nothing is said: about half a million series.
const ANSWER_BYTES_MAX: usize = 128 << 20;

/// Queries to one source under way at the same time if nothing is said.
const QUERIES_MAX: usize = 64;

/// The label of a discovered server's path while `relabel_configs` are applied.
const PATH_LABEL: &str = "__path_prefix__";

/// A query source: one or more servers that give the same answers.
#[derive(Clone)]
pub struct QueryTarget {
    /// What rule groups, messages and metrics call it.
    pub name: String,
    /// What kind of server it is.
    pub kind: SourceKind,
    /// The URLs below which [`SourceKind::path`] lies: the first is asked, the others if it does not answer.
    pub urls: Vec<String>,
    /// Further servers, to be found.
    pub discovered: Option<DiscoveredServers>,
    /// How to reach it.
    pub http: HttpConfig,
    /// Added to each request.
    pub headers: HeaderMap,
    /// Added to each query.
    pub params: Vec<(String, String)>,
    /// Longest time for one query.
    pub timeout: Duration,
    /// Most queries under way at the same time.
    pub queries_max: usize,
    /// The longest answer that is read.
    pub answer_bytes_max: usize,
    /// Which groups ask it; the default source is asked by all others too.
    pub groups: Vec<GroupPattern>,
}

/// Servers of a source that are found at run time.
#[derive(Clone, Debug)]
pub struct DiscoveredServers {
    /// Where they are found.
    pub discoveries: Vec<Discovery>,
    /// What makes URLs of them.
    pub targets: Targets,
}

/// What kind of server a source is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SourceKind {
    /// Prometheus, and all that answers as it does.
    #[default]
    Prometheus,
    /// Thanos Query: deduplicated, and partial answers are errors.
    Thanos,
    /// Mimir or Cortex, below their path `/prometheus`.
    Mimir,
    /// VictoriaMetrics, asked past its cache, looking five minutes back for a value, as vmalert does.
    VictoriaMetrics,
    /// Loki: LogQL.
    Loki,
    /// VictoriaLogs: LogsQL.
    VictoriaLogs,
}

const KINDS: [(&str, SourceKind); 6] = [
    ("prometheus", SourceKind::Prometheus),
    ("thanos", SourceKind::Thanos),
    ("mimir", SourceKind::Mimir),
    ("victoriametrics", SourceKind::VictoriaMetrics),
    ("loki", SourceKind::Loki),
    ("victorialogs", SourceKind::VictoriaLogs),
];

impl SourceKind {
    /// Where instant queries are taken, below the source's URL.
    pub fn path(self) -> &'static str {
        match self {
            Self::Prometheus | Self::Thanos | Self::VictoriaMetrics => "/api/v1/query",
            Self::Mimir => "/prometheus/api/v1/query",
            Self::Loki => "/loki/api/v1/query",
            Self::VictoriaLogs => "/select/logsql/stats_query",
        }
    }

    /// What the kind is asked with, unless `params` say otherwise.
    pub fn params(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Thanos => &[("dedup", "true"), ("partial_response", "false")],
            Self::VictoriaMetrics => &[("nocache", "1"), ("step", "5m")],
            _ => &[],
        }
    }

    /// The language of its expressions.
    pub fn language(self) -> Language {
        match self {
            Self::Prometheus | Self::Thanos | Self::Mimir => Language::PromQl,
            Self::VictoriaMetrics => Language::MetricsQl,
            Self::Loki => Language::LogQl,
            Self::VictoriaLogs => Language::LogsQl,
        }
    }
}

impl QueryTarget {
    /// The name of a source that was given none.
    pub const DEFAULT_NAME: &'static str = "default";

    /// A Prometheus at a URL, with a timeout of two minutes, Prometheus' own for queries.
    pub fn new(url: String) -> QueryTarget {
        QueryTarget {
            name: Self::DEFAULT_NAME.to_owned(),
            kind: SourceKind::default(),
            urls: vec![url],
            discovered: None,
            http: HttpConfig::default(),
            headers: HeaderMap::new(),
            params: Vec::new(),
            timeout: Duration::from_secs(120),
            queries_max: QUERIES_MAX,
            answer_bytes_max: ANSWER_BYTES_MAX,
            groups: Vec::new(),
        }
    }

    /// What the engine keeps to.
    pub fn bounds(&self) -> SourceBounds {
        SourceBounds { query_timeout: self.timeout, queries_max: self.queries_max }
    }

    /// Which groups ask it, under the name the engine knows it by.
    pub(super) fn choice(&self, engine_name: &str) -> SourceChoice {
        let language = self.kind.language();
        SourceChoice { source: engine_name.to_owned(), language, groups: self.groups.clone() }
    }
}

impl fmt::Debug for QueryTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let urls: Vec<String> = self.urls.iter().map(|url| shown_url(url)).collect();
        f.debug_struct("QueryTarget").field("name", &self.name).field("urls", &urls).finish_non_exhaustive()
    }
}

/// Reads `query`, the default source, and `query_sources`. The default source is the first of the result.
pub(super) fn decode(query: Field<'_>, sources: Field<'_>, base: &Path) -> Vec<QueryTarget> {
    let single = query.decode(|node, decoder| decode_source(node, decoder, base, Section::Query));
    let has_single = single.is_some();
    let mut names: Vec<String> = single.iter().map(|(source, _)| source.name.clone()).collect();
    let listed = sources.sequence(|node, decoder| {
        let (source, place) = decode_source(node, decoder, base, Section::Listed { has_default: has_single })?;
        if names.contains(&source.name) {
            decoder
                .error(place.name, format!("query source {:?} is given twice", source.name))
                .hint("give each its own name; the one under \"query\" is called \"default\"");
        }
        names.push(source.name.clone());
        Some((source, place))
    });
    let mut all: Vec<(QueryTarget, Place)> = single.into_iter().chain(listed.into_iter().flatten()).collect();
    let first_default = all.iter().position(|(_, place)| place.is_default).unwrap_or(0);
    if first_default > 0 {
        let default = all.remove(first_default);
        all.insert(0, default);
    }
    all.into_iter().map(|(source, _)| source).collect()
}

/// Where a source stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Query,
    Listed { has_default: bool },
}

struct Place {
    name: yaml::Span,
    is_default: bool,
}

fn decode_source(node: &Node, decoder: &Decoder, base: &Path, section: Section) -> Option<(QueryTarget, Place)> {
    let what = if section == Section::Query { "the query section" } else { "a query_sources entry" };
    let mut fields = decoder.mapping(node, what)?;
    let place = fields.span();
    let name = match section {
        Section::Query => Some(Spanned { value: QueryTarget::DEFAULT_NAME.to_owned(), span: place }),
        Section::Listed { .. } => fields.required("name").string(),
    };
    let is_default = match section {
        Section::Query => true,
        Section::Listed { has_default } => is_default(&mut fields, decoder, has_default),
    };
    let kind = fields.optional("kind").one_of(&KINDS).map_or(SourceKind::default(), |kind| kind.value);
    let (urls, discovered) = decode_servers(&mut fields, decoder, base);
    let params = decode_params(fields.optional("params"), kind, decoder);
    let timeout = fields.optional("timeout").parse_with(parse_duration);
    let queries_max = fields.optional("queries_max").integer_in(1..=100_000);
    let answer_bytes_max = fields.optional("answer_bytes_max").integer_in(1024..=(4 << 30));
    let groups = fields.optional("groups").sequence(decode_pattern).unwrap_or_default();
    let mut headers = http_section::decode_headers(fields.optional("headers"), &RESERVED);
    let tenant = fields.optional("tenant").string();
    headers.extend(tenant.and_then(|tenant| tenant_header(&tenant, decoder)));
    let http = http_section::decode(node, &mut fields, decoder, base);
    fields.finish();
    if let Some(zero) = timeout.as_ref().filter(|timeout| timeout.value.is_zero()) {
        decoder.error(zero.span, "a query needs more time than none");
    }
    let name = name?;
    if name.value.is_empty() {
        decoder.error(name.span, "a query source's name must not be empty");
    }
    let count = |field: Option<Spanned<i64>>| field.and_then(|field| usize::try_from(field.value).ok());
    let source = QueryTarget {
        name: name.value,
        kind,
        urls,
        discovered,
        http,
        headers,
        params,
        timeout: timeout.map_or(Duration::from_secs(120), |timeout| timeout.value),
        queries_max: count(queries_max).unwrap_or(QUERIES_MAX),
        answer_bytes_max: count(answer_bytes_max).unwrap_or(ANSWER_BYTES_MAX),
        groups,
    };
    Some((source, Place { name: name.span, is_default }))
}

fn is_default(fields: &mut Fields<'_>, decoder: &Decoder, has_default: bool) -> bool {
    let flag = fields.optional("default").boolean();
    if let Some(flag) = flag.as_ref().filter(|flag| flag.value && has_default) {
        decoder.error(flag.span, "the source under \"query\" is the default one").hint("remove one of the two");
    }
    flag.is_some_and(|flag| flag.value)
}

/// The servers: `url`, `urls`, `static_configs` and discoveries, at least one of them.
fn decode_servers(fields: &mut Fields<'_>, decoder: &Decoder, base: &Path) -> (Vec<String>, Option<DiscoveredServers>) {
    let is_given =
        ["url", "urls", "static_configs", "dns_sd_configs", "file_sd_configs"].iter().any(|name| fields.contains(name));
    let mut urls = Vec::new();
    if fields.contains("url") || !is_given {
        urls.extend(http_section::decode_url(fields.required("url"), decoder).map(|url| url.value));
    }
    let several = fields
        .optional("urls")
        .sequence(|node, decoder| http_section::decode_url(decoder.value(node), decoder).map(|url| url.value));
    urls.extend(several.unwrap_or_default());
    let scheme = fields.optional("scheme").one_of(&alertmanagers::SCHEMES).map_or("http", |scheme| scheme.value);
    let prefix = fields.optional("path_prefix").string().map(|prefix| prefix.value).unwrap_or_default();
    let prefix = prefix.trim_matches('/');
    let path = if prefix.is_empty() { String::new() } else { format!("/{prefix}") };
    let relabeling = decode_relabeling(fields.optional("relabel_configs"));
    let targets = Targets { scheme, path, path_label: PATH_LABEL, relabeling };
    urls.extend(alertmanagers::decode_static(fields.optional("static_configs"), &targets));
    let discoveries = discovery::decode(fields, base);
    (urls, (!discoveries.is_empty()).then_some(DiscoveredServers { discoveries, targets }))
}

/// Those of the kind, replaced and joined by those that are written.
fn decode_params(field: Field<'_>, kind: SourceKind, decoder: &Decoder) -> Vec<(String, String)> {
    let written = field.entries(|key, value, decoder| {
        let texts = match value.as_sequence() {
            Some(_) => decoder.value(value).string_list()?,
            None => vec![decoder.value(value).string()?],
        };
        Some((Spanned { value: key.text.to_string(), span: key.span }, texts))
    });
    let written = written.unwrap_or_default();
    for (name, _) in written.iter().filter(|(name, _)| RESERVED_PARAMS.contains(&name.value.as_str())) {
        decoder.error(name.span, format!("parameter {:?} is set for each query", name.value));
    }
    let of_kind = kind.params().iter().filter(|(name, _)| !written.iter().any(|(written, _)| written.value == *name));
    let of_kind = of_kind.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let written = written.iter().flat_map(|(name, texts)| {
        texts.iter().filter(|text| !text.value.is_empty()).map(|text| (name.value.clone(), text.value.clone()))
    });
    of_kind.chain(written).collect()
}

fn decode_pattern(node: &Node, decoder: &Decoder) -> Option<GroupPattern> {
    let mut fields = decoder.mapping(node, "a groups entry")?;
    let place = fields.span();
    let file = fields.optional("file").parse_with(Pattern::new);
    let group = fields.optional("group").parse_with(Pattern::new);
    let tenant = fields.optional("tenant").string();
    fields.finish();
    if file.is_none() && group.is_none() {
        decoder
            .error(place, "this matches no group in particular")
            .hint("give \"file\" or \"group\", a glob; \"*\" matches all");
        return None;
    }
    if let Some(tenant) = &tenant {
        tenant_header(tenant, decoder)?;
    }
    let [file, group] = [file, group].map(|pattern| pattern.map(|pattern| pattern.value));
    Some(GroupPattern { file, group, tenant: tenant.map(|tenant| tenant.value) })
}

fn tenant_header(tenant: &Spanned<String>, decoder: &Decoder) -> Option<(HeaderName, HeaderValue)> {
    match HeaderValue::from_str(&tenant.value) {
        Ok(value) => Some((HeaderName::from_bytes(TENANT_HEADER.as_bytes()).ok()?, value)),
        Err(_) => {
            decoder.error(tenant.span, "not usable as the value of a header");
            None
        }
    }
}

impl DiscoveredServers {
    /// URLs of what was found, and what is wrong with the others.
    pub fn urls(&self, found: &[TargetGroup]) -> (Vec<String>, Vec<String>) {
        let (mut urls, mut mistakes) = (Vec::new(), Vec::new());
        for group in found {
            for address in &group.addresses {
                match self.targets.url(address, &group.labels) {
                    Ok(url) => urls.extend(url),
                    Err(mistake) => mistakes.push(mistake),
                }
            }
        }
        (urls, mistakes)
    }
}
