//! The one door through which other threads reach the loop.
//!
//! Calls wait in a row behind a mutex, closures and all, without a box for each; the loop takes the whole row at once. The
//! loop says under the same lock that it is going to sleep, so a caller who comes later sees that and rings: once, however
//! many come. First in, first out for each sender, and nothing is lost.
//!
//! In a forked child the lock may be somebody's who is not there. Whoever finds it so goes away as if the door were shut.
//!
//! # Invariants
//! - R1 If `asleep` is set then the row is empty and the loop knows of every hold that ended, or whoever changed that is
//!   about to ring.
//! - R2 After `closed` is set the row stays empty.
//! - R3 The row holds only closures that are `Send`.
//! - R4 `home` is touched on the loop's own thread alone, the one that made the door. It is emptied there when the loop
//!   goes; a door that is dropped elsewhere before that leaks what is in it.
//!
//! # Cost
//! A call is one lock and one write into the row; no allocation once the row is warm; a system call only if the loop
//! sleeps.

#![allow(
    unsafe_code,
    reason = "a row of Send closures crosses threads; wakes on the loop's own thread take a short cut"
)]

use super::flat::Flat;
use crate::words::driver::Ring;
use crate::words::key::Key;
use std::cell::{RefCell, UnsafeCell};
use std::fmt;
use std::mem;
use std::rc::{Rc, Weak};
use std::sync::{Arc, OnceLock, PoisonError};

#[cfg(loom)]
pub(super) use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering};
#[cfg(loom)]
use loom::{
    sync::{Condvar, Mutex, MutexGuard},
    thread_local,
};
#[cfg(not(loom))]
pub(super) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
#[cfg(not(loom))]
use std::sync::{Condvar, Mutex, MutexGuard, TryLockError};

/// What a door needs to know of the loop behind it.
pub trait Loop: 'static {
    /// Queues the task to be polled, if it still exists.
    fn wake_task(&self, key: Key);
}

/// The door of one loop.
pub struct Door<L: Loop> {
    state: Mutex<State<L>>,
    room: Condvar,
    waiting: AtomicBool,
    home: Home<L>,
    /// The ring that is in the state as long as the loop lives, for whoever cannot have the lock.
    known_ring: OnceLock<std::sync::Weak<dyn Ring>>,
}

struct State<L: Loop> {
    row: Row<L>,
    /// Calls that were let in and have not run; of no account before somebody set a limit.
    length: usize,
    /// Those of them that the loop has taken in.
    taken: usize,
    /// Somebody set a limit.
    is_limited: bool,
    asleep: bool,
    closed: bool,
    holds: usize,
    /// The last hold has ended since the loop was about to sleep: it must look whether anything else keeps it running.
    released: bool,
    ring: Option<Arc<dyn Ring>>,
}

struct Row<L: Loop>(Flat<Rc<L>>);

// SAFETY: R3: all that a row holds is closures that are `Send`: `Door::enqueue` asks for it, and nothing else pushes.
unsafe impl<L: Loop> Send for Row<L> {}

/// The way to the loop that is open on its own thread alone.
struct Home<L: Loop> {
    thread: u64,
    to: UnsafeCell<Weak<L>>,
}

// SAFETY: R4: `to` is reached only through `Home::here`, which compares the thread first.
unsafe impl<L: Loop> Send for Home<L> {}
// SAFETY: R4: as above.
unsafe impl<L: Loop> Sync for Home<L> {}

thread_local! {
    static THIS_THREAD: u64 = next_thread();
}

/// A number for each thread that asks, never given twice.
fn next_thread() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

fn this_thread() -> u64 {
    THIS_THREAD.try_with(|thread| *thread).unwrap_or(0)
}

impl<L: Loop> Home<L> {
    /// Where the loop is, if this is its thread.
    fn here(&self) -> Option<&UnsafeCell<Weak<L>>> {
        (self.thread == this_thread()).then_some(&self.to)
    }

    fn set(&self, to: Weak<L>) {
        if let Some(home) = self.here() {
            // SAFETY: R4: this is the loop's thread, and no reference into the cell outlives the functions of `Home`.
            drop(mem::replace(unsafe { &mut *home.get() }, to));
        }
    }

    fn get(&self) -> Option<Rc<L>> {
        // SAFETY: R4: this is the loop's thread, and `upgrade` runs no code that could reach the cell.
        self.here().and_then(|home| unsafe { &*home.get() }.upgrade())
    }
}

