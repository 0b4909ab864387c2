//! The breaks of counts that outlive their reader, and of the sum.

use super::list::{Break, Seen};

const SAVED: &str = "ringbuf-core/src/saved.rs";
const CONSUMER: &str = "ringbuf-core/src/consumer.rs";
const LOSSES: &str = "ringbuf-core/src/losses.rs";

const KILLED: Seen = Seen::Test("saved", "a_reader_may_be_killed_between_any_two_stores");

const fn saved(test: &'static str) -> Seen {
    Seen::Test("saved", test)
}

const fn sum(test: &'static str) -> Seen {
    Seen::Test("losses", test)
}

pub(crate) const BREAKS: &[Break] = &[
    Break {
        name: "saved: after the store of the position",
        file: CONSUMER,
        edits: &[
            ("            self.memory.before_publish(self.position(), self.counts);\n", ""),
            (
                "            self.published = position;\n        }\n    }\n",
                "            self.published = position;\n            self.memory.before_publish(self.position(), self.counts);\n        }\n    }\n",
            ),
        ],
        seen: &[KILLED],
    },
    Break {
        name: "saved: the counts of another position",
        file: CONSUMER,
        edits: &[(
            "before_publish(self.position(), self.counts)",
            "before_publish(position, self.counts)",
        )],
        seen: &[KILLED],
    },
    Break {
        name: "saved: a slot is the newest before it is written",
        file: SAVED,
        edits: &[
            ("        self.words.store(slot, sequence);\n", ""),
            (
                "        self.words.store(slot + 1",
                "        self.words.store(slot, sequence);\n        self.words.store(slot + 1",
            ),
        ],
        seen: &[KILLED],
    },
    Break {
        name: "saved: one slot",
        file: SAVED,
        edits: &[("{ SLOTS[0] } else { SLOTS[1] }", "{ SLOTS[0] } else { SLOTS[0] }")],
        seen: &[KILLED],
    },
    Break {
        name: "saved: the older slot counts",
        file: SAVED,
        edits: &[("if second.sequence > first.sequence", "if second.sequence < first.sequence")],
        seen: &[KILLED],
    },
    Break {
        name: "saved: records that come again count twice",
        file: SAVED,
        edits: &[(
            "newest.counts.delivered.wrapping_sub(again.delivered)",
            "newest.counts.delivered",
        )],
        seen: &[KILLED],
    },
    Break {
        name: "saved: bytes that nobody counted are forgotten",
        file: SAVED,
        edits: &[("self.words.store(slot + 4, uncounted_bytes);", "let _ = uncounted_bytes;")],
        seen: &[saved("a_reader_that_saves_nothing_leaves_a_gap_that_is_named")],
    },
    Break {
        name: "losses: a gap is hidden",
        file: LOSSES,
        edits: &[("Gap::Records(ends - attempts)", "Gap::None")],
        seen: &[sum("a_gap_has_a_sign_and_a_name")],
    },
    Break {
        name: "losses: what is in the ring is not counted",
        file: LOSSES,
        edits: &[(
            "wrapping_add(discarded).wrapping_add(self.unread.records)",
            "wrapping_add(discarded)",
        )],
        seen: &[sum("every_attempt_has_one_end")],
    },
    Break {
        name: "losses: one reason is left out",
        file: LOSSES,
        edits: &[("let room = self.full.wrapping_add(self.too_big);", "let room = self.full;")],
        seen: &[sum("every_attempt_has_one_end")],
    },
];
