//! [`Threads`]: the environment of a simulated ring on real threads.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use crate::event::Event;
use crate::{Context, Fault, Host, Injected, Lock, LockError, Positions};

/// The time after which a resilient lock gives up (`RES_DEF_TIMEOUT` for one that waits).
const TIMEOUT: Duration = Duration::from_millis(250);

/// A [`Host`] of real threads. A mutex replaces the spinlock, an eventfd the wait
/// queue.
#[derive(Debug)]
pub struct Threads {
    positions: Mutex<Positions>,
    /// A program that stands still under the lock. Nobody takes `positions` meanwhile.
    holder: Mutex<Option<ThreadId>>,
    is_held: AtomicBool,
    freed: Condvar,
    /// A notification that is late.
    late: AtomicBool,
    pub(crate) event: Event,
    pub(crate) faults: Injected,
}

impl Threads {
    pub(crate) fn new(positions: Positions) -> io::Result<Self> {
        Ok(Self {
            positions: Mutex::new(positions),
            holder: Mutex::default(),
            is_held: AtomicBool::new(false),
            freed: Condvar::new(),
            late: AtomicBool::new(false),
            event: Event::new()?,
            faults: Injected::default(),
        })
    }

    /// Takes the lock for a program that stands still under it.
    pub(crate) fn hold(&self, lock: Lock, context: Context) -> Result<(), LockError> {
        let positions = self.lock_in(lock, context)?;
        *self.holder.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread::current().id());
        self.is_held.store(true, Ordering::Release);
        drop(positions);
        Ok(())
    }

    pub(crate) fn release(&self) {
        *self.holder.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.is_held.store(false, Ordering::Release);
        self.freed.notify_all();
    }

    /// Delivers a late notification.
    pub(crate) fn deliver(&self) -> bool {
        let late = self.late.swap(false, Ordering::AcqRel);
        if late {
            self.event.notify();
        }
        late
    }

    /// Waits until no program stands still under the lock.
    fn wait_for_holder(&self, lock: Lock, context: Context) -> Result<(), LockError> {
        let holder = self.holder.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(who) = *holder else { return Ok(()) };
        let mine = who == thread::current().id();
        let is_held = |holder: &mut Option<ThreadId>| holder.is_some();
        match (lock, context) {
            (Lock::Spin, Context::Nmi) => Err(LockError::Contended),
            (Lock::Spin, Context::Task) if mine => Err(LockError::Hangs),
            (Lock::Spin, Context::Task) => {
                drop(self.freed.wait_while(holder, is_held));
                Ok(())
            }
            (Lock::Resilient, _) if mine => Err(LockError::Deadlock),
            (Lock::Resilient, _) => {
                let waited = self.freed.wait_timeout_while(holder, TIMEOUT, is_held);
                let (_holder, waited) = waited.unwrap_or_else(PoisonError::into_inner);
                if waited.timed_out() { Err(LockError::TimedOut) } else { Ok(()) }
            }
        }
    }
}

impl Host for Threads {
    type Guard<'a> = MutexGuard<'a, Positions>;

    fn lock(&self) -> Self::Guard<'_> {
        // A panic under the lock leaves valid positions: each is one store.
        self.positions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_in(&self, lock: Lock, context: Context) -> Result<Self::Guard<'_>, LockError> {
        loop {
            if self.is_held.load(Ordering::Acquire) {
                self.wait_for_holder(lock, context)?;
            }
            let guard = match (lock, context) {
                (Lock::Spin, Context::Nmi) => match self.positions.try_lock() {
                    Ok(guard) => guard,
                    Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                    Err(TryLockError::WouldBlock) => return Err(LockError::Contended),
                },
                _ => self.lock(),
            };
            if !self.is_held.load(Ordering::Acquire) {
                return Ok(guard);
            }
        }
    }

    fn notify(&self) {
        if self.faults.strikes(Fault::LostNotification) {
            return;
        }
        if self.faults.strikes(Fault::LateNotification) {
            return self.late.store(true, Ordering::Release);
        }
        // One that is late arrives together with this one.
        self.late.store(false, Ordering::Release);
        self.event.notify();
    }

    fn injected(&self) -> Option<&Injected> {
        Some(&self.faults)
    }
}
