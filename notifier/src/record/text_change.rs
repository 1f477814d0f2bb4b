//! Lists of texts as changes from another list: what neighbours have in common is not said again.

use std::borrow::Cow;

use model::difference::{common_end, common_start};
use serde::{Deserialize, Serialize};

/// One or more texts of a list, in its order.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum TextChange<'a> {
    /// So many texts are those at the same places of the list before.
    Same(u32),
    /// A text of its own.
    Whole(Cow<'a, str>),
    /// Of the text before so many bytes at the beginning and so many at the end, with this between.
    Between(u32, u32, Cow<'a, str>),
}

/// Shared text that is shorter is not worth a mention.
const SHARED_BYTES_MIN: usize = 6;

/// How a list differs from the one before, whose place it takes.
pub(super) fn changes<'a>(before: &mut Vec<&'a str>, texts: impl Iterator<Item = &'a str>) -> Vec<TextChange<'a>> {
    let mut changes = Vec::with_capacity(before.len() + 1);
    let mut count = 0;
    // Not `for`, which is slower with iterators that are put together.
    texts.for_each(|text| {
        match before.get_mut(count) {
            Some(before) if *before == text => match changes.last_mut() {
                Some(TextChange::Same(count)) => *count += 1,
                _ => changes.push(TextChange::Same(1)),
            },
            Some(before) => changes.push(between(std::mem::replace(before, text), text)),
            None => {
                changes.push(TextChange::Whole(Cow::Borrowed(text)));
                before.push(text);
            }
        }
        count += 1;
    });
    before.truncate(count);
    changes
}

fn between<'a>(before: &str, text: &'a str) -> TextChange<'a> {
    let start = common_start(before, text);
    let end = common_end(&before[start..], &text[start..]);
    let end_at = text.len() - end;
    match (u32::try_from(start), u32::try_from(end), text.get(start..end_at)) {
        (Ok(from), Ok(to), Some(middle)) if start + end >= SHARED_BYTES_MIN => {
            TextChange::Between(from, to, Cow::Borrowed(middle))
        }
        _ => TextChange::Whole(Cow::Borrowed(text)),
    }
}

/// The list that changes make of the one before.
///
/// # Errors
/// They do not fit it.
pub(super) fn applied(changes: Vec<TextChange<'_>>, before: &[String]) -> Result<Vec<String>, String> {
    let mut texts: Vec<String> = Vec::with_capacity(before.len());
    for change in changes {
        let at = texts.len();
        let nothing = || format!("text {at} is told as a change of nothing");
        match change {
            TextChange::Same(count) => {
                let same = at.checked_add(count as usize).and_then(|end| before.get(at..end));
                texts.extend_from_slice(same.ok_or_else(nothing)?);
            }
            TextChange::Whole(text) => texts.push(text.into_owned()),
            TextChange::Between(start, end, middle) => {
                let before = before.get(at).ok_or_else(nothing)?;
                // Beginning and end do not overlap: a text that were both would double with each change.
                let end_at = before.len().checked_sub(end as usize).filter(|end_at| start as usize <= *end_at);
                let ends = before.get(..start as usize).zip(end_at.and_then(|end_at| before.get(end_at..)));
                let (start, end) = ends.ok_or_else(nothing)?;
                texts.push([start, &*middle, end].concat());
            }
        }
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn neighbours_share_what_they_have_in_common() {
        let mut before = vec!["a", "b", "pod-7-x2x4q", "größer als ü", "c"];
        let texts = ["a", "b", "pod-88-x2x4q", "größer als ö", "d", "e"];
        let told = serde_json::to_string(&changes(&mut before, texts.into_iter())).unwrap();
        assert_eq!(told, r#"[2,[4,6,"88"],[13,0,"ö"],"d","e"]"#);
        assert_eq!(before, texts);
    }

    #[test]
    fn texts_that_double_with_each_change_are_refused() {
        let before = ["0123456789".to_owned()];
        assert!(applied(vec![TextChange::Between(10, 10, "".into())], &before).is_err());
        assert!(applied(vec![TextChange::Between(6, 5, "".into())], &before).is_err());
        assert_eq!(applied(vec![TextChange::Between(5, 5, "".into())], &before).as_deref(), Ok(&before[..]));
    }

    proptest! {
        #[test]
        fn a_list_comes_back(before in any_texts(), texts in any_texts()) {
            let mut last: Vec<&str> = before.iter().map(String::as_str).collect();
            let told = serde_json::to_string(&changes(&mut last, texts.iter().map(String::as_str))).unwrap();
            prop_assert!(last == texts);
            prop_assert_eq!(applied(serde_json::from_str(&told).unwrap(), &before), Ok(texts));
        }

        #[test]
        fn changes_that_fit_nothing_are_refused(before in any_texts(), texts in any_texts(), other in any_texts()) {
            let mut before: Vec<&str> = before.iter().map(String::as_str).collect();
            // No panic, whatever they are applied to.
            let _ = applied(changes(&mut before, texts.iter().map(String::as_str)), &other);
        }
    }

    fn any_texts() -> impl Strategy<Value = Vec<String>> {
        proptest::collection::vec("(abcdef|üöü)[aü]{0,3}(uvwxyz|öäöäö)?", 0..5)
    }
}
