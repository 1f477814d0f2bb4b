//! Pages of long lists: an addition that clients who do not ask for it never notice.
//!
//! `limit=N` gives at most so many items, and where there are more, the header `X-Next-Cursor` says what to pass as
//! `cursor` for the next page. A cursor names the last item seen by its place in the order of the list, so that items
//! which come or go between pages neither repeat nor hide others.

use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::answer::{self, Item, Refusal};
use super::filter::Parameters;

/// Says where the next page begins.
pub(super) const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");

/// Which page of a list is wanted; `K` is what the list is ordered by, without ties.
pub(super) struct Paging<K> {
    limit: usize,
    after: Option<K>,
}

/// A page, and the key of its last item if there are more.
pub(super) struct Page<T, K> {
    pub(super) items: Vec<T>,
    next: Option<K>,
}

impl<K: Serialize + DeserializeOwned + Ord + Clone> Paging<K> {
    pub(super) fn read(parameters: &Parameters) -> Result<Self, Refusal> {
        let given = |name| parameters.last(name).filter(|text| !text.is_empty());
        let limit = given("limit").map_or(Ok(0), |text| {
            let not_a_number = || answer::invalid(601, format!("limit in query must be of type int64: {text:?}"));
            text.parse::<usize>().map_err(|_| not_a_number())
        })?;
        let after = given("cursor").map_or(Ok(None), |text| {
            let no_cursor = || answer::refusal(StatusCode::BAD_REQUEST, "bad cursor: pass what X-Next-Cursor said");
            let key = URL_SAFE_NO_PAD.decode(text).ok().and_then(|json| serde_json::from_slice(&json).ok());
            key.map(Some).ok_or_else(no_cursor)
        })?;
        Ok(Self { limit: if limit == 0 { usize::MAX } else { limit }, after })
    }

    /// Whether everything is wanted, in one answer.
    pub(super) fn is_whole(&self) -> bool {
        self.limit == usize::MAX
    }

    /// The candidates from the page's beginning on, in order.
    pub(super) fn in_order<C>(&self, mut candidates: Vec<(K, C)>) -> Vec<(K, C)> {
        candidates.retain(|(key, _)| self.after.as_ref().is_none_or(|after| key > after));
        candidates.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        candidates
    }

    /// Puts candidates in order and makes the items of the page from them; `make` leaves out what is not wanted.
    pub(super) fn page<C, T>(&self, candidates: Vec<(K, C)>, mut make: impl FnMut(C) -> Option<T>) -> Page<T, K> {
        let candidates = self.in_order(candidates);
        let mut items = Vec::new();
        let mut last = None;
        for (key, candidate) in candidates {
            let Some(item) = make(candidate) else { continue };
            if items.len() == self.limit {
                return Page { items, next: last };
            }
            items.push(item);
            last = Some(key);
        }
        Page { items, next: None }
    }
}

impl<T: Item + Send + 'static, K: Serialize> Page<T, K> {
    pub(super) fn answer(self) -> Response {
        let cursor = self.next.and_then(|key| serde_json::to_vec(&key).ok()).map(|json| URL_SAFE_NO_PAD.encode(json));
        let mut response = answer::json_list(self.items);
        if let Some(cursor) = cursor.and_then(|text| HeaderValue::from_str(&text).ok()) {
            response.headers_mut().insert(NEXT_CURSOR, cursor);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use model::matcher::parse::ParseMode;

    use super::*;

    fn page(query: &str) -> (Vec<u64>, Option<u64>) {
        let paging = Paging::<u64>::read(&Parameters::read(Some(query), ParseMode::default())).unwrap();
        let candidates = [5, 1, 4, 2, 3].map(|key| (key, key));
        let page = paging.page(candidates.into(), |n| (n != 4).then_some(n));
        (page.items, page.next)
    }

    #[test]
    fn pages_follow_each_other_without_gap() {
        assert_eq!(page(""), (vec![1, 2, 3, 5], None));
        assert_eq!(page("limit=2"), (vec![1, 2], Some(2)));
        assert_eq!(page(&format!("limit=2&cursor={}", URL_SAFE_NO_PAD.encode("2"))), (vec![3, 5], None));
        assert_eq!(page("limit=3"), (vec![1, 2, 3], Some(3)));
        for bad in ["limit=x", "limit=-1", "cursor=!", "cursor=eA"] {
            assert!(Paging::<u64>::read(&Parameters::read(Some(bad), ParseMode::default())).is_err(), "{bad}");
        }
    }
}
