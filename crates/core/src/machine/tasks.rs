//! Tasks: futures that the loop polls when somebody rang for them.
//!
//! A task's future is boxed once, when it is spawned, and stays there. The bell that its waker is made of is lent to it for
//! a poll and kept only if somebody else has kept the waker: tasks that wait for fuses and Deferreds need none. A task is
//! polled only from the ready queue, and while it is polled its future is out of its cell, so that it may end itself, spawn
//! others, or take a turn.
//!
//! What a task makes goes to its [`Receiver`], which is set only once somebody looks at the task's handle: a task that
//! nobody waits for costs no more than its future.
//!
//! # Invariants
//! - K1 A task is in the ready queue at most once: `queued` says so.
//! - K2 A cell is `Waiting` with a future, or being `Polled`, or `Done` with the output that its handle has not asked for;
//!   or a [`Child`](super::children), whose future lies in its parent.
//! - K3 A cell that is `Done` is `held` and has no receiver.

use super::children::Guardian;
use super::reactor::Reactor;
use crate::parts::bell::TaskBell;
use crate::parts::parcel::Parcel;
use crate::parts::slots::Slots;
use crate::words::driver::Deed;
use crate::words::failure::{Cancelled, Failure, Panicked, Place};
use crate::words::instant::Instant;
use crate::words::key::Key;
use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::task::{Context, Poll, Waker};

/// A future that the loop can own, whatever its output.
pub(super) trait Work {
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Parcel>;
}

impl<F: Future<Output: 'static>> Work for F {
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Parcel> {
        Future::poll(self, context).map(Parcel::new)
    }
}

type BoxedWork = Pin<Box<dyn Work>>;

/// Is given what a task has made.
pub trait Receiver {
    /// Takes the output; or the failure, if the task was dropped or panicked. Runs no user code.
    fn receive(self: Rc<Self>, outcome: Result<Parcel, Failure>);
}

/// Bells that are kept for later tasks.
const SPARE_BELLS: usize = 256;

/// The key of the future that `run_until` was given, which is in no cell.
pub(super) const MAIN: Key = Key { index: u32::MAX, generation: 0 };

/// All tasks of one Fate.
#[derive(Default)]
pub(super) struct Tasks {
    pub(super) cells: Slots<TaskCell, 64>,
    spare: Vec<Ringing>,
    pub(super) main: Option<Arc<TaskBell<Reactor>>>,
    pub(super) main_woken: bool,
    polling: Cell<Option<(*const (), Key)>>,
}

pub(super) struct TaskCell {
    pub(super) state: State,
    receiver: Option<Rc<dyn Receiver>>,
    place: Place,
    born: Instant,
    /// The handler in which the handle was dropped.
    dropped: Option<Place>,
    pub(super) queued: bool,
    /// Its turn came while it was being polled: in a turn that it took itself.
    recalled: bool,
    /// It is about to be dropped, and not polled any more.
    condemned: bool,
    /// Its handle may still ask for the output.
    held: bool,
}

pub(super) enum State {
    /// The bell is there once somebody has kept a waker.
    Waiting(BoxedWork, Option<Ringing>),
    Polled,
    Done(Parcel),
    /// A child of a task. The bell is there once somebody has kept a waker.
    Child(Rc<dyn Guardian>, Option<Ringing>),
}

impl TaskCell {
    pub(super) fn new(state: State, place: Place, born: Instant) -> TaskCell {
        TaskCell {
            state,
            receiver: None,
            place,
            born,
            dropped: None,
            queued: false,
            recalled: false,
            condemned: false,
            held: false,
        }
    }

    fn is_child(&self) -> bool {
        matches!(self.state, State::Child(..))
    }

    fn guardian(&self) -> Option<Rc<dyn Guardian>> {
        if let State::Child(guardian, _) = &self.state { Some(guardian.clone()) } else { None }
    }

    fn is_alive(&self) -> bool {
        !matches!(self.state, State::Done(_))
    }

    fn is_awaited_outside(&self) -> bool {
        match &self.state {
            State::Waiting(_, Some(ringing)) | State::Child(_, Some(ringing)) => ringing.is_shared(),
            _ => false,
        }
    }
}

/// A bell and the one waker that is kept of it.
pub(super) struct Ringing {
    pub(super) bell: Arc<TaskBell<Reactor>>,
    pub(super) waker: Waker,
}

impl Ringing {
    pub(super) fn new(reactor: &Reactor, key: Key) -> Ringing {
        let bell = Arc::new(TaskBell::new(reactor.door.clone(), key));
        Ringing { waker: Waker::from(bell.clone()), bell }
    }

    /// Whether somebody else has kept a waker.
    fn is_shared(&self) -> bool {
        holders(&self.bell) > 2
    }
}

