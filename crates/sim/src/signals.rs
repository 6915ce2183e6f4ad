//! Signals to a host's own program: who hears them, and what they do if nobody does.

use crate::errno::{Answer, Errno};
use crate::history::Happening;
use crate::watches::{Descriptor, Watches};
use crate::world::{HostNumber, State, World};
use fate_core::{Hearing, Readiness, Signal};
use std::collections::BTreeMap;

/// What a signal does to a program that said nothing of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Habit {
    Ends,
    DoesNothing,
}

/// `SIGURG`, and what stops a program at the terminal, have no names of their own.
const HARMLESS: [i32; 3] =
    if cfg!(any(target_os = "linux", target_os = "android")) { [23, 21, 22] } else { [16, 21, 22] };

/// What no program hears (`SIGKILL`, `SIGSTOP`), and what it does wrong itself (`SIGILL`, `SIGFPE`, `SIGSEGV`, `SIGBUS`).
const UNHEARD: [i32; 6] =
    if cfg!(any(target_os = "linux", target_os = "android")) { [9, 19, 4, 8, 11, 7] } else { [9, 17, 4, 8, 11, 10] };

/// What a signal does by itself. No simulated program is ever stopped.
pub(crate) fn habit(signal: Signal) -> Habit {
    match signal {
        Signal::CHLD | Signal::WINCH | Signal::CONT | Signal::STOP | Signal::TSTP => Habit::DoesNothing,
        _ if HARMLESS.contains(&signal.number()) => Habit::DoesNothing,
        _ => Habit::Ends,
    }
}

/// Who hears what, on one host.
#[derive(Default)]
pub(crate) struct Ears {
    listening: BTreeMap<Signal, Listening>,
    /// What has come and was not told yet.
    come: BTreeMap<Signal, u32>,
    /// Readable when something has.
    ear: Option<Descriptor>,
}

/// Who listens to one signal.
#[derive(Default)]
struct Listening {
    /// How many are told of each.
    each: u32,
    first: First,
}

/// Whether somebody is told of the first alone.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum First {
    #[default]
    Nobody,
    Waits,
    HasHeard,
}

impl Ears {
    /// Begins to hear. Says whether it was taken.
    pub fn hear(&mut self, signal: Signal, hearing: Hearing) -> Answer<bool> {
        if UNHEARD.contains(&signal.number()) {
            return Err(Errno::INVALID);
        }
        let listening = self.listening.entry(signal).or_default();
        match hearing {
            Hearing::Each => listening.each += 1,
            Hearing::First if listening.each > 0 || listening.first != First::Nobody => return Ok(false),
            Hearing::First => listening.first = First::Waits,
        }
        Ok(true)
    }

    pub fn stop_hearing(&mut self, signal: Signal, hearing: Hearing, watches: &mut Watches) {
        let Some(listening) = self.listening.get_mut(&signal) else { return };
        match hearing {
            Hearing::Each => listening.each = listening.each.saturating_sub(1),
            Hearing::First => listening.first = First::Nobody,
        }
        if listening.each == 0 && listening.first == First::Nobody {
            self.listening.remove(&signal);
            self.come.remove(&signal);
            self.show(watches);
        }
    }

    /// A signal comes. Says whether somebody hears it.
    fn receive(&mut self, signal: Signal, watches: &mut Watches) -> bool {
        let Some(listening) = self.listening.get_mut(&signal) else { return false };
        if listening.each == 0 && listening.first != First::Waits {
            return false;
        }
        if listening.each == 0 {
            listening.first = First::HasHeard;
        }
        *self.come.entry(signal).or_default() += 1;
        self.show(watches);
        true
    }

    pub fn ear(&mut self, watches: &mut Watches) -> Descriptor {
        let ear = *self.ear.get_or_insert_with(|| watches.make());
        self.show(watches);
        ear
    }

    pub fn heard(&mut self, watches: &mut Watches) -> Vec<(Signal, u32)> {
        let heard = std::mem::take(&mut self.come).into_iter().collect();
        self.show(watches);
        heard
    }

    fn show(&self, watches: &mut Watches) {
        if let Some(ear) = self.ear {
            watches.set(ear, Readiness { readable: !self.come.is_empty(), ..Readiness::default() });
        }
    }
}

impl World {
    /// Sends a signal to a host's own program. Says whether that is to [end](World::end_program) of it, because nobody there
    /// hears the signal.
    pub fn signal(&self, host: HostNumber, signal: Signal) -> bool {
        self.with(|state| {
            let ends = !state.host(host).is_vacant && state.signal_host(host, signal);
            if ends {
                state.die_of(host, signal);
            }
            ends
        })
    }

    /// A host's own program begins to run, or does so anew: it has died of nothing.
    pub fn begin_program(&self, host: HostNumber) {
        self.with_host(host, |host| host.died_of = None);
    }

    /// The signal that a host's own program has died of, if it has.
    pub fn died_of(&self, host: HostNumber) -> Option<Signal> {
        self.with_host(host, |host| host.died_of)
    }
}

impl State {
    /// A signal comes to a host's own program. Says whether the program is to end of it.
    pub(crate) fn signal_host(&mut self, number: HostNumber, signal: Signal) -> bool {
        let host = self.host(number);
        let is_heard = host.ears.receive(signal, &mut host.watches);
        // A child ends, which is in the history; that nobody cared is not.
        if is_heard || signal != Signal::CHLD {
            self.tell_of(number, Happening::Signal, &signal.to_string());
        }
        !is_heard && habit(signal) == Habit::Ends
    }

    /// A host's own program ends of a signal.
    pub(crate) fn die_of(&mut self, host: HostNumber, signal: Signal) {
        self.host(host).died_of = Some(signal);
        self.tell_of(host, Happening::Died, &signal.to_string());
    }
}