impl<L: Loop> Drop for Home<L> {
    fn drop(&mut self) {
        if self.here().is_none() {
            mem::forget(mem::take(self.to.get_mut()));
        }
    }
}

impl<L: Loop> State<L> {
    #[inline]
    fn count_call(&mut self, limit: usize) {
        self.length += 1;
        self.is_limited |= limit != usize::MAX;
    }
}

/// Calls that the loop has taken in: when the last of them has run, there is room for others.
struct Batch<L: Loop> {
    door: Arc<Door<L>>,
    calls: usize,
}

impl<L: Loop> Drop for Batch<L> {
    fn drop(&mut self) {
        let Some(mut state) = self.door.lock() else { return };
        state.length -= self.calls;
        state.taken -= self.calls;
        drop(state);
        self.door.room.notify_all();
    }
}

/// A call was not let in; the closure comes back.
pub struct Refused<F> {
    /// What was to be called.
    pub call: F,
    closed: bool,
}

impl<F> Refused<F> {
    /// Whether the loop is gone for good: no later try will do better.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether as many calls wait as were allowed.
    pub fn is_full(&self) -> bool {
        !self.closed
    }
}

impl<F> fmt::Debug for Refused<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused").field("closed", &self.closed).finish_non_exhaustive()
    }
}

impl<F> fmt::Display for Refused<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.closed { "the Fate is gone" } else { "too many calls are waiting" })
    }
}

impl<F> std::error::Error for Refused<F> {}

impl<L: Loop> Default for Door<L> {
    fn default() -> Door<L> {
        let state = State {
            row: Row(Flat::new()),
            length: 0,
            taken: 0,
            is_limited: false,
            asleep: false,
            closed: false,
            holds: 0,
            released: false,
            ring: None,
        };
        Door {
            state: Mutex::new(state),
            room: Condvar::new(),
            waiting: AtomicBool::new(false),
            home: Home { thread: this_thread(), to: UnsafeCell::new(Weak::new()) },
            known_ring: OnceLock::new(),
        }
    }
}

