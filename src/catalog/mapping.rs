//! Matching a listing to stock by its SKU text: exactly, or not at all.

/// What the texts alone say about a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Automatic {
    /// The merchant has this SKU, and no other listing of the channel claims it.
    Exact,
    /// Nobody can tell; the reason is for a person.
    None(String),
}

/// Decides whether a listing maps by itself.
///
/// `known` says whether the merchant has exactly this SKU; `claims` how many listings of the channel
/// carry the same text. Never guesses: a SKU that differs in case is another SKU.
pub fn automatic(sku: &str, known: bool, claims: usize) -> Automatic {
    if sku.is_empty() {
        Automatic::None("the listing has no SKU on the channel".to_owned())
    } else if claims > 1 {
        Automatic::None(format!("{claims} listings of the channel carry SKU {sku}"))
    } else if known {
        Automatic::Exact
    } else {
        Automatic::None(format!("no stock was ever booked under SKU {sku}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R50
    #[test]
    fn only_one_exact_sku_maps() {
        assert_eq!(automatic("MUG", true, 1), Automatic::Exact);
        for (sku, known, claims) in [("", true, 1), ("MUG", false, 1), ("MUG", true, 2)] {
            assert!(
                matches!(automatic(sku, known, claims), Automatic::None(_)),
                "{sku}"
            );
        }
    }
}
