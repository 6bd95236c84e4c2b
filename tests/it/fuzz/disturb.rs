//! Inputs that are nearly right.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::Rng as _;

/// An input does not grow beyond this many bytes.
const BYTES_MAX: usize = 16 << 10;
const CHANGES_MAX: usize = 4;
/// Texts that decoders look for, and numbers at the edge of what they take.
const WORDS: &[&str] = &[
    "null",
    "true",
    "-1",
    "0",
    "1",
    "0.5",
    "1e400",
    "4294967295",
    "4294967296",
    "1000000001",
    "9223372036854775807",
    "18446744073709551616",
    "\"\"",
    "\"\\ud800\"",
    "[]",
    "{}",
    "[[",
    "{\"\":",
    ",",
    ":",
    "\"",
    "\n",
    "\r\n",
    "\n%%\n",
    "\u{feff}",
    "\0",
    "\u{202e}",
    " ",
    "#",
    "=",
    "'''",
    "gid://shopify/Order/1",
    "2026-11-20T14:03:11Z",
    "9999-12-31T23:59:59Z",
    "-009999-01-01T00:00:00Z",
];

/// One of the inputs with up to four changes.
pub(super) fn disturbed(inputs: &[&[u8]], rng: &mut Xoshiro256PlusPlus) -> Vec<u8> {
    let mut bytes = inputs[below(rng, inputs.len())].to_vec();
    for _ in 0..=below(rng, CHANGES_MAX) {
        change(&mut bytes, inputs, rng);
    }
    bytes.truncate(BYTES_MAX);
    bytes
}

fn change(bytes: &mut Vec<u8>, inputs: &[&[u8]], rng: &mut Xoshiro256PlusPlus) {
    let (from, to) = range(bytes, rng);
    match below(rng, 10) {
        0 | 1 => {
            if let Some(byte) = bytes.get_mut(from) {
                *byte ^= 1 << below(rng, 8);
            }
        }
        2 => {
            if let Some(byte) = bytes.get_mut(from) {
                *byte = [0, 1, 0x7f, 0x80, 0xff][below(rng, 5)];
            }
        }
        3 => drop(bytes.drain(from..to)),
        4 => {
            let again = bytes[from..to].to_vec();
            bytes.splice(from..from, again);
        }
        5 => bytes.truncate(from),
        6 => {
            let other = inputs[below(rng, inputs.len())];
            let (begin, end) = range(other, rng);
            bytes.splice(from..to, other[begin..end].iter().copied());
        }
        7 => number(bytes, rng),
        _ => {
            let word = WORDS[below(rng, WORDS.len())];
            let to = if below(rng, 2) == 0 { from } else { to };
            bytes.splice(from..to, word.bytes());
        }
    }
}

/// Another number in the place of one.
fn number(bytes: &mut Vec<u8>, rng: &mut Xoshiro256PlusPlus) {
    let is_begin = |at: &usize| {
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        bytes[*at].is_ascii_digit() && !before.is_some_and(u8::is_ascii_digit)
    };
    let begins: Vec<usize> = (0..bytes.len()).filter(is_begin).collect();
    if begins.is_empty() {
        return;
    }
    let begin = begins[below(rng, begins.len())];
    let digits = bytes[begin..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let word = WORDS[below(rng, 12)];
    bytes.splice(begin..begin + digits, word.bytes());
}

/// A short piece more often than a long one.
fn range(bytes: &[u8], rng: &mut Xoshiro256PlusPlus) -> (usize, usize) {
    let from = below(rng, bytes.len() + 1);
    let most = if below(rng, 4) == 0 { bytes.len() } else { 8 };
    (from, bytes.len().min(from + below(rng, most + 1)))
}

fn below(rng: &mut Xoshiro256PlusPlus, bound: usize) -> usize {
    usize::try_from(rng.next_u64() % (bound as u64)).unwrap()
}
