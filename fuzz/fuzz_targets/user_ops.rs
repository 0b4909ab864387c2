//! Operations of the producer of a user ring, on the ring and on a model.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| ringbuf_fuzz::user_ops(data));