/// How many hold a bell. What those who let go of it did before is seen, which the count alone does not see to.
fn holders(bell: &Arc<TaskBell<Reactor>>) -> usize {
    let holders = Arc::strong_count(bell);
    fence(Ordering::Acquire);
    holders
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
    /// Spawns a task, which a handle holds; it is first polled when the ready queue reaches it.
    pub fn spawn<F: Future<Output: 'static> + 'static>(&self, place: Place, future: F) -> Key {
        self.saw(Deed::Spawned, Some(place));
        let cell = TaskCell::new(State::Waiting(Box::pin(future), None), place, self.now());
        let cell = TaskCell { queued: true, held: true, ..cell };
        let key = self.tasks.borrow_mut().cells.insert(cell);
        self.queue(move |reactor| reactor.poll_task(key));
        key
    }

    /// The handle asks for what the task makes: `receiver` will have it, or has it now. Once it was asked for, the task
    /// belongs to the receiver, and the handle must not let go of it.
    pub fn receive_from(&self, task: Key, receiver: Rc<dyn Receiver>) {
        let output = {
            let mut tasks = self.tasks.borrow_mut();
            match tasks.cells.get_key_mut(task) {
                Some(cell) if cell.is_alive() => {
                    cell.receiver = Some(receiver.clone());
                    return;
                }
                _ => tasks.cells.remove_key(task).map(|cell| cell.state),
            }
        };
        receiver.receive(match output {
            Some(State::Done(output)) => Ok(output),
            _ => Err(Cancelled.into()),
        });
    }

    /// The handle is gone, and has not asked for the output: nobody will.
    #[inline]
    pub fn let_go(&self, task: Key) {
        let unclaimed = {
            let tasks = &mut *self.tasks.borrow_mut();
            match tasks.cells.get_key_mut(task) {
                Some(cell) if cell.is_alive() => {
                    cell.held = false;
                    cell.dropped = self.current();
                    None
                }
                _ => tasks.cells.remove_key(task),
            }
        };
        if let Some(TaskCell { state: State::Done(output), .. }) = unclaimed {
            let dropped = self.current();
            self.queue(move |reactor| reactor.drop_unheard(output, dropped));
        }
    }

    /// Queues a task to be polled, if it exists and is not queued already; for a child, its parent.
    #[inline]
    pub fn wake(&self, key: Key) {
        let guardian = {
            let mut tasks = self.tasks.borrow_mut();
            if key == MAIN {
                tasks.main_woken = true;
            }
            match tasks.cells.get_key_mut(key) {
                Some(cell) if cell.queued => return,
                Some(cell) => {
                    cell.queued = true;
                    cell.guardian()
                }
                None if key == MAIN => None,
                None => return,
            }
        };
        match guardian {
            None => self.queue(move |reactor| reactor.poll_task(key)),
            Some(guardian) => guardian.wake_child(key, self),
        }
    }

    /// The task that is being polled with this waker, if it is one of ours: it can then be woken without the waker.
    #[inline]
    pub fn polled_task(&self, waker: &Waker) -> Option<Key> {
        let (bell, key) = self.tasks.borrow().polling.get()?;
        (waker.data() == bell).then_some(key)
    }

    fn poll_task(self: &Rc<Reactor>, key: Key) {
        let Some((mut work, ringing, place)) = self.begin_poll(key) else { return };
        self.enter(place);
        let polling = Polling::begin(self, key, &ringing);
        let state = work.as_mut().poll(&mut Context::from_waker(&ringing.waker));
        match state {
            Poll::Pending => polling.put_back(work, ringing),
            Poll::Ready(output) => {
                drop(work);
                polling.finish(output, ringing);
            }
        }
    }

    /// Takes a task's future out of its cell, and gives it a bell if it has none.
    fn begin_poll(&self, key: Key) -> Option<(BoxedWork, Ringing, Place)> {
        let tasks = &mut *self.tasks.borrow_mut();
        let cell = tasks.cells.get_key_mut(key)?;
        cell.queued = false;
        if cell.condemned || !matches!(cell.state, State::Waiting(..)) {
            cell.recalled = true;
            return None;
        }
        let State::Waiting(work, ringing) = std::mem::replace(&mut cell.state, State::Polled) else { return None };
        let place = cell.place;
        Some((work, self.bell_for(key, ringing, tasks), place))
    }

    /// The bell that was kept for a task or a child, or another one. One that was kept may be ringing: it is left alone.
    fn bell_for(&self, key: Key, kept: Option<Ringing>, tasks: &mut Tasks) -> Ringing {
        kept.unwrap_or_else(|| match tasks.spare.pop() {
            Some(ringing) => {
                ringing.bell.assign(key);
                ringing
            }
            None => Ringing::new(self, key),
        })
    }

    /// A bell for a child that is about to be polled, if it still exists.
    pub(super) fn lend_bell(&self, child: Key) -> Option<Ringing> {
        let tasks = &mut *self.tasks.borrow_mut();
        let cell = tasks.cells.get_key_mut(child)?;
        cell.queued = false;
        let kept = if let State::Child(_, kept) = &mut cell.state { kept.take() } else { None };
        Some(self.bell_for(child, kept, tasks))
    }

    fn set_polling(&self, polling: Option<(*const (), Key)>) -> Option<(*const (), Key)> {
        self.tasks.borrow().polling.replace(polling)
    }

    /// The task will be dropped in a moment: it is not polled any more until then, and so goes no further than it has come.
    pub fn condemn_task(&self, key: Key) {
        if let Some(cell) = self.tasks.borrow_mut().cells.get_key_mut(key) {
            cell.condemned = true;
        }
    }

    /// Drops a task's future where it waits. A task that is being polled is dropped when that poll returns.
    pub fn drop_task(&self, key: Key) {
        let removed = self.tasks.borrow_mut().cells.remove_key(key);
        if let Some(mut cell) = removed.filter(TaskCell::is_alive) {
            self.saw(Deed::Dropped, Some(cell.place));
            if let Some(receiver) = cell.receiver.take() {
                receiver.receive(Err(Failure::born_at(Cancelled, cell.place)));
            }
        }
    }

    /// Drops all tasks, and with them their children; says whether there was one. For the end of all things.
    pub(super) fn drop_tasks(&self) -> bool {
        let tasks = self.tasks.borrow();
        let keys: Vec<Key> = tasks.cells.iter().filter(|(_, cell)| !cell.is_child()).map(|(key, _)| key).collect();
        drop(tasks);
        keys.iter().for_each(|&key| self.drop_task(key));
        !keys.is_empty()
    }

    /// Whether a thread or another structure could still wake some task.
    pub(super) fn is_awaited_outside(&self) -> bool {
        let tasks = self.tasks.borrow();
        tasks.main.as_ref().is_some_and(|bell| holders(bell) > 3)
            || tasks.cells.iter().any(|(_, cell)| cell.is_awaited_outside())
    }

    /// Every live task.
    pub fn task_sights(&self) -> Vec<TaskSight> {
        let sight = |cell: &TaskCell| TaskSight {
            place: cell.place,
            born: cell.born,
            is_ready: cell.queued || matches!(cell.state, State::Polled),
            is_awaited_outside: cell.is_awaited_outside(),
        };
        let tasks = self.tasks.borrow();
        tasks.cells.iter().filter(|(_, cell)| cell.is_alive()).map(|(_, cell)| sight(cell)).collect()
    }
}

