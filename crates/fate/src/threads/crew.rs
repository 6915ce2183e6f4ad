//! The threads of one lane, and the work that waits for them.
//!
//! This half is shared with the threads; [`lane`](super::lane) has the half that stays on the loop. Work waits in the order
//! in which it was handed in. Whoever leaves some waiting, be it the loop that hands it in or a worker that takes the first
//! of it, calls one more worker, unless one is on its way already: the one that has been idle for the shortest time, or a
//! new one. So short work is done by few, long work soon has all the workers that it needs, and those that are not needed
//! stay idle until their patience is over.
//!
//! ```text
//!    hired ──▶ Looking ──▶ Busy ──▶ Idle ──called──▶ Looking
//!                 └───nothing to do──▲└──patience over──▶ gone
//! ```
//!
//! In a forked child there are none of the threads, and what they held when it was forked they hold for ever: so there the
//! lock is not taken, work is refused, and their handles are never dropped, because what these stand for may be
//! another thread's by then.
//!
//! # Invariants
//! - Q1 While work waits, some worker is looking or about to look, or all are busy and no other can be had.
//! - Q2 A worker is busy while it runs or drops what is the user's, and from then on only sends home what it has. So one
//!   that is not busy comes to its end by itself once the crew is closed, and is waited for; one that is may never, and
//!   is not.
//! - Q3 Work is handed in and withdrawn, and the crew closed, on the loop's own thread alone.
//!
//! # Cost
//! Four short holds of one lock for each piece of work, and a system call for each worker that is woken. An idle worker wakes
//! up once, to leave.

use super::work::{Work, send_home, throw_away};
use fate_core::parts::door::Door;
use fate_core::{Forked, Reactor};
use std::collections::BTreeMap;
use std::io;
use std::mem;
use std::process;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// The threads of a lane.
pub(super) struct Crew {
    state: Mutex<State>,
    door: Arc<Door<Reactor>>,
    /// What the threads are called in the system's own lists.
    name: &'static str,
    most: usize,
    /// How long a worker stays idle before it leaves.
    patience: Duration,
    /// Where the threads are: a process that was forked off has a copy of all this, and none of them.
    process: u32,
}

#[derive(Default)]
struct State {
    waiting: BTreeMap<u64, Box<dyn Work>>,
    workers: BTreeMap<u64, Worker>,
    /// Who is idle, the latest last.
    idle: Vec<u64>,
    /// How many are looking for work.
    looking: usize,
    hired: u64,
    /// Whoever leaves waits for the one who left before.
    last_to_leave: Option<JoinHandle<()>>,
    is_closed: bool,
}

struct Worker {
    thread: JoinHandle<()>,
    call: Arc<Condvar>,
    is_asleep: bool,
    doing: Doing,
}

#[derive(Clone, Copy, PartialEq)]
enum Doing {
    Looking,
    Busy { number: u64, is_wanted: bool },
    Idle,
}

/// What became of work that was withdrawn.
pub(super) enum Withdrawn {
    /// It was not begun, and is handed back.
    Unbegun(Box<dyn Work>),
    /// A worker is at it, and will drop what it gives.
    Running,
    /// It was done.
    Done,
}

