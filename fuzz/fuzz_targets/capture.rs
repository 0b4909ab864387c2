//! A reader of captures, for any bytes, and for any blocks with right checksums.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| ringbuf_fuzz::capture(data));
