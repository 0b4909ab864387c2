//! The breaks of inspectors: each check that keeps a copy whole.

use super::list::{Break, Seen};

const PENDING: &str = "ringbuf-core/src/inspect/pending.rs";
const TAP: &str = "ringbuf-core/src/inspect/tap.rs";
const LOOK: &str = "ringbuf-core/src/inspect/look.rs";
const PAGES: &str = "ringbuf-kernel/src/inspect/pages.rs";
const HOLDERS: &str = "ringbuf-kernel/src/inspect/holders.rs";
const MAPPED: &str = "ringbuf-core/src/mapped/inspect.rs";

const fn seen(test: &'static str) -> Seen {
    Seen::Test("inspect", test)
}

const WHOLE: Seen = seen("pending_records_are_copied_whole_or_not_at_all");
const TAPPED: Seen = seen("the_tap_copies_whole_records_and_counts_the_rest");
const TOGETHER: Seen = seen("looks::a_look_belongs_together");
const WINDOW: Seen = seen("hostile::every_record_that_fits_is_shown_and_no_other");

pub(crate) const BREAKS: &[Break] = &[
    Break {
        name: "inspect: a header is not checked after it is loaded",
        file: PENDING,
        edits: &[(
            "        if let Some(bytes) = self.passed() {
            return Ok(Observed::Missed { bytes });
        }
        let (len, footprint)",
            "        let (len, footprint)",
        )],
        seen: &[WHOLE],
    },
    Break {
        name: "inspect: a copy is not checked",
        file: PENDING,
        edits: &[(
            "        if let Some(bytes) = self.passed() {
            return Ok(Observed::Missed { bytes });
        }
        self.position = behind;",
            "        self.position = behind;",
        )],
        seen: &[WHOLE],
    },
    Break {
        name: "inspect: a consumer at the next record has passed it",
        file: PENDING,
        edits: &[("if now <= before {", "if now < before {")],
        seen: &[WHOLE],
    },
    Break {
        name: "inspect: a consumer beyond the end is followed",
        file: PENDING,
        edits: &[("self.end.distance(consumer, width) < left;", "left > 0;")],
        seen: &[WHOLE],
    },
    Break {
        name: "inspect: a consumer that moves back is followed",
        file: PENDING,
        edits: &[(
            "self.end.distance(consumer, width) < left;",
            "self.end.distance(consumer, width) < 1 << 20;",
        )],
        seen: &[seen("hostile::a_walk_ends_if_the_consumer_moves_back")],
    },
    Break {
        name: "inspect: a record may be longer than what is produced",
        file: PENDING,
        edits: &[("if footprint > left {", "if footprint > left + (1 << 40) {")],
        seen: &[
            seen("hostile::a_record_longer_than_what_is_produced_is_reported"),
            Seen::Test("corpus", "an_observer_survives_any_bytes"),
        ],
    },
    Break {
        name: "inspect: a tap copies a record longer than what is produced",
        file: TAP,
        edits: &[("if footprint > produced {", "if footprint > produced + (1 << 40) {")],
        seen: &[
            seen("hostile::a_record_longer_than_what_is_produced_is_reported"),
            Seen::Test("corpus", "an_observer_survives_any_bytes"),
        ],
    },
    Break {
        name: "inspect: a tap does not check a header after it is loaded",
        file: TAP,
        edits: &[(
            "        if self.is_lapped(inspector) {
            return Ok(self.resume(inspector));
        }
        let (len, footprint)",
            "        let (len, footprint)",
        )],
        seen: &[TAPPED],
    },
    Break {
        name: "inspect: a tap does not check a copy",
        file: TAP,
        edits: &[(
            "        if self.is_lapped(inspector) {
            return Ok(self.resume(inspector));
        }
        self.position = behind;",
            "        self.position = behind;",
        )],
        seen: &[TAPPED],
    },
    Break {
        name: "inspect: a tap takes a whole lap for intact",
        file: TAP,
        edits: &[("capacity().bytes() - Header::SIZE", "capacity().bytes()")],
        seen: &[seen("hostile::a_record_one_lap_behind_is_not_intact")],
    },
    Break {
        name: "inspect: a tap keeps no margin",
        file: TAP,
        edits: &[(".saturating_sub(self.margin)", ".saturating_sub(self.margin * 0)")],
        seen: &[seen("looks::a_tap_keeps_its_margin")],
    },
    Break {
        name: "inspect: a tap does not count what it missed",
        file: TAP,
        edits: &[("self.missed.saturating_add(bytes)", "self.missed.saturating_add(8)")],
        seen: &[TAPPED],
    },
    Break {
        name: "inspect: a tap passes a busy record",
        file: TAP,
        edits: &[(
            "        if header.is_busy() {
",
            "        if header.is_busy() {
            self.position = position.advance(footprint, width);
",
        )],
        seen: &[TAPPED],
    },
    Break {
        name: "inspect: a look does not check that its loads belong together",
        file: LOOK,
        edits: &[(
            "load_consumer_pos(Relaxed) == consumer)",
            "load_consumer_pos(Relaxed) != Position::default() || true)",
        )],
        seen: &[TOGETHER],
    },
    Break {
        name: "inspect: a head is not checked after it is loaded",
        file: LOOK,
        edits: &[(
            "            if self.memory.load_consumer_pos(Relaxed) != position {
                continue;
            }
",
            "",
        )],
        seen: &[TOGETHER],
    },
    Break {
        name: "inspect: a copy may be longer than the ring",
        file: MAPPED,
        edits: &[("bytes > capacity || ", "")],
        seen: &[WINDOW],
    },
    Break {
        name: "inspect: a copy may pass the end of the window",
        file: MAPPED,
        edits: &[("from.checked_add(bytes)? > self.len", "from > self.len")],
        seen: &[Seen::Test(
            "core",
            "mapped::inspect::tests::a_window_shows_its_records_and_no_other",
        )],
    },
    Break {
        name: "inspect: a page is mapped writable",
        file: PAGES,
        edits: &[(
            "    let positions =\n",
            "    Box::leak(Box::new(MmapOptions::new().len(page).map_raw(fd.as_raw_fd())));\n    \
             let positions =\n",
        )],
        seen: &[Seen::Test(
            "live/inspect_only_reads",
            "nothing_is_written_and_nothing_is_mapped_writable",
        )],
    },
    Break {
        name: "inspect: a held ring is a read one",
        file: HOLDERS,
        edits: &[(" || !mapped.iter().any(covers)", "")],
        seen: &[
            Seen::Test("kernel", "inspect::holders::tests::a_page_of_another_map_is_not_a_reader"),
            Seen::Test("kernel", "inspect::holders::tests::a_reader_is_known_by_its_mappings"),
        ],
    },
    Break {
        name: "inspect: a mapping without a descriptor does not count",
        file: "ringbuf-kernel/src/inspect/list.rs",
        edits: &[("            || self.perhaps.contains(&id)\n", "")],
        seen: &[Seen::Test("kernel", "inspect::list::tests::what_is_not_known_is_not_none")],
    },
    Break {
        name: "inspect: a process that cannot be searched does not count",
        file: "ringbuf-kernel/src/inspect/list.rs",
        edits: &[("self.hidden_processes > 0\n            || self", "self")],
        seen: &[Seen::Test("kernel", "inspect::list::tests::what_is_not_known_is_not_none")],
    },
];