impl Crew {
    pub fn new(door: Arc<Door<Reactor>>, name: &'static str, most: usize, patience: Duration) -> Arc<Crew> {
        Arc::new(Crew { state: Mutex::default(), door, name, most, patience, process: process::id() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`Crew::lock`], unless this is a forked child, where somebody may have it who is not there.
    fn lock_at_home(&self) -> Result<MutexGuard<'_, State>, Forked> {
        if self.is_foreign() { Err(Forked) } else { Ok(self.lock()) }
    }

    fn is_foreign(&self) -> bool {
        self.process != process::id()
    }

    /// Has the work done by the worker that is free first. Numbers must grow.
    ///
    /// # Errors
    /// The system gives no thread, and there is none yet; or this is a forked child. The work is dropped.
    pub fn hand_in(self: &Arc<Crew>, number: u64, work: Box<dyn Work>) -> io::Result<()> {
        let mut state = self.lock_at_home()?;
        state.waiting.insert(number, work);
        self.call_another(state).inspect_err(|_| drop(self.take_back(number)))
    }

    /// Sees to it that somebody comes for what waits (Q1).
    ///
    /// # Errors
    /// There is nobody, and the system gives no thread.
    fn call_another(self: &Arc<Crew>, mut state: MutexGuard<'_, State>) -> io::Result<()> {
        if state.waiting.is_empty() || state.looking > 0 {
            return Ok(());
        }
        if let Some(call) = state.call_idle() {
            drop(state);
            call.inspect(|call| call.notify_one());
            return Ok(());
        }
        if state.workers.len() < self.most
            && let Err(error) = self.hire(&mut state)
            && state.workers.is_empty()
        {
            return Err(error);
        }
        Ok(())
    }

    /// Starts one more worker. The lock is held meanwhile, for the worker must find itself in the list.
    fn hire(self: &Arc<Crew>, state: &mut State) -> io::Result<()> {
        let (me, crew) = (state.hired, self.clone());
        let thread = Builder::new().name(self.name.into()).spawn(move || crew.serve(me))?;
        state.hired += 1;
        state.looking += 1;
        state.workers.insert(me, Worker { thread, call: Arc::default(), is_asleep: false, doing: Doing::Looking });
        Ok(())
    }

    /// Takes work back, or says that nobody wants its result.
    pub fn withdraw(&self, number: u64) -> Withdrawn {
        let Ok(mut state) = self.lock_at_home() else { return Withdrawn::Done };
        if let Some(work) = state.waiting.remove(&number) {
            return Withdrawn::Unbegun(work);
        }
        match state.busy_with(number) {
            Some(is_wanted) => {
                *is_wanted = false;
                Withdrawn::Running
            }
            None => Withdrawn::Done,
        }
    }

    /// Takes work back, if it was not begun.
    pub fn take_back(&self, number: u64) -> Option<Box<dyn Work>> {
        self.lock_at_home().ok()?.waiting.remove(&number)
    }

    /// Whether the work waits for a worker.
    pub fn is_waiting(&self, number: u64) -> bool {
        self.lock_at_home().is_ok_and(|state| state.waiting.contains_key(&number))
    }

    /// Sends everybody home, and waits for those who are not busy (Q2). What waits is dropped.
    pub fn close(&self) {
        let Ok(mut state) = self.lock_at_home() else { return };
        state.is_closed = true;
        let (waiting, workers) = (mem::take(&mut state.waiting), mem::take(&mut state.workers));
        let last = state.last_to_leave.take();
        drop(state);
        let free: Vec<Worker> = workers.into_values().filter(|worker| !worker.is_busy()).collect();
        free.iter().for_each(|worker| worker.call.notify_one());
        free.into_iter().map(|worker| worker.thread).chain(last).for_each(wait_for);
        drop(waiting);
    }

    /// All that a worker does.
    fn serve(self: &Arc<Crew>, me: u64) {
        while let Some(work) = self.next(me) {
            self.work(me, work);
        }
    }

    fn work(&self, me: u64, mut work: Box<dyn Work>) {
        work.run();
        let is_wanted = self.lock().end(me);
        if is_wanted {
            send_home(work, &self.door);
        } else {
            throw_away(work, &self.door);
            self.lock().rest(me);
        }
    }

    /// Waits for work; `None` if the worker is to leave.
    fn next(self: &Arc<Crew>, me: u64) -> Option<Box<dyn Work>> {
        let mut state = self.lock();
        let mut is_patient = true;
        loop {
            if let Some(work) = state.begin(me) {
                // If the system gives no other thread, there is this one.
                drop(self.call_another(state));
                return Some(work);
            }
            if state.is_closed || !is_patient {
                let earlier = state.leave(me);
                drop(state);
                earlier.into_iter().for_each(wait_for);
                return None;
            }
            let call = state.fall_asleep(me)?;
            let woken = call.wait_timeout_while(state, self.patience, |state| state.is_idle(me));
            let (woken, timeout) = woken.unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.wake_up(me);
            is_patient = !(timeout.timed_out() && state.is_idle(me));
        }
    }
}

/// In a forked child the threads are let be.
impl Drop for Crew {
    fn drop(&mut self) {
        if self.is_foreign() {
            let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
            mem::forget((mem::take(&mut state.workers), state.last_to_leave.take()));
        }
    }
}

/// A thread that is at its end.
fn wait_for(thread: JoinHandle<()>) {
    // It cannot panic, and if it did there would be nothing to do about it.
    drop(thread.join());
}

impl Worker {
    fn is_busy(&self) -> bool {
        matches!(self.doing, Doing::Busy { .. })
    }
}

impl State {
    /// Calls the worker that has been idle for the shortest time, if there is one: it is to be notified if it sleeps.
    fn call_idle(&mut self) -> Option<Option<Arc<Condvar>>> {
        let worker = self.idle.pop().and_then(|worker| self.workers.get_mut(&worker))?;
        worker.doing = Doing::Looking;
        self.looking += 1;
        Some(worker.is_asleep.then(|| worker.call.clone()))
    }

