//! The parameters of `/api/v1/rules`: which rules are wanted, and how many groups at a time.

use promql::Expr;
use promql::matcher::Matcher;
use sha2::{Digest, Sha256};
use url::form_urlencoded;

use super::answer::GroupAnswer;
use crate::engine::{Engine, RuleView};
use crate::group::GroupKey;
use crate::rule::RuleKind;

/// Most selectors (`match[]`) in a request.
const SELECTORS_MAX: usize = 100;

/// What is wanted. A list that is empty does not restrict; values of one list are alternatives.
#[derive(Default)]
pub(super) struct Selection {
    alerting_only: bool,
    recording_only: bool,
    rule_names: Vec<String>,
    group_names: Vec<String>,
    files: Vec<String>,
    matchers: Vec<Vec<Matcher>>,
    without_alerts: bool,
    page: Option<Page>,
}

/// A part of the groups.
struct Page {
    groups_max: usize,
    /// The first group, as an earlier answer named it.
    from: Option<String>,
}

/// Groups, and the token of the next one if there are more.
type Chosen = (Vec<GroupAnswer>, Option<String>);

impl Selection {
    /// From the query of the URL.
    ///
    /// # Errors
    /// Which parameter is wrong, and how.
    pub(super) fn parse(query: &str) -> Result<Selection, String> {
        let mut selection = Selection::default();
        let (mut limit, mut from) = (None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let invalid = |why: &str| format!("invalid parameter {name:?}: {why}");
            match &*name {
                "type" => match &*value.to_lowercase() {
                    "" => {}
                    "alert" => selection.alerting_only = true,
                    "record" => selection.recording_only = true,
                    _ => return Err(invalid(&format!("not supported value {value:?}"))),
                },
                "rule_name[]" => selection.rule_names.push(value.into_owned()),
                "rule_group[]" => selection.group_names.push(value.into_owned()),
                "file[]" => selection.files.push(value.into_owned()),
                "match[]" if selection.matchers.len() == SELECTORS_MAX => {
                    return Err(invalid(&format!("at most {SELECTORS_MAX} are taken")));
                }
                "match[]" => selection.matchers.push(parse_selector(&value).map_err(|why| invalid(&why))?),
                "exclude_alerts" => {
                    selection.without_alerts = parse_bool(&value).ok_or_else(|| invalid("expected true or false"))?;
                }
                "group_limit" if !value.is_empty() => {
                    let wanted = value.parse().ok().filter(|limit| *limit > 0);
                    limit = Some(wanted.ok_or_else(|| invalid("group_limit needs to be an integer greater than 0"))?);
                }
                "group_next_token" if !value.is_empty() => from = Some(value.into_owned()),
                _ => {}
            }
        }
        selection.page = match (limit, from) {
            (Some(groups_max), from) => Some(Page { groups_max, from }),
            (None, None) => None,
            (None, Some(_)) => {
                let why = "group_limit needs to be present in order to paginate over the groups";
                return Err(format!("invalid parameter \"group_limit\": {why}"));
            }
        };
        Ok(selection)
    }

    /// The wanted part of the engine's groups, which are ordered by file and name. Groups without a wanted rule are left
    /// out.
    ///
    /// # Errors
    /// The page begins at a group that there is not.
    pub(super) fn of(&self, engine: &Engine) -> Result<Chosen, String> {
        let (mut chosen, mut next) = (Vec::new(), None);
        let mut from = self.page.as_ref().and_then(|page| page.from.as_deref());
        let groups_max = self.page.as_ref().map_or(usize::MAX, |page| page.groups_max);
        for group in engine.groups() {
            let key = group.key();
            if from.is_some_and(|from| from != token(key)) {
                continue;
            }
            from = None;
            if !is_among(&self.group_names, &key.name) || !is_among(&self.files, &key.file) {
                continue;
            }
            let rules: Vec<RuleView<'_>> = group.rules().filter(|rule| self.wants(rule)).collect();
            if rules.is_empty() {
                continue;
            }
            if chosen.len() == groups_max {
                next = Some(token(key));
                break;
            }
            chosen.push(GroupAnswer::of(&group, &rules, !self.without_alerts));
        }
        match from {
            Some(_) => Err("invalid parameter \"group_next_token\": there is no such group any more".to_owned()),
            None => Ok((chosen, next)),
        }
    }

    fn wants(&self, view: &RuleView<'_>) -> bool {
        let rule = view.rule();
        let of_kind = match rule.kind {
            RuleKind::Alerting(_) => !self.recording_only,
            RuleKind::Recording => !self.alerting_only,
        };
        // a templated label has no value yet
        let label = |name: &str| rule.labels.get(name).filter(|value| !value.contains("{{")).unwrap_or("");
        let matches = |matcher: &Matcher| matcher.matches_value(label(matcher.name()));
        let labelled = self.matchers.is_empty() || self.matchers.iter().any(|set| set.iter().all(matches));
        of_kind && is_among(&self.rule_names, &rule.name) && labelled
    }
}

fn is_among(wanted: &[String], name: &str) -> bool {
    wanted.is_empty() || wanted.iter().any(|wanted| wanted == name)
}

/// Names a group in a way that survives a reload.
fn token(key: &GroupKey) -> String {
    hex::encode(Sha256::digest(key.to_string()))
}

/// The matchers of a selector without range, offset or `@`.
fn parse_selector(text: &str) -> Result<Vec<Matcher>, String> {
    let parsed = promql::parse(text).map_err(|mistakes| {
        mistakes.first().map_or_else(|| "not a selector".to_owned(), |mistake| mistake.located(text))
    })?;
    match parsed {
        Expr::Vector(selector) if selector.offset.is_none() && selector.at.is_none() && selector.boundary.is_none() => {
            Ok(selector.matchers)
        }
        _ => Err("not a selector such as {severity=\"page\"}".to_owned()),
    }
}

/// The words Go's `strconv.ParseBool` knows; nothing at all is false.
fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}
