//! The breaks of the reader of rings in overwrite mode, and of their simulation.

use super::list::{Break, Seen};

const WALK: &str = "ringbuf-core/src/overwrite/walk.rs";
const READER: &str = "ringbuf-core/src/overwrite/mod.rs";
const NEWEST: &str = "ringbuf-core/src/overwrite/newest_first.rs";
const KERNEL: &str = "ringbuf-sim/src/kernel.rs";

const FOLLOWS: Seen =
    sim("lapping::a_reader_that_follows_delivers_nothing_torn_and_counts_what_it_lost");
const SNAPSHOTS: Seen = sim("lapping::snapshots_deliver_nothing_torn_and_end");
const FROM_THE_END: Seen = sim("lapping::snapshots_from_the_end_deliver_nothing_torn");
const FASTER: Seen = sim("lapping::a_writer_that_is_always_faster_is_no_error");
const BUSY: Seen = sim("reading::a_busy_record_stops_the_reader_and_not_a_snapshot");
const IN_THE_WAY: Seen = sim("facts::a_busy_record_is_in_the_way");

const fn sim(test: &'static str) -> Seen {
    Seen::Test("overwrite", test)
}

pub(crate) const BREAKS: &[Break] = &[
    Break {
        name: "overwrite: a position that goes back is no error",
        file: WALK,
        edits: &[("        if lost == 0 {", "        if false {")],
        seen: &[Seen::Test("corpus", "every_file_is_replayed")],
    },
    // The first planted defect: whoever is overtaken during the copy delivers it torn.
    Break {
        name: "overwrite: the check comes before the copy",
        file: WALK,
        edits: &[(
            "        let sample = sample.map(|sample| copy(memory, position, sample));
        if is_overtaken(memory, position) {
            return Ok(Found::Overtaken);
        }
",
            "        if is_overtaken(memory, position) {
            return Ok(Found::Overtaken);
        }
        let sample = sample.map(|sample| copy(memory, position, sample));
",
        )],
        seen: &[FOLLOWS, SNAPSHOTS, FROM_THE_END],
    },
    // The second one: the walk runs behind the old end, into records of earlier laps.
    Break {
        name: "overwrite: the producer position stays old after the reader was overtaken",
        file: WALK,
        edits: &[(
            "        self.end = kept.end;
",
            "        if self.position == self.end {
            self.end = kept.end;
        }
",
        )],
        seen: &[FOLLOWS],
    },
    Break {
        name: "overwrite: no check at all",
        file: WALK,
        edits: &[("        if is_overtaken(memory, position) {", "        if false {")],
        seen: &[FOLLOWS, SNAPSHOTS, FROM_THE_END],
    },
    Break {
        name: "overwrite: a snapshot goes on with newer records",
        file: WALK,
        edits: &[(
            "        self.end = end;
        Ok(lost.min(left))",
            "        Ok(lost.min(left))",
        )],
        seen: &[SNAPSHOTS],
    },
    Break {
        name: "overwrite: positions that do not fit twice are an error",
        file: WALK,
        edits: &[("        if first == second {", "        if true {")],
        seen: &[FASTER],
    },
    Break {
        name: "overwrite: an index keeps what it collected when it is overtaken",
        file: NEWEST,
        edits: &[("(self.indexed, self.left_out) = (0, 0);\n", "")],
        seen: &[FROM_THE_END],
    },
    Break {
        name: "overwrite: arming publishes nothing",
        file: READER,
        edits: &[(
            "        self.publish();
        self.memory.fence(SeqCst);",
            "        self.memory.fence(SeqCst);",
        )],
        seen: &[BUSY],
    },
    Break {
        name: "overwrite: the simulated kernel writes over a busy record",
        file: KERNEL,
        edits: &[(
            "            if new.distance(locked.pending, width) > mask {",
            "            if self.mode == Mode::Waiting && new.distance(locked.pending, width) > mask {",
        )],
        seen: &[IN_THE_WAY],
    },
    Break {
        name: "overwrite: the simulated kernel moves the overwrite position last",
        file: KERNEL,
        edits: &[
            (
                "        self.memory.store_overwrite_pos(oldest, Relaxed);
",
                "",
            ),
            (
                "        unsafe { self.memory.store_producer_pos(new, Release) };
",
                "        unsafe { self.memory.store_producer_pos(new, Release) };
        self.memory.store_overwrite_pos(locked.overwrite, Relaxed);
",
            ),
        ],
        seen: &[Seen::Test("overwrite", "threads::a_writer_on_another_thread_tears_nothing")],
    },
];
