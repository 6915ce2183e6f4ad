//! The simulated machine that a Fate stands on, as its handles know it.

use super::program::Programs;
use crate::drivers::{Descriptor, HostNumber, World};
use fate_core::Reactor;
use std::os::fd::RawFd;
use std::rc::{Rc, Weak};

/// What belongs to a Fate that is a host of a simulation; nothing to any other.
pub(super) struct Machine(Option<Simulated>);

/// A host of a simulation.
#[derive(Clone)]
pub(super) struct Simulated {
    pub world: World,
    pub host: HostNumber,
    /// The programs belong to the simulation: their closures may hold Fates.
    pub programs: Weak<Programs>,
}

impl Machine {
    /// A new reactor is a host of a simulation.
    pub fn set_up(reactor: &Rc<Reactor>, world: World, host: HostNumber, programs: &Rc<Programs>) {
        let programs = Rc::downgrade(programs);
        drop(reactor.belonging(|_| Machine(Some(Simulated { world, host, programs }))));
    }

    /// The host that a reactor is, if it is one.
    pub fn of(reactor: &Rc<Reactor>) -> Option<Simulated> {
        reactor.belonging(|_| Machine(None)).0.clone()
    }
}

/// Work for a thread that takes virtual time, until this is dropped.
pub(crate) struct Errand {
    world: World,
    host: HostNumber,
    descriptor: Descriptor,
}

/// Work for a thread begins: gives what is readable when it is done; `None` if it takes no virtual time.
pub(crate) fn begin_errand(reactor: &Rc<Reactor>) -> Option<Errand> {
    let Simulated { world, host, .. } = Machine::of(reactor)?;
    let descriptor = world.begin_errand(host)?;
    Some(Errand { world, host, descriptor })
}

impl Errand {
    /// What to watch.
    pub fn descriptor(&self) -> RawFd {
        self.descriptor.number()
    }
}

impl Drop for Errand {
    fn drop(&mut self) {
        self.world.end_errand(self.host, self.descriptor);
    }
}
