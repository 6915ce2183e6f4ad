//! The exchange with the kernel.
//!
//! What the machine asks for goes into the ring, and one call hands it over and waits. A wait ends for a reason: an
//! operation completed, the bell rang, or a moment in `until` came. The kernel may return for less (the end of a cancelled
//! operation, a send that must be tried again, a ring that was answered before); then it is called again.

use crate::alarm;
use crate::kernel::Kernel;
use fate_core::{Clock, Completion, Driver, Forked, Network, Op, Ring, Shelf, System, Time, Until};
use fate_unix::{Clocks, Mark, UnixNetwork, UnixSystem};
use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// How large the buffers are that the network's door is given.
const SPARE_SIZE: usize = 64 * 1024;

/// How many of them are kept.
const SPARES: usize = 4;

/// The driver for Linux where it has io_uring: hands over requests, and is told what became of them.
///
/// Making one asks nothing of the system but the time. The ring is made by the first exchange that needs it, or by
/// [`UringDriver::open`]; so a daemon may fork twice before it runs. From then on it is for its own process: in a forked child
/// every exchange fails with [`Forked`](fate_core::Forked) and touches nothing that is the parent's, though sockets are closed
/// that are to be closed: the child's copies of them.
///
/// ```no_run
/// use fate_core::{Clock, Driver, Until};
/// use std::time::Duration;
///
/// let mut driver = fate_uring::UringDriver::new();
/// driver.open()?;
/// let deadline = driver.time().now(Clock::Monotonic) + Duration::from_nanos(1_500_001);
/// let mut until = Until::FOREVER;
/// until.at_most(Clock::Monotonic, deadline);
/// driver.exchange(&mut Vec::new(), &mut Default::default(), &until)?;
/// assert!(driver.time().now(Clock::Monotonic) >= deadline);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct UringDriver {
    clocks: Rc<Clocks>,
    /// Set when there is a ring.
    mark: Arc<Mark>,
    kernel: Option<Box<Kernel>>,
}

impl UringDriver {
    /// A driver that has asked nothing of the system yet.
    pub fn new() -> UringDriver {
        UringDriver::sharing(Rc::new(Clocks::new()), Arc::default())
    }

    /// The same, with clocks that somebody else reads too, and a mark that somebody else looks at.
    pub fn sharing(clocks: Rc<Clocks>, mark: Arc<Mark>) -> UringDriver {
        UringDriver { clocks, mark, kernel: None }
    }

    /// Makes the ring, unless it is made already.
    ///
    /// # Errors
    /// The kernel refused something; says what.
    pub fn open(&mut self) -> io::Result<()> {
        self.kernel().map(drop)
    }

    /// What was made, or is made now; unless that was in another process.
    fn kernel(&mut self) -> io::Result<&mut Kernel> {
        self.mark.check()?;
        if self.kernel.is_none() {
            self.kernel = Some(Box::new(Kernel::open(self.mark.clone())?));
        }
        Ok(self.kernel.as_mut().expect("it was just made"))
    }
}

/// What can be done in a forked child: its copy of a socket is closed. It is not even reset, for the parent has it too.
fn let_go(op: Op) {
    if let Op::Close { socket, .. } = op {
        fate_unix::close(socket, false);
    }
}

impl Default for UringDriver {
    fn default() -> UringDriver {
        UringDriver::new()
    }
}

