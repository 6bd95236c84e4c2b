//! Matching a listing to stock by its SKU text, else by its barcode: exactly, or not at all.

use channelsync_contract::ids::Gtin;

/// What the texts alone say about a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Automatic {
    /// The merchant has this SKU, and no other listing of the channel claims it.
    Exact,
    /// One SKU has this barcode, and no other listing of the channel carries it.
    Barcode,
    /// Nobody can tell; the reason is for a person.
    None(String),
}

/// A text of a listing, and who else has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim<T> {
    /// The text.
    pub text: T,
    /// Listings of the channel that carry it.
    pub listings: usize,
    /// SKUs of the merchant that have it.
    pub skus: usize,
}

/// Decides whether a listing maps by itself.
///
/// `near` is a SKU of the merchant that differs from the listing's in case alone. Never guesses: such
/// a SKU is another SKU, and a text that two listings carry is nobody's.
pub fn automatic(sku: Claim<&str>, near: Option<&str>, barcode: Option<Claim<Gtin>>) -> Automatic {
    let mut why = if sku.text.is_empty() {
        "the listing has no SKU on the channel".to_owned()
    } else if sku.listings > 1 {
        let (listings, sku) = (sku.listings, sku.text);
        return Automatic::None(format!(
            "{listings} listings of the channel carry SKU {sku}"
        ));
    } else if sku.skus > 0 {
        return Automatic::Exact;
    } else {
        format!("no stock was ever booked under SKU {}", sku.text)
    };
    if let Some(near) = near {
        why.push_str(&format!(", {near} differs in case"));
    }
    match barcode {
        Some(Claim { text, listings, .. }) if listings > 1 => {
            why.push_str(&format!(
                "; {listings} listings of the channel carry barcode {text}"
            ));
        }
        Some(Claim { skus: 1, .. }) => return Automatic::Barcode,
        Some(Claim { text, skus: 0, .. }) => {
            why.push_str(&format!("; no SKU has barcode {text}"));
        }
        Some(Claim { text, skus, .. }) => {
            why.push_str(&format!("; {skus} SKUs have barcode {text}"));
        }
        None => {}
    }
    Automatic::None(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim<T>(text: T, listings: usize, skus: usize) -> Claim<T> {
        Claim {
            text,
            listings,
            skus,
        }
    }

    /// R50, R52
    #[test]
    fn only_one_exact_sku_or_barcode_maps() {
        let gtin = Gtin::parse("4006381333931").unwrap();
        let none = |text: &str| Automatic::None(text.to_owned());
        for (sku, near, barcode, expected) in [
            (claim("MUG", 1, 1), None, None, Automatic::Exact),
            (claim("MUG", 1, 1), None, Some((1, 2)), Automatic::Exact),
            (
                claim("MUG", 2, 1),
                None,
                Some((1, 1)),
                none("2 listings of the channel carry SKU MUG"),
            ),
            (
                claim("MUG", 1, 0),
                None,
                None,
                none("no stock was ever booked under SKU MUG"),
            ),
            (
                claim("mug", 1, 0),
                Some("MUG"),
                None,
                none("no stock was ever booked under SKU mug, MUG differs in case"),
            ),
            (
                claim("mug", 1, 0),
                Some("MUG"),
                Some((1, 1)),
                Automatic::Barcode,
            ),
            (claim("", 1, 0), None, Some((1, 1)), Automatic::Barcode),
            (
                claim("", 9, 0),
                None,
                Some((2, 1)),
                none(
                    "the listing has no SKU on the channel; \
                      2 listings of the channel carry barcode 04006381333931",
                ),
            ),
            (
                claim("X", 1, 0),
                None,
                Some((1, 0)),
                none("no stock was ever booked under SKU X; no SKU has barcode 04006381333931"),
            ),
            (
                claim("", 1, 0),
                None,
                Some((1, 2)),
                none("the listing has no SKU on the channel; 2 SKUs have barcode 04006381333931"),
            ),
        ] {
            let barcode = barcode.map(|(listings, skus)| claim(gtin, listings, skus));
            assert_eq!(
                automatic(sku, near, barcode),
                expected,
                "{sku:?} {barcode:?}"
            );
        }
    }
}
