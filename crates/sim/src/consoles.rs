//! The streams that a host's own program is born with: what a script types, and what the program prints.

use crate::conduits::{Ends, Sink, Source};
use crate::errno::Answer;
use crate::history::Happening;
use crate::world::{HostNumber, State, World};
use fate_core::{Key, Standard};
use std::io::IoSlice;
use std::os::fd::RawFd;

/// What standard input is called in the history.
const INPUT: &str = "stdin";

/// One host's.
#[derive(Default)]
pub(crate) struct Console {
    /// What is typed, once somebody has typed or looked.
    input: Option<Key>,
    output: Vec<u8>,
    errors: Vec<u8>,
}

impl Console {
    /// All that was printed.
    pub fn printed(&self, standard: Standard) -> &[u8] {
        match standard {
            Standard::Input => &[],
            Standard::Output => &self.output,
            Standard::Error => &self.errors,
        }
    }

    /// The host loses what it knew; what was printed has been seen.
    pub fn crash(&mut self) {
        self.input = None;
    }
}

impl World {
    /// Types on a host's standard input: the bytes are there at once.
    pub fn type_in(&self, host: HostNumber, bytes: &[u8]) {
        self.with(|state| state.type_in(host, bytes));
    }

    /// Ends a host's standard input.
    pub fn end_input(&self, host: HostNumber) {
        self.with(|state| state.end_input(host));
    }

    /// All that a host has printed so far.
    pub fn printed(&self, host: HostNumber, standard: Standard) -> Vec<u8> {
        self.with_host(host, |host| host.console.printed(standard).to_vec())
    }
}

impl State {
    /// Opens a stream that a host's program was born with.
    pub(crate) fn open_standard(&mut self, host: HostNumber, standard: Standard) -> Answer<RawFd> {
        let ends = self.standard_ends(host, standard);
        self.open_ends(host, ends)
    }

    pub(crate) fn standard_ends(&mut self, host: HostNumber, standard: Standard) -> Ends {
        match standard {
            Standard::Input => Ends::reading(Source::Conduit(self.input(host))),
            Standard::Output | Standard::Error => Ends::writing(Sink::Printed(standard)),
        }
    }

    fn input(&mut self, host: HostNumber) -> Key {
        if let Some(input) = self.host(host).console.input {
            return input;
        }
        let input = self.make_conduit(host, INPUT, true);
        self.host(host).console.input = Some(input);
        input
    }

    /// The script types.
    pub(crate) fn type_in(&mut self, host: HostNumber, bytes: &[u8]) {
        let input = self.input(host);
        let label = self.history.as_mut().map_or(0, |history| history.label(INPUT));
        self.tell(host, Happening::Typed, label, bytes.len() as u32);
        self.fill_conduit(input, bytes);
    }

    /// The script types no more.
    pub(crate) fn end_input(&mut self, host: HostNumber) {
        let input = self.input(host);
        self.end_conduit(input);
    }

    /// A program prints.
    pub(crate) fn print(&mut self, host: HostNumber, standard: Standard, pieces: &[IoSlice<'_>]) {
        let console = &mut self.host(host).console;
        let (name, printed) = match standard {
            Standard::Error => ("stderr", &mut console.errors),
            _ => ("stdout", &mut console.output),
        };
        let before = printed.len();
        pieces.iter().for_each(|piece| printed.extend_from_slice(piece));
        let length = printed.len() - before;
        let label = self.history.as_mut().map_or(0, |history| history.label(name));
        self.tell(host, Happening::Printed, label, length as u32);
    }
}
