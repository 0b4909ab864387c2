//! Our own type information: without it, the kernel accepts no callback.

use std::io;
use std::os::fd::OwnedFd;

use crate::sys;

/// The types of the two functions, in the order of [`load`]'s types.
pub(crate) const MAIN: u32 = 5;
pub(crate) const CALLBACK: u32 = 6;

const INT: u32 = 1;
const PTR: u32 = 2;
const FUNC: u32 = 12;
const FUNC_PROTO: u32 = 13;

/// `long main(void *)` and `long callback(void *, void *)`, both static.
pub(crate) fn load() -> io::Result<OwnedFd> {
    let names = b"\0long\0main\0callback\0a\0b\0";
    let [long, main, callback, a, b] = [1, 6, 11, 20, 22];
    let signed_64 = 1 << 24 | 64;
    let words: &[u32] = &[
        // 1: long. 2: void *.
        long,
        INT << 24,
        8,
        signed_64, //
        0,
        PTR << 24,
        0, //
        // 3 and 4: their prototypes.
        0,
        FUNC_PROTO << 24 | 1,
        1,
        a,
        2, //
        0,
        FUNC_PROTO << 24 | 2,
        1,
        a,
        2,
        b,
        2, //
        // 5 and 6: the functions.
        main,
        FUNC << 24,
        3, //
        callback,
        FUNC << 24,
        4,
    ];
    let types = 4 * words.len() as u32;
    let mut bytes = Vec::new();
    bytes.extend(0xeb9f_u16.to_ne_bytes());
    bytes.extend([1, 0]);
    let header = [24, 0, types, types, names.len() as u32];
    bytes.extend(header.iter().chain(words).flat_map(|word| word.to_ne_bytes()));
    bytes.extend(names);
    sys::load_btf(&bytes)
}
