//! Reads an `alertmanager.yml` and finds every mistake in it.
//!
//! Follows Alertmanager 0.34's loader: the same keys, defaults and rules. What differs is said with the part it
//! concerns; for the file as a whole: relative file names always start at the file's folder, and keys of parts that
//! this version lacks are refused by name.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use model::matcher::parse::ParseMode;
use yaml::{Decoder, Diagnostic, Diagnostics, Node, Severity, SourceFile, Spanned};

use super::global::Global;
use super::route::RawRoute;
use super::template_files::{self, ReadFile};
use super::{Config, inhibit_rule, receivers, redaction, time_intervals, without_effect};
use crate::mute_time::TimeInterval;
use crate::receiver::Receiver;

/// How many names a hint lists.
const NAMES_SHOWN: usize = 8;

impl Config {
    /// Reads a configuration file and the template files it names, through `reader`. The warnings come with it.
    ///
    /// # Errors
    /// Every mistake in the file and its templates, warnings included.
    pub fn load(
        path: &Path,
        matcher_mode: ParseMode,
        reader: ReadFile<'_>,
    ) -> Result<(Config, Diagnostics), Diagnostics> {
        let name = path.display().to_string();
        match reader(path) {
            Ok(text) => {
                let base = path.parent().unwrap_or(Path::new(""));
                Config::parse(&SourceFile::new(name, text), base, matcher_mode, reader)
            }
            Err(error) => {
                let file = SourceFile::new(name, "");
                Err(Diagnostic::whole_file(&file, format!("cannot read the file: {error}")).into())
            }
        }
    }

    /// Reads a configuration from its text. Relative file names start at `base`; template files are read through
    /// `reader`.
    ///
    /// # Errors
    /// Every mistake in the text and in the templates, warnings included.
    pub fn parse(
        file: &SourceFile,
        base: &Path,
        matcher_mode: ParseMode,
        reader: ReadFile<'_>,
    ) -> Result<(Config, Diagnostics), Diagnostics> {
        let decoder = Decoder::new(file);
        let root = decoder.first_document();
        let config = root.as_ref().and_then(|root| decode(root, &decoder, base, matcher_mode, reader));
        let hide = |found: &Diagnostics| redaction::hide_secrets(found, file, root.as_ref());
        match decoder.finish(config) {
            Ok((config, warnings)) => Ok((config, hide(&warnings))),
            Err(mistakes) => Err(hide(&mistakes)),
        }
    }
}

fn decode(
    root: &Node,
    decoder: &Decoder,
    base: &Path,
    matcher_mode: ParseMode,
    reader: ReadFile<'_>,
) -> Option<Config> {
    let mut fields = decoder.mapping(root, "an Alertmanager configuration")?;
    let global = fields.optional("global").decode(|node, decoder| Global::decode(node, decoder, base));
    let global = global.unwrap_or_default();
    let route = fields.required("route").decode(|node, decoder| RawRoute::decode(node, decoder, matcher_mode));
    let (receivers, receiver_order) = receivers::decode(fields.optional("receivers"), &global, base);
    let inhibit_rules =
        fields.optional("inhibit_rules").sequence(|node, decoder| inhibit_rule::decode(node, decoder, matcher_mode));
    let time_intervals = time_intervals::decode(&mut fields);
    let templates = fields.optional("templates").string_list().unwrap_or_default();
    without_effect::read(&mut fields, decoder, base);
    fields.finish();
    let route = route?;
    check_root(&route, decoder);
    check_names(&route, &receivers, &time_intervals, decoder);
    Some(Config {
        route: route.resolve(decoder),
        receivers,
        receiver_order,
        inhibit_rules: inhibit_rules.unwrap_or_default(),
        time_intervals,
        resolve_timeout: global.resolve_timeout,
        template_files: template_files::read(&templates, decoder, base, reader),
        template_patterns: templates.iter().map(|pattern| template_files::in_base(&pattern.value, base)).collect(),
        shown: redaction::shown(decoder.file(), root),
    })
}

/// The root matches every alert, so it has a receiver and nothing that would let an alert pass it by.
fn check_root(root: &RawRoute, decoder: &Decoder) {
    if root.receiver.is_none() {
        decoder
            .error(root.span, "the root route has no receiver")
            .hint("every alert that no other route takes goes there");
    }
    for key in &root.not_on_root {
        let report = decoder.error(key.span, format!("the root route matches every alert and has no {:?}", key.value));
        report.hint("put it on a route below the root");
    }
}

/// Every receiver and time interval that a route names must be there.
fn check_names(
    route: &RawRoute,
    receivers: &BTreeMap<String, Arc<Receiver>>,
    intervals: &BTreeMap<String, Vec<TimeInterval>>,
    decoder: &Decoder,
) {
    for name in route.receiver.iter().filter(|name| !receivers.contains_key(&name.value)) {
        undefined("receiver", name, receivers.keys(), decoder);
    }
    let steps = route.escalate.iter().flatten();
    for name in steps.map(|step| &step.to).filter(|name| !receivers.contains_key(&name.value)) {
        undefined("receiver", name, receivers.keys(), decoder);
    }
    let named = route.mute_time_intervals.iter().chain(&route.active_time_intervals);
    for name in named.filter(|name| !intervals.contains_key(&name.value)) {
        undefined("time interval", name, intervals.keys(), decoder);
    }
    for child in &route.routes {
        check_names(child, receivers, intervals, decoder);
    }
}

fn undefined<'a>(
    what: &str,
    name: &Spanned<String>,
    defined: impl ExactSizeIterator<Item = &'a String>,
    decoder: &Decoder,
) {
    let report = decoder.error(name.span, format!("{what} {:?} is not defined", name.value));
    let more = if defined.len() > NAMES_SHOWN { ", …" } else { "" };
    let names: Vec<&str> = defined.take(NAMES_SHOWN).map(String::as_str).collect();
    match names.is_empty() {
        true => report.hint(format!("no {what} is defined")),
        false => report.hint(format!("defined are {}{more}", names.join(", "))),
    };
}

/// Whether a diagnostic only says that this version lacks something.
pub fn is_not_supported_yet(diagnostic: &Diagnostic) -> bool {
    diagnostic.severity == Severity::Error
        && diagnostic.message.ends_with(": not supported yet by this version of Watchfire")
}
