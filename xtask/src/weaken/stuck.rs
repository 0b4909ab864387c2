//! The breaks of stuck heads, and of the list of programs.

use super::list::{Break, Seen};

const WATCH: &str = "ringbuf-core/src/watch.rs";
const STUCK: &str = "ringbuf-core/src/set/stuck.rs";
const PROGRAMS: &str = "ringbuf-kernel/src/programs.rs";

const fn alone(test: &'static str) -> Seen {
    Seen::Test("virtual_time", test)
}

const fn set(test: &'static str) -> Seen {
    Seen::Test("set", test)
}

const MODEL: Seen = alone("stuck::a_busy_head_is_what_the_model_says");
const KNOWN: Seen = Seen::Test("live/holders", "what_is_not_known_is_not_none");

pub(crate) const BREAKS: &[Break] = &[
    Break {
        name: "stuck: another head continues the stall",
        file: WATCH,
        edits: &[("Some((at, since)) if at == position =>", "Some((_, since)) =>")],
        seen: &[MODEL, alone("stuck::the_next_busy_head_is_another_stall")],
    },
    Break {
        name: "stuck: the position of a stall wraps",
        file: WATCH,
        edits: &[("stall.busy_for(self.consumed, now())", "stall.busy_for(position, now())")],
        seen: &[alone("stuck::a_stall_at_the_same_position_one_wrap_later_is_another_one")],
    },
    Break {
        name: "stuck: a wait does not see a busy head",
        file: "ringbuf-core/src/wait/steps.rs",
        edits: &[("            self.note_stall(wait.now);\n", "")],
        seen: &[MODEL, alone("stuck::a_wait_for_a_busy_head_rests")],
    },
    Break {
        name: "stuck: a committed head is busy",
        file: WATCH,
        edits: &[("        if !header.is_busy() {\n            return Ok(None);\n        }\n", "")],
        seen: &[MODEL],
    },
    Break {
        name: "stuck: the record itself is behind it",
        file: WATCH,
        edits: &[("available.checked_sub(header.footprint())", "available.checked_sub(0)")],
        seen: &[MODEL, alone("stuck::a_busy_record_beyond_the_produced_bytes_is_corrupt")],
    },
    Break {
        name: "stuck: a set that arms does not see a busy head",
        file: "ringbuf-core/src/set/turns.rs",
        edits: &[("            self.note_stall(index, now);\n", "")],
        seen: &[set("stuck::a_wait_for_busy_heads_rests")],
    },
    Break {
        name: "stuck: a sweep does not see a busy head",
        file: "ringbuf-core/src/set/wait.rs",
        edits: &[("                self.note_stall(index, now);\n", "")],
        seen: &[set("stuck::a_stall_is_timed_while_other_rings_are_busy")],
    },
    Break {
        name: "stuck: a stall is news again",
        file: WATCH,
        edits: &[("!self.told.replace(true)", "!self.told.replace(false)")],
        seen: &[set("stuck::a_set_names_the_rings_whose_heads_are_stuck")],
    },
    Break {
        name: "stuck: any busy head is stuck",
        file: STUCK,
        edits: &[("head.busy_for >= after;", "true;")],
        seen: &[set("stuck::a_set_names_the_rings_whose_heads_are_stuck")],
    },
    Break {
        name: "stuck: a set waits level-triggered",
        file: "ringbuf-kernel/src/set/host.rs",
        edits: &[("libc::EPOLLIN | libc::EPOLLET", "libc::EPOLLIN")],
        seen: &[Seen::Test(
            "live/stuck",
            "a_set_names_the_ring_whose_program_sleeps_and_sleeps_too",
        )],
    },
    Break {
        name: "stuck: a ring waits level-triggered",
        file: "ringbuf-kernel/src/sleep.rs",
        edits: &[("self.events | libc::EPOLLET, MAP)", "self.events, MAP)")],
        seen: &[Seen::Test(
            "live/stuck",
            "a_program_that_sleeps_in_a_page_fault_is_reported_and_slept_on",
        )],
    },
    Break {
        name: "programs: maps of maps are not searched",
        file: PROGRAMS,
        edits: &[("uses = uses || through.leads(outer)?;", "let _ = (&mut through, outer);")],
        seen: &[Seen::Test(
            "live/holders",
            "a_program_that_finds_the_ring_in_a_map_of_maps_is_told",
        )],
    },
    Break {
        name: "programs: a program that cannot be opened is left out",
        file: PROGRAMS,
        edits: &[("Err(error) => return Err(ProgramsError::new(open, error)),", "Err(_) => {}")],
        seen: &[KNOWN],
    },
    Break {
        name: "programs: only the first maps of a program count",
        file: "ringbuf-kernel/src/ids.rs",
        edits: &[("        if count <= maps.len() {\n", "        if count <= 1 << 20 {\n")],
        seen: &[Seen::Test("live/holders", "programs_with_many_maps_are_searched")],
    },
];
