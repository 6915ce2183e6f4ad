//! Carries programs out on Fate and on the model, side by side.

use super::{Op, Program, Trace};
use crate::models::deferreds::{self as model, Call, Canceller, Deferreds, Does, Error, Id, Outcome, Side, StepId};
use fate::sim::Sim;
use fate::{
    Abandoned, Builder, Cancelled, Control, Deferred, Elapsed, Failure, Fate, Fault, Panicked, Promise, Verdict,
};
use std::cell::{Cell, RefCell};
use std::panic::resume_unwind;
use std::rc::Rc;
use std::time::Duration;

/// A failure of the program's own making.
#[derive(Debug)]
struct Own(u32);

impl std::fmt::Display for Own {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "failure {}", self.0)
    }
}

impl std::error::Error for Own {}

fn error_of(failure: &Failure) -> Error {
    match failure {
        failure if failure.is::<Cancelled>() => Error::Cancelled,
        failure if failure.is::<Abandoned>() => Error::Abandoned,
        failure if failure.is::<Panicked>() => Error::Panicked,
        failure if failure.is::<Elapsed>() => Error::Elapsed,
        failure => Error::Own(failure.check::<Own>().expect("a program makes no other failures").0),
    }
}

/// What Fate did, as the model tells it.
#[derive(Default)]
struct Seen {
    calls: RefCell<Vec<Vec<Call>>>,
    unheard: RefCell<Vec<Error>>,
    panics: Cell<usize>,
    kept: RefCell<Vec<Promise<u32>>>,
}

impl Seen {
    fn fault(&self, fault: &Fault) -> Verdict {
        match fault {
            Fault::Unheard { failure } => self.unheard.borrow_mut().push(error_of(failure)),
            Fault::Panicked { payload, .. } if payload.is::<Expected>() => self.panics.set(self.panics.get() + 1),
            other => panic!("{other}"),
        }
        Verdict::GoOn
    }
}

/// What a program's panics carry.
struct Expected;

pub(super) struct Bench<'a> {
    program: &'a Program,
    sim: Sim,
    fate: Fate,
    seen: Rc<Seen>,
    /// Every closure holds one.
    token: Rc<()>,
    handles: Vec<Option<Deferred<u32>>>,
    promises: Vec<Option<Promise<u32>>>,
    controls: Vec<Option<Control>>,
    steps: StepId,
    model: Deferreds,
}

