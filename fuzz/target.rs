//! One fuzzer for each kind of bytes from outside; what must hold stands with the tests.

#![no_main]

#[path = "../tests/it/fuzz/targets/mod.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (targets::of(env!("CARGO_BIN_NAME")).holds)(bytes));