impl<L: Loop> Door<L> {
    /// The state, unless this is a forked child and somebody has it who is not there.
    #[cfg(not(loom))]
    fn lock(&self) -> Option<MutexGuard<'_, State<L>>> {
        match self.state.try_lock() {
            Ok(state) => Some(state),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) if self.is_foreign() => None,
            Err(TryLockError::WouldBlock) => Some(self.state.lock().unwrap_or_else(PoisonError::into_inner)),
        }
    }

    /// The state. Nobody forks here.
    #[cfg(loom)]
    fn lock(&self) -> Option<MutexGuard<'_, State<L>>> {
        Some(self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether this is a forked child of the loop's process.
    #[cfg(not(loom))]
    fn is_foreign(&self) -> bool {
        self.known_ring.get().and_then(std::sync::Weak::upgrade).is_some_and(|ring| ring.is_foreign())
    }

    /// Lets a call in, unless `limit` calls wait already.
    ///
    /// # Errors
    /// The closure, if there is no room or the loop is gone.
    pub fn call<F: FnOnce(&Rc<L>) + Send + 'static>(&self, limit: usize, call: F) -> Result<(), Refused<F>> {
        self.call_as(limit, call, |call| call)
    }

    /// As [`Door::call`], with what `wrap` makes of the closure, which comes back bare.
    ///
    /// # Errors
    /// The closure, if there is no room or the loop is gone.
    pub fn call_as<F, G>(&self, limit: usize, call: F, wrap: impl FnOnce(F) -> G) -> Result<(), Refused<F>>
    where
        G: FnOnce(&Rc<L>) + Send + 'static,
    {
        let Some(mut state) = self.lock() else { return Err(Refused { call, closed: true }) };
        if state.closed || state.length >= limit {
            return Err(Refused { call, closed: state.closed });
        }
        state.count_call(limit);
        self.enqueue(state, wrap(call));
        Ok(())
    }

    /// Lets a call in, waiting for room if `limit` calls wait already. On the loop's own thread, where waiting would be
    /// for ever, it does not wait.
    ///
    /// # Errors
    /// The closure, if the loop is gone.
    pub fn call_waiting<F: FnOnce(&Rc<L>) + Send + 'static>(&self, limit: usize, call: F) -> Result<(), Refused<F>> {
        let at_home = self.home.here().is_some();
        let Some(mut state) = self.lock() else { return Err(Refused { call, closed: true }) };
        while !state.closed && state.length >= limit && !at_home {
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.closed {
            return Err(Refused { call, closed: true });
        }
        state.count_call(limit);
        self.enqueue(state, call);
        Ok(())
    }

    fn enqueue<F: FnOnce(&Rc<L>) + Send + 'static>(&self, mut state: MutexGuard<'_, State<L>>, call: F) {
        state.row.0.push(call);
        self.waiting.store(true, Ordering::Release);
        Self::ring(state);
    }

    /// Ends the loop's sleep, if it sleeps and nobody else has rung.
    fn ring(mut state: MutexGuard<'_, State<L>>) {
        let ring = if mem::take(&mut state.asleep) { state.ring.clone() } else { None };
        drop(state);
        if let Some(ring) = ring {
            ring.ring();
        }
    }

    /// Queues a task: at once on the loop's own thread, as a call from any other.
    pub fn wake(&self, key: Key) {
        match self.home.get() {
            Some(home) => home.wake_task(key),
            None => {
                let Some(state) = self.lock() else { return };
                if !state.closed {
                    self.enqueue(state, move |home: &Rc<L>| home.wake_task(key));
                }
            }
        }
    }

    /// Keeps the loop running until [`Door::release`], even if nothing else can happen.
    pub fn hold(&self) {
        if let Some(mut state) = self.lock() {
            state.holds += 1;
        }
    }

    /// Ends one [`Door::hold`]. After the last one the loop does not sleep before it has asked [`Door::is_held`].
    pub fn release(&self) {
        let Some(mut state) = self.lock() else { return };
        state.holds -= 1;
        if state.holds == 0 {
            state.released = true;
            Self::ring(state);
        }
    }

    /// The loop lives here: says so once, on its own thread.
    pub fn open(&self, home: &Rc<L>) {
        self.home.set(Rc::downgrade(home));
    }

    /// Whether the caller is on the loop's own thread.
    pub fn is_home(&self) -> bool {
        self.home.here().is_some()
    }

    /// How the loop is woken.
    pub fn set_ring(&self, ring: Arc<dyn Ring>) {
        // The first is for ever that of the loop's process.
        let _ = self.known_ring.set(Arc::downgrade(&ring));
        if let Some(mut state) = self.lock() {
            state.ring = Some(ring);
        }
    }

    /// Whether somebody holds the loop running, or a call waits.
    pub fn is_held(&self) -> bool {
        self.lock().is_some_and(|state| state.holds > 0 || !state.row.0.is_empty())
    }

    /// Whether a call waits. Costs one load.
    pub fn has_calls(&self) -> bool {
        self.waiting.load(Ordering::Acquire)
    }

    /// Moves all calls that wait to the end of `queue`. Costs one load if there is none. There is room for others when
    /// these have run, or were dropped.
    #[inline]
    pub fn take_all(self: &Arc<Door<L>>, queue: &RefCell<Flat<Rc<L>>>) {
        if self.waiting.load(Ordering::Acquire) {
            let Some(mut state) = self.lock() else { return };
            self.waiting.store(false, Ordering::Relaxed);
            let mut queue = queue.borrow_mut();
            queue.append(&mut state.row.0);
            state.row.0.relax();
            if state.is_limited {
                let batch = Batch { door: self.clone(), calls: state.length - state.taken };
                state.taken = state.length;
                queue.push(move |_| drop(batch));
            } else {
                state.length = 0;
            }
        }
    }

    /// The loop is about to sleep. Says no if a call came in the meantime, or the last hold ended.
    pub fn fall_asleep(&self) -> bool {
        let Some(mut state) = self.lock() else { return true };
        let released = mem::take(&mut state.released);
        state.asleep = state.row.0.is_empty() && !released;
        state.asleep
    }

    /// The loop woke up by itself: nobody needs to ring.
    pub fn wake_up(&self) {
        if let Some(mut state) = self.lock() {
            state.asleep = false;
        }
    }

    /// The loop is gone: drops what waits, and refuses all that comes.
    pub fn close(&self) {
        self.home.set(Weak::new());
        let Some(mut state) = self.lock() else { return };
        state.closed = true;
        let row = mem::take(&mut state.row.0);
        state.ring = None;
        drop(state);
        self.room.notify_all();
        drop(row);
    }
}
