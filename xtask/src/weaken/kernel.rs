//! Breaks of the simulated kernel: reservations, commits, queries, dynptrs, overwrite mode and drains.
//! The same tests compare it with real kernels, by numbers or step by step. docs/testing.md lists
//! them.

use super::list::{Break, Seen};

const KERNEL: &str = "ringbuf-sim/src/kernel.rs";
const DRAIN: &str = "ringbuf-sim/src/drain.rs";

const fn vectors(test: &'static str) -> Seen {
    Seen::Test("vectors", test)
}

const fn releases(test: &'static str) -> Seen {
    Seen::Test("releases", test)
}

const fn facts(test: &'static str) -> Seen {
    Seen::Test("overwrite", test)
}

const DRAINS: Seen = Seen::Test("drain", "the_measured_facts_hold");

pub(crate) const BREAKS: &[Break] = &[
    Break {
        name: "kernel: a reservation may fill the ring to the last byte",
        file: KERNEL,
        edits: &[(
            "} else if new.distance(consumed, width) > mask ||",
            "} else if new.distance(consumed, width) > mask + 1 ||",
        )],
        seen: &[vectors("golden")],
    },
    Break {
        name: "kernel: a reservation does not look at the consumer position",
        file: KERNEL,
        edits: &[("} else if new.distance(consumed, width) > mask || self", "} else if self")],
        seen: &[vectors("golden")],
    },
    Break {
        name: "kernel: a busy record is not in the way",
        file: KERNEL,
        edits: &[("if new.distance(locked.pending, width) > mask {", "if false {")],
        seen: &[
            vectors("busy_with_a_forged_position"),
            releases("records_overlap_before_the_pending_position_of_6_10"),
        ],
    },
    Break {
        name: "kernel: the pending position stays",
        file: KERNEL,
        edits: &[(
            "        while is_behind(locked) {",
            "        while false && is_behind(locked) {",
        )],
        seen: &[vectors("golden")],
    },
    Break {
        name: "kernel: the pending position passes busy records",
        file: KERNEL,
        edits: &[(
            "            if header.is_busy() {\n                break;\n            }\n            locked.pending",
            "            locked.pending",
        )],
        seen: &[
            vectors("busy_with_a_forged_position"),
            releases("the_pending_position_is_the_oldest_busy_record"),
        ],
    },
    Break {
        name: "kernel: a new record is not busy",
        file: KERNEL,
        edits: &[(
            "        let header = Header::busy(len);\n",
            "        let header = Header::busy(len).submitted();\n",
        )],
        seen: &[vectors("busy")],
    },
    Break {
        name: "kernel: the page offset counts pages of another size",
        file: KERNEL,
        edits: &[(
            "PageOffset::of(at, self.memory.page_size())",
            "PageOffset::of(at, 2 * self.memory.page_size())",
        )],
        seen: &[
            vectors("golden_avail_and_page_offsets"),
            Seen::Test("machines", "headers_count_pages_of_the_machine"),
        ],
    },
    Break {
        name: "kernel: the producer position is not stored",
        file: KERNEL,
        edits: &[("        unsafe { self.memory.store_producer_pos(new, Release) };\n", "")],
        seen: &[vectors("golden")],
    },
    Break {
        name: "kernel: a record larger than the ring is granted",
        file: KERNEL,
        edits: &[("        if !fits && self.profile.checks_size {", "        if false {")],
        seen: &[releases("larger_than_the_ring_is_refused_since_5_13")],
    },
    Break {
        name: "kernel: a discard submits",
        file: KERNEL,
        edits: &[("this.header.discarded(), flags", "this.header.submitted(), flags")],
        seen: &[vectors("golden")],
    },
    Break {
        name: "kernel: a commit never notifies by itself",
        file: KERNEL,
        edits: &[("(caught_up && !flags.has(Flags::NO_WAKEUP))", "(false && caught_up)")],
        seen: &[vectors("wait")],
    },
    Break {
        name: "kernel: each commit notifies",
        file: KERNEL,
        edits: &[(
            "(caught_up && !flags.has(Flags::NO_WAKEUP))",
            "(!flags.has(Flags::NO_WAKEUP) | caught_up)",
        )],
        seen: &[vectors("wait")],
    },
    Break {
        name: "kernel: BPF_RB_NO_WAKEUP is ignored",
        file: KERNEL,
        edits: &[("(caught_up && !flags.has(Flags::NO_WAKEUP))", "caught_up")],
        seen: &[vectors("wait")],
    },
    Break {
        name: "kernel: BPF_RB_FORCE_WAKEUP is ignored",
        file: KERNEL,
        edits: &[("if flags.has(Flags::FORCE_WAKEUP) || (", "if (")],
        seen: &[vectors("wait")],
    },
    Break {
        name: "kernel: output takes unknown flags",
        file: KERNEL,
        edits: &[("        if flags.0 & !Flags::KNOWN != 0 {", "        if false {")],
        seen: &[vectors("golden")],
    },
    Break {
        name: "kernel: the query of the consumer position gives the producer's",
        file: KERNEL,
        edits: &[(
            "Query::CONS_POS => self.memory.load_consumer_pos(Acquire).get(),",
            "Query::CONS_POS => self.host.lock().produced.get(),",
        )],
        seen: &[vectors("golden")],
    },
    Break {
        name: "kernel: the query of the size gives the mask",
        file: KERNEL,
        edits: &[(
            "Query::RING_SIZE => self.memory.capacity().bytes(),",
            "Query::RING_SIZE => self.memory.capacity().bytes() - 1,",
        )],
        seen: &[vectors("golden")],
    },
    Break {
        name: "kernel: a dynptr takes any length",
        file: KERNEL,
        edits: &[("        if len > DynptrError::MAX_LEN {", "        if false {")],
        seen: &[releases("dynptrs_since_5_19")],
    },
    Break {
        name: "kernel: dynptrs exist before 5.19",
        file: KERNEL,
        edits: &[("        if !self.profile.dynptr {", "        if false {")],
        seen: &[releases("dynptrs_since_5_19")],
    },
    Break {
        name: "kernel: a writer gives up one record too few",
        file: KERNEL,
        edits: &[(
            "while new.distance(oldest, width) >= capacity.bytes() {",
            "while new.distance(oldest, width) > capacity.bytes() {",
        )],
        seen: &[facts("facts::largest_records")],
    },
    Break {
        name: "kernel: the overwrite position is forgotten",
        file: KERNEL,
        edits: &[("        locked.overwrite = oldest;\n", "")],
        seen: &[facts("facts::vector")],
    },
    Break {
        name: "kernel: each release compares pending positions as plain numbers",
        file: KERNEL,
        edits: &[(
            "_ => positions.produced.distance(positions.pending, width) != 0,",
            "_ => positions.pending.get() < positions.produced.get(),",
        )],
        seen: &[
            releases("rings_of_32_bit_kernels_survive_the_wrap_since_7_3"),
            Seen::Test("machines", "others_live_on"),
        ],
    },
    Break {
        name: "kernel: a drain takes unknown flags",
        file: DRAIN,
        edits: &[(
            "if flags.0 & !(Flags::NO_WAKEUP.0",
            "if false && flags.0 & !(Flags::NO_WAKEUP.0",
        )],
        seen: &[DRAINS],
    },
    Break {
        name: "kernel: a drain counts discarded samples",
        file: DRAIN,
        edits: &[(
            "failed.map_or(Ok(seen - discarded), Err)",
            "failed.map_or(Ok(seen.max(discarded)), Err)",
        )],
        seen: &[DRAINS],
    },
    Break {
        name: "kernel: a drain hands out samples larger than a dynptr",
        file: DRAIN,
        edits: &[(" || len.get() > MAX_SAMPLE", "")],
        seen: &[DRAINS],
    },
    Break {
        name: "kernel: a drain without samples notifies",
        file: DRAIN,
        edits: &[("if forced || (!silent && seen > 0) {", "if forced || !silent {")],
        seen: &[DRAINS],
    },
    Break {
        name: "kernel: a drain goes beyond the produced bytes",
        file: DRAIN,
        edits: &[("        if footprint > available {", "        if false {")],
        seen: &[DRAINS],
    },
    Break {
        name: "kernel: a drain goes on after its callback has stopped it",
        file: DRAIN,
        edits: &[("            if flow.is_break() {", "            if false && flow.is_break() {")],
        seen: &[DRAINS],
    },
    Break {
        name: "kernel: a discarded sample that is busy is waited for",
        file: DRAIN,
        edits: &[("if header.is_discarded() {", "if header.is_discarded() && !header.is_busy() {")],
        seen: &[DRAINS],
    },
];
