//! Type information, and records of its types, that may say anything.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| ringbuf_fuzz::btf(data));