impl Driver for UringDriver {
    fn name(&self) -> &'static str {
        "uring"
    }

    fn time(&self) -> Rc<dyn Time> {
        self.clocks.clone()
    }

    fn network(&self) -> Rc<dyn Network> {
        Rc::new(UnixNetwork::new(Shelf::new(SPARE_SIZE, SPARES)).with_mark(self.mark.clone()))
    }

    fn system(&self) -> Rc<dyn System> {
        Rc::new(UnixSystem::new().with_mark(self.mark.clone()))
    }

    fn exchange(&mut self, outbox: &mut Vec<Op>, inbox: &mut VecDeque<Completion>, until: &Until) -> io::Result<()> {
        if self.mark.is_foreign() {
            outbox.drain(..).for_each(let_go);
            return Err(Forked.into());
        }
        let is_over = until.is_now() || self.clocks.has_come(until);
        if is_over && outbox.is_empty() && self.kernel.is_none() {
            return Ok(());
        }
        let (before, clocks) = (inbox.len(), self.clocks.clone());
        Exchange { kernel: self.kernel()?, clocks, inbox, until, before, is_over }.run(outbox)
    }

    fn ringer(&mut self) -> io::Result<Arc<dyn Ring>> {
        Ok(self.kernel()?.bell.clone())
    }

    fn pollable(&mut self) -> io::Result<RawFd> {
        Ok(self.kernel()?.beacon()?.descriptor())
    }

    fn random(&mut self) -> u64 {
        fate_unix::random()
    }
}

/// One exchange.
struct Exchange<'a> {
    kernel: &'a mut Kernel,
    clocks: Rc<Clocks>,
    inbox: &'a mut VecDeque<Completion>,
    until: &'a Until,
    /// How much was in the inbox already.
    before: usize,
    /// Whether there is a reason not to wait any more.
    is_over: bool,
}

impl Exchange<'_> {
    fn run(mut self, outbox: &mut Vec<Op>) -> io::Result<()> {
        self.kernel.buffers.publish();
        self.submit(outbox)?;
        loop {
            self.kernel.take_up();
            self.look();
            if !self.is_over {
                self.set_alarms()?;
                self.look();
            }
            self.ask()?;
            self.is_over |= self.kernel.bell.answer();
            self.look();
            self.is_over = self.is_over || self.clocks.has_come(self.until);
            if self.is_done() {
                break;
            }
        }
        self.kernel.flights.settle(self.inbox);
        self.kernel.reflect()
    }

    /// Looks for a reason not to wait.
    fn look(&mut self) {
        self.is_over |= self.inbox.len() > self.before || self.kernel.bell.is_rung();
    }

    fn submit(&mut self, outbox: &mut Vec<Op>) -> io::Result<()> {
        for op in outbox.drain(..) {
            while !self.kernel.ring.has_room(1) {
                self.kernel.flush(self.inbox)?;
            }
            self.kernel.flights.submit(op, &mut self.kernel.ring, self.inbox);
        }
        Ok(())
    }

    /// Calls the kernel, unless it has nothing to be handed and nothing to tell.
    fn ask(&mut self) -> io::Result<()> {
        let (departing, is_news) = self.kernel.flights.departing();
        if !self.is_over && !is_news && self.kernel.flights.is_content(&self.kernel.buffers) {
            return self.kernel.call(departing + 1, self.patience(), self.inbox);
        }
        if departing == 0 && self.kernel.ring.is_quiet() {
            return Ok(());
        }
        self.kernel.call(departing, None, self.inbox)
    }

    fn set_alarms(&mut self) -> io::Result<()> {
        if self.kernel.alarms.are_set(self.until) {
            return Ok(());
        }
        while !self.kernel.ring.has_room(alarm::ENTRIES) {
            self.kernel.flush(self.inbox)?;
        }
        self.kernel.alarms.set(&mut self.kernel.ring, &self.clocks, self.until);
        Ok(())
    }

    /// How long to wait on the monotonic clock; alarms see to the others.
    fn patience(&self) -> Option<Duration> {
        let limit = self.until.on(Clock::Monotonic);
        (!limit.is_never()).then(|| limit.duration_since(self.clocks.now(Clock::Monotonic)))
    }

    /// Whether the exchange may return: there is a reason, no cancelled operation is under way, and it is known what became
    /// of everything that was handed over.
    fn is_done(&mut self) -> bool {
        self.is_over && self.kernel.flights.departing().0 == 0 && self.kernel.ring.is_through()
    }
}
