//! The list and its lock under loom: every interleaving, and every value that a
//! load may see. `cargo xtask weaken --only claim` weakens the orderings; a model
//! must fail for each.

use std::ptr;
use std::sync::{Arc, Mutex};

use loom::cell::UnsafeCell;
use loom::sync::atomic::{self, AtomicPtr, AtomicU32};
use loom::thread;

#[expect(clippy::duplicate_mod, reason = "the same code, over the atomics that are imported here")]
#[path = "list.rs"]
mod list;

use list::{List, Place};

const PROCESS: u32 = 1;
const CHILD: u32 = 2;

/// Explores `execution`, and asks whether each of its outcomes was seen.
fn explore<const N: usize>(execution: fn(Arc<List>) -> usize) {
    let counts = Arc::new(Mutex::new([0_u64; N]));
    let counted = counts.clone();
    loom::model(move || {
        let list = List { lock: AtomicU32::new(0), first: AtomicPtr::new(ptr::null_mut()) };
        let outcome = execution(Arc::new(list));
        counted.lock().unwrap()[outcome] += 1;
    });
    let counts = counts.lock().unwrap();
    println!("{counts:?}");
    assert!(!counts.contains(&0), "not all seen: {counts:?}");
}

/// Whether the list is empty at first or not, whichever thread comes first.
#[test]
fn of_two_one_gets_it() {
    fn race(list: &Arc<List>) -> usize {
        let others = list.clone();
        let other = thread::spawn(move || others.claim(7, PROCESS).is_some());
        let own = list.claim(7, PROCESS).is_some();
        let other = other.join().unwrap();
        assert!(own != other, "both, or none");
        usize::from(own)
    }
    explore::<2>(|list| race(&list));
    explore::<2>(|list| {
        list.claim(7, PROCESS).unwrap().give_back();
        race(&list)
    });
}

/// The id of one map is given back, and claimed anew: what was stored before is
/// seen, also where the place went to another map in between.
#[test]
fn who_claims_sees_what_was_left() {
    explore::<2>(|list| {
        let (left, place) = (Arc::new(Left::default()), list.claim(7, PROCESS).unwrap());
        let next = claim_and_store(&list, &left);
        left.store();
        place.give_back();
        usize::from(next.join().unwrap().is_some())
    });
    explore::<3>(|list| {
        let (left, place) = (Arc::new(Left::default()), list.claim(7, PROCESS).unwrap());
        let next = claim_and_store(&list, &left);
        let between = thread::spawn(move || assert!(list.claim(8, PROCESS).is_some()));
        left.store();
        place.give_back();
        between.join().unwrap();
        match next.join().unwrap() {
            None => 0,
            Some(next) if ptr::eq(next, place) => 1,
            Some(_) => 2,
        }
    });
}

/// A cell that only the holder of the claim may touch.
#[derive(Default)]
struct Left(UnsafeCell<u32>);

// SAFETY: loom fails the model if two touch it and nothing orders them.
unsafe impl Send for Left {}
// SAFETY: as above.
unsafe impl Sync for Left {}

impl Left {
    fn store(&self) {
        // SAFETY: the pointer is of the cell, which lives.
        self.0.with_mut(|left| unsafe { *left += 1 });
    }
}

fn claim_and_store(
    list: &Arc<List>,
    left: &Arc<Left>,
) -> thread::JoinHandle<Option<&'static Place>> {
    let (list, left) = (list.clone(), left.clone());
    thread::spawn(move || list.claim(7, PROCESS).inspect(|_| left.store()))
}

/// A child is forked while its parent has the lock, at any moment. A real child has a
/// copy of the memory at that moment. Here it reads the parent's memory, so that only
/// these orderings order the two.
#[test]
fn a_child_finds_whole_places() {
    explore::<2>(|list| {
        let locked = list.lock(PROCESS);
        let of_child = list.clone();
        let child = thread::spawn(move || of_child.claim(8, CHILD).unwrap());
        let place = list.push();
        std::mem::forget(locked);
        usize::from(ptr::eq(child.join().unwrap(), place))
    });
}
