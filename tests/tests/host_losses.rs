//! Losses of programs that count nothing, counted in the kernel where it permits that. In a
//! process of its own: it counts everything that rings refuse meanwhile.

use libbpf_rs::MapCore;
use ringbuf_bpf::vectors::types::op_kind;
use ringbuf_host::{Losses, Lost, Refused};
use ringbuf_tests::{Operations, has_dynptr, live, note, page_size, skip};

/// The counters. Where the kernel refuses them, it says why, and the answer has its type.
fn attached(test: &str) -> Option<Losses> {
    if !live(test) {
        return None;
    }
    match Losses::attach() {
        Ok(losses) => Some(losses),
        Err(why) => {
            let expected = matches!(
                why,
                Refused::Privilege { .. } | Refused::Attach { .. } | Refused::NoTypes { .. }
            );
            assert!(expected, "{why}");
            skip(test, &why.to_string());
            None
        }
    }
}

fn refused(all: &mut Lost, times: u64, size: u64) {
    all.records += times;
    all.bytes += times * (size + 8).next_multiple_of(8);
}

#[test]
fn every_refusal_is_counted_once() {
    let test = "host_losses::every_refusal";
    let Some(losses) = attached(test) else { return };
    let page = page_size() as u32;
    let load = || Operations::load(page).expect("load of vectors.bpf.c");
    let (full, granted, idle) = (load(), load(), load());
    let [full_id, granted_id, idle_id] =
        [&full, &granted, &idle].map(|one| one.map().info().expect("info").info.id);
    while full.run(op_kind::OUTPUT, 8, 0) == 0 {}
    // The last one of those was refused.
    let mut want = Lost::default();
    refused(&mut want, 1, 8);
    for _ in 0..500 {
        assert!(full.run(op_kind::OUTPUT, 13, 0) < 0);
        assert_eq!(full.run(op_kind::RESERVE_SUBMIT, 16, 0), 0);
        assert_eq!(full.run(op_kind::RESERVE_SUBMIT, 4088, 0), 0, "too big");
        assert_eq!(granted.run(op_kind::OUTPUT, 13, 0), 0);
        granted.ring().catch_up();
    }
    refused(&mut want, 500, 13);
    refused(&mut want, 500, 16);
    refused(&mut want, 500, 4088);
    // Wrong flags lose a record, too.
    assert_eq!(full.run(op_kind::RESERVE_WITH_FLAGS, 8, 1), 0);
    refused(&mut want, 1, 8);
    if has_dynptr() {
        for _ in 0..100 {
            assert!(full.run(op_kind::DYNPTR_SUBMIT, 24, 0) < 0);
        }
        refused(&mut want, 100, 24);
        assert_eq!(granted.run(op_kind::DYNPTR_SUBMIT, 24, 0), 0);
    } else {
        note(test, "no dynptr in this kernel");
    }
    let all = losses.by_map().expect("read");
    assert_eq!(all.get(&full_id), Some(&want));
    assert_eq!((all.get(&granted_id), all.get(&idle_id)), (None, None), "nothing was refused");
    assert_eq!(losses.missed().expect("read"), 0);
    // It counts from its own beginning, and so does another one.
    let second = Losses::attach().expect("it was attached before");
    assert!(full.run(op_kind::OUTPUT, 8, 0) < 0);
    refused(&mut want, 1, 8);
    assert_eq!(losses.by_map().expect("read").get(&full_id), Some(&want));
    let once = second.by_map().expect("read")[&full_id];
    assert_eq!((once.records, once.bytes), (1, 16));
}