/// A poll that has begun. If it panics, the task is gone.
pub(super) struct Polling<'a> {
    reactor: &'a Rc<Reactor>,
    key: Key,
    outer: Option<(*const (), Key)>,
    /// Whether the poll has returned.
    is_over: bool,
}

impl<'a> Polling<'a> {
    pub(super) fn begin(reactor: &'a Rc<Reactor>, key: Key, ringing: &Ringing) -> Polling<'a> {
        ringing.bell.answer();
        let outer = reactor.set_polling(Some((Arc::as_ptr(&ringing.bell).cast(), key)));
        Polling { reactor, key, outer, is_over: false }
    }

    /// The poll has returned.
    pub(super) fn end(mut self) {
        self.is_over = true;
    }

    /// The task waits for something: back into its cell, unless it was dropped while it ran.
    fn put_back(mut self, work: BoxedWork, ringing: Ringing) {
        self.is_over = true;
        let (recalled, dropped) = {
            let tasks = &mut *self.reactor.tasks.borrow_mut();
            let kept = tasks.keep_if_unshared(ringing);
            match tasks.cells.get_key_mut(self.key) {
                Some(cell) => {
                    cell.state = State::Waiting(work, kept);
                    (std::mem::take(&mut cell.recalled), None)
                }
                None => (false, Some(work)),
            }
        };
        drop(dropped);
        if recalled {
            self.reactor.wake(self.key);
        }
    }

    /// The task is done: its output goes to the receiver, or waits for the handle, or concerns nobody.
    fn finish(mut self, output: Parcel, ringing: Ringing) {
        self.is_over = true;
        let (receiver, place, dropped) = {
            let tasks = &mut *self.reactor.tasks.borrow_mut();
            drop(tasks.keep_if_unshared(ringing));
            let Some(cell) = tasks.cells.get_key_mut(self.key) else { return };
            let (receiver, place, dropped) = (cell.receiver.take(), cell.place, cell.dropped);
            if cell.held && receiver.is_none() {
                cell.state = State::Done(output);
                return self.reactor.saw(Deed::Finished, Some(place));
            }
            tasks.cells.discard(self.key.index);
            (receiver, place, dropped)
        };
        self.reactor.saw(Deed::Finished, Some(place));
        match receiver {
            Some(receiver) => receiver.receive(Ok(output)),
            None => self.reactor.drop_unheard(output, dropped),
        }
    }
}

impl Tasks {
    /// Keeps a bell for the next poll of any task, unless somebody has kept a waker of it: then it is given back.
    pub(super) fn keep_if_unshared(&mut self, ringing: Ringing) -> Option<Ringing> {
        if ringing.is_shared() {
            return Some(ringing);
        }
        if self.spare.len() < SPARE_BELLS {
            self.spare.push(ringing);
        }
        None
    }
}

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        self.reactor.set_polling(self.outer);
        if !self.is_over {
            let removed = self.reactor.tasks.borrow_mut().cells.remove_key(self.key);
            if let Some(TaskCell { receiver: Some(receiver), place, .. }) = removed {
                receiver.receive(Err(Failure::born_at(Panicked, place)));
            }
        }
    }
}
