//! A stored record: the length of its key, the key, what is stored under it.
//!
//! It opens under its own key alone, and what opens is stored again as the same bytes.

use channelsync::store::RecordsError;
use channelsync::store::records_sled::value::{decode, encode};

pub(super) fn holds(bytes: &[u8]) {
    let Some((length, rest)) = bytes.split_first() else {
        return;
    };
    let (key, stored) = rest.split_at(usize::from(*length).min(rest.len()));
    match decode(key, stored) {
        Ok((seq, value)) if stored[0] == 1 => assert_eq!(encode(key, seq, value), stored),
        Ok((_, _)) => assert_eq!(stored[0], 0, "a format of later"),
        Err(RecordsError::Newer { .. }) => assert!(stored[0] > 1),
        Err(error) => assert!(matches!(error, RecordsError::Damaged(_)), "{error}"),
    }
    let kept = encode(key, 7, stored);
    assert_eq!(decode(key, &kept).unwrap(), (7, stored));
    let other = [key, b"x"].concat();
    assert!(decode(&other, &kept).is_err(), "it opens under another key");
    assert!(
        decode(key, &kept[..kept.len() - 1]).is_err(),
        "it opens cut"
    );
}

pub(super) fn made() -> Vec<Vec<u8>> {
    let key = b"order/shopify-us/450";
    let length = u8::try_from(key.len()).unwrap();
    let value = br##"{"order":"450","name":"#1001","cancelled":false,"lines":[],"entry":7}"##;
    vec![[&[length], &key[..], &encode(key, 7, value)].concat()]
}
