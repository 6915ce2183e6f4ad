//! What else there is in a process that has to do with signals: handlers of somebody else's, and forks.
//!
//! # Invariants
//! - H1 A handler touches nothing but atomics.
//! - H2 A forked child runs Rust code although other threads are not there any more: nobody held a lock when it was forked,
//!   for the test is alone in its process and the harness waits.

#![allow(unsafe_code, reason = "whoever sets handlers without Fate, or forks, does it so")]

use fate::Signal;
use std::ffi::{c_int, c_void};
use std::mem;
use std::process;
use std::ptr;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst};

type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);

static CALLS: AtomicU32 = AtomicU32::new(0);

/// What [`chaining`] calls, too.
static BEFORE: AtomicUsize = AtomicUsize::new(0);

/// A handler that counts.
pub extern "C" fn counting(_: c_int, _: *mut libc::siginfo_t, _: *mut c_void) {
    CALLS.fetch_add(1, SeqCst);
}

/// A handler that counts, and calls what [`put`] found in its place, as some libraries do.
pub extern "C" fn chaining(number: c_int, arrival: *mut libc::siginfo_t, context: *mut c_void) {
    CALLS.fetch_add(1, SeqCst);
    let before = BEFORE.load(SeqCst);
    if before != libc::SIG_DFL && before != libc::SIG_IGN {
        // SAFETY: it was in place as a handler of three arguments: ours are, and there are no others here.
        let before: Handler = unsafe { mem::transmute(before) };
        before(number, arrival, context);
    }
}

/// How often these were called.
pub fn calls() -> u32 {
    CALLS.load(SeqCst)
}

/// What a process does with a signal: an address, or a number.
pub fn action(signal: Signal) -> (usize, c_int) {
    // SAFETY: of zeroes it is the default.
    let mut found: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: the system changes nothing, and writes to a place that outlives the call.
    assert_eq!(unsafe { libc::sigaction(signal.number(), ptr::null(), &raw mut found) }, 0);
    (found.sa_sigaction, found.sa_flags)
}

/// Puts a handler in place.
pub fn put(signal: Signal, handler: Handler) {
    BEFORE.store(action(signal).0, SeqCst);
    put_raw(signal, handler as usize);
}

/// Puts back what [`put`] found.
pub fn put_back(signal: Signal) {
    put_raw(signal, BEFORE.load(SeqCst));
}

/// Has a signal ignored.
pub fn ignore(signal: Signal) {
    put_raw(signal, libc::SIG_IGN);
}

fn put_raw(signal: Signal, action: usize) {
    // SAFETY: of zeroes it is the default.
    let mut new: libc::sigaction = unsafe { mem::zeroed() };
    (new.sa_sigaction, new.sa_flags) = (action, libc::SA_SIGINFO);
    // SAFETY: H1, and the action is whole.
    assert_eq!(unsafe { libc::sigaction(signal.number(), &raw const new, ptr::null_mut()) }, 0);
}

/// Sends a signal to this process, and returns once it has come: nobody else is there whom it could strike.
pub fn strike(signal: Signal) {
    // SAFETY: the call takes a number alone.
    assert_eq!(unsafe { libc::raise(signal.number()) }, 0);
}

/// Runs `child` in a forked child, which ends with the status that it gives. Gives the raw status.
pub fn fork(child: impl FnOnce() -> c_int) -> c_int {
    // SAFETY: H2.
    let process = unsafe { libc::fork() };
    if process == 0 {
        let status = child();
        // SAFETY: the call takes a number, and ends the child without the harness's leave.
        unsafe { libc::_exit(status) };
    }
    assert!(process > 0, "process {} cannot fork", process::id());
    let mut status = 0;
    // SAFETY: the place outlives the call.
    assert_eq!(unsafe { libc::waitpid(process, &raw mut status, 0) }, process);
    status
}
