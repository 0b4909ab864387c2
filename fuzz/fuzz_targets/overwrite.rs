//! The reader of a ring in overwrite mode, over memory in which any word may say anything at any
//! load.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| ringbuf_fuzz::overwrite(data));
