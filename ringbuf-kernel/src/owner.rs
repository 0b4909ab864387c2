//! Which process owns a ring: the one that opened it, until a child of `fork` takes it
//! over. A child has the same memory, and must not use it before that.

use std::io;
use std::mem;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use memmap2::MmapMut;

use crate::sys;

/// The owner of one opened ring.
#[derive(Debug)]
pub(crate) struct Owner {
    process: Process,
    /// Whether a child took the ring over. All processes that were forked since share
    /// this word.
    taken: SharedWord,
}

impl Owner {
    /// This process.
    pub(crate) fn current() -> io::Result<Self> {
        Ok(Self { process: Process::current()?, taken: SharedWord::new()? })
    }

    /// Whether this process owns the ring. Two loads.
    #[inline]
    pub(crate) fn is_current(&self) -> bool {
        self.process.is_current() && self.taken.get().load(Relaxed) == 0
    }

    /// From now on no process owns the ring by this owner: another opening takes its
    /// place.
    pub(crate) fn resign(&self) {
        self.taken.get().store(1, Relaxed);
    }
}

/// One process among its ancestors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process {
    word: &'static AtomicU32,
    number: u32,
}

/// The first word of a page that the kernel wipes in each child of `fork`,
/// whichever way the fork is made (`MADV_WIPEONFORK`, Linux 4.14). It numbers the
/// process among its ancestors; 0 means: a child that has opened nothing yet.
static WORD: OnceLock<&AtomicU32> = OnceLock::new();

/// The last number that this process or an ancestor took.
static LAST: AtomicU32 = AtomicU32::new(0);

impl Process {
    /// This process.
    pub(crate) fn current() -> io::Result<Self> {
        let word = wiped_word()?;
        let number = match word.load(Relaxed) {
            0 => {
                let next = LAST.fetch_add(1, Relaxed) + 1;
                let taken = word.compare_exchange(0, next, Relaxed, Relaxed);
                taken.map_or_else(|taken| taken, |_| next)
            }
            number => number,
        };
        Ok(Self { word, number })
    }

    /// Whether this is still the process in which it was made.
    #[inline]
    pub(crate) fn is_current(self) -> bool {
        self.word.load(Relaxed) == self.number
    }

    /// A number that no ancestor of this process has. Never 0.
    pub(crate) fn number(self) -> u32 {
        self.number
    }
}

fn wiped_word() -> io::Result<&'static AtomicU32> {
    if let Some(word) = WORD.get() {
        return Ok(word);
    }
    let page = MmapMut::map_anon(sys::page_size())?;
    let (start, len) = (page.as_ptr().cast_mut(), page.len());
    // SAFETY: a page of our own, which holds nothing yet.
    if unsafe { libc::madvise(start.cast(), len, libc::MADV_WIPEONFORK) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // It stays mapped as long as the process lives, and so do its children's.
    mem::forget(page);
    // SAFETY: the first word of that page: mapped, aligned, and an atomic for all.
    let word = unsafe { AtomicU32::from_ptr(start.cast()) };
    Ok(WORD.get_or_init(|| word))
}

/// A word that is 0 at first and the same one in all children of `fork`.
#[derive(Debug)]
struct SharedWord(NonNull<AtomicU32>);

// SAFETY: an atomic, which is unmapped by the owner of this alone.
unsafe impl Send for SharedWord {}
// SAFETY: as above.
unsafe impl Sync for SharedWord {}

impl SharedWord {
    fn new() -> io::Result<Self> {
        let (len, protection) = (size_of::<AtomicU32>(), libc::PROT_READ | libc::PROT_WRITE);
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping at an address that the kernel chooses.
        let page = unsafe { libc::mmap(ptr::null_mut(), len, protection, flags, -1, 0) };
        if page == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        NonNull::new(page.cast()).map(Self).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
    }

    fn get(&self) -> &AtomicU32 {
        // SAFETY: the first word of a page that is mapped as long as `self` lives.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for SharedWord {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`, with this length; nothing refers to it any more.
        unsafe { libc::munmap(self.0.as_ptr().cast(), size_of::<AtomicU32>()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_of_fork_is_another_process() {
        let (parent, process) = (Owner::current().unwrap(), Process::current().unwrap());
        // SAFETY: the child calls no function that takes a lock.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let stale = !parent.is_current();
            let own = Process::current();
            let own = own.is_ok_and(|own| own.is_current() && own.number() > process.number());
            let right = stale && own && !parent.is_current();
            // SAFETY: ends the child at once.
            unsafe { libc::_exit(i32::from(!right)) };
        }
        let mut status = -1;
        // SAFETY: one number to write to, alive for the call.
        unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert_eq!(status, 0);
        assert!(parent.is_current());
    }

    #[test]
    fn an_owner_that_is_dropped_leaves_nothing_mapped() {
        // SAFETY: the child calls no function that takes a lock. It has one thread,
        // so nothing is mapped at the same address in between.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let gone = SharedWord::new().is_ok_and(|word| {
                let page = word.0.as_ptr().cast();
                // SAFETY: asks about an address; nothing is read or written there.
                let is_mapped = || unsafe { libc::msync(page, 1, libc::MS_ASYNC) } == 0;
                let before = is_mapped();
                drop(word);
                before && !is_mapped()
            });
            // SAFETY: ends the child at once.
            unsafe { libc::_exit(i32::from(!gone)) };
        }
        let mut status = -1;
        // SAFETY: one number to write to, alive for the call.
        unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert_eq!(status, 0);
    }

    #[test]
    fn who_resigns_in_a_child_resigns_in_the_parent() {
        let parent = Owner::current().unwrap();
        // SAFETY: the child calls no function that takes a lock.
        let child = unsafe { libc::fork() };
        if child == 0 {
            parent.resign();
            // SAFETY: ends the child at once.
            unsafe { libc::_exit(0) };
        }
        // SAFETY: nothing is asked for.
        unsafe { libc::waitpid(child, ptr::null_mut(), 0) };
        assert!(!parent.is_current());
    }
}
