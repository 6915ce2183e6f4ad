//! What the system does with a signal, and the handler that it calls: all that is unsafe about signals.
//!
//! # Invariants
//! - E4 The handler makes no call but those that POSIX allows in handlers (`getpid`, `sigaction`, `raise`, `write`), allocates
//!   nothing, waits for nothing, touches nothing but atomics and what E6 has, and leaves `errno` as it was.
//! - E5 A handler says so ([`UNDER_WAY`]) before it looks who hears a signal, and until it has told them; in a process that is
//!   not the [`OWNER`] it does not look. So who changes that, and then sees nobody under way, knows that no handler goes by what
//!   was before.
//! - E6 A [`Former`] is neither changed nor freed once it was made, as a handler may be reading it in any thread, or in any
//!   child. There are as many as there were different ones in place of ours: none for a signal that did what it does by default.
//! - E7 A function that was found as an action is called as the system would have called it. It was to be called at any time
//!   while it was in place, and whoever takes its code away must take it out of its place before, as without us.
//! - E8 A `sigaction` or a `sigset_t` is plain numbers, and whole: made of zeroes, or written by the system.

#![allow(unsafe_code, reason = "the system calls a function of ours, and is told which by an address")]

use super::seats;
use super::tally::{Tally, Told};
use fate_core::Signal;
use std::ffi::{c_int, c_void};
use std::io;
use std::mem;
use std::os::fd::RawFd;
use std::process;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering::SeqCst};
use std::thread;

/// The process whose tables these are.
static OWNER: AtomicU32 = AtomicU32::new(0);

/// How many handlers are looking at tallies and seats.
static UNDER_WAY: AtomicU32 = AtomicU32::new(0);

/// All that were ever found in place of ours.
static FORMERS: AtomicPtr<Former> = AtomicPtr::new(ptr::null_mut());

type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);

/// What the system does with a signal.
#[derive(Clone, Copy)]
pub(super) struct Action(libc::sigaction);

/// An action that was found in place of ours, kept for good.
pub(super) struct Former {
    action: Action,
    next: *const Former,
}

impl Action {
    /// What the system does with this signal now.
    pub fn found(signal: Signal) -> io::Result<Action> {
        Action::found_for(signal.number())
    }

    fn found_for(number: c_int) -> io::Result<Action> {
        let mut found = Action::default_one();
        // SAFETY: the system changes nothing, and writes a whole action to a place that outlives the call (E8).
        let answer = unsafe { libc::sigaction(number, ptr::null(), &raw mut found.0) };
        if answer == 0 { Ok(found) } else { Err(io::Error::last_os_error()) }
    }

    /// Has the system do this with a signal from here on.
    pub fn set(&self, signal: Signal) -> io::Result<()> {
        self.set_for(signal.number())
    }

    fn set_for(&self, number: c_int) -> io::Result<()> {
        // SAFETY: the action is whole (E8), and either was found in place, or names our handler, which may be called at any time
        // (E4).
        let answer = unsafe { libc::sigaction(number, &raw const self.0, ptr::null_mut()) };
        if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// What the system does unless somebody says otherwise.
    pub fn default_one() -> Action {
        // SAFETY: E8; of zeroes it is the default, with no flags and an empty mask.
        Action(unsafe { mem::zeroed() })
    }

    /// Calls our handler.
    pub fn ours() -> Action {
        let mut action = Action::default_one();
        action.0.sa_sigaction = handler as Handler as usize;
        action.0.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_ONSTACK;
        action
    }

    /// What was done with a signal before.
    pub fn former(tally: &Tally) -> Action {
        // SAFETY: what is there was leaked, and is not changed (E6).
        let former = unsafe { tally.former().as_ref() };
        former.map_or_else(Action::default_one, |former| former.action)
    }

    pub fn is_ours(&self) -> bool {
        self.0.sa_sigaction == Action::ours().0.sa_sigaction
    }

    pub fn is_default(&self) -> bool {
        self.0.sa_sigaction == libc::SIG_DFL
    }

    /// This action, where handlers find it for good: nowhere if it is just the default.
    pub fn kept(&self) -> *mut Former {
        // What the flags say of the default concerns children alone.
        if self.is_default() && self.0.sa_flags & libc::SA_NOCLDWAIT == 0 {
            return ptr::null_mut();
        }
        let first = FORMERS.load(SeqCst);
        let mut next: *const Former = first;
        // SAFETY: what is in the row was leaked, and is not changed (E6).
        while let Some(former) = unsafe { next.as_ref() } {
            if former.action.same_as(self) {
                return next.cast_mut();
            }
            next = former.next;
        }
        let former = Box::leak(Box::new(Former { action: *self, next: first }));
        FORMERS.store(former, SeqCst);
        former
    }

    fn same_as(&self, other: &Action) -> bool {
        let told = |action: &Action| (action.0.sa_sigaction, action.0.sa_flags);
        told(self) == told(other) && Tally::all().all(|(signal, _)| self.masks(signal) == other.masks(signal))
    }

    /// Whether this signal is kept back while the action is under way.
    fn masks(&self, signal: Signal) -> bool {
        // SAFETY: the set is whole (E8), and read alone.
        unsafe { libc::sigismember(&raw const self.0.sa_mask, signal.number()) == 1 }
    }

    /// Calls the function that it names, if it names one.
    fn call(&self, number: c_int, arrival: *mut libc::siginfo_t, context: *mut c_void) {
        let function = self.0.sa_sigaction;
        if function == libc::SIG_DFL || function == libc::SIG_IGN || self.is_ours() {
            return;
        }
        if self.0.sa_flags & libc::SA_SIGINFO != 0 {
            // SAFETY: E7: with this flag, it is a function of three arguments.
            let function: Handler = unsafe { mem::transmute(function) };
            function(number, arrival, context);
        } else {
            // SAFETY: E7: without the flag, it is a function of one.
            let function: extern "C" fn(c_int) = unsafe { mem::transmute(function) };
            function(number);
        }
    }
}

/// The process whose tables these are.
pub(super) fn owner() -> u32 {
    OWNER.load(SeqCst)
}

/// The tables were emptied, and are this process's from here on; of the handlers that were under way in the one that it was
/// forked from none is here.
pub(super) fn set_owner(process: u32) {
    UNDER_WAY.store(0, SeqCst);
    OWNER.store(process, SeqCst);
}

/// Waits until every handler that may have seen what was so before has done with it (E5). They wait for nothing, so this is
/// over in no time.
pub(super) fn wait_for_handlers() {
    while UNDER_WAY.load(SeqCst) > 0 {
        thread::yield_now();
    }
}

/// Has this thread struck by a signal, whatever that does, if need be past its mask.
pub(super) fn strike(signal: Signal) {
    let mut only: libc::sigset_t = Action::default_one().0.sa_mask;
    let mut before = only;
    // SAFETY: the set is whole (E8), and outlives the call.
    unsafe { libc::sigaddset(&raw mut only, signal.number()) };
    // SAFETY: both sets are whole, and outlive the call.
    unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const only, &raw mut before) };
    raise(signal.number());
    // SAFETY: the set was written by the system two lines above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, ptr::null_mut()) };
}

