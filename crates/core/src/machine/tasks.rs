//! Tasks: futures that the loop polls when somebody rang for them.
//!
//! A task's future is boxed once, when it is spawned, and stays there; the bell that its waker is made of is used again by
//! a later task if nobody has kept a waker. A task is polled only from the ready queue, and while it is polled its future
//! is out of its cell, so that it may end itself, spawn others, or take a turn.
//!
//! # Invariants
//! - K1 A task is in the ready queue at most once: `queued` says so.
//! - K2 A cell without a future is being polled right now.

use super::ending::Step;
use super::reactor::Reactor;
use crate::parts::bell::TaskBell;
use crate::parts::slots::{Key, Slots};
use crate::words::driver::Deed;
use crate::words::failure::{Failure, Place};
use crate::words::instant::Instant;
use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// A future that the loop can own.
pub type BoxedFuture = Pin<Box<dyn Future<Output = ()>>>;

/// Bells that are kept for later tasks.
const SPARE_BELLS: usize = 256;

/// The key of the future that `run_until` was given, which is in no cell.
const MAIN: Key = Key { index: u32::MAX, generation: 0 };

/// All tasks of one Fate.
#[derive(Default)]
pub(super) struct Tasks {
    cells: Slots<TaskCell, 64>,
    spare: Vec<Ringing>,
    main: Option<Arc<TaskBell<Reactor>>>,
    main_woken: bool,
    polling: Cell<Option<(*const (), Key)>>,
}

struct TaskCell {
    work: Option<Work>,
    queued: bool,
    place: Place,
    born: Instant,
}

struct Work {
    future: BoxedFuture,
    ringing: Ringing,
}

/// A bell and the one waker that is kept of it.
struct Ringing {
    bell: Arc<TaskBell<Reactor>>,
    waker: Waker,
}

impl Ringing {
    fn new(reactor: &Reactor, key: Key) -> Ringing {
        let bell = Arc::new(TaskBell::new(reactor.door.clone(), key));
        Ringing { waker: Waker::from(bell.clone()), bell }
    }

    /// Whether somebody else has kept a waker.
    fn is_shared(&self) -> bool {
        Arc::strong_count(&self.bell) > 2
    }
}

/// A live task, for reports.
pub struct TaskSight {
    /// The line that spawned it.
    pub place: Place,
    /// When it was spawned.
    pub born: Instant,
    /// Whether it is queued to be polled, or being polled.
    pub is_ready: bool,
    /// Whether somebody outside the loop has kept its waker.
    pub is_awaited_outside: bool,
}

impl Reactor {
    /// Spawns a task; it is first polled when the ready queue reaches it.
    pub fn spawn(&self, place: Place, future: BoxedFuture) -> Key {
        self.saw(Deed::Spawned, Some(place));
        let key = {
            let mut tasks = self.tasks.borrow_mut();
            let key = tasks.cells.insert(TaskCell { work: None, queued: false, place, born: self.now() });
            let ringing = match tasks.spare.pop() {
                Some(ringing) => {
                    ringing.bell.assign(key);
                    ringing
                }
                None => Ringing::new(self, key),
            };
            if let Some(cell) = tasks.cells.get_mut(key.index) {
                cell.work = Some(Work { future, ringing });
            }
            key
        };
        self.wake(key);
        key
    }

    /// Queues a task to be polled, if it exists and is not queued already.
    #[inline]
    pub fn wake(&self, key: Key) {
        {
            let mut tasks = self.tasks.borrow_mut();
            if key == MAIN {
                tasks.main_woken = true;
            }
            match tasks.cells.get_key_mut(key) {
                Some(cell) if !cell.queued => cell.queued = true,
                Some(_) => return,
                None if key == MAIN => {}
                None => return,
            }
        }
        self.queue(move |reactor| reactor.poll_task(key));
    }

    /// The task that is being polled with this waker, if it is one of ours: it can then be woken without the waker.
    #[inline]
    pub fn polled_task(&self, waker: &Waker) -> Option<Key> {
        let (bell, key) = self.tasks.borrow().polling.get()?;
        (waker.data() == bell).then_some(key)
    }

    fn poll_task(self: &Rc<Reactor>, key: Key) {
        let Some((mut work, place)) = self.begin_poll(key) else { return };
        self.enter(place);
        let polling = Polling {
            reactor: self,
            key,
            outer: self.set_polling(Some((Arc::as_ptr(&work.ringing.bell).cast(), key))),
        };
        work.ringing.bell.answer();
        let state = work.future.as_mut().poll(&mut Context::from_waker(&work.ringing.waker));
        match state {
            Poll::Pending => polling.put_back(work),
            Poll::Ready(()) => polling.finish(work),
        }
    }

    fn begin_poll(&self, key: Key) -> Option<(Work, Place)> {
        let mut tasks = self.tasks.borrow_mut();
        let cell = tasks.cells.get_key_mut(key)?;
        cell.queued = false;
        Some((cell.work.take()?, cell.place))
    }

