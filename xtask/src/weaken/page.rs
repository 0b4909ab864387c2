//! The breaks of readers that keep their position in the page, and of the C library's turns.

use super::list::{Break, Seen};

const PAGE: &str = "ringbuf-core/src/page_reader/mod.rs";

const fn loom(test: &'static str) -> Seen {
    Seen::Test("loom", test)
}

const fn sim(test: &'static str) -> Seen {
    Seen::Test("page_reader", test)
}

/// The body of the fuzz target, over bytes from a fixed sequence.
const FUZZ: Seen = Seen::Test("corpus", "readers_of_pages_take_any_bytes");

pub(crate) const BREAKS: &[Break] = &[
    Break {
        name: "page: no fence after the stored position",
        file: PAGE,
        edits: &[("        self.memory.fence(Acquire);\n", "")],
        seen: &[loom("holds::page_turns"), FUZZ],
    },
    Break {
        name: "page: publish Relaxed",
        file: PAGE,
        edits: &[(
            "store_consumer_pos(self.position, Release)",
            "store_consumer_pos(self.position, RELAXED)",
        )],
        seen: &[loom("holds::page_reuse"), FUZZ],
    },
    Break {
        name: "page: arm without a fence",
        file: PAGE,
        edits: &[("        self.reader.memory.fence(SeqCst);\n", "")],
        seen: &[loom("holds::page_wakeup"), loom("holds::page_wakeup_busy"), FUZZ],
    },
    Break {
        name: "page: the fence of arm before the store",
        file: PAGE,
        edits: &[(
            "        self.publish();\n        self.reader.memory.fence(SeqCst);\n",
            "        self.reader.memory.fence(SeqCst);\n        self.publish();\n",
        )],
        seen: &[loom("holds::page_wakeup"), FUZZ],
    },
    Break {
        name: "page: a record is published while it is at hand",
        file: PAGE,
        edits: &[(
            "                    self.publish();\n                    self.hand = header.footprint();",
            "                    self.advance(header.footprint());\n                    self.publish();\n                    self.hand = header.footprint();",
        )],
        seen: &[sim("the_stored_position_is_that_of_the_record_at_hand"), FUZZ],
    },
    Break {
        name: "page: earlier records stay unpublished at the next one",
        file: PAGE,
        edits: &[(
            "                    self.publish();\n                    self.hand",
            "                    self.hand",
        )],
        seen: &[sim("the_stored_position_is_that_of_the_record_at_hand"), FUZZ],
    },
    Break {
        name: "page: the position is kept, whoever moved it",
        file: PAGE,
        edits: &[("if published == stored {", "if published != held {")],
        seen: &[sim("a_move_by_another_reader_wins"), FUZZ],
    },
    Break {
        name: "page: a nested visit is not noticed",
        file: PAGE,
        edits: &[(
            "let moved = self.reader.memory.stored_consumer_pos() != self.published;",
            "let moved = !self.reader.memory.is_owned();",
        )],
        seen: &[sim("a_nested_visit_moves_the_outer_one"), FUZZ],
    },
    Break {
        name: "page: a large record is held back",
        file: PAGE,
        edits: &[("capacity().bytes() / 8 {", "capacity().bytes() {")],
        seen: &[sim("a_large_record_is_not_held_back"), FUZZ],
    },
    Break {
        name: "page: a record stays at hand when it is no longer found",
        file: PAGE,
        edits: &[("if core::mem::take(&mut self.hand) != 0 {", "if self.hand != 0 {")],
        seen: &[FUZZ],
    },
    Break {
        name: "page: what a nested visit has passed is found again",
        file: PAGE,
        edits: &[("!= 0 {\n            self.follow();\n", "!= 0 {\n")],
        seen: &[sim("a_second_find_does_not_go_back"), FUZZ],
    },
    Break {
        name: "page: a misaligned position is read",
        file: PAGE,
        edits: &[("if !self.position.is_aligned() {", "if self.position.get() == 1 {")],
        seen: &[FUZZ],
    },
    Break {
        name: "page: what is known to be produced survives a move",
        file: PAGE,
        edits: &[("            self.known = 0;\n", "")],
        seen: &[FUZZ],
    },
    Break {
        name: "page: a ring of another process is written",
        file: PAGE,
        edits: &[("self.position && self.reader.memory.is_owned() {", "self.position {")],
        seen: &[FUZZ],
    },
];
