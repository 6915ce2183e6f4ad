//! Simulated programs: what runs when a host's program starts one.
//!
//! The kernel of a host knows which programs there are, and who its children are; here is what they do. When a child was
//! spawned, its ends of the pipes are taken from the kernel, and a task of the host's own Fate runs its program:
//!
//! ```text
//!   spawned ──▶ the closure is called ──▶ its future is polled ──▶ done: exited, with what it gives
//!                                             └──killed──▶ dropped where it waits
//! ```
//!
//! The kernel is asked before each poll, so a child goes no further once it was killed.

use super::Sim;
use super::child::SimulatedChild;
use super::exit::IntoExit;
use super::machine::Machine;
use super::station::Station;
use crate::drivers::HostNumber;
use crate::net::watching::Ready;
use crate::{Fate, Place, Signal};
use fate_core::Spawned;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::Location;
use std::pin::Pin;
use std::process::ExitStatus;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::thread;

/// What a program does, from its start to its end.
type Course = Pin<Box<dyn Future<Output = ExitStatus>>>;

/// A program: called whenever somebody starts it.
#[derive(Clone)]
struct Program {
    start: Rc<RefCell<dyn FnMut(SimulatedChild) -> Course>>,
    /// The line that wrote it.
    place: Place,
}

/// All programs of a simulation, by their host and name.
#[derive(Default)]
pub(super) struct Programs {
    known: RefCell<BTreeMap<(HostNumber, String), Program>>,
    /// The lines that wrote them, also of those that were replaced.
    places: RefCell<Vec<Place>>,
}

impl Programs {
    /// Whether one of the programs was written in this line.
    pub fn are_of(&self, place: Place) -> bool {
        self.places.borrow().contains(&place)
    }

    fn find(&self, host: HostNumber, name: &str) -> Option<Program> {
        self.known.borrow().get(&(host, name.to_owned())).cloned()
    }
}

impl Sim {
    /// Writes a program for a host: whenever somebody there starts a command of this name, wherever it lies, the closure is
    /// called, and what it gives is run as a task of the host, until it ends with its [exit status](IntoExit). A program that
    /// has the name already is replaced, for those who start it from now on.
    ///
    /// A signal that kills the child drops the future where it waits. If it panics, the child dies of SIGABRT, and that is a
    /// fault like any other: see [`Builder::on_fault`](crate::Builder::on_fault).
    ///
    /// ```
    /// use fate::sim::Sim;
    /// use std::{process::Command, time::Duration};
    ///
    /// let mut sim = Sim::new(1);
    /// let fate = sim.host("here");
    /// sim.program("here", "kettle", |child| async move {
    ///     child.fate().sleep(Duration::from_secs(180)).await;
    ///     child.print("it boils\n").await?;
    ///     fate::Ok(())
    /// });
    /// fate.output(Command::new("kettle")).add_callback(|output| {
    ///     assert!(output.status.success());
    ///     assert_eq!(output.stdout, b"it boils\n");
    /// });
    /// sim.run()?;
    /// assert_eq!(sim.elapsed().as_secs(), 180);
    /// # Ok::<(), fate::Failure>(())
    /// ```
    ///
    /// # Panics
    /// If there is no host of this name.
    #[track_caller]
    pub fn program<P, F>(&mut self, host: &str, name: &str, mut program: P)
    where
        P: FnMut(SimulatedChild) -> F + 'static,
        F: Future<Output: IntoExit> + 'static,
    {
        let (number, place) = (self.number(host), Location::caller());
        let start = move |child| -> Course {
            let course = program(child);
            Box::pin(async move { course.await.into_exit() })
        };
        let program = Program { start: Rc::new(RefCell::new(start)), place };
        self.world.know_program(number, name);
        self.programs.places.borrow_mut().push(place);
        let replaced = self.programs.known.borrow_mut().insert((number, name.to_owned()), program);
        drop(replaced);
    }

