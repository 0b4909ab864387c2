//! The breaks of captures: each check that keeps damage from being believed, and what a replay
//! relies on.

use super::list::{Break, Seen};

const FORMAT: &str = "ringbuf-record/src/format.rs";
const READER: &str = "ringbuf-record/src/reader.rs";
const PARSE: &str = "ringbuf-record/src/parse.rs";
const WRITER: &str = "ringbuf-record/src/writer.rs";
const BLOCKS: &str = "ringbuf-record/src/writer/blocks.rs";
const STATE: &str = "ringbuf-record/src/state.rs";
const INDEX: &str = "ringbuf-record/src/index.rs";
const SIM: &str = "ringbuf-record/src/sim.rs";

const fn seen(test: &'static str) -> Seen {
    Seen::Test("capture", test)
}

const CUT: Seen = seen("damage::a_file_that_is_cut_at_any_byte_gives_the_whole_blocks_before");
const CHANGED: Seen = seen("damage::a_file_with_any_byte_changed_gives_the_whole_blocks_before");
const IMPOSSIBLE: Seen = seen("refusals::impossible_blocks_are_refused");
const STEPS: Seen = seen("round_trip::every_step_is_read_as_it_was_written");
const TIMES: Seen = seen("round_trip::times_bound_when_records_came");
const BYTES: Seen = seen("bytes::each_block_is_as_the_document_says");
const EQUAL: Seen = seen("replay::a_replayed_ring_is_equal_to_the_original");

pub(crate) const BREAKS: &[Break] = &[
    Break {
        name: "record: checksums are not compared",
        file: READER,
        edits: &[("if format::checksum(&header, &self.body) != crc {", "if crc == 1 {")],
        seen: &[CHANGED],
    },
    Break {
        name: "record: the header of a block is not in its checksum",
        file: FORMAT,
        edits: &[
            ("    crc.update(&block[..12]);\n", ""),
            ("    crc.update(&header[..12]);\n    crc.update(padded);", "    crc.update(padded);"),
        ],
        seen: &[CHANGED, BYTES],
    },
    Break {
        name: "record: a torn block is not told from a damaged one",
        file: READER,
        edits: &[("if (got as u64) < padded {", "if (got as u64) > padded {")],
        seen: &[CUT],
    },
    Break {
        name: "record: a block may begin anywhere",
        file: READER,
        edits: &[("if *place != from {", "if place.get() == 1 {")],
        seen: &[IMPOSSIBLE],
    },
    Break {
        name: "record: entries may be more or fewer than stated",
        file: PARSE,
        edits: &[("if walk.position != end || count != records {", "if walk.position != end {")],
        seen: &[IMPOSSIBLE],
    },
    Break {
        name: "record: a busy entry is read",
        file: PARSE,
        edits: &[(
            "let step = if header.is_busy() {\n            return None;\n        } else if",
            "let step = if",
        )],
        seen: &[IMPOSSIBLE],
    },
    Break {
        name: "record: compressed bytes may be longer than stated",
        file: PARSE,
        edits: &[("if entries.0.len() != len as usize {", "if entries.0.len() < len as usize {")],
        seen: &[seen("refusals::compressed_bytes_are_as_long_as_stated")],
    },
    Break {
        name: "record: a gap comes before the records that came first",
        file: WRITER,
        edits: &[("        self.close(ring, now)?;\n        let width", "        let width")],
        seen: &[STEPS, BYTES],
    },
    Break {
        name: "record: what is copied in the middle counts as all",
        file: WRITER,
        edits: &[(
            "if state.is_due(now) { self.close(ring, now) } else { Ok(()) }",
            "if state.is_due(now) { self.close(ring, now)? }\n        \
             self.state(ring)?.since = now;\n        Ok(())",
        )],
        seen: &[TIMES],
    },
    Break {
        name: "record: a block stays open for ever",
        file: STATE,
        edits: &[("self.entries.len() >= FULL || (old", "self.entries.len() >= FULL && (old")],
        seen: &[TIMES],
    },
    Break {
        name: "record: a failed write is forgotten",
        file: BLOCKS,
        edits: &[(
            "            self.failed = true;\n            return Err(WriteError::of",
            "            return Err(WriteError::of",
        )],
        seen: &[seen("refusals::a_full_disk_is_told_with_what_was_kept")],
    },
    Break {
        name: "record: a record may be anywhere",
        file: STATE,
        edits: &[("if position != self.next {", "if position.get() == 1 {")],
        seen: &[seen("refusals::wrong_calls_are_refused")],
    },
    Break {
        name: "record: only the last block of the index is read",
        file: INDEX,
        edits: &[("(before, at) = (at, previous);", "(before, at) = (at, 0 * previous);")],
        seen: &[seen("round_trip::the_index_says_where_each_block_is")],
    },
    Break {
        name: "record: a gap begins again when the reader has made room",
        file: SIM,
        edits: &[(
            "self.gap.take().unwrap_or(gap.bytes)",
            "self.gap.take().map_or(gap.bytes, |_| gap.bytes)",
        )],
        seen: &[EQUAL, seen("replay::what_cannot_be_replayed_is_told")],
    },
    Break {
        name: "record: a discarded record is replayed with another length",
        file: SIM,
        edits: &[("_ => self.discard(len),", "_ => self.discard(len / 2),")],
        seen: &[EQUAL],
    },
];
