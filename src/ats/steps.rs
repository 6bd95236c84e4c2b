//! What the rules make of what is there: share, cap, whole cases, minimum.

use serde::Serialize;

use super::rules::Effective;

/// Whole listings after each step; never negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Steps {
    /// Whether the rules for low stock held.
    pub is_low: bool,
    /// What of a guarded pool is this listing's alone; none where it is not guarded.
    pub split: Option<i64>,
    /// After the share.
    pub shared: i64,
    /// After the cap.
    pub capped: i64,
    /// Rounded down to whole cases.
    pub cased: i64,
    /// After the minimum: what is to be shown.
    pub shown: i64,
}

/// The steps from a pool, of which `split` is this listing's where it is guarded. With several parts the strictest rule of each kind holds; a case holds whole
/// cases of each part.
pub(super) fn steps(pool: i64, rules: &[Effective], split: Option<i64>) -> Steps {
    let is_low = |rule: &Effective| {
        let low = rule.low_stock_units.value;
        low.is_some_and(|low| pool <= i64::from(low))
    };
    let low = |rule: &Effective, units: Option<u32>| units.filter(|_| is_low(rule));
    let share = rules.iter().map(|rule| {
        let then = low(rule, rule.low_share_percent.value);
        then.unwrap_or(rule.share_percent.value)
    });
    let cap = rules
        .iter()
        .filter_map(|rule| low(rule, rule.low_cap_units.value).or(rule.cap_units.value));
    let minimum = rules.iter().map(|rule| {
        let then = low(rule, rule.low_min_units.value);
        then.unwrap_or(rule.min_units.value)
    });
    let share = share.min().unwrap_or(0);
    let shared = pool.max(0).saturating_mul(i64::from(share));
    let shared = split.unwrap_or(shared.checked_div(100).unwrap_or(0));
    let capped = cap.min().map_or(shared, |cap| shared.min(i64::from(cap)));
    let case = rules.iter().map(|rule| i64::from(rule.case_units.value));
    let case = case.fold(1, least_common_multiple);
    let over = capped.checked_rem(case).unwrap_or(0);
    let cased = capped.saturating_sub(over);
    let minimum = i64::from(minimum.max().unwrap_or(0));
    Steps {
        split,
        is_low: rules.iter().any(is_low),
        shared,
        capped,
        cased,
        shown: if cased < minimum { 0 } else { cased },
    }
}

fn least_common_multiple(one: i64, other: i64) -> i64 {
    let (mut divisor, mut rest) = (one, other);
    while rest != 0 {
        let next = divisor.checked_rem(rest).unwrap_or(0);
        (divisor, rest) = (rest, next);
    }
    let factor = other.checked_div(divisor).unwrap_or(1);
    one.saturating_mul(factor)
}