/// Sends a signal to this process, as somebody did before.
pub(super) fn send_to_self(signal: Signal) {
    // SAFETY: the call takes numbers alone; what the signal does is what it was to do.
    unsafe { libc::kill(process::id() as libc::pid_t, signal.number()) };
}

fn raise(number: c_int) {
    // SAFETY: the call takes a number alone; what the signal does is what it was to do.
    unsafe { libc::raise(number) };
}

/// What the system calls when a signal has come, on any thread, whatever that was doing.
extern "C" fn handler(number: c_int, arrival: *mut libc::siginfo_t, context: *mut c_void) {
    let errno = Errno::keep();
    let tally = Tally::numbered(number);
    match told(number, tally) {
        Some(Told::Each) => call_former(number, tally, arrival, context),
        Some(Told::First) => {}
        Some(Told::TooLate) => {
            let _ = Action::default_one().set_for(number);
            raise(number);
        }
        Some(Told::Nobody) => do_as_before(number, tally, arrival, context),
        None => {
            step_back(number, tally);
            do_as_before(number, tally, arrival, context);
        }
    }
    errno.restore();
}

/// Tells an arrival to those who are to be told; to nobody at all if this is another process than the one that they are in.
fn told(number: c_int, tally: &Tally) -> Option<Told> {
    if OWNER.load(SeqCst) != process::id() {
        return None;
    }
    UNDER_WAY.fetch_add(1, SeqCst);
    let told = tally.count(|hearing| seats::tell(number, hearing, beat));
    if matches!(told, Told::First | Told::Nobody) {
        step_back(number, tally);
    }
    UNDER_WAY.fetch_sub(1, SeqCst);
    Some(told)
}

/// Puts back what was there, if our handler is what is there now.
fn step_back(number: c_int, tally: &Tally) {
    if Action::found_for(number).is_ok_and(|found| found.is_ours()) {
        let _ = Action::former(tally).set_for(number);
    }
}

fn beat(drum: RawFd) {
    let one = 1_u64.to_ne_bytes();
    // SAFETY: the bytes outlive the call, and the descriptor is open (E1 of the seats). If there is no room it is readable.
    unsafe { libc::write(drum, one.as_ptr().cast(), one.len()) };
}

/// What was there before is called beside us, unless it is what has called us.
fn call_former(number: c_int, tally: &Tally, arrival: *mut libc::siginfo_t, context: *mut c_void) {
    if tally.begin_calling(arrival) {
        Action::former(tally).call(number, arrival, context);
        tally.end_calling();
    }
}

/// Nobody hears it: the last has just left, or this is a child of the process that did, or we were called or put back by
/// somebody who had found us in place. What would have been done without us is done.
fn do_as_before(number: c_int, tally: &Tally, arrival: *mut libc::siginfo_t, context: *mut c_void) {
    // Ours is there only if somebody has come to hear it in this very moment.
    if Action::found_for(number).is_ok_and(|found| found.is_default() || found.is_ours()) {
        // It is kept back until the handler has returned, and then does what it does.
        raise(number);
    } else {
        call_former(number, tally, arrival, context);
    }
}

/// The error number of whatever was interrupted.
struct Errno(c_int);

impl Errno {
    fn keep() -> Errno {
        // SAFETY: it is this thread's own number, as long as the thread lives.
        Errno(unsafe { *errno_place() })
    }

    fn restore(self) {
        // SAFETY: as above.
        unsafe { *errno_place() = self.0 };
    }
}

fn errno_place() -> *mut c_int {
    #[cfg(any(target_os = "solaris", target_os = "illumos"))]
    use libc::___errno as place;
    #[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
    use libc::__errno as place;
    #[cfg(any(target_os = "linux", target_os = "hurd", target_os = "redox", target_os = "dragonfly"))]
    use libc::__errno_location as place;
    #[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
    use libc::__error as place;
    // SAFETY: the call takes nothing and gives an address that is this thread's own.
    unsafe { place() }
}
