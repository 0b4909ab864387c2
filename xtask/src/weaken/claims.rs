//! The breaks of the claims, which keep a second consumer or producer out.

use super::list::{Break, Seen};

const CLAIM: &str = "ringbuf-kernel/src/claim.rs";
const LIST: &str = "ringbuf-kernel/src/claim/list.rs";

const ONE_AT_A_TIME: Seen = kernel("claim::tests::a_map_has_one_claim_at_a_time");
const ONE_OF_TWO: Seen = kernel("claim::models::of_two_one_gets_it");
const LEFT: Seen = kernel("claim::models::who_claims_sees_what_was_left");
const WHOLE: Seen = kernel("claim::models::a_child_finds_whole_places");

const fn kernel(test: &'static str) -> Seen {
    Seen::Test("kernel", test)
}

pub(crate) const BREAKS: &[Break] = &[
    Break {
        name: "claim: it is never given back",
        file: CLAIM,
        edits: &[("        self.place.give_back();\n", "")],
        seen: &[ONE_AT_A_TIME],
    },
    Break {
        name: "claim: two may have one map",
        file: LIST,
        edits: &[("taken if taken == id => return None,", "taken if taken == id => {}")],
        seen: &[
            ONE_AT_A_TIME,
            ONE_OF_TWO,
            Seen::Test("live/fork", "a_child_that_uses_a_ring_is_told"),
        ],
    },
    Break {
        name: "claim: no lock",
        file: LIST,
        edits: &[("        let _locked = self.lock(process);\n", "        let _ = process;\n")],
        seen: &[ONE_OF_TWO],
    },
    Break {
        name: "claim: the lock is taken Relaxed",
        file: LIST,
        edits: &[("process, Ordering::Acquire, Ordering", "process, RELAXED, Ordering")],
        seen: &[ONE_OF_TWO],
    },
    Break {
        name: "claim: the lock is given back Relaxed",
        file: LIST,
        edits: &[("lock.store(0, Ordering::Release)", "lock.store(0, RELAXED)")],
        seen: &[ONE_OF_TWO],
    },
    Break {
        name: "claim: a lock of the parent stays locked in a child",
        file: LIST,
        edits: &[(
            "if found != process && take(found).is_ok() {",
            "if false && found == process {",
        )],
        seen: &[WHOLE],
    },
    Break {
        name: "claim: ids are loaded Relaxed",
        file: LIST,
        edits: &[("place.id.load(Ordering::Acquire)", "place.id.load(RELAXED)")],
        seen: &[LEFT],
    },
    Break {
        name: "claim: it is given back Relaxed",
        file: LIST,
        edits: &[("id.store(FREE, Ordering::Release)", "id.store(FREE, RELAXED)")],
        seen: &[LEFT],
    },
    Break {
        name: "claim: a new place is stored Relaxed",
        file: LIST,
        edits: &[("first.store(place, Ordering::Release)", "first.store(place, RELAXED)")],
        seen: &[WHOLE],
    },
    Break {
        name: "claim: the places are loaded Relaxed",
        file: LIST,
        edits: &[("first.load(Ordering::Acquire)", "first.load(RELAXED)")],
        seen: &[WHOLE],
    },
    Break {
        name: "take_over: a failed one takes the claim of a user ring",
        file: "ringbuf-kernel/src/user_ringbuf.rs",
        edits: &[(
            "            let ring = Self::over(self.producer.memory().take_over()?)?;\n            ring.producer.memory().succeed(self.producer.memory());\n",
            "            let memory = self.producer.memory().take_over()?;\n            memory.succeed(self.producer.memory());\n            let ring = Self::over(memory)?;\n",
        )],
        seen: &[Seen::Test("live/fork", "a_failed_take_over_of_a_user_ring_changes_nothing")],
    },
];
