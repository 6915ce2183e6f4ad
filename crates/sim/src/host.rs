//! A host: its name, its clocks, its chance, and its kernel.

use crate::chance::Chance;
use crate::clock::Clocks;
use crate::consoles::Console;
use crate::errands::Errands;
use crate::names::Names;
use crate::orders::Desk;
use crate::ports::Ports;
use crate::processes::Processes;
use crate::signals::Ears;
use crate::sockets::Table;
use crate::watches::Watches;
use fate_core::Signal;

/// How many descriptors a host has unless it was said: as many as there are numbers below those of scripted ones.
pub(crate) const DESCRIPTORS: usize = crate::watches::FIRST as usize;

/// One host.
pub(crate) struct Host {
    pub name: String,
    pub clocks: Clocks,
    pub chance: Chance,
    /// How often it has crashed. A driver from before the last crash speaks for nobody.
    pub crashes: u32,
    /// Whether it has crashed and was not started again.
    pub is_down: bool,
    /// Whether its program has crashed or ended, and was not started again.
    pub is_vacant: bool,
    /// The signal that its program has died of.
    pub died_of: Option<Signal>,
    pub watches: Watches,
    pub table: Table,
    pub ports: Ports,
    pub names: Names,
    pub desk: Desk,
    pub processes: Processes,
    pub ears: Ears,
    pub console: Console,
    pub errands: Errands,
    descriptors: usize,
}

impl Host {
    pub fn new(name: &str, chance: Chance) -> Host {
        Host {
            name: name.into(),
            clocks: Clocks::default(),
            chance,
            crashes: 0,
            is_down: false,
            is_vacant: false,
            died_of: None,
            watches: Watches::default(),
            table: Table::new(DESCRIPTORS),
            ports: Ports::default(),
            names: Names::default(),
            desk: Desk::default(),
            processes: Processes::default(),
            ears: Ears::default(),
            console: Console::default(),
            errands: Errands::default(),
            descriptors: DESCRIPTORS,
        }
    }

    /// Whether it can hear and be heard.
    pub fn is_awake(&self, truth: u64) -> bool {
        !self.is_down && !self.clocks.is_asleep(truth)
    }

    /// When it wakes, if it is asleep.
    pub fn asleep_until(&self, truth: u64) -> Option<u64> {
        self.clocks.is_asleep(truth).then(|| self.clocks.wakes_at())
    }

    /// Whether its machine is to be handed something.
    pub fn has_completions(&self) -> bool {
        self.watches.has_completions() || self.desk.has_completions()
    }

    /// Limits its descriptors from now on.
    pub fn set_descriptors(&mut self, limit: usize) {
        self.descriptors = limit.min(DESCRIPTORS);
        self.table.set_limit(self.descriptors);
    }

    /// Its program begins, or begins anew.
    pub fn start(&mut self) {
        self.is_down = false;
        self.is_vacant = false;
        self.died_of = None;
    }

    /// Forgets everything but its files, and is down until it is started again.
    pub fn crash(&mut self) {
        self.is_down = true;
        self.table = Table::new(self.descriptors);
        self.ports = Ports::default();
        self.names.release_all();
        self.end_program();
    }

    /// Its program is no more, and nothing is there that was the program's alone.
    pub fn end_program(&mut self) {
        self.crashes += 1;
        self.is_vacant = true;
        self.watches = Watches::default();
        self.desk = Desk::default();
        self.processes.crash();
        self.ears = Ears::default();
        self.console.crash();
    }
}
