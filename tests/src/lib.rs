//! What live tests share: may BPF be used here, a ring's pages without any of this project's own
//! code in between, program runs, waiting, CPUs.
//!
//! A live test begins with the gate, so that a machine that cannot run it says so, and a machine
//! that must run it fails:
//! ```no_run
//! # fn wakes_a_sleeper() {
//! if !ringbuf_tests::live("waiting::wakes_a_sleeper") {
//!     return;
//! }
//! # }
//! ```

mod at_end;
mod bpffs;
mod bursts;
mod command;
mod cpu;
mod epoll;
mod forked;
mod gate;
mod globals;
mod held;
mod late_page;
mod limits;
pub mod losses;
mod maps;
mod operations;
mod privileges;
mod pty;
pub mod restarts;
mod ring;
mod run;
mod seccomp;
mod shards;
mod sleeps;
mod spawned;
mod tasks;
mod user_drain;

pub use at_end::AtEnd;
pub use bpffs::BpfFs;
pub use bursts::Bursts;
pub use command::ringbuf;
pub use cpu::{Pinned, online_cpus, pin_to_cpu, urgent};
pub use epoll::{Epoll, Trigger, poll_now};
pub use forked::in_child;
pub use gate::{has_dynptr, has_pending_pos, has_tracepoint, live, live_since, refusal};
pub use globals::Globals;
pub use held::{gave_up, until_seen};
pub use late_page::{Accessed, LatePage};
pub use limits::may_open;
pub use maps::{create_map, map_by_id};
pub use operations::Operations;
pub use privileges::{NOBODY, as_nobody, capability, with_only};
pub use pty::Pty;
pub use ring::{BUSY, DISCARD, Header, RawRing};
pub use ringbuf_portable::{
    Watchdog, disposable_kernel, kernel_release, note, page_size, skip, watchdog,
};
pub use run::test_run;
pub use seccomp::{Call, with_failing};
pub use shards::{Event, Shards};
pub use sleeps::Sleeps;
pub use spawned::spawn_apart;
pub use tasks::{is_blocked, task_state, times_slept};
pub use user_drain::{Drained, UserDrain};

/// `BPF_RB_NO_WAKEUP`: the commit notifies nobody.
pub const NO_WAKEUP: u64 = 1;

/// `BPF_RB_FORCE_WAKEUP`: the commit notifies whatever the consumer position is.
pub const FORCE_WAKEUP: u64 = 2;
