//! A process that one test has for itself, and what can be done to it.

use rustix::process::{Pid, WaitOptions, geteuid, waitpid};
use std::process::{Command, Stdio};

/// Set in such a process.
const ALONE: &str = "FATE_TEST_ALONE";

/// This test by itself, in a process of its own: there, [`is_alone`] holds.
pub fn myself(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(ALONE, "1");
    command
}

pub fn is_alone() -> bool {
    std::env::var_os(ALONE).is_some()
}

/// Runs a test in a process of its own.
pub fn alone(name: &str, test: impl FnOnce()) {
    alone_with(Stdio::null(), name, test);
}

/// Runs a test in a process of its own, with this for its input.
pub fn alone_with(input: impl Into<Stdio>, name: &str, test: impl FnOnce()) {
    if is_alone() {
        return test();
    }
    let output = myself(name).stdin(input).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("1 passed"), "{}: {told}", output.status);
}

/// From now on nobody is told of children.
pub fn ignore_children() {
    #[allow(unsafe_code, reason = "the process is the test's own")]
    // SAFETY: no handler is installed.
    unsafe {
        libc::signal(libc::SIGCHLD, libc::SIG_IGN);
    }
}

/// Does something in a forked copy of this process, and gives back what it says.
pub fn forked(test: impl FnOnce() -> bool) -> bool {
    #[allow(unsafe_code, reason = "the process is the test's own")]
    // SAFETY: the copy does nothing that needs another thread.
    let copy = unsafe { libc::fork() };
    if copy == 0 {
        let code = if test() { 0 } else { 1 };
        #[allow(unsafe_code, reason = "the process is the test's own")]
        // SAFETY: it has nothing left to do.
        unsafe {
            libc::_exit(code)
        }
    }
    let (_, status) = waitpid(Pid::from_raw(copy), WaitOptions::empty()).unwrap().unwrap();
    status.exit_status() == Some(0)
}

/// Becomes somebody who may do nothing in particular.
pub fn become_nobody() {
    if geteuid().is_root() {
        #[allow(unsafe_code, reason = "the process is the test's own")]
        // SAFETY: no memory depends on it.
        let outcome = unsafe { libc::setresuid(65534, 65534, 65534) };
        assert_eq!(outcome, 0);
    }
}
