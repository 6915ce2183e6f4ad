//! The station of a child: where its program, its signals and the task that runs it meet.

use super::machine::Simulated;
use crate::drivers::{Disposition, Newborn};
use crate::net::Ready;
use crate::net::waiter::Waiter;
use crate::{Fate, Place, Signal, WindowSize};
use fate_core::{Interest, Process, Reactor};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::os::fd::RawFd;
use std::process::ExitStatus;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};

/// What they know together.
pub(super) struct Station {
    reactor: Weak<Reactor>,
    machine: Simulated,
    process: Process,
    /// Readable when there is something that the program should know.
    news: RawFd,
    handlers: RefCell<Vec<(Signal, Handler)>>,
    queues: RefCell<Vec<Weak<Queue>>>,
}

type Handler = Box<dyn FnMut(Signal)>;

/// Signals that a child's program asks for.
struct Queue {
    signals: Vec<Signal>,
    come: RefCell<VecDeque<Signal>>,
    waiter: Waiter,
}

impl Station {
    pub fn new(fate: &Fate, machine: Simulated, born: &Newborn) -> Station {
        Station {
            reactor: Rc::downgrade(fate.reactor()),
            machine,
            process: born.process,
            news: born.news.number(),
            handlers: RefCell::default(),
            queues: RefCell::default(),
        }
    }

    pub fn fate(&self) -> Option<Fate> {
        self.reactor.upgrade().map(Fate::from_reactor)
    }

    /// The size of the child's terminal.
    pub fn window_size(&self) -> Option<WindowSize> {
        self.machine.world.window(self.machine.host, self.process)
    }

    /// Has a handler called for a signal.
    pub fn handle(&self, signal: Signal, handler: Handler) {
        self.set(signal, Disposition::Heard);
        self.handlers.borrow_mut().push((signal, handler));
    }

    /// Has signals queue up.
    pub fn queue(self: &Rc<Station>, signals: &[Signal]) -> ChildSignals {
        let queue = Queue { signals: signals.into(), come: RefCell::default(), waiter: Waiter::default() };
        let queue = Rc::new(queue);
        signals.iter().for_each(|&signal| self.set(signal, Disposition::Heard));
        self.queues.borrow_mut().push(Rc::downgrade(&queue));
        ChildSignals { station: self.clone(), queue }
    }

    /// Says what a signal does to the child from now on.
    pub fn set(&self, signal: Signal, disposition: Disposition) {
        self.machine.world.set_disposition(self.machine.host, self.process, signal, disposition);
    }

    /// Waits until signals have come, or the child was killed; nothing once its host is gone.
    pub fn news(&self, place: Place) -> Option<Ready> {
        Some(Ready::of(&self.reactor.upgrade()?, self.news, Interest::Read, place))
    }

    /// Whether the child has ended, whatever its program thinks.
    pub fn has_ended(&self) -> bool {
        self.machine.world.child_status(self.machine.host, self.process).is_some()
    }

    /// Tells the program of the signals that have come.
    pub fn hear(&self) {
        for (signal, _) in self.machine.world.take_signals(self.machine.host, self.process) {
            self.call_handlers(signal);
            self.queues.borrow_mut().retain(|queue| queue.strong_count() > 0);
            let queues: Vec<_> = self.queues.borrow().iter().filter_map(Weak::upgrade).collect();
            for queue in queues.into_iter().filter(|queue| queue.signals.contains(&signal)) {
                queue.come.borrow_mut().push_back(signal);
                if let Some(reactor) = self.reactor.upgrade() {
                    queue.waiter.wake(&reactor);
                }
            }
        }
    }

    /// Handlers may add others, which are not called for this signal.
    fn call_handlers(&self, signal: Signal) {
        let mut handlers = self.handlers.take();
        handlers.iter_mut().filter(|(heard, _)| *heard == signal).for_each(|(_, handler)| handler(signal));
        let mut added = self.handlers.borrow_mut();
        handlers.append(&mut added);
        *added = handlers;
    }

    /// Nobody runs its program any more.
    pub fn exit(&self, status: ExitStatus) {
        self.machine.world.child_exited(self.machine.host, self.process, status);
    }
}

/// Signals that a simulated program asks for, of [`SimulatedChild::signals`](super::SimulatedChild::signals).
pub struct ChildSignals {
    station: Rc<Station>,
    queue: Rc<Queue>,
}

impl ChildSignals {
    /// The next signal that has come, or will come. One that came several times at once is told once.
    ///
    /// # Cancellation
    /// Dropping the future loses no signal.
    pub async fn next(&mut self) -> Signal {
        poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&self, context: &Context<'_>) -> Poll<Signal> {
        let next = self.queue.come.borrow_mut().pop_front();
        if let (None, Some(reactor)) = (next, self.station.reactor.upgrade()) {
            self.queue.waiter.wait(&reactor, context);
        }
        next.map_or(Poll::Pending, Poll::Ready)
    }
}

impl fmt::Debug for ChildSignals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ChildSignals").field(&self.queue.signals).finish()
    }
}
