//! Two back-tests of the same time side by side: which pages come, go or move with another configuration.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::simulate::timeline::Delivered;

/// A page that says the same this much earlier or later has moved; beyond that one is gone and another has come.
pub const MOVED_MAX: Duration = Duration::from_secs(3600);

/// What became of pages, each in order of time.
#[derive(Debug, Default)]
pub struct Comparison<'p> {
    /// Both have them.
    pub same: usize,
    /// Only the second has them.
    pub added: Vec<&'p Delivered>,
    /// Only the first has them.
    pub removed: Vec<&'p Delivered>,
    /// Both have them, at other times: as the first has them, and the second.
    pub moved: Vec<(&'p Delivered, &'p Delivered)>,
}

/// What a page says to whom: the same content in two back-tests is the same page, whatever the group is called.
type Content = (String, &'static str, usize, Vec<String>, Vec<String>);

impl<'p> Comparison<'p> {
    /// Of the pages of two back-tests.
    pub fn of(first: &'p [Delivered], second: &'p [Delivered]) -> Comparison<'p> {
        let mut comparison = Comparison::default();
        let mut waiting: BTreeMap<Content, VecDeque<&Delivered>> = BTreeMap::new();
        for page in second {
            waiting.entry(content(page)).or_default().push_back(page);
        }
        // Equal instants first, so that a page that stays is not taken for one that moved.
        let mut open = Vec::new();
        for page in first {
            let content = content(page);
            let others = waiting.entry(content.clone()).or_default();
            match others.iter().position(|other| other.at == page.at) {
                Some(at) => {
                    others.remove(at);
                    comparison.same += 1;
                }
                None => open.push((content, page)),
            }
        }
        for (content, page) in open {
            let others = waiting.entry(content).or_default();
            let away = |other: &Delivered| other.at.since(page.at).max(page.at.since(other.at));
            let nearest = others.iter().enumerate().min_by_key(|(_, other)| away(other));
            match nearest.filter(|(_, other)| away(other) <= MOVED_MAX).map(|(at, _)| at) {
                Some(at) => comparison.moved.extend(others.remove(at).map(|other| (page, other))),
                None => comparison.removed.push(page),
            }
        }
        comparison.added = waiting.into_values().flatten().collect();
        comparison.added.sort_by_key(|page| page.at);
        comparison
    }

    /// Whether nothing changes.
    pub fn is_same(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.moved.is_empty()
    }
}

fn content(page: &Delivered) -> Content {
    let mut firing: Vec<String> = page.firing().map(|alert| alert.labels.to_string()).collect();
    let mut resolved: Vec<String> = page.resolved().map(|alert| alert.labels.to_string()).collect();
    firing.sort();
    resolved.sort();
    (page.notification.receiver.clone(), page.integration, page.index, firing, resolved)
}
