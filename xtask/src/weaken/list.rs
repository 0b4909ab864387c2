//! The breaks: every ordering, fence and check of core, and the order of its stores.

use std::fmt;

/// One break of the source.
#[derive(Debug)]
pub(crate) struct Break {
    pub(crate) name: &'static str,
    pub(crate) file: &'static str,
    /// Each text to replace, which occurs once in the file, and its replacement.
    pub(crate) edits: &'static [(&'static str, &'static str)],
    /// All of these must fail.
    pub(crate) seen: &'static [Seen],
}

/// The check that notices a break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// `cargo xtask golden`.
    Golden,
    /// A test target of ringbuf-sim or of ringbuf-fuzz, `core` or `kernel` for the
    /// unit tests of those crates, `tokio/sim`, `typed`, `capture`, `btf/` or `live/` and a
    /// target of ringbuf-btf or of the live tests; and a test.
    Test(&'static str, &'static str),
}

impl Seen {
    pub(crate) fn target(&self) -> Option<&'static str> {
        match self {
            Self::Golden => None,
            Self::Test(target, _) => Some(target),
        }
    }

    pub(crate) fn test(&self) -> Option<&'static str> {
        match self {
            Self::Golden => None,
            Self::Test(_, test) => Some(test),
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Golden => f.write_str("golden"),
            Self::Test(target, test) => write!(f, "{target} {test}"),
        }
    }
}

const CONSUMER: &str = "ringbuf-core/src/consumer.rs";
const WALK: &str = "ringbuf-core/src/walk.rs";
const RELEASE: &str = "ringbuf-core/src/release.rs";
const TAIL: &str = "ringbuf-core/src/tail.rs";
const EACH: &str = "ringbuf-core/src/each.rs";
const PRODUCER: &str = "ringbuf-core/src/producer.rs";
const RESERVATION: &str = "ringbuf-core/src/producer/reservation.rs";
const MAPPED: &str = "ringbuf-core/src/mapped.rs";
const PAGES: &str = "ringbuf-core/src/mapped/pages.rs";

const fn loom(test: &'static str) -> Seen {
    Seen::Test("loom", test)
}

const SCHEDULES: Seen = Seen::Test("schedule", "nothing_goes_wrong");
const ORACLE: Seen = Seen::Test("oracle", "the_ring_does_what_the_model_says");
const CORPUS: Seen = Seen::Test("corpus", "every_file_is_replayed");

