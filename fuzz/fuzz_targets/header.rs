//! Record parsing: any bytes as the content of a ring.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| ringbuf_fuzz::header(data));
