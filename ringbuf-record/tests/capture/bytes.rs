//! The bytes of docs/capture-format.md, read by hand.

use ringbuf_core::{Observed, SampleLen};
use ringbuf_record::{GapReason, PositionSample, Writer};

use crate::made::{at, ring, session};
use crate::refusals::block;

fn u32s(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn u64s(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_le_bytes()[..], text.as_bytes()].concat()
}

#[test]
fn each_block_is_as_the_document_says() {
    let session = session();
    let mut writer = Writer::new(Vec::new(), &session).unwrap();
    let btf = writer.add_btf(b"types").unwrap();
    let mut typed = ring(4096);
    typed.btf = Some(btf);
    let number = writer.add_ring(&typed).unwrap();
    writer.caught_up(number, 5).unwrap();
    writer.put(number, &Observed::Record { position: at(4096), sample: b"hello" }).unwrap();
    let len = SampleLen::new(100).unwrap();
    writer.put(number, &Observed::Discarded { position: at(4112), len }).unwrap();
    writer.gap(number, 64, GapReason::Lapped, 9).unwrap();
    let (consumer, producer, pending_word) = (at(1), at(2), at(3));
    let sample = PositionSample { time_ns: 10, consumer, producer, pending_word };
    writer.sample(number, sample).unwrap();
    let file = writer.finish().unwrap();

    let mut header = b"\x89RBCAP\r\n\x01\0\0\0".to_vec();
    header.extend(crc32fast::hash(&header).to_le_bytes());
    let clocks =
        [session.clocks.monotonic_ns, session.clocks.boottime_ns, session.clocks.realtime_ns];
    let first = [
        vec![if cfg!(target_endian = "little") { 1 } else { 2 }, 64, 0, 0],
        u32s(&[session.page_size]),
        u64s(&clocks),
        session.boot_id.to_vec(),
        text(&session.release),
        text(&session.tool),
    ];
    let types = [u32s(&[1, 0]), b"types".to_vec()];
    let ring = [u32s(&[0, 57]), u64s(&[65536, 4096]), vec![1, 1, 0, 0], u32s(&[1]), text("events")];
    let data = [
        u32s(&[0, 2]),
        u64s(&[4096, 4096 + 16 + 112, 5, 9]),
        u32s(&[0, 24]),
        u32s(&[5, 0]),
        b"hello\0\0\0".to_vec(),
        u32s(&[100 | 1 << 30, 0]),
    ];
    let gap = [u32s(&[0, 1]), u64s(&[4224, 4288, 5, 9])];
    let samples = [u32s(&[0, 1]), u64s(&[10, 1, 2, 3])];
    let mut expected =
        [header, block(1, &first.concat()), block(3, &types.concat()), block(2, &ring.concat())]
            .concat();
    let data_at = expected.len() as u64;
    expected.extend(block(4, &data.concat()));
    let gap_at = expected.len() as u64;
    expected.extend(block(5, &gap.concat()));
    expected.extend(block(6, &samples.concat()));
    let index_at = expected.len() as u64;
    let index = [
        u64s(&[0]),
        u32s(&[2, 0]),
        u64s(&[data_at, 4096, 9]),
        u32s(&[0, 4]),
        u64s(&[gap_at, 4224, 9]),
        u32s(&[0, 5]),
    ];
    expected.extend(block(7, &index.concat()));
    let end_at = expected.len();
    assert_eq!(file[..end_at], expected);
    // The clocks at the end are not known here.
    let clocks = &file[end_at + 16..][..24];
    let end = [
        clocks.to_vec(),
        u64s(&[index_at]),
        u32s(&[1, 0]),
        u32s(&[0, 0]),
        u64s(&[1, 1, 5, 64, 0, 4288]),
        u64s(&[end_at as u64]),
    ];
    assert_eq!(file[end_at..], block(8, &end.concat()));
}