impl<'a> Bench<'a> {
    pub(super) fn new(program: &'a Program) -> Bench<'a> {
        let seen = Rc::new(Seen::default());
        let hears = seen.clone();
        let mut sim = Sim::new(1);
        let fate = sim.host_with("here", Builder::default().on_fault(move |_, fault| hears.fault(fault)));
        sim.forget_history();
        Bench {
            program,
            sim,
            fate,
            seen,
            token: Rc::default(),
            handles: Vec::new(),
            promises: Vec::new(),
            controls: Vec::new(),
            steps: 0,
            model: Deferreds::default(),
        }
    }

    pub(super) fn carry_out(&mut self, number: usize, op: Op) {
        match op {
            Op::Make(canceller) => self.make(canceller),
            Op::Step(to, side, does) => {
                self.add_step(to, side, does);
                self.model.add_step(to, side, does);
            }
            Op::Timeout(to, seconds) => self.add_timeout(to, seconds, number),
            Op::Fire(id) => {
                take(&mut self.promises, id).callback(model::fired(id));
                self.model.fire(id, Ok(model::fired(id)));
            }
            Op::Fail(id) => {
                take(&mut self.promises, id).errback(Own(model::fired(id)));
                self.model.fire(id, Err(Error::Own(model::fired(id))));
            }
            Op::Abandon(id) => {
                drop(take(&mut self.promises, id));
                self.model.fire(id, Err(Error::Abandoned));
            }
            Op::Pause(id) => {
                self.reach(id, Deferred::pause, Control::pause);
                self.model.pause(id);
            }
            Op::Unpause(id) => {
                self.reach(id, Deferred::unpause, Control::unpause);
                self.model.unpause(id);
            }
            Op::Cancel(id) => {
                self.reach(id, Deferred::cancel, Control::cancel);
                self.model.cancel(id);
            }
            Op::TakeControl(id) => {
                self.controls[id] = self.handles[id].as_ref().map(Deferred::control);
                self.model.set_control(id, true);
            }
            Op::DropControl(id) => {
                drop(take(&mut self.controls, id));
                self.model.set_control(id, false);
            }
            Op::LetGo(id) => {
                drop(take(&mut self.handles, id));
                self.model.let_go(id);
            }
            Op::Turn => self.wait(0, number),
            Op::Wait(seconds) => self.wait(seconds, number),
        }
    }

    fn make(&mut self, canceller: Option<Canceller>) {
        let (promise, deferred) = self.fate.deferred();
        if let Some(canceller) = canceller {
            let (id, seen, token) = (self.handles.len(), self.seen.clone(), self.token.clone());
            promise.on_cancel(move |promise| {
                drop(token);
                match canceller {
                    Canceller::Fires => promise.callback(model::cancelled(id)),
                    Canceller::Fails => promise.errback(Own(model::cancelled(id))),
                    Canceller::DoesNothing => {}
                    Canceller::KeepsItsPromise => seen.kept.borrow_mut().push(promise),
                    Canceller::Panics => resume_unwind(Box::new(Expected)),
                }
            });
        }
        self.handles.push(Some(deferred));
        self.promises.push(Some(promise));
        self.controls.push(None);
        self.seen.calls.borrow_mut().push(Vec::new());
        self.model.make(canceller);
    }

    /// Deadlines differ by nanoseconds, so that no two are equal.
    fn add_timeout(&mut self, to: Id, seconds: u8, number: usize) {
        let limit = Duration::from_secs(seconds.into()) + Duration::from_nanos(1 + number as u64);
        let deferred = take(&mut self.handles, to);
        self.handles[to] = Some(deferred.add_timeout(limit));
        self.model.add_timeout(to, limit.as_nanos() as u64);
        self.steps += 1;
    }

    /// By the handle or, if that is gone, by the Control.
    fn reach(&self, id: Id, by_handle: fn(&Deferred<u32>), by_control: fn(&Control)) {
        match (&self.handles[id], &self.controls[id]) {
            (Some(handle), _) => by_handle(handle),
            (None, Some(control)) => by_control(control),
            (None, None) => panic!("{id} is out of reach"),
        }
    }

    fn add_step(&mut self, to: Id, side: Side, does: Does) {
        let deferred = take(&mut self.handles, to);
        let call = Caller { seen: self.seen.clone(), to, step: self.steps, _token: self.token.clone() };
        let deferred = match does {
            Does::Value => match side {
                Side::Callback => deferred.add_callback(move |value| call.with(Ok(value))),
                Side::Errback => deferred.add_errback(move |failure| call.with(Err(failure))),
                Side::Both => deferred.add_both(move |result| call.with(result)),
                Side::Pair => {
                    let other = Caller { seen: self.seen.clone(), _token: self.token.clone(), ..call };
                    deferred.add_callbacks(move |value| call.with(Ok(value)), move |failure| other.with(Err(failure)))
                }
            },
            Does::Panic => match side {
                Side::Callback => deferred.add_callback(move |value| call.panic(Ok(value))),
                Side::Errback => deferred.add_errback(move |failure| call.panic(Err(failure))),
                Side::Both | Side::Pair => deferred.add_both(move |result| call.panic(result)),
            },
            Does::Fail => {
                let fail = move |result| Err::<u32, _>(Own(call.with(result)));
                match side {
                    Side::Callback => deferred.and_then(move |value| fail(Ok(value))),
                    Side::Errback => deferred.or_else(move |failure| fail(Err(failure))),
                    Side::Both | Side::Pair => deferred.and_both(fail),
                }
            }
            Does::Give(inner) => {
                let inner = take(&mut self.handles, inner);
                let give = move |result| {
                    call.with(result);
                    inner
                };
                match side {
                    Side::Callback => deferred.and_then(move |value| give(Ok(value))),
                    Side::Errback => deferred.or_else(move |failure| give(Err(failure))),
                    Side::Both | Side::Pair => deferred.and_both(give),
                }
            }
            Does::SetOff(other) => {
                let other = take(&mut self.promises, other);
                let set_off = move |result: Result<u32, Failure>| {
                    let outcome = as_outcome(&result);
                    other.fire_with(result);
                    call.with_outcome(outcome)
                };
                match side {
                    Side::Callback => deferred.add_callback(move |value| set_off(Ok(value))),
                    Side::Errback => deferred.add_errback(move |failure| set_off(Err(failure))),
                    Side::Both | Side::Pair => deferred.add_both(set_off),
                }
            }
        };
        self.handles[to] = Some(deferred);
        self.steps += 1;
    }

    fn wait(&mut self, seconds: u8, number: usize) {
        let time = Duration::from_secs(seconds.into());
        self.sim.run_until(self.sim.elapsed() + time).expect("nobody stops the simulation");
        self.model.wait(time.as_nanos() as u64);
        self.compare(number);
    }

    fn compare(&self, number: usize) {
        let context = || format!("after operation {number} of {}", self.program);
        let calls = self.seen.calls.borrow();
        for (id, (fate, model)) in calls.iter().zip(&self.model.calls).enumerate() {
            assert_eq!(fate, model, "the calls on {id} (left: Fate's) {}", context());
        }
        assert_eq!(self.seen.panics.get(), self.model.panics, "the panics {}", context());
        assert_eq!(self.unheard(), sorted(&self.model.unheard), "what was unheard (left: Fate's) {}", context());
        let report = self.fate.report();
        let live = report.live.iter().filter(|live| live.waits_for != "another Deferred").count();
        let waiting = self.model.waiting() + self.model.timers();
        assert_eq!(live, waiting, "what waits (left: Fate's: {report}) {}", context());
    }

    fn unheard(&self) -> Vec<Error> {
        sorted(&self.seen.unheard.borrow())
    }

    /// Lets go of everything: first of handles and Controls, then of Promises.
    pub(super) fn finish(mut self) -> Trace {
        let end = self.program.0.len();
        self.wait(0, end);
        let calls = self.seen.calls.borrow().clone();
        for id in 0..self.handles.len() {
            if self.handles[id].is_some() {
                self.carry_out(end, Op::LetGo(id));
            }
            if self.controls[id].is_some() {
                self.carry_out(end, Op::DropControl(id));
            }
        }
        self.wait(0, end);
        let trace = Trace { calls, unheard: self.unheard() };
        for id in 0..self.promises.len() {
            if self.promises[id].is_some() {
                self.carry_out(end, Op::Abandon(id));
            }
        }
        self.wait(0, end);
        self.seen.kept.take().into_iter().for_each(|kept| kept.callback(0));
        self.wait(0, end);
        if self.model.waiting() > 0 {
            self.shut_down();
        }
        assert_eq!(Rc::strong_count(&self.token), 1, "something captured is left: {}", self.program);
        trace
    }

    /// Deferreds that wait for each other in a ring wait for ever, but not beyond this.
    fn shut_down(&mut self) {
        self.fate.shutdown();
        self.sim.run().expect("nobody stops the simulation");
        assert!(self.fate.report().live.is_empty(), "{} after {}", self.fate.report(), self.program);
    }
}

fn take<T>(slots: &mut [Option<T>], id: Id) -> T {
    slots[id].take().unwrap_or_else(|| panic!("the program has nothing of {id} in hand"))
}

fn sorted(errors: &[Error]) -> Vec<Error> {
    let mut errors = errors.to_vec();
    errors.sort_unstable();
    errors
}

fn as_outcome(result: &Result<u32, Failure>) -> Outcome {
    result.as_ref().copied().map_err(error_of)
}

/// Writes down that a step was called.
struct Caller {
    seen: Rc<Seen>,
    to: Id,
    step: StepId,
    _token: Rc<()>,
}

impl Caller {
    fn with(&self, result: Result<u32, Failure>) -> u32 {
        self.with_outcome(as_outcome(&result))
    }

    fn with_outcome(&self, with: Outcome) -> u32 {
        self.seen.calls.borrow_mut()[self.to].push(Call { step: self.step, with });
        model::made(self.step)
    }

    fn panic(&self, result: Result<u32, Failure>) -> u32 {
        self.with(result);
        resume_unwind(Box::new(Expected))
    }
}