    /// A worker takes the work that has waited longest.
    fn begin(&mut self, me: u64) -> Option<Box<dyn Work>> {
        let (number, work) = self.waiting.pop_first()?;
        self.take_up(me, Doing::Busy { number, is_wanted: true });
        Some(work)
    }

    /// A worker's closure has returned. If somebody wants the result, the worker is free from here on (Q2).
    fn end(&mut self, me: u64) -> bool {
        let is_wanted =
            self.workers.get(&me).is_some_and(|worker| matches!(worker.doing, Doing::Busy { is_wanted: true, .. }));
        if is_wanted {
            self.rest(me);
        }
        is_wanted
    }

    fn rest(&mut self, me: u64) {
        self.take_up(me, Doing::Idle);
    }

    fn take_up(&mut self, me: u64, doing: Doing) {
        let Some(worker) = self.workers.get_mut(&me) else { return };
        let before = mem::replace(&mut worker.doing, doing);
        self.looking -= usize::from(before == Doing::Looking);
        match (before == Doing::Idle, doing == Doing::Idle) {
            (false, true) => self.idle.push(me),
            (true, false) => self.forget_idle(me),
            _ => {}
        }
    }

    fn forget_idle(&mut self, me: u64) {
        if let Some(position) = self.idle.iter().rposition(|&worker| worker == me) {
            self.idle.remove(position);
        }
    }

    /// There is nothing to do. Gives what a call comes by; `None` if the crew is closed.
    fn fall_asleep(&mut self, me: u64) -> Option<Arc<Condvar>> {
        self.rest(me);
        let worker = self.workers.get_mut(&me)?;
        worker.is_asleep = true;
        Some(worker.call.clone())
    }

    fn wake_up(&mut self, me: u64) {
        if let Some(worker) = self.workers.get_mut(&me) {
            worker.is_asleep = false;
        }
    }

    /// Whether a worker is idle, and nobody has called it.
    fn is_idle(&self, me: u64) -> bool {
        self.workers.get(&me).is_some_and(|worker| worker.doing == Doing::Idle)
    }

    /// A worker is gone but for its last breath. Gives the one that left before.
    fn leave(&mut self, me: u64) -> Option<JoinHandle<()>> {
        self.forget_idle(me);
        let worker = self.workers.remove(&me)?;
        self.last_to_leave.replace(worker.thread)
    }