    fn set_polling(&self, polling: Option<(*const (), Key)>) -> Option<(*const (), Key)> {
        self.tasks.borrow().polling.replace(polling)
    }

    /// Drops a task's future where it waits. A task that is being polled is dropped when that poll returns.
    pub fn drop_task(&self, key: Key) {
        let removed = self.tasks.borrow_mut().cells.remove_key(key);
        if let Some(cell) = removed {
            self.saw(Deed::Dropped, Some(cell.place));
        }
    }

    /// Drops any one task; says whether there was one. For the end of all things.
    pub(super) fn drop_any_task(&self) -> bool {
        let key = self.tasks.borrow().cells.iter().map(|(key, _)| key).next();
        key.map(|key| self.drop_task(key)).is_some()
    }

    /// Whether a thread or another structure could still wake some task.
    pub(super) fn is_awaited_outside(&self) -> bool {
        let tasks = self.tasks.borrow();
        tasks.main.as_ref().is_some_and(|bell| Arc::strong_count(bell) > 3)
            || tasks.cells.iter().any(|(_, cell)| cell.work.as_ref().is_some_and(|work| work.ringing.is_shared()))
    }

    /// Every live task.
    pub fn task_sights(&self) -> Vec<TaskSight> {
        let sight = |cell: &TaskCell| TaskSight {
            place: cell.place,
            born: cell.born,
            is_ready: cell.queued || cell.work.is_none(),
            is_awaited_outside: cell.work.as_ref().is_some_and(|work| work.ringing.is_shared()),
        };
        self.tasks.borrow().cells.iter().map(|(_, cell)| sight(cell)).collect()
    }

    /// Runs the loop until a future that may borrow from the caller is done.
    ///
    /// # Errors
    /// As [`Reactor::run`]; `None` if nothing is left that could wake the future.
    pub fn run_future<F: Future>(
        self: &Rc<Reactor>,
        place: Place,
        future: Pin<&mut F>,
    ) -> Result<Option<F::Output>, Failure> {
        let _running = self.begin_run()?;
        let ringing = Ringing::new(self, MAIN);
        let mut main = Main { reactor: self, place, future, ringing: &ringing };
        {
            let mut tasks = self.tasks.borrow_mut();
            tasks.main = Some(ringing.bell.clone());
            tasks.main_woken = true;
        }
        loop {
            if let Poll::Ready(output) = main.poll_if_woken() {
                return Ok(Some(output));
            }
            if self.step(Duration::MAX)? != Step::GoOn && !self.tasks.borrow().main_woken {
                return Ok(None);
            }
        }
    }
}

/// The future that `run_until` was given: polled between turns, as it may borrow what no task can.
struct Main<'a, F> {
    reactor: &'a Rc<Reactor>,
    place: Place,
    future: Pin<&'a mut F>,
    ringing: &'a Ringing,
}

impl<F: Future> Main<'_, F> {
    fn poll_if_woken(&mut self) -> Poll<F::Output> {
        if !std::mem::take(&mut self.reactor.tasks.borrow_mut().main_woken) {
            return Poll::Pending;
        }
        let outer = self.reactor.set_polling(Some((Arc::as_ptr(&self.ringing.bell).cast(), MAIN)));
        let _polling = Polling { reactor: self.reactor, key: MAIN, outer };
        self.reactor.enter(self.place);
        self.ringing.bell.answer();
        self.future.as_mut().poll(&mut Context::from_waker(&self.ringing.waker))
    }
}

impl<F> Drop for Main<'_, F> {
    fn drop(&mut self) {
        self.reactor.tasks.borrow_mut().main = None;
    }
}

/// A poll that has begun. If it panics, the task is gone.
struct Polling<'a> {
    reactor: &'a Rc<Reactor>,
    key: Key,
    outer: Option<(*const (), Key)>,
}

impl Polling<'_> {
    /// The future waits for something: back into its cell, unless the task was dropped while it ran.
    fn put_back(self, work: Work) {
        let mut tasks = self.reactor.tasks.borrow_mut();
        match tasks.cells.get_key_mut(self.key) {
            Some(cell) => cell.work = Some(work),
            None => {
                drop(tasks);
                drop(work);
            }
        }
    }

    fn finish(self, work: Work) {
        let Work { future, ringing } = work;
        drop(future);
        let mut tasks = self.reactor.tasks.borrow_mut();
        if !ringing.is_shared() && tasks.spare.len() < SPARE_BELLS {
            tasks.spare.push(ringing);
        }
        if let Some(cell) = tasks.cells.remove_key(self.key) {
            self.reactor.saw(Deed::Finished, Some(cell.place));
        }
    }
}

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        self.reactor.set_polling(self.outer);
        if std::thread::panicking() {
            self.reactor.tasks.borrow_mut().cells.remove_key(self.key);
        }
    }
}
