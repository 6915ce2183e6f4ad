//! Programs that several tests start.

use crate::log::Log;
use fate::Fate;
use fate::sim::Sim;
use std::process::{Command, ExitStatus};

pub use std::os::unix::process::ExitStatusExt;

/// A world with one host.
pub fn world(seed: u64) -> (Sim, Fate) {
    let mut sim = Sim::new(seed);
    let fate = sim.host("here");
    (sim, fate)
}

pub fn command(program: &str) -> Command {
    Command::new(program)
}

/// A status in words: a number, or a signal.
pub fn said(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => code.to_string(),
        (None, signal) => format!("signal {}", signal.unwrap_or_default()),
    }
}

/// Notes at what second something happened.
pub fn note(log: &Log<(u64, String)>, fate: &Fate, what: impl Into<String>) {
    log.note((fate.now().as_nanos() / 1_000_000_000, what.into()));
}

/// The events of the history with one of these words, without their times.
pub fn events(sim: &Sim, words: &[&str]) -> Vec<String> {
    let told = sim.events().into_iter().filter(|event| words.contains(&event.word));
    told.map(|event| format!("{} {}", event.word, event.detail)).collect()
}

/// What is left, in words.
pub fn leaks(sim: &Sim) -> Vec<String> {
    sim.leaks().iter().map(|leak| format!("{} {}", leak.live.kind, leak.live.waits_for)).collect()
}
