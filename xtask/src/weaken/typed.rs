//! The breaks of typed records, of reading into a buffer, and of putting a record back.

use super::list::{Break, Seen};

const PUT_BACK: &str = "ringbuf-core/src/put_back.rs";
const READ_INTO: &str = "ringbuf-core/src/read_into.rs";
const VIEW: &str = "ringbuf-typed/src/view.rs";
const RECORDS: &str = "ringbuf-typed/src/records.rs";
const READER: &str = "ringbuf-typed/src/reader.rs";

const ORACLE: Seen = Seen::Test("oracle", "the_ring_does_what_the_model_says");
const ANY_BYTES: Seen = Seen::Test("typed", "any_bytes_are_read_right_or_refused");
const COUNTED: Seen = Seen::Test("typed", "each_record_is_counted_once");

const fn put_back(test: &'static str) -> Seen {
    Seen::Test("put_back", test)
}

const fn read_into(test: &'static str) -> Seen {
    Seen::Test("read_into", test)
}

pub(crate) const BREAKS: &[Break] = &[
    Break {
        name: "put back: its bytes are not known any more",
        file: PUT_BACK,
        edits: &[("walk.beyond.get() + end.distance(start, width)", "walk.beyond.get()")],
        seen: &[ORACLE],
    },
    Break {
        name: "put back: skipped records stay counted",
        file: PUT_BACK,
        edits: &[("self.headers(start, end, discarded).saturating_sub(1)", "0_u64")],
        seen: &[ORACLE, put_back("discarded_records_behind_it_are_skipped_again_and_counted_once")],
    },
    Break {
        name: "put back: the rule of holding back keeps what it knew",
        file: PUT_BACK,
        edits: &[(
            "walk.passed.set(Passed::nothing(if empty { self.consumer.published } else { start }));",
            "let _ = (empty, Passed::nothing(start));",
        )],
        seen: &[
            ORACLE,
            put_back("everything_before_it_is_given_back_also_by_a_consumer_that_holds_back"),
        ],
    },
    Break {
        name: "put back: twice",
        file: PUT_BACK,
        edits: &[("self.last.take()", "self.last.get()")],
        seen: &[ORACLE, put_back("the_last_record_comes_again_in_the_same_batch_or_the_next")],
    },
    Break {
        name: "put back: the record stays counted",
        file: PUT_BACK,
        edits: &[("        self.delivered.set(self.delivered.get() - 1);\n", "")],
        seen: &[ORACLE, put_back("limits_count_the_record_once")],
    },
    Break {
        name: "read into: a record that does not fit is lost",
        file: READ_INTO,
        edits: &[("                        batch.rewind();\n", "")],
        seen: &[
            ORACLE,
            read_into("a_record_that_does_not_fit_stays_unread_and_its_length_is_told"),
        ],
    },
    Break {
        name: "read into: it ends without arming",
        file: READ_INTO,
        edits: &[("if !self.finds_more(&mut armed_at) {", "if armed_at.replace(()).is_none() {")],
        seen: &[Seen::Test("looks", "reading_into_a_buffer_arms_at_the_end")],
    },
    Break {
        name: "typed: bytes that are missing are not 0",
        file: VIEW,
        edits: &[(
            "let mut value = T::new_zeroed();",
            "let mut value: T = T::read_from_bytes(&[0x55; 24]).unwrap_or_else(|_| T::new_zeroed());",
        )],
        seen: &[ANY_BYTES],
    },
    Break {
        name: "typed: a long record is always good",
        file: VIEW,
        edits: &[("Lengths::Exact if has > needs =>", "Lengths::Exact if has > needs + 64 =>")],
        seen: &[ANY_BYTES, COUNTED],
    },
    Break {
        name: "typed: an older layout may have any length",
        file: VIEW,
        edits: &[("            if has < least {\n", "            if has < least && false {\n")],
        seen: &[ANY_BYTES, COUNTED],
    },
    Break {
        name: "typed: a tag is read in the other byte order",
        file: RECORDS,
        edits: &[("if tag == $value {", "if tag.swap_bytes() == $value {")],
        seen: &[Seen::Test("typed", "a_tag_is_a_number_of_the_machine")],
    },
    Break {
        name: "typed: refused records are not counted",
        file: READER,
        edits: &[("                self.tally.refuse(misfit);\n", "")],
        seen: &[ANY_BYTES, COUNTED],
    },
];
