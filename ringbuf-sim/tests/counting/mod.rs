//! An allocator that counts, to check that a path does not allocate. The live tests
//! share it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

#[global_allocator]
static COUNTING: Counting = Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, with a count for each thread.
struct Counting;

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        one_more();
        // SAFETY: the caller guarantees it.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        one_more();
        // SAFETY: the caller guarantees it.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        one_more();
        // SAFETY: the caller guarantees it.
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: the caller guarantees it.
        unsafe { System.dealloc(old, layout) }
    }
}

fn one_more() {
    COUNT.set(COUNT.get() + 1);
}

/// Returns the result of `body`, if this thread allocated nothing in it.
///
/// # Panics
/// If it allocated.
#[track_caller]
pub(crate) fn without_allocation<R>(what: &str, body: impl FnOnce() -> R) -> R {
    let before = COUNT.get();
    let result = body();
    let count = COUNT.get() - before;
    assert_eq!(count, 0, "{what} allocated");
    result
}

#[test]
#[should_panic(expected = "a box allocated")]
fn allocations_are_counted() {
    without_allocation("a box", || drop(std::hint::black_box(Box::new(1))));
}
