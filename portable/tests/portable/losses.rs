//! Saved counts, and loss counters, on any architecture: a map of mapped words, and values for each
//! possible CPU.

use ringbuf_kernel::{Gap, LossCounters, Next, ProgramCounts, RingBuf, SavedCounts};
use ringbuf_portable::{End, MapType, create_map, live, page_size, reserve};

use crate::ring;

#[test]
fn a_reader_goes_on_counting() {
    if !live("losses::saved") {
        return;
    }
    let map = ring(page_size());
    let saved = SavedCounts::create().unwrap();
    let [submit, discard] =
        [End::Submit, End::Discard].map(|end| reserve(&map, 8, end, 0).unwrap());
    let (mut delivered, mut discarded) = (0, 0);
    for life in 0..40 {
        for number in 0..5 {
            assert_eq!(submit.run(number), 1);
        }
        assert_eq!(discard.run(0), 1);
        let mut reader = RingBuf::open(&map).unwrap();
        let resumed = reader.save_counts(&saved).unwrap();
        assert_eq!((resumed.counts.delivered, resumed.counts.discarded), (delivered, discarded));
        assert_eq!(resumed.uncounted_bytes, 0);
        // Every other reader leaves some records to the next one.
        let batch = reader.batch().max_records(if life % 2 == 0 { 3 } else { 100 });
        while let Next::Record(_) = batch.next().unwrap() {}
        drop(batch);
        let all = reader.accounting().unwrap();
        (delivered, discarded) = (all.passed.delivered, all.passed.discarded);
        let written = 6 * (life + 1);
        assert_eq!(delivered + discarded + all.unread.records, written);
    }
    assert_eq!((delivered, discarded), (200, 40));
}

#[test]
fn counters_have_a_value_for_each_possible_cpu() {
    if !live("losses::counters") {
        return;
    }
    let map = create_map(MapType::PERCPU_ARRAY, 4, 64, 1).unwrap();
    let counters = LossCounters::open(&map).unwrap();
    let all = counters.per_cpu().unwrap();
    assert!(!all.is_empty() && all.iter().all(|(_, counts)| *counts == ProgramCounts::default()));
    let empty = RingBuf::create(page_size() as u64).unwrap();
    assert_eq!(counters.account([&empty]).unwrap().gap(), Gap::None);
}