    /// Whether the result of this work is wanted, if a worker is at it.
    fn busy_with(&mut self, work: u64) -> Option<&mut bool> {
        self.workers.values_mut().find_map(|worker| match &mut worker.doing {
            Doing::Busy { number, is_wanted } if *number == work => Some(is_wanted),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::LaneName;
    use super::super::work::{Piece, Ticket};
    use super::*;
    use std::panic::Location;
    use std::sync::mpsc::{Sender, channel};
    use std::thread::{self, ThreadId};

    const HOUR: Duration = Duration::from_secs(3600);

    fn crew(patience: Duration) -> Arc<Crew> {
        Crew::new(Arc::default(), "worker", 10, patience)
    }

    /// Work that says who does it.
    fn naming(number: u64, told: &Sender<ThreadId>) -> Box<dyn Work> {
        let told = told.clone();
        let ticket = Ticket { lane: LaneName::Work, number, place: Location::caller() };
        Box::new(Piece::new(move || told.send(thread::current().id()).unwrap(), ticket))
    }

    fn wait_until(crew: &Crew, is_so: impl Fn(&State) -> bool) {
        while !is_so(&crew.lock()) {
            thread::yield_now();
        }
    }

    /// H1: idle threads leave.
    #[test]
    fn workers_leave_when_their_patience_is_over() {
        let (crew, (told, tell)) = (crew(Duration::ZERO), channel());
        for number in 0..30 {
            crew.hand_in(number, naming(number, &told)).unwrap();
            tell.recv().unwrap();
        }
        wait_until(&crew, |state| state.workers.is_empty());
        assert!(crew.lock().idle.is_empty());
        crew.hand_in(30, naming(30, &told)).unwrap();
        tell.recv().unwrap();
        wait_until(&crew, |state| !state.workers.values().any(Worker::is_busy));
        crew.close();
        assert_eq!(Arc::strong_count(&crew), 1);
    }

    /// H1: so the others have nothing to do, and leave.
    #[test]
    fn whoever_became_idle_last_is_called_first() {
        let (crew, (told, tell)) = (crew(HOUR), channel());
        for number in 0..5 {
            crew.hand_in(number, naming(number, &told)).unwrap();
        }
        assert_eq!(tell.iter().take(5).count(), 5);
        let workers = crew.lock().workers.len();
        wait_until(&crew, |state| state.workers.values().all(|worker| worker.is_asleep));
        let latest = *crew.lock().idle.last().unwrap();
        let latest = crew.lock().workers[&latest].thread.thread().id();
        for number in 5..100 {
            crew.hand_in(number, naming(number, &told)).unwrap();
            assert_eq!(tell.recv(), Ok(latest));
            wait_until(&crew, |state| state.idle.len() == workers);
        }
        assert_eq!(crew.lock().workers.len(), workers);
        crew.close();
        assert_eq!(Arc::strong_count(&crew), 1);
    }

    /// H1: what is withdrawn is no work for anybody.
    #[test]
    fn withdrawn_work_is_handed_back_and_those_who_come_for_it_go_back_to_sleep() {
        let (crew, (told, tell)) = (crew(HOUR), channel());
        for number in 0..1000 {
            crew.hand_in(number, naming(number, &told)).unwrap();
            if let Withdrawn::Unbegun(work) = crew.withdraw(number) {
                drop(work);
            } else {
                tell.recv().unwrap();
            }
        }
        wait_until(&crew, |state| state.idle.len() == state.workers.len());
        assert!(crew.lock().waiting.is_empty());
        crew.close();
        assert!(tell.try_recv().is_err());
        assert_eq!(Arc::strong_count(&crew), 1);
    }

    /// L6: there are no threads there, and whoever had the lock does not give it back.
    #[test]
    fn in_a_forked_child_work_is_refused_and_nobody_is_waited_for() {
        let (told, tell) = channel();
        let process = process::id().wrapping_add(1);
        let crew = Crew { state: Mutex::default(), door: Arc::default(), name: "", most: 1, patience: HOUR, process };
        let crew = Arc::new(crew);
        let held = crew.lock();
        let error = crew.hand_in(0, naming(0, &told)).unwrap_err();
        assert!(error.get_ref().is_some_and(|error| error.is::<Forked>()), "{error}");
        assert!(matches!(crew.withdraw(0), Withdrawn::Done));
        assert!(crew.take_back(0).is_none() && !crew.is_waiting(0));
        crew.close();
        drop((held, told));
        assert!(tell.recv().is_err());
    }
}
