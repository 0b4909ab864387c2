//! Golden vectors: single operations leave these words in the ring, read without our own code; and
//! our reader reads these records.

use ringbuf_kernel::{Next, RingBuf};
use ringbuf_portable::{End, live, output, page_size, reserve};

use crate::{raw, ring};

const DISCARD: u32 = 1 << 30;
/// Data begins in the third page of the kernel's structure, whatever the page size.
const FIRST_PAGE: u32 = 3;

#[test]
fn operations_write_the_documented_words() {
    if !live("vectors::words") {
        return;
    }
    let page = page_size();
    let map = ring(page);
    let raw = raw(&map, page);
    assert_eq!((raw.consumer_pos(), raw.producer_pos()), (0, 0));
    let argument: [u8; 64] = std::array::from_fn(|index| index as u8 + 1);
    assert_eq!(reserve(&map, 24, End::Submit, 0).unwrap().run_with(&argument), 1);
    assert_eq!(raw.producer_pos(), 0x20);
    assert_eq!(output(&map, 5, 0).unwrap().run_with(&argument), 0);
    assert_eq!(raw.producer_pos(), 0x30);
    assert_eq!(reserve(&map, 9, End::Discard, 0).unwrap().run_with(&argument), 1);
    assert_eq!(raw.producer_pos(), 0x48);
    for (at, word) in [(0, 24), (0x20, 5), (0x30, 9 | DISCARD)] {
        assert_eq!(raw.header(at), [word, FIRST_PAGE], "header at {at:#x}");
        assert_eq!(raw.header(page + at), [word, FIRST_PAGE], "its copy");
    }
    assert_eq!(raw.data::<8>(8), argument[..8]);
    assert_eq!(raw.data::<5>(0x28), argument[..5]);

    let mut reader = RingBuf::open(&map).unwrap();
    assert_eq!(reader.lag().unwrap(), 0x48);
    let batch = reader.batch();
    let Ok(Next::Record(first)) = batch.next() else { panic!("the first record") };
    assert_eq!((first.len(), &first[..8], &first[16..]), (24, &argument[..8], &argument[..8]));
    let Ok(Next::Record(second)) = batch.next() else { panic!("the second record") };
    assert_eq!(second[..], argument[..5]);
    assert!(matches!(batch.next(), Ok(Next::Empty)));
    drop(batch);
    assert_eq!(raw.consumer_pos(), 0x48, "stored in the kernel's width and byte order");
    assert_eq!((reader.counts().delivered, reader.counts().discarded), (2, 1));
}

#[test]
fn a_record_over_the_end_is_whole_in_the_second_copy() {
    if !live("vectors::over_the_end") {
        return;
    }
    let page = page_size();
    let map = ring(page);
    let raw = raw(&map, page);
    let mut reader = RingBuf::open(&map).unwrap();
    let most = page as u32 - 32;
    assert_eq!(reserve(&map, most, End::Submit, 0).unwrap().run(7), 1);
    assert_eq!(crate::numbers(&mut reader), [7]);
    let argument: [u8; 64] = std::array::from_fn(|index| 200 - index as u8);
    assert_eq!(output(&map, 61, 0).unwrap().run_with(&argument), 0);
    assert_eq!(raw.header(page - 24), [61, FIRST_PAGE]);
    let batch = reader.batch();
    let Ok(Next::Record(record)) = batch.next() else { panic!("the record") };
    assert_eq!(record[..], argument[..61]);
}
