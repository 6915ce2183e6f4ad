//! One host's view of the world, as a driver.

use crate::world::{HostNumber, World};
use fate_core::{Clock, Completion, Deed, Driver, Instant, Op, Place, Ring, Time, Until, Witness};
use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;
use std::rc::Rc;
use std::sync::Arc;

/// The driver of one simulated host.
pub struct SimDriver {
    world: World,
    host: HostNumber,
}

impl SimDriver {
    pub(crate) fn new(world: World, host: HostNumber) -> SimDriver {
        SimDriver { world, host }
    }

    /// Which host this is.
    pub fn host(&self) -> HostNumber {
        self.host
    }

    fn submit(&self, op: Op) {
        self.world.with_host(self.host, |host| match op {
            Op::Watch { key, descriptor, interest } => host.watches.watch(key, descriptor, interest),
            Op::Cancel { key } => host.watches.cancel(key),
        });
    }

    /// Lets time jump to where this host is due, or waits for a real thread if that is never. Only a host that is alone
    /// may do this; neighbours must have their turns in between, which is what whoever drives the world is for.
    fn wait(&self, until: &Until) -> io::Result<()> {
        if self.world.hosts() > 1 {
            return Err(io::Error::other("this simulated host has neighbours: run them all through Sim::run"));
        }
        match self.world.due(self.host, until) {
            Some(moment) => self.world.advance(moment),
            None => self.world.wait_for_bell(),
        }
        Ok(())
    }
}

impl Driver for SimDriver {
    fn name(&self) -> &'static str {
        "sim"
    }

    fn time(&self) -> Rc<dyn Time> {
        Rc::new(View { world: self.world.clone(), host: self.host })
    }

    fn exchange(&mut self, outbox: &mut Vec<Op>, inbox: &mut VecDeque<Completion>, until: &Until) -> io::Result<()> {
        outbox.drain(..).for_each(|op| self.submit(op));
        let rung = self.world.bell().answer();
        if !until.is_now() && !rung {
            self.wait(until)?;
        }
        self.world.with_host(self.host, |host| host.watches.collect(inbox));
        Ok(())
    }

    fn ringer(&mut self) -> io::Result<Arc<dyn Ring>> {
        Ok(self.world.bell())
    }

    fn pollable(&mut self) -> io::Result<RawFd> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "a simulated host has no descriptor to poll"))
    }

    fn random(&mut self) -> u64 {
        self.world.with_host(self.host, |host| host.next_random())
    }

    fn witness(&self) -> Option<Rc<dyn Witness>> {
        let view = View { world: self.world.clone(), host: self.host };
        self.world.keeps_history().then(|| Rc::new(view) as Rc<dyn Witness>)
    }
}

/// A host's clocks, and its line to the history.
struct View {
    world: World,
    host: HostNumber,
}

impl Time for View {
    fn now(&self, clock: Clock) -> Instant {
        self.world.read(self.host, clock)
    }
}

impl Witness for View {
    fn saw(&self, deed: Deed, place: Option<Place>) {
        self.world.saw(self.host, deed, place);
    }
}
