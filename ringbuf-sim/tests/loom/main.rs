//! Every interleaving of a small ring, and every value that its loads may see. The
//! protocol core and the simulated kernel run under loom, unchanged.
//!
//! The tests ask two questions. Do the models hold for the code (`holds`)? Is each
//! ordering in the code needed (`weaken`)? For the second, a named model must fail
//! if this one access becomes `Relaxed`, or this one fence disappears.
//!
//! Both run in two forms: over plain memory with 64-bit positions from 0, and over
//! memory mapped read-only with 32-bit positions from just below 2^32.
//!
//! Rules of a model: no party loads through loom a word that only it stores. Only
//! fences are `SeqCst`, because loom treats a `SeqCst` access as `AcqRel`. A model
//! names the outcomes that it must have seen, and a minimum number of executions.
//!
//! Loom cannot show a load that sees a store that depends on it (load buffering).
//! `RINGBUF_LOOM_BOUND` sets the preemption bound; the default is 2.

mod accesses;
mod backing;
mod each;
mod explore;
mod hosts;
mod idle;
mod inspect;
mod models;
mod overwrite;
mod page;
mod restart;
mod self_arm;
mod table;
mod user;
mod views;
mod wait;
mod wake;
mod weaken;

/// Runs the models of the unchanged code. `--nocapture` prints them.
mod holds {
    use crate::idle::*;
    use crate::inspect::*;
    use crate::models::*;
    use crate::overwrite::*;
    use crate::page::*;
    use crate::restart::*;
    use crate::self_arm::*;
    use crate::user::*;
    use crate::wait::*;
    use crate::wake::*;

    macro_rules! holds {
        ($($test:ident $model:ident)*) => {
            $(#[test]
            fn $test() {
                $model.holds();
            })*
        };
    }
    holds! {
        hand_over HAND_OVER
        discard DISCARD
        reuse REUSE
        wrap WRAP
        two_producers TWO_PRODUCERS
        three_producers THREE_PRODUCERS
        reversed REVERSED
        others_space OTHERS_SPACE
        wakeup WAKEUP
        wakeup_two WAKEUP_TWO
        wakeup_busy WAKEUP_BUSY
        lagging_release LAGGING_RELEASE
        idle_nap_nap IDLE_NAP_NAP
        idle_nap_publish IDLE_NAP_PUBLISH
        idle_nap_arm IDLE_NAP_ARM
        idle_publish_nap IDLE_PUBLISH_NAP
        idle_publish_publish IDLE_PUBLISH_PUBLISH
        idle_publish_arm IDLE_PUBLISH_ARM
        idle_arm_nap IDLE_ARM_NAP
        idle_arm_publish IDLE_ARM_PUBLISH
        idle_arm_arm IDLE_ARM_ARM
        page_turns PAGE_TURNS
        page_reuse PAGE_REUSE
        page_wakeup PAGE_WAKEUP
        page_wakeup_busy PAGE_WAKEUP_BUSY
        restart_dropped RESTART_DROPPED
        restart_killed RESTART_KILLED
        restart_killed_in_a_batch RESTART_KILLED_IN_A_BATCH
        self_arm_each SELF_ARM_EACH
        self_arm_each_busy SELF_ARM_EACH_BUSY
        self_arm_next SELF_ARM_NEXT
        self_arm_next_busy SELF_ARM_NEXT_BUSY
        self_arm_batch SELF_ARM_BATCH
        self_arm_batch_busy SELF_ARM_BATCH_BUSY
        wait_block WAIT_BLOCK
        wait_block_busy WAIT_BLOCK_BUSY
        wait_block_two WAIT_BLOCK_TWO
        wait_cancelled WAIT_CANCELLED
        wait_naps WAIT_NAPS
        wait_naps_two WAIT_NAPS_TWO
        wait_quiet WAIT_QUIET
        overwrite_lapped OVERWRITE_LAPPED
        overwrite_fresh OVERWRITE_FRESH
        overwrite_wakeup OVERWRITE_WAKEUP
        wake WAKE
        wake_two WAKE_TWO
        wake_flush WAKE_FLUSH
        wake_deadline WAKE_DEADLINE
        hold_back_spares HOLD_BACK_SPARES
        hold_back_reuse HOLD_BACK_REUSE
        user_hand_over USER_HAND_OVER
        user_reuse USER_REUSE
        user_reversed USER_REVERSED
        user_two_drains USER_TWO_DRAINS
        user_two_threads USER_TWO_THREADS
        user_batch USER_BATCH
        user_space USER_SPACE
        inspect_look INSPECT_LOOK
        inspect_fresh INSPECT_FRESH
        inspect_pending INSPECT_PENDING
        inspect_header INSPECT_HEADER
        inspect_tap INSPECT_TAP
        inspect_tap_header INSPECT_TAP_HEADER
    }
}
