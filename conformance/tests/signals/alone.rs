//! A test that runs once more, alone in a process of its own: signals are the process's, and some of these kill.
//!
//! The copy says things on standard error, a line each; the original hears them, sends signals to it, and sees how it ends.

use fate_conformance::ground::Ground;
use rustix::process::{Pid, Signal, kill_process};
use std::env;
use std::io::{BufRead, BufReader, Lines};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};

/// Set in the copy.
const ALONE: &str = "FATE_CONFORMANCE_SIGNALS";

/// What a line begins with that is said to the original.
const MARK: &str = "> ";

/// Says something to the original.
pub fn say(words: &str) {
    eprintln!("\n{MARK}{words}");
}

/// Runs `copy` alone in a process, and tells the original of it.
pub fn alone(ground: &Ground, name: &str, copy: impl FnOnce(&Ground), original: impl FnOnce(Copy)) {
    if env::var_os(ALONE).is_some() {
        return copy(ground);
    }
    let test = format!("{}::{name}", ground.driver_name());
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", &test, "--test-threads=1", "--nocapture"]).env(ALONE, "1");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    original(Copy { child, lines, heard: Vec::new() });
}

/// Runs `copy` alone in a process, and expects nothing of it but that it goes well.
pub fn goes_well_alone(ground: &Ground, name: &str, copy: impl FnOnce(&Ground)) {
    let copy = |ground: &Ground| {
        copy(ground);
        say("that went well");
    };
    alone(ground, name, copy, |mut copy| {
        copy.hears("that went well");
        let (status, heard) = copy.end();
        assert!(status.success(), "{status}\n{}", heard.join("\n"));
    });
}

/// The copy, seen from the original.
pub struct Copy {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
    heard: Vec<String>,
}

impl Copy {
    fn hear(&mut self) -> Option<String> {
        let line = self.lines.next()?.unwrap();
        self.heard.push(line.clone());
        Some(line)
    }

    /// Waits until it says this.
    pub fn hears(&mut self, words: &str) {
        let is_it = |line: &str| line.strip_prefix(MARK) == Some(words);
        while let Some(line) = self.hear() {
            if is_it(&line) {
                return;
            }
        }
        panic!("it never said {words:?}, but {}", self.heard.join("\n"));
    }

    /// Waits until it has said all of these, in any order.
    pub fn hears_all(&mut self, words: &[&str]) {
        let mut missing = words.to_vec();
        while !missing.is_empty() {
            let line = self.hear().unwrap_or_else(|| panic!("it never said {missing:?}"));
            missing.retain(|words| line.strip_prefix(MARK) != Some(words));
        }
    }

    pub fn send(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// How it ended, and all that it said.
    pub fn end(mut self) -> (ExitStatus, Vec<String>) {
        while self.hear().is_some() {}
        (self.child.wait().unwrap(), std::mem::take(&mut self.heard))
    }

    /// Expects that it dies by a signal, and gives what it said to us.
    pub fn dies_of(self, signal: Signal) -> Vec<String> {
        let (status, heard) = self.end();
        assert_eq!(status.signal(), Some(signal.as_raw()), "{status}\n{}", heard.join("\n"));
        heard.iter().filter_map(|line| line.strip_prefix(MARK)).map(String::from).collect()
    }
}

/// A copy that is not done with does not outlive its test.
impl Drop for Copy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
