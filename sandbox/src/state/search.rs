//! Search: an index that lags, and the small part of the search syntax that is served.

use std::collections::{BTreeMap, BTreeSet};

use channelsync_contract::Timestamp;

/// What searches know: when each object was last changed, as of a while ago.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Object -> the change that searches see.
    rows: BTreeMap<u64, Timestamp>,
    /// (visible at, object, changed at).
    coming: BTreeSet<(Timestamp, u64, Timestamp)>,
}

impl Index {
    /// `id` changed at `changed_at`; searches know it at `visible_at`.
    pub(crate) fn change(&mut self, id: u64, changed_at: Timestamp, visible_at: Timestamp) {
        self.coming.insert((visible_at, id, changed_at));
    }

    /// Lets in what has become visible.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        while let Some(&(visible_at, id, changed_at)) = self.coming.first() {
            if visible_at > now {
                break;
            }
            self.coming.pop_first();
            let row = self.rows.entry(id).or_insert(changed_at);
            *row = changed_at.max(*row);
        }
    }

    /// Every object that searches know, with its change.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (u64, Timestamp)> {
        self.rows.iter().map(|(id, changed_at)| (*id, *changed_at))
    }
}

/// One term of a search, such as `updated_at:>='2026-11-21T10:00:00Z'`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    /// Before the colon.
    pub(crate) field: String,
    /// `=`, `<`, `<=`, `>`, `>=`.
    pub(crate) comparison: &'static str,
    /// Unquoted.
    pub(crate) value: String,
    /// The value as a time, if it is one.
    pub(crate) time: Option<Timestamp>,
}

impl Term {
    /// Whether `at`, in whole seconds, meets the term; none when its value is no time.
    pub(crate) fn meets_time(&self, at: Timestamp) -> Option<bool> {
        let bound = self.time?.0.div_euclid(1_000_000);
        Some(compare(self.comparison, at.0.div_euclid(1_000_000), bound))
    }

    /// Whether `number` meets the term; none when its value is no number.
    pub(crate) fn meets_number(&self, number: u64) -> Option<bool> {
        let text = self.value.rsplit('/').next()?;
        Some(compare(self.comparison, number, text.parse().ok()?))
    }

    /// Whether `text` meets the term, in any case.
    pub(crate) fn meets_text(&self, text: &str) -> bool {
        self.comparison == "=" && text.eq_ignore_ascii_case(&self.value)
    }
}

fn compare<T: Ord + Copy>(comparison: &str, value: T, bound: T) -> bool {
    match comparison {
        "<" => value < bound,
        "<=" => value <= bound,
        ">" => value > bound,
        ">=" => value >= bound,
        _ => value == bound,
    }
}

/// Reads terms joined by spaces or `AND`; none for what the double does not understand (`OR`,
/// `NOT`, parentheses, bare words).
pub(crate) fn parse_terms(query: &str) -> Option<Vec<Term>> {
    let mut terms = Vec::new();
    let mut rest = query.trim();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("AND ") {
            rest = after.trim_start();
            continue;
        }
        let (field, after) = rest.split_once(':')?;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if field.is_empty() || !field.bytes().all(is_name) {
            return None;
        }
        let comparison = [">=", "<=", ">", "<"]
            .into_iter()
            .find(|sign| after.starts_with(sign));
        let after = after
            .strip_prefix(comparison.unwrap_or(""))
            .unwrap_or(after);
        let (value, left) = match after.chars().next()? {
            quote @ ('\'' | '"') => after.get(1..)?.split_once(quote)?,
            _ => after.split_once(' ').unwrap_or((after, "")),
        };
        terms.push(Term {
            field: field.to_owned(),
            comparison: comparison.unwrap_or("="),
            value: value.to_owned(),
            time: Timestamp::parse(value),
        });
        rest = left.trim_start();
    }
    Some(terms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searches_are_read_term_by_term() {
        let terms = parse_terms("updated_at:>='2026-11-21T10:00:00Z' AND test:true").unwrap();
        assert_eq!(terms[0].comparison, ">=");
        assert_eq!(terms[0].value, "2026-11-21T10:00:00Z");
        assert_eq!(
            (terms[1].field.as_str(), terms[1].value.as_str()),
            ("test", "true")
        );
        assert_eq!(parse_terms(""), Some(Vec::new()));
        for text in ["mug", "(sku:1)", "sku:'open", "NOT sku:1"] {
            assert_eq!(parse_terms(text), None, "{text}");
        }
    }

    #[test]
    fn a_change_is_found_only_after_the_lag() {
        let mut index = Index::default();
        index.change(7, Timestamp(10), Timestamp(20));
        index.advance(Timestamp(19));
        assert_eq!(index.rows().count(), 0);
        index.advance(Timestamp(20));
        assert_eq!(index.rows().next(), Some((7, Timestamp(10))));
    }
}
