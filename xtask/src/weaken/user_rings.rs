//! The breaks of the producer of a user ring: many threads, batches, and the wait for
//! space.

use super::list::{Break, Seen};

const PRODUCER: &str = "ringbuf-core/src/producer.rs";
const BATCH: &str = "ringbuf-core/src/producer/batch.rs";
const OWNED: &str = "ringbuf-core/src/producer/owned.rs";
const ROOM: &str = "ringbuf-core/src/producer/room.rs";
const LEFT_OPEN: &str = "ringbuf-core/src/left_open.rs";

const TWO_THREADS: Seen = Seen::Test("loom", "holds::user_two_threads");
const SCHEDULES: Seen = Seen::Test("user_schedule", "nothing_goes_wrong");
const OPS: Seen = Seen::Test("corpus", "every_file_is_replayed");

const fn batch(test: &'static str) -> Seen {
    Seen::Test("submit_batch", test)
}

const fn shared(test: &'static str) -> Seen {
    Seen::Test("shared_producer", test)
}

const fn room(test: &'static str) -> Seen {
    Seen::Test("virtual_time", test)
}

pub(crate) const BREAKS: &[Break] = &[
    Break {
        name: "reserve: the position is stored after the step",
        file: PRODUCER,
        edits: &[(
            "            unsafe { self.memory.store_producer_pos(*produced, Release) };\n            Ok(at)\n        })?;\n",
            "            Ok((at, *produced))\n        })?;\n        unsafe { self.memory.store_producer_pos(at.1, Release) };\n        let at = at.0;\n",
        )],
        seen: &[TWO_THREADS, SCHEDULES],
    },
    Break {
        name: "reserve: a child of fork takes the lock",
        file: PRODUCER,
        edits: &[("        self.owned()?;\n        let at", "        let at")],
        seen: &[shared("a_child_of_fork_takes_no_lock")],
    },
    Break {
        name: "reserve: the kernel's limit of a sample is not known",
        file: PRODUCER,
        edits: &[("unwrap_or(u32::MAX).min(Self::MAX_SAMPLE)", "unwrap_or(u32::MAX)")],
        seen: &[Seen::Test("producer", "no_sample_is_longer_than_the_kernel_accepts")],
    },
    Break {
        name: "batch: the position is stored Relaxed",
        file: BATCH,
        edits: &[(
            "store_producer_pos(self.next, Release)",
            "store_producer_pos(self.next, RELAXED)",
        )],
        seen: &[Seen::Test("loom", "holds::user_batch")],
    },
    Break {
        name: "batch: the headers are busy",
        file: BATCH,
        edits: &[("Header::busy(len).submitted()", "Header::busy(len)")],
        seen: &[batch("nothing_is_seen_before_the_submit_and_all_after_it"), OPS],
    },
    Break {
        name: "batch: each push stores the position",
        file: BATCH,
        edits: &[(
            "        self.next = self.next.advance(footprint, producer.memory.width());\n",
            "        self.next = self.next.advance(footprint, producer.memory.width());\n        unsafe { self.publish(&producer.memory) };\n",
        )],
        seen: &[
            batch("a_batch_that_is_not_submitted_takes_no_space"),
            batch("a_batch_stores_the_position_once"),
            OPS,
        ],
    },
    Break {
        name: "batch: space is counted once for all",
        file: BATCH,
        edits: &[("        self.free = free.ok_or", "        let _ = free.ok_or")],
        seen: &[batch("a_full_ring_refuses_a_push_and_keeps_the_batch"), OPS],
    },
    Break {
        name: "batch: the free space is never loaded again",
        file: BATCH,
        edits: &[("if footprint > self.free {", "if self.free == 0 {")],
        seen: &[batch("a_batch_sees_the_space_that_a_drain_gives_back")],
    },
    Break {
        name: "submit_all: the lengths are not checked first",
        file: BATCH,
        edits: &[(
            "        for sample in samples {\n            self.fitting(len(sample))?;\n        }\n",
            "",
        )],
        seen: &[batch("submit_all_takes_what_fits_from_the_front")],
    },
    Break {
        name: "submit: a batch is published by a child of fork",
        file: BATCH,
        edits: &[("samples == 0 || producer.owned().is_err()", "samples == 0")],
        seen: &[shared("a_child_of_fork_takes_no_lock")],
    },
    Break {
        name: "owned: submitting discards",
        file: OWNED,
        edits: &[(
            "        self.end = Header::submitted;\n",
            "        self.end = Header::discarded;\n",
        )],
        seen: &[shared("an_owned_reservation_outlives_its_producer")],
    },
    Break {
        name: "reserve_within: a sleep without a notification has no bound",
        file: ROOM,
        edits: &[("host.block(left.min(Self::MAX_SLEEP))", "host.block(left)")],
        seen: &[room("room::a_reservation_ends_its_wait_for_one_of_these_reasons")],
    },
    Break {
        name: "reserve_within: it naps instead of waiting for a drain",
        file: ROOM,
        edits: &[(
            "host.block(left.min(Self::MAX_SLEEP))",
            "host.nap(left.min(Duration::from_micros(50)))",
        )],
        seen: &[room("room::a_reservation_waits_through_signals_and_small_drains")],
    },
    Break {
        name: "reserve_within: a wake is used up although there is space",
        file: ROOM,
        edits: &[(
            "        loop {\n            let (footprint, free)",
            "        loop {\n            host.take_wakes();\n            let (footprint, free)",
        )],
        seen: &[room("room::a_reservation_ends_its_wait_for_one_of_these_reasons")],
    },
    Break {
        name: "discard_open: only the first reservation is discarded",
        file: LEFT_OPEN,
        edits: &[(
            "            if header.is_busy() {\n",
            "            if header.is_busy() && open == 0 {\n",
        )],
        seen: &[Seen::Test("producer", "a_successor_discards_what_a_dead_producer_left_open"), OPS],
    },
];
