//! Which query source a group asks: told by patterns of the configuration, so that rule files stay what they are.

use glob::Pattern;

use crate::rule::{Language, Source};

/// The header that names a tenant to Mimir, Loki and their kind.
pub const TENANT_HEADER: &str = "X-Scope-OrgID";

/// The sources groups may have, in the order in which they are tried.
#[derive(Clone, Debug, Default)]
pub struct SourceChoices {
    /// The language of the default source, for all groups without a choice.
    pub default_language: Language,
    /// The others.
    pub choices: Vec<SourceChoice>,
}

/// A source and the groups that ask it.
#[derive(Clone, Debug)]
pub struct SourceChoice {
    /// The source's name; empty for the default one.
    pub source: String,
    /// Its language.
    pub language: Language,
    /// A group asks this source if one of these matches.
    pub groups: Vec<GroupPattern>,
}

/// What a group must be like.
#[derive(Clone, Debug, Default)]
pub struct GroupPattern {
    /// Its file: the whole path, or the end of it after a slash.
    pub file: Option<Pattern>,
    /// Its name.
    pub group: Option<Pattern>,
    /// The tenant whose data it reads.
    pub tenant: Option<String>,
}

impl SourceChoices {
    /// The source of a group: the first that a pattern gives it; else, for a group with vmalert's `type` of `loki` or
    /// `vlogs`, the first source with that language; else the default one.
    pub fn choose(&self, file: &str, group: &str, group_type: Option<&str>) -> Source {
        for choice in &self.choices {
            if let Some(pattern) = choice.groups.iter().find(|pattern| pattern.matches(file, group)) {
                let headers = pattern.tenant.iter().map(|tenant| (TENANT_HEADER.to_owned(), tenant.clone()));
                return Source { headers: headers.collect(), ..choice.source() };
            }
        }
        let wanted = match group_type {
            Some("loki") => Some(Language::LogQl),
            Some("vlogs") => Some(Language::LogsQl),
            _ => None,
        };
        let by_type = self.choices.iter().find(|choice| Some(choice.language) == wanted);
        match (by_type, wanted) {
            (Some(choice), _) => choice.source(),
            (None, language) => Source { language: language.unwrap_or(self.default_language), ..Source::default() },
        }
    }
}

impl SourceChoice {
    fn source(&self) -> Source {
        Source { name: self.source.clone(), language: self.language, ..Source::default() }
    }
}

impl GroupPattern {
    fn matches(&self, file: &str, group: &str) -> bool {
        let file_matches = self.file.as_ref().is_none_or(|pattern| matches_path(pattern, file));
        file_matches && self.group.as_ref().is_none_or(|pattern| pattern.matches(group))
    }
}

/// Whether a path, or what follows one of its slashes, matches.
fn matches_path(pattern: &Pattern, path: &str) -> bool {
    let ends = path.match_indices('/').filter_map(|(at, _)| path.get(at + 1..));
    std::iter::once(path).chain(ends).any(|end| {
        let options = glob::MatchOptions { require_literal_separator: true, ..glob::MatchOptions::default() };
        pattern.matches_with(end, options)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(file: &str, group: &str) -> GroupPattern {
        let given = |text: &str| (!text.is_empty()).then(|| Pattern::new(text).unwrap());
        GroupPattern { file: given(file), group: given(group), tenant: None }
    }

    #[test]
    fn the_first_pattern_that_matches_decides_then_the_type_then_the_default() {
        let choice = |source: &str, language, groups| SourceChoice { source: source.to_owned(), language, groups };
        let tenant = GroupPattern { tenant: Some("a|b".to_owned()), ..pattern("", "team-*") };
        let choices = SourceChoices {
            default_language: Language::PromQl,
            choices: vec![
                choice("logs", Language::LogQl, vec![pattern("loki/*.yml", ""), pattern("/abs.yml", "x")]),
                choice("mimir", Language::PromQl, vec![tenant]),
                choice("more-logs", Language::LogsQl, Vec::new()),
            ],
        };
        for (file, group, group_type, expected) in [
            ("/etc/rules/loki/a.yml", "g", None, "logs"),
            ("loki/a.yml", "team-a", None, "logs"),
            ("/etc/rules/loki/deep/a.yml", "g", None, ""),
            ("/etc/rules/notloki/a.yml", "g", None, ""),
            ("/abs.yml", "x", None, "logs"),
            ("/abs.yml", "y", None, ""),
            ("a.yml", "team-a", None, "mimir"),
            ("a.yml", "g", Some("loki"), "logs"),
            ("a.yml", "g", Some("vlogs"), "more-logs"),
            ("a.yml", "g", Some("prometheus"), ""),
        ] {
            let source = choices.choose(file, group, group_type);
            assert_eq!(source.name, expected, "{file} {group} {group_type:?}");
            assert_eq!(source.headers.is_empty(), expected != "mimir");
        }
        assert_eq!(SourceChoices::default().choose("f", "g", Some("loki")).language, Language::LogQl);
    }
}
