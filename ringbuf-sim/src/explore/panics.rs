//! Panics within a run: they are reported with the run, and not printed at once.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `run`, in which panics on this thread print nothing. Their place is kept.
///
/// Shrinking repeats a panic thousands of times.
pub(super) fn quietly<T>(run: impl FnOnce() -> T) -> T {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if QUIET.try_with(Cell::get).unwrap_or(false) {
                let place = info.location().map(ToString::to_string);
                PLACE.with_borrow_mut(|kept| *kept = place);
            } else {
                others(info);
            }
        }));
    });
    let loud = Loud(QUIET.replace(true));
    let result = panic::catch_unwind(AssertUnwindSafe(run));
    drop(loud);
    result.unwrap_or_else(|panic| {
        // Not one of the reader's, which are reported: it must not leave in silence.
        eprintln!("explore: panic at {}", place().unwrap_or_default());
        panic::resume_unwind(panic)
    })
}

/// Returns the place of the last panic: file, line and column.
pub(super) fn place() -> Option<String> {
    PLACE.with_borrow_mut(Option::take)
}

struct Loud(bool);

impl Drop for Loud {
    fn drop(&mut self) {
        QUIET.set(self.0);
    }
}
