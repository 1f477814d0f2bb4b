//! What a list of alerts is asked for, as it stands in the address.

use std::sync::Arc;

use model::Matcher;
use model::matcher::parse::ParseMode;

use super::filter::{Filter, FilterError, Term};
use crate::here::{Here, query_of};

/// Which alerts, in which order, and which part of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `q`: which.
    pub filter: Filter,
    /// `show`: also those that are hidden.
    pub show: Show,
    /// `sort`: the order of the cards.
    pub sort: Sort,
    /// `by`: labels that make the cards, in place of the notifier's groups.
    pub by: Vec<String>,
    /// `page`: from 1.
    pub page: usize,
    /// `card`: only this card, with more of its alerts.
    pub card: Option<String>,
    /// What alerts satisfy that are the business of whoever asks. Never in an address.
    pub scope: Arc<[Matcher]>,
}

/// Which states are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Show {
    /// What nothing hides.
    #[default]
    Active,
    /// What something hides.
    Suppressed,
    /// Everything.
    All,
}

/// The order of cards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// What began last comes first.
    #[default]
    Newest,
    /// What began first comes first.
    Oldest,
    /// By labels.
    Name,
    /// The largest first.
    Size,
    /// By the value of a label.
    Label(String),
}

/// The first page of what nothing hides.
impl Default for Request {
    fn default() -> Self {
        Self {
            filter: Filter::default(),
            show: Show::Active,
            sort: Sort::Newest,
            by: Vec::new(),
            page: 1,
            card: None,
            scope: Arc::default(),
        }
    }
}

impl Show {
    /// All, with their names in addresses.
    pub const ALL: [(Self, &'static str); 3] =
        [(Self::Active, "active"), (Self::Suppressed, "suppressed"), (Self::All, "all")];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(show, _)| *show == self).map_or("", |(_, name)| name)
    }
}

impl Sort {
    fn parse(text: &str) -> Self {
        match text {
            "oldest" => Self::Oldest,
            "name" => Self::Name,
            "size" => Self::Size,
            text => match text.strip_prefix("label:").map(str::trim).filter(|label| !label.is_empty()) {
                Some(label) => Self::Label(label.to_owned()),
                None => Self::Newest,
            },
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Newest => String::new(),
            Self::Oldest => "oldest".to_owned(),
            Self::Name => "name".to_owned(),
            Self::Size => "size".to_owned(),
            Self::Label(label) => format!("label:{label}"),
        }
    }
}

impl Request {
    /// From an address.
    ///
    /// # Errors
    /// The filter is wrong.
    pub fn read(here: &Here, mode: ParseMode) -> Result<Self, FilterError> {
        let parameter = |name| here.parameter(name).unwrap_or_default();
        let filter = Filter::parse(&here.all("q").join(", "), mode)?;
        let shown = parameter("show");
        let by_default = if filter.asks_state() { Show::All } else { Show::Active };
        let show = Show::ALL.into_iter().find(|(_, name)| *name == shown).map_or(by_default, |(show, _)| show);
        let by = parameter("by").split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        Ok(Self {
            filter,
            show,
            sort: Sort::parse(&parameter("sort")),
            by,
            page: parameter("page").parse().unwrap_or(1).max(1),
            card: here.parameter("card"),
            scope: here.caller().scope.clone(),
        })
    }

    /// As an address has it, without `?`.
    pub fn query(&self) -> String {
        let page = if self.page > 1 { self.page.to_string() } else { String::new() };
        let by_default = if self.filter.asks_state() { Show::All } else { Show::Active };
        let show = if self.show == by_default { "" } else { self.show.name() };
        query_of([
            ("q", self.filter.to_string().as_str()),
            ("show", show),
            ("sort", &self.sort.text()),
            ("by", &self.by.join(",")),
            ("card", self.card.as_deref().unwrap_or_default()),
            ("page", &page),
        ])
    }

    /// With one more term, from the first page on.
    #[must_use]
    pub fn with(&self, term: Term) -> Self {
        Self { filter: self.filter.with(term), page: 1, card: None, ..self.clone() }
    }

    /// Without the term at a place.
    #[must_use]
    pub fn without(&self, place: usize) -> Self {
        Self { filter: self.filter.without(place), page: 1, card: None, ..self.clone() }
    }

    /// Showing others.
    #[must_use]
    pub fn showing(&self, show: Show) -> Self {
        Self { show, page: 1, card: None, ..self.clone() }
    }

    /// Of one card.
    #[must_use]
    pub fn of_card(&self, card: &str) -> Self {
        Self { card: Some(card.to_owned()), page: 1, ..self.clone() }
    }

    /// Another page.
    #[must_use]
    pub fn at_page(&self, page: usize) -> Self {
        Self { page, ..self.clone() }
    }

    /// The order as its form has it.
    pub fn sort_text(&self) -> String {
        self.sort.text()
    }

    /// Whether an alert in this state is shown.
    pub fn shows(&self, is_active: bool) -> bool {
        match self.show {
            Show::All => true,
            Show::Active => is_active,
            Show::Suppressed => !is_active,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_and_written() {
        for (query, again) in [
            ("", ""),
            ("q=a%3Db&q=c%3Dd", "q=a%3D%22b%22%2C+c%3D%22d%22"),
            ("q=%40state%3Dsilenced&show=all", "q=%40state%3D%22silenced%22"),
            ("show=active&sort=newest&page=1&by=", ""),
            ("show=all&sort=label:x&by=a,+b&page=3&card=k", "show=all&sort=label%3Ax&by=a%2Cb&card=k&page=3"),
            ("sort=nonsense&page=-1&show=nonsense", ""),
        ] {
            let request = Request::read(&Here::new("/alerts", query), ParseMode::default()).unwrap();
            assert_eq!(request.query(), again, "{query}");
        }
        let request = Request::read(&Here::new("/alerts", "q=a%3Db&page=3"), ParseMode::default()).unwrap();
        assert_eq!(request.with(Term::label("c", "d")).query(), "q=a%3D%22b%22%2C+c%3D%22d%22");
        assert_eq!(request.without(0).query(), "");
    }
}
