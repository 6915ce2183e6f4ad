//! One host's view of the world, as a driver.

use crate::network::Door;
use crate::system::SystemDoor;
use crate::world::{HostNumber, Seat};
use fate_core::{Clock, Completion, Deed, Driver, Instant, Network, Op, Place, Ring, System, Time, Until, Witness};
use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;
use std::rc::Rc;
use std::sync::Arc;

/// The driver of one simulated host.
pub struct SimDriver {
    seat: Seat,
}

impl SimDriver {
    pub(crate) fn new(seat: Seat) -> SimDriver {
        SimDriver { seat }
    }

    /// Which host this is.
    pub fn host(&self) -> HostNumber {
        self.seat.host
    }

    /// Lets time jump to where this host is due, or waits for a real thread if that is never. Only a host that is alone
    /// may do this; neighbours must have their turns in between, which is what whoever drives the world is for.
    fn wait(&self, until: &Until) -> io::Result<()> {
        let (world, host) = (&self.seat.world, self.seat.host);
        if world.hosts() > 1 {
            return Err(io::Error::other("this simulated host has neighbours: run them all through Sim::run"));
        }
        loop {
            let due = world.due(host, until);
            if due.is_some_and(|due| due <= world.elapsed()) {
                return Ok(());
            }
            if !world.go_on(due) {
                if !world.flush() {
                    world.wait_for_bell();
                }
                return Ok(());
            }
        }
    }
}

impl Driver for SimDriver {
    fn name(&self) -> &'static str {
        "sim"
    }

    fn time(&self) -> Rc<dyn Time> {
        Rc::new(View(self.seat.clone()))
    }

    fn network(&self) -> Rc<dyn Network> {
        Rc::new(Door(self.seat.clone()))
    }

    fn system(&self) -> Rc<dyn System> {
        Rc::new(SystemDoor(self.seat.clone()))
    }

    fn exchange(&mut self, outbox: &mut Vec<Op>, inbox: &mut VecDeque<Completion>, until: &Until) -> io::Result<()> {
        let ops = outbox.drain(..);
        let submitted = self.seat.act(|state, host| {
            ops.for_each(|op| state.submit(host, op));
            state.let_network_go_on(state.truth);
        });
        let rung = self.seat.world.bell().answer();
        if submitted.is_none() {
            return if until.is_now() { Ok(()) } else { Err(io::Error::other("this simulated host has crashed")) };
        }
        if !until.is_now() && !rung {
            self.wait(until)?;
        }
        self.seat.act(|state, host| state.collect(host, inbox));
        Ok(())
    }

    fn ringer(&mut self) -> io::Result<Arc<dyn Ring>> {
        Ok(self.seat.world.bell())
    }

    fn pollable(&mut self) -> io::Result<RawFd> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "a simulated host has no descriptor to poll"))
    }

    fn random(&mut self) -> u64 {
        self.seat.world.with_host(self.seat.host, |host| host.chance.next())
    }

    fn witness(&self) -> Option<Rc<dyn Witness>> {
        self.seat.world.keeps_history().then(|| Rc::new(View(self.seat.clone())) as Rc<dyn Witness>)
    }
}

/// A host's clocks, and its line to the history.
struct View(Seat);

impl Time for View {
    fn now(&self, clock: Clock) -> Instant {
        self.0.world.read(self.0.host, clock)
    }
}

impl Witness for View {
    /// What a machine does that has crashed is nobody's business.
    fn saw(&self, deed: Deed, place: Option<Place>) {
        if !self.0.is_lost() {
            self.0.world.saw(self.0.host, deed, place);
        }
    }
}