pub(crate) const BREAKS: &[Break] = &[
    Break {
        name: "arm: no fence",
        file: CONSUMER,
        edits: &[("        self.memory.fence(SeqCst);\n", "")],
        seen: &[loom("holds::wakeup"), loom("holds::wakeup_busy"), loom("holds::idle_arm_arm")],
    },
    Break {
        name: "arm: the fence before the store",
        file: CONSUMER,
        edits: &[(
            "        self.publish();\n        self.memory.fence(SeqCst);\n",
            "        self.memory.fence(SeqCst);\n        self.publish();\n",
        )],
        seen: &[loom("holds::lagging_release"), loom("holds::idle_nap_publish")],
    },
    Break {
        name: "arm: a weaker fence",
        file: CONSUMER,
        edits: &[("self.memory.fence(SeqCst)", "self.memory.fence(Release)")],
        seen: &[loom("holds::wakeup"), Seen::Golden],
    },
    Break {
        name: "arm: nothing is published",
        file: CONSUMER,
        edits: &[(
            "        self.publish();\n        self.memory.fence(SeqCst);\n",
            "        self.memory.fence(SeqCst);\n",
        )],
        seen: &[loom("holds::lagging_release"), SCHEDULES],
    },
    Break {
        name: "arm: no second look",
        file: CONSUMER,
        edits: &[(
            "if !self.is_sole_consumer() || self.look() { Armed::Ready } else { Armed::Sleep }",
            "if self.is_sole_consumer() { Armed::Sleep } else { Armed::Ready }",
        )],
        seen: &[loom("holds::wakeup"), SCHEDULES],
    },
    Break {
        name: "publish: Relaxed",
        file: CONSUMER,
        edits: &[(
            "store_consumer_pos(position, Release)",
            "store_consumer_pos(position, RELAXED)",
        )],
        seen: &[
            loom("holds::reuse"),
            loom("holds::wrap"),
            loom("holds::restart_dropped"),
            Seen::Golden,
        ],
    },
    Break {
        name: "publish: one record short instead of two",
        file: TAIL,
        edits: &[
            ("return if first == second { last } else { first };", "return second;"),
            ("            before\n        } else {", "            last\n        } else {"),
        ],
        seen: &[ORACLE, CORPUS],
    },
    Break {
        name: "publish: the walk over held records has no bound",
        file: TAIL,
        edits: &[("for _ in 0..MOST {", "for _ in 0..MOST * MOST {")],
        seen: &[Seen::Test("looks", "a_walk_over_held_back_records_is_short_for_any_headers")],
    },
    Break {
        name: "publish: a quarter of the ring may stay unpublished",
        file: RELEASE,
        edits: &[("self.memory.capacity().bytes() / 8 {", "self.memory.capacity().bytes() / 4 {")],
        seen: &[ORACLE, CORPUS],
    },
    Break {
        name: "publish: one more empty look is allowed",
        file: RELEASE,
        edits: &[("EMPTY_LOOKS: u32 = 64", "EMPTY_LOOKS: u32 = 65")],
        seen: &[ORACLE, CORPUS],
    },
    Break {
        name: "publish: the owner of the ring is not checked",
        file: CONSUMER,
        edits: &[(
            "        if !self.memory.is_owned() {\n            return false;",
            "        if false {\n            return false;",
        )],
        seen: &[CORPUS],
    },
    Break {
        name: "publish: a second consumer is not noticed",
        file: CONSUMER,
        edits: &[("let moved = found != self.published;", "let moved = false;")],
        seen: &[CORPUS],
    },
    Break {
        name: "look: the owner of the ring is not checked",
        file: WALK,
        edits: &[("    if !memory.is_owned() {", "    if false {")],
        seen: &[CORPUS],
    },
    Break {
        name: "drop of a consumer: nothing is published",
        file: CONSUMER,
        edits: &[(
            "    fn drop(&mut self) {\n        self.publish();\n",
            "    fn drop(&mut self) {\n",
        )],
        seen: &[loom("holds::restart_dropped")],
    },
    Break {
        name: "header: Relaxed",
        file: WALK,
        edits: &[(
            "memory.load_header(data, position.offset(capacity), Acquire)",
            "memory.load_header(data, position.offset(capacity), RELAXED)",
        )],
        seen: &[loom("holds::hand_over"), loom("holds::two_producers"), Seen::Golden],
    },
    Break {
        name: "producer position: Relaxed",
        file: WALK,
        edits: &[("memory.load_producer_pos(Acquire)", "memory.load_producer_pos(RELAXED)")],
        seen: &[loom("holds::hand_over"), loom("holds::reuse"), Seen::Golden],
    },
    Break {
        name: "look: a busy record is taken",
        file: WALK,
        edits: &[("    if header.is_busy() {\n        return Ok(Head::Busy);\n    }\n", "")],
        seen: &[loom("holds::reversed"), SCHEDULES],
    },
    Break {
        name: "plain: a busy record is skipped",
        file: WALK,
        edits: &[(
            "if header.is_busy() || header.footprint() > cursor.window {",
            "if header.footprint() > cursor.window {",
        )],
        seen: &[SCHEDULES],
    },
    Break {
        name: "plain: a record beyond the window is skipped",
        file: WALK,
        edits: &[(
            "if header.is_busy() || header.footprint() > cursor.window {",
            "if header.is_busy() {",
        )],
        seen: &[CORPUS],
    },
    Break {
        name: "step: a discarded record is delivered",
        file: WALK,
        edits: &[(
            "            if header.is_discarded() {\n                walk.discarded.set(walk.discarded.get() + 1);\n                continue;\n            }\n",
            "",
        )],
        seen: &[loom("holds::discard"), SCHEDULES],
    },
    Break {
        name: "alike: the flags are not compared",
        file: WALK,
        edits: &[("(header.to_bits() == len.get())", "(header.len().get() == len.get())")],
        seen: &[SCHEDULES],
    },
    Break {
        name: "look: a record that is too long is accepted",
        file: WALK,
        edits: &[("    if header.footprint() > *available {", "    if false {")],
        seen: &[Seen::Test("consumer", "a_corrupt_header_ends_reading")],
    },
    Break {
        name: "refresh: a misaligned position is accepted",
        file: WALK,
        edits: &[("let reason = if !producer.is_aligned() {", "let reason = if false {")],
        seen: &[Seen::Test("consumer", "a_forged_producer_position_ends_reading")],
    },
    Break {
        name: "refresh: a position that is too far is accepted",
        file: WALK,
        edits: &[("} else if available > most {", "} else if false {")],
        seen: &[Seen::Test("consumer", "a_forged_producer_position_ends_reading")],
    },
    Break {
        name: "refresh: held records may be overwritten",
        file: WALK,
        edits: &[(
            "(memory.capacity().bytes() - Header::SIZE).saturating_sub(held)",
            "memory.capacity().bytes() - Header::SIZE",
        )],
        seen: &[CORPUS, Seen::Test("virtual_time", "ends::a_corrupt_ring_is_ready")],
    },
    Break {
        name: "refresh: the last eight bytes may be produced",
        file: WALK,
        edits: &[("memory.capacity().bytes() - Header::SIZE", "memory.capacity().bytes()")],
        seen: &[CORPUS],
    },
    Break {
        name: "for_each: it ends without arming",
        file: EACH,
        edits: &[("            && self.arm() == Armed::Ready\n", "            && false\n")],
        seen: &[CORPUS],
    },
    Break {
        name: "for_each: it arms over and over",
        file: EACH,
        edits: &[("            && armed_at.replace(self.consumed) != Some(self.consumed)\n", "")],
        seen: &[CORPUS],
    },
    Break {
        name: "for_each: a break loses a record",
        file: EACH,
        edits: &[(
            "            each(record)?;\n        }\n",
            "            each(record)?;\n            batch.plain();\n        }\n",
        )],
        seen: &[SCHEDULES],
    },
    Break {
        name: "reserve: the consumer position Relaxed",
        file: PRODUCER,
        edits: &[(
            "let capacity = self.memory.capacity();\n        let consumed = self.memory.load_consumer_pos(Acquire);",
            "let capacity = self.memory.capacity();\n        let consumed = self.memory.load_consumer_pos(RELAXED);",
        )],
        seen: &[loom("holds::user_reuse"), Seen::Golden],
    },
    Break {
        name: "reserve: the producer position Relaxed",
        file: PRODUCER,
        edits: &[(
            "store_producer_pos(*produced, Release)",
            "store_producer_pos(*produced, RELAXED)",
        )],
        seen: &[loom("holds::user_hand_over"), Seen::Golden],
    },
    Break {
        name: "reserve: the position before the header",
        file: PRODUCER,
        edits: &[
            (
                "            unsafe { self.memory.write_header(at, header, PageOffset::NONE) };\n",
                "",
            ),
            (
                "            unsafe { self.memory.store_producer_pos(*produced, Release) };\n",
                "            unsafe { self.memory.store_producer_pos(*produced, Release) };\n            unsafe { self.memory.write_header(at, header, PageOffset::NONE) };\n",
            ),
        ],
        seen: &[loom("holds::user_hand_over"), Seen::Golden],
    },
    Break {
        name: "commit: Relaxed",
        file: RESERVATION,
        edits: &[(
            "store_header(self.at, how(self.header), Release)",
            "store_header(self.at, how(self.header), RELAXED)",
        )],
        seen: &[loom("holds::user_hand_over"), loom("holds::user_reversed"), Seen::Golden],
    },
    Break {
        name: "reserve: room for one byte too many",
        file: PRODUCER,
        edits: &[("if footprint > free {", "if footprint > free + 8 {")],
        seen: &[Seen::Test("producer", "a_ring_is_filled_exactly")],
    },
    Break {
        name: "mapped: an acquire without its fence",
        file: PAGES,
        edits: &[(
            "    if !matches!(order, Ordering::Relaxed) {\n        fence(order);\n    }\n",
            "    let _ = order;\n",
        )],
        seen: &[Seen::Golden],
    },
    Break {
        name: "mapped: positions are stored Relaxed",
        file: PAGES,
        edits: &[(
            "PositionWord::Bits64(word) => word.store(position.get(), order),",
            "PositionWord::Bits64(word) => word.store(position.get(), Ordering::Relaxed),",
        )],
        seen: &[Seen::Golden],
    },
    Break {
        name: "mapped: commits are stored Relaxed",
        file: MAPPED,
        edits: &[(
            "self.pages.word(at).store(header.to_bits(), order);",
            "self.pages.word(at).store(header.to_bits(), Ordering::Relaxed);",
        )],
        seen: &[Seen::Golden],
    },
    Break {
        name: "mapped: no fence",
        file: MAPPED,
        edits: &[(
            "    fn fence(&self, order: Ordering) {\n        fence(order);\n    }",
            "    fn fence(&self, _: Ordering) {}",
        )],
        seen: &[Seen::Golden],
    },
];
