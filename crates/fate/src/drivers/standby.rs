//! A driver that stands in for a better one, unless that can be had.
//!
//! Whether the better one can be had is known only when it is tried, and to try it is to ask the kernel for things that a
//! program should not have before it runs: it may fork first. So it is tried at the first need of the kernel, before any
//! operation has been handed to anybody. From then on there is one driver.

use fate_core::{Completion, Driver, Network, Op, Ring, System, Time, Until};
use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;
use std::rc::Rc;
use std::sync::Arc;

/// Makes the better driver with all that it needs of the kernel, or says why it cannot be had.
pub(crate) type Better = Box<dyn FnOnce() -> io::Result<Box<dyn Driver>>>;

/// A driver that stands in.
pub(crate) struct Standby {
    driver: Box<dyn Driver>,
    /// Until it was tried.
    better: Option<Better>,
    /// Why it could not be had.
    note: Option<String>,
}

impl Standby {
    /// `driver` stands in for `better`, which has the same clocks and can do with the same network.
    pub fn new(driver: Box<dyn Driver>, better: Better) -> Standby {
        Standby { driver, better: Some(better), note: None }
    }

    /// The one driver from here on.
    fn decide(&mut self) -> &mut dyn Driver {
        if let Some(better) = self.better.take() {
            match better() {
                Ok(better) => self.driver = better,
                Err(error) => self.note = Some(format!("{} stands in: {error}", self.driver.name())),
            }
        }
        &mut *self.driver
    }
}

impl Driver for Standby {
    fn name(&self) -> &'static str {
        self.driver.name()
    }

    fn time(&self) -> Rc<dyn Time> {
        self.driver.time()
    }

    fn network(&self) -> Rc<dyn Network> {
        self.driver.network()
    }

    /// That of the driver which stands in: no driver has a share in it.
    fn system(&self) -> Rc<dyn System> {
        self.driver.system()
    }

    fn note(&self) -> Option<String> {
        match &self.better {
            Some(_) => Some(format!("{} stands in until the kernel is needed", self.driver.name())),
            None => self.note.clone(),
        }
    }

    fn exchange(&mut self, outbox: &mut Vec<Op>, inbox: &mut VecDeque<Completion>, until: &Until) -> io::Result<()> {
        let is_needed = !outbox.is_empty() || !until.is_now();
        if is_needed {
            self.decide();
        }
        self.driver.exchange(outbox, inbox, until)
    }

    fn ringer(&mut self) -> io::Result<Arc<dyn Ring>> {
        self.decide().ringer()
    }

    fn pollable(&mut self) -> io::Result<RawFd> {
        self.decide().pollable()
    }

    fn random(&mut self) -> u64 {
        self.driver.random()
    }
}
