//! A process of one's own, and children of it.
//!
//! A test is run again in a process where nothing else goes on, for a child has of its parent's threads only the one that
//! forked it, and what the others held at that moment is held for ever.

#![allow(unsafe_code, reason = "what a forked child does is for the caller to answer for")]

use rustix::process::{Pid, WaitOptions, waitpid};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::{env, thread};

/// Set in the process where a test is alone.
const ALONE: &str = "FATE_CONFORMANCE_ALONE";

/// After so many seconds a child that hangs is killed.
const PATIENCE: u32 = 60;

/// Runs a test, which must be the present one, alone in a process of its own.
pub fn alone(test: impl FnOnce()) {
    if env::var_os(ALONE).is_some() {
        return test();
    }
    let name = String::from(thread::current().name().expect("a test's thread has the test's name"));
    let mut alone = Command::new(env::current_exe().unwrap());
    let output = alone.args(["--exact", &name, "--nocapture", "--test-threads=1"]).env(ALONE, "1").output().unwrap();
    let (told, complaints) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}\n{complaints}");
    assert!(told.contains("1 passed"), "{told}");
}

/// A child of this process.
#[must_use = "a child is waited for"]
pub struct Child(Pid);

/// Forks a child that does this and ends: well, unless it panics.
pub fn fork(life: impl FnOnce()) -> Child {
    // SAFETY: the child has one thread; the C library and the allocator are made to work in it, and it takes no lock that a
    // thread of its parent can have had but those of the program under test, which is what is tried.
    match unsafe { libc::fork() } {
        0 => {
            // SAFETY: the call has no conditions.
            unsafe { libc::alarm(PATIENCE) };
            let outcome = catch_unwind(AssertUnwindSafe(life));
            // SAFETY: the process ends here. Nothing of its parent's is flushed, dropped or called back.
            unsafe { libc::_exit(i32::from(outcome.is_err())) }
        }
        child => Child(Pid::from_raw(child).expect("the system forks")),
    }
}

impl Child {
    /// Waits until it has ended, well.
    #[track_caller]
    pub fn wait(self) {
        let (_, status) = waitpid(Some(self.0), WaitOptions::empty()).unwrap().expect("it was waited for");
        assert_eq!(status.exit_status(), Some(0), "the child: {status:?}");
    }
}