    /// Whoever starts a command of this name on a host is refused from now on, with this error of the system: 13 (`EACCES`) is
    /// a program that may not be started, 8 (`ENOEXEC`) a file that is none.
    ///
    /// ```
    /// use fate::{SpawnFailed, sim::Sim};
    /// use std::process::Command;
    ///
    /// let mut sim = Sim::new(1);
    /// let fate = sim.host("here");
    /// sim.refuse_program("here", "guillotine", 13);
    /// fate.output(Command::new("guillotine")).add_callback(drop).add_errback(|failure| {
    ///     assert!(failure.check::<SpawnFailed>().unwrap().is_not_permitted());
    /// });
    /// sim.run()?;
    /// # Ok::<(), fate::Failure>(())
    /// ```
    ///
    /// # Panics
    /// If there is no host of this name.
    pub fn refuse_program(&mut self, host: &str, name: &str, error: i32) {
        self.world.refuse_program(self.number(host), name, error);
    }
}

/// A child was spawned: if it is a simulated one, its program begins, when the ready queue reaches it.
pub(crate) fn begin_program(fate: &Fate, spawned: &Spawned) {
    let reactor = fate.reactor();
    let Some(machine) = Machine::of(reactor) else { return };
    let Some(newborn) = machine.world.take_newborn(machine.host, spawned.process) else { return };
    let program = machine.programs.upgrade().and_then(|programs| programs.find(machine.host, &newborn.name));
    let place = program.as_ref().map_or(Location::caller(), |program| program.place);
    let child = SimulatedChild::new(fate, machine, newborn, place);
    let station = child.station().clone();
    // Without a simulation there are no programs any more: it is killed at birth.
    let next = program.map_or(Next::Nothing, |program| Next::Start(program, child));
    let news = station.news(place);
    let task = reactor.spawn(place, Run { station, place, next, news, status: None });
    reactor.let_go(task);
}

/// The task that runs a program.
struct Run {
    station: Rc<Station>,
    place: Place,
    next: Next,
    /// Signals have come, or it was killed.
    news: Option<Ready>,
    /// What its program gave.
    status: Option<ExitStatus>,
}

/// What there is to do.
enum Next {
    Start(Program, SimulatedChild),
    Go(Course),
    Nothing,
}

impl Run {
    /// Goes as far as the program can.
    fn advance(&mut self, context: &mut Context<'_>) -> Poll<ExitStatus> {
        if let Next::Start(program, _) = &self.next {
            // It is called by one of its own kind, which has to come back first.
            let start = program.start.clone();
            let Ok(mut start) = start.try_borrow_mut() else {
                context.waker().wake_by_ref();
                return Poll::Pending;
            };
            if let Next::Start(_, child) = std::mem::replace(&mut self.next, Next::Nothing) {
                self.next = Next::Go(start(child));
            }
        }
        match &mut self.next {
            Next::Go(course) => course.as_mut().poll(context),
            _ => Poll::Ready(Signal::KILL.into_exit()),
        }
    }

    /// Whether there is news of the child, of which the next will be told too.
    fn has_news(&mut self, context: &mut Context<'_>) -> bool {
        let Some(news) = &mut self.news else { return false };
        let Poll::Ready(readiness) = Pin::new(news).poll(context) else { return false };
        // A host that is no more has no news.
        self.news = readiness.ok().and_then(|_| self.station.news(self.place));
        true
    }
}

impl Future for Run {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let run = &mut *self;
        loop {
            if run.station.has_ended() {
                return Poll::Ready(());
            }
            run.station.hear();
            if let Poll::Ready(status) = run.advance(context) {
                run.status = Some(status);
                return Poll::Ready(());
            }
            if !run.has_news(context) {
                return Poll::Pending;
            }
        }
    }
}

/// However it has come to its end: the program lets go of everything first, as a system does.
impl Drop for Run {
    fn drop(&mut self) {
        self.next = Next::Nothing;
        let unfinished = if thread::panicking() { Signal::ABRT } else { Signal::KILL };
        self.station.exit(self.status.unwrap_or_else(|| unfinished.into_exit()));
    }
}
