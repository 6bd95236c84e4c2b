//! A stored value: format `u8`, crc32c `u32` of key, seq and value, seq `u64`, value. Little-endian.

use crate::store::RecordsError;

const FORMAT: u8 = 1;
const HEADER_BYTES: usize = 13;

/// A value as it is stored under a key.
pub fn encode(key: &[u8], seq: u64, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + value.len());
    bytes.push(FORMAT);
    bytes.extend_from_slice(&checksum(key, &seq.to_le_bytes(), value).to_le_bytes());
    bytes.extend_from_slice(&seq.to_le_bytes());
    bytes.extend_from_slice(value);
    bytes
}

/// The entry it was written for, and the value.
///
/// # Errors
/// `Damaged` and `Newer`.
pub fn decode<'a>(key: &[u8], stored: &'a [u8]) -> Result<(u64, &'a [u8]), RecordsError> {
    let damaged =
        || RecordsError::Damaged(format!("the value of {} is unreadable", key.escape_ascii()));
    let (format, rest) = stored.split_first().ok_or_else(damaged)?;
    let (crc, rest) = rest.split_first_chunk().ok_or_else(damaged)?;
    let (seq, value) = rest.split_first_chunk().ok_or_else(damaged)?;
    if u32::from_le_bytes(*crc) != checksum(key, seq, value) {
        return Err(damaged());
    }
    if *format > FORMAT {
        return Err(RecordsError::Newer {
            found: (*format).into(),
            known: FORMAT.into(),
        });
    }
    Ok((u64::from_le_bytes(*seq), value))
}

fn checksum(key: &[u8], seq: &[u8; 8], value: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(crc32c::crc32c(key), seq), value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_value_reads_back_under_its_own_key_only(key: Vec<u8>, seq: u64, value: Vec<u8>) {
            let stored = encode(&key, seq, &value);
            prop_assert_eq!(decode(&key, &stored).unwrap(), (seq, &*value));
            let other = [&*key, b"x"].concat();
            prop_assert!(matches!(decode(&other, &stored), Err(RecordsError::Damaged(_))));
        }

        #[test]
        fn any_bytes_decode_to_an_error(stored: Vec<u8>) {
            prop_assert!(decode(b"key", &stored).is_err());
        }
    }

    #[test]
    fn a_newer_value_is_told_apart() {
        let mut stored = encode(b"key", 1, b"value");
        stored[0] = 2;
        let error = decode(b"key", &stored).unwrap_err();
        assert!(matches!(error, RecordsError::Newer { found: 2, known: 1 }));
    }
}
