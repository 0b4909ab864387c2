//! What the environment says: `RINGBUF_POLICY` and `RINGBUF_VERBOSE`.

use std::ffi::CStr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use libc::c_int;
use ringbuf_core::WaitPolicy;

use crate::c;

/// How a manager waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    Balanced = 0,
    LowLatency = 1,
    LowCost = 2,
    Immediate = 3,
}

/// The longest sleep before a look without a notification. The kernel's selftest `ringbuf`
/// submits without one, and wants `poll` still asleep some 100 ms later.
const SLEEP: Duration = Duration::from_secs(1);

impl Policy {
    /// That of the environment. An unknown name counts as none.
    pub(crate) fn of_environment() -> Self {
        let named = c::variable(c"RINGBUF_POLICY").and_then(Self::named);
        named.unwrap_or(Self::Balanced)
    }

    fn named(name: &CStr) -> Option<Self> {
        match name.to_bytes() {
            b"balanced" => Some(Self::Balanced),
            b"low_latency" => Some(Self::LowLatency),
            b"low_cost" => Some(Self::LowCost),
            b"immediate" => Some(Self::Immediate),
            _ => None,
        }
    }

    /// The number that `ringbuf_capi.h` gives it.
    pub(crate) fn numbered(number: c_int) -> Option<Self> {
        match number {
            0 => Some(Self::Balanced),
            1 => Some(Self::LowLatency),
            2 => Some(Self::LowCost),
            3 => Some(Self::Immediate),
            _ => None,
        }
    }

    /// Its numbers. `immediate` never asks for them.
    pub(crate) fn wait(self) -> WaitPolicy {
        let policy = match self {
            Self::Balanced => WaitPolicy::balanced(),
            Self::LowLatency => WaitPolicy::low_latency(),
            Self::LowCost => WaitPolicy::low_cost(),
            Self::Immediate => WaitPolicy::immediate(),
        };
        policy.max_sleep(SLEEP)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Balanced => "balanced",
            Self::LowLatency => "low_latency",
            Self::LowCost => "low_cost",
            Self::Immediate => "immediate",
        }
    }
}

/// Prints one line at the first handle of the process, if `RINGBUF_VERBOSE` is 1, and another
/// if the name of the policy is unknown. Silence is the usual failure of a preloaded library.
pub(crate) fn say_once() {
    static SAID: AtomicBool = AtomicBool::new(false);
    let asked = c::variable(c"RINGBUF_VERBOSE").is_some_and(|value| value == c"1");
    if !asked || SAID.swap(true, Relaxed) {
        return;
    }
    let name = c::variable(c"RINGBUF_POLICY").filter(|name| Policy::named(name).is_none());
    if let Some(name) = name {
        let [before, after] = [
            "ringbuf-capi: RINGBUF_POLICY \"",
            "\" is not one of balanced, low_latency, low_cost, immediate\n",
        ];
        let name = name.to_bytes().get(..NAME_MOST).unwrap_or(name.to_bytes());
        print(&[before.as_bytes(), name, after.as_bytes()]);
    }
    let policy = Policy::of_environment().name();
    let parts = ["ringbuf-capi ", env!("CARGO_PKG_VERSION"), " is bound, policy ", policy, "\n"];
    print(&parts.map(str::as_bytes));
}

/// The most bytes of an unknown name that are printed.
const NAME_MOST: usize = 64;

/// Prints all parts at once, so that no other thread's line comes between them.
fn print(parts: &[&[u8]]) {
    let mut line = [0_u8; 192];
    let bytes = parts.iter().copied().flatten();
    let len = line.iter_mut().zip(bytes).map(|(to, from)| *to = *from).count();
    // SAFETY: `len` bytes of a live buffer. Whether they arrive does not matter.
    unsafe { libc::write(2, line.as_ptr().cast(), len) };
}
