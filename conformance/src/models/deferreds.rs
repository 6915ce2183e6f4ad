//! Deferreds as a list of rules says they are: what [`fate::Deferred`] must agree with.
//!
//! There is no ready queue here and no ownership: all Deferreds lie in one list, and [`Deferreds::settle`] looks for one that
//! can do something until none can. What is promised of each Deferred does not depend on the order in which they are found,
//! as long as programs keep to the rules of [`crate::bodies::deferreds`].

use std::collections::VecDeque;

/// Names a Deferred: they are counted from zero.
pub type Id = usize;

/// Names a step: they are counted from zero, whichever Deferred they are added to.
pub type StepId = u32;

/// What a Deferred holds.
pub type Outcome = Result<u32, Error>;

/// What went wrong.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[expect(missing_docs, reason = "they are Fate's own")]
pub enum Error {
    /// A failure of the program's own making.
    Own(u32),
    Cancelled,
    Abandoned,
    Panicked,
    Elapsed,
}

/// What a canceller does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Canceller {
    Fires,
    Fails,
    DoesNothing,
    KeepsItsPromise,
    Panics,
}

/// On what a step is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Side {
    Callback,
    Errback,
    Both,
    /// A callback and an errback at once.
    Pair,
}

/// What a step does when it is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Does {
    /// Gives a value.
    Value,
    /// Fails.
    Fail,
    /// Panics.
    Panic,
    /// Gives back another Deferred.
    Give(Id),
    /// Fires another Deferred with what it was called with, and gives a value.
    SetOff(Id),
}

/// One call of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Call {
    pub step: StepId,
    pub with: Outcome,
}

/// The value that the Promise of a Deferred, or the failure that it, is fired with.
pub fn fired(id: Id) -> u32 {
    id as u32
}

/// The value or failure that a step makes.
pub fn made(step: StepId) -> u32 {
    1_000 + step
}

/// The value or failure that a canceller fires.
pub fn cancelled(id: Id) -> u32 {
    1_000_000 + id as u32
}

/// All Deferreds of a program.
#[derive(Default)]
pub struct Deferreds {
    nodes: Vec<Node>,
    steps: StepId,
    cancellers: VecDeque<(Id, Canceller)>,
    cancels: VecDeque<(Id, Option<StepId>)>,
    timers: Vec<Timer>,
    now: u64,
    /// What was called so far, Deferred by Deferred.
    pub calls: Vec<Vec<Call>>,
    /// What was reported unheard so far.
    pub unheard: Vec<Error>,
    /// How often something panicked.
    pub panics: usize,
}

#[derive(Default)]
struct Node {
    outcome: Option<Outcome>,
    steps: VecDeque<Step>,
    inner: Option<Id>,
    outer: Option<Id>,
    canceller: Option<Canceller>,
    pauses: u32,
    has_control: bool,
    /// Nobody will add steps: it was let go, or another waits for it.
    is_gone: bool,
    has_fired: bool,
    is_cancelled: bool,
    is_hushed: bool,
}

struct Step {
    id: StepId,
    kind: Kind,
}

enum Kind {
    Call(Side, Does),
    /// The limit was over, and it was this that cancelled.
    Timeout {
        is_up: bool,
    },
}

struct Timer {
    deadline: u64,
    node: Id,
    step: StepId,
}

impl Node {
    /// Whether it would do something if it were looked at.
    fn is_ready(&self) -> bool {
        let has_work = !self.steps.is_empty() || self.outer.is_some() || self.is_gone;
        self.outcome.is_some() && self.pauses == 0 && has_work
    }

    fn is_at_rest(&self) -> bool {
        !self.is_ready() && (self.has_fired || !self.is_cancelled)
    }

    /// Whether it is paused, and nobody can unpause it.
    fn is_lost(&self) -> bool {
        self.pauses > 0 && !self.has_control && self.is_gone
    }
}

impl Deferreds {
    /// A new Deferred, with a handle and a Promise.
    pub fn make(&mut self, canceller: Option<Canceller>) {
        self.nodes.push(Node { canceller, ..Node::default() });
        self.calls.push(Vec::new());
    }

    /// Adds a step.
    pub fn add_step(&mut self, to: Id, side: Side, does: Does) {
        let id = self.next_step();
        self.nodes[to].steps.push_back(Step { id, kind: Kind::Call(side, does) });
    }

    /// Adds a limit, in nanoseconds.
    pub fn add_timeout(&mut self, to: Id, limit: u64) {
        let step = self.next_step();
        self.nodes[to].steps.push_back(Step { id: step, kind: Kind::Timeout { is_up: false } });
        self.timers.push(Timer { deadline: self.now + limit, node: to, step });
    }

    fn next_step(&mut self) -> StepId {
        self.steps += 1;
        self.steps - 1
    }

    /// Fires. A Promise that is dropped does so with [`Error::Abandoned`].
    pub fn fire(&mut self, id: Id, outcome: Outcome) {
        if !self.nodes[id].is_cancelled {
            self.fire_first(id, outcome);
        }
    }

    fn fire_first(&mut self, id: Id, outcome: Outcome) {
        let node = &mut self.nodes[id];
        if !node.has_fired {
            node.has_fired = true;
            node.canceller = None;
            node.outcome = Some(outcome);
        }
    }

    /// Pauses once more.
    pub fn pause(&mut self, id: Id) {
        self.nodes[id].pauses += 1;
    }

    /// Undoes one pause.
    pub fn unpause(&mut self, id: Id) {
        self.nodes[id].pauses = self.nodes[id].pauses.saturating_sub(1);
    }

    /// Somebody who may unpause it stays behind when the handle goes, or goes.
    pub fn set_control(&mut self, id: Id, has_control: bool) {
        self.nodes[id].has_control = has_control;
        self.give_up_if_lost(id);
    }

    /// The handle is dropped.
    pub fn let_go(&mut self, id: Id) {
        self.nodes[id].is_gone = true;
        self.give_up_if_lost(id);
    }

    fn give_up_if_lost(&mut self, id: Id) {
        if !self.nodes[id].is_lost() {
            return;
        }
        self.nodes[id].pauses = 0;
        for step in std::mem::take(&mut self.nodes[id].steps) {
            self.drop_step(step);
        }
        if let Some(outer) = self.nodes[id].outer.take() {
            self.nodes[outer].inner = None;
            self.nodes[outer].outcome = Some(Err(Error::Abandoned));
        }
    }

    /// Cancels the innermost that it waits for, as soon as it is known which one that is. Who asked need not be told.
    pub fn cancel(&mut self, id: Id) {
        self.nodes[id].is_hushed = true;
        self.cancel_for(id, None);
    }

    fn cancel_for(&mut self, id: Id, timeout: Option<StepId>) {
        let innermost = self.innermost(id);
        if self.nodes[innermost].is_at_rest() {
            self.cancel_now(id, timeout);
        } else {
            self.cancels.push_back((id, timeout));
        }
    }

    fn innermost(&self, id: Id) -> Id {
        self.nodes[id].inner.map_or(id, |inner| self.innermost(inner))
    }

    fn cancel_now(&mut self, id: Id, timeout: Option<StepId>) {
        if timeout.is_some() && self.timeout_of(id, timeout).is_none() {
            return; // the step was reached meanwhile
        }
        let innermost = self.innermost(id);
        let node = &mut self.nodes[innermost];
        if node.has_fired || node.is_cancelled {
            return;
        }
        node.is_cancelled = true;
        match node.canceller.take() {
            Some(canceller) => self.cancellers.push_back((innermost, canceller)),
            None => self.fire_first(innermost, Err(Error::Cancelled)),
        }
        if let Some(is_up) = self.timeout_of(id, timeout) {
            *is_up = true;
        }
    }

    /// The flag of a timeout whose step has not been reached.
    fn timeout_of(&mut self, id: Id, timeout: Option<StepId>) -> Option<&mut bool> {
        let step = self.nodes[id].steps.iter_mut().find(|step| Some(step.id) == timeout)?;
        if let Kind::Timeout { is_up } = &mut step.kind { Some(is_up) } else { None }
    }

    /// Lets everything happen that can happen now.
    pub fn settle(&mut self) {
        loop {
            if let Some(id) = self.nodes.iter().position(Node::is_ready) {
                self.advance(id);
            } else if let Some((id, canceller)) = self.cancellers.pop_front() {
                self.run_canceller(id, canceller);
            } else if let Some((id, timeout)) = self.cancels.pop_front() {
                self.cancel_now(id, timeout);
            } else {
                break;
            }
        }
    }

    /// Settles, then lets so many nanoseconds pass.
    pub fn wait(&mut self, nanos: u64) {
        self.settle();
        let until = self.now + nanos;
        while let Some(next) = self.timers.iter().map(|timer| timer.deadline).filter(|&due| due <= until).min() {
            let at = self.timers.iter().position(|timer| timer.deadline == next);
            let Timer { node, step, .. } = self.timers.remove(at.unwrap_or_default());
            self.now = next;
            self.cancel_for(node, Some(step));
            self.settle();
        }
        self.now = until;
    }

    /// How many wait for their Promise or to be unpaused. Those that wait for another are not counted: they may be left out.
    pub fn waiting(&self) -> usize {
        let waits = |node: &&Node| match node.outcome {
            Some(_) => node.pauses > 0,
            None => !node.has_fired,
        };
        self.nodes.iter().filter(waits).count()
    }

    /// How many timers have not burned and were not put out.
    pub fn timers(&self) -> usize {
        self.timers.len()
    }

    fn advance(&mut self, id: Id) {
        let node = &mut self.nodes[id];
        let Some(outcome) = node.outcome.take() else { return };
        if let Some(step) = node.steps.pop_front() {
            self.take_step(id, step, outcome);
        } else if let Some(outer) = node.outer.take() {
            self.nodes[outer].inner = None;
            self.nodes[outer].outcome = Some(outcome);
        } else {
            self.report(id, outcome);
        }
    }

    fn report(&mut self, id: Id, outcome: Outcome) {
        match outcome {
            Ok(_) | Err(Error::Panicked) => {}
            Err(Error::Cancelled) if self.nodes[id].is_hushed => {}
            Err(error) => self.unheard.push(error),
        }
    }

    fn take_step(&mut self, id: Id, step: Step, outcome: Outcome) {
        match step.kind {
            Kind::Timeout { is_up } => {
                self.drop_step(step);
                let is_timed_out = is_up && outcome == Err(Error::Cancelled);
                self.nodes[id].outcome = Some(if is_timed_out { Err(Error::Elapsed) } else { outcome });
            }
            Kind::Call(side, _) if !side.hears(outcome) => {
                self.nodes[id].outcome = Some(outcome);
                self.drop_step(step);
            }
            Kind::Call(_, does) => {
                self.calls[id].push(Call { step: step.id, with: outcome });
                self.do_it(id, does, made(step.id), outcome);
            }
        }
    }

    fn do_it(&mut self, id: Id, does: Does, makes: u32, with: Outcome) {
        self.nodes[id].outcome = match does {
            Does::Value => Some(Ok(makes)),
            Does::Fail => Some(Err(Error::Own(makes))),
            Does::Panic => {
                self.panics += 1;
                Some(Err(Error::Panicked))
            }
            Does::SetOff(other) => {
                self.fire(other, with);
                Some(Ok(makes))
            }
            Does::Give(inner) => {
                self.nodes[inner].outer = Some(id);
                self.nodes[inner].is_gone = true;
                self.nodes[id].inner = Some(inner);
                return self.give_up_if_lost(inner);
            }
        };
    }

    /// A step that will never be called takes with it what it holds.
    fn drop_step(&mut self, step: Step) {
        match step.kind {
            Kind::Timeout { .. } => self.timers.retain(|timer| timer.step != step.id),
            Kind::Call(_, Does::Give(inner)) => self.let_go(inner),
            Kind::Call(_, Does::SetOff(other)) => self.fire(other, Err(Error::Abandoned)),
            Kind::Call(..) => {}
        }
    }

    fn run_canceller(&mut self, id: Id, canceller: Canceller) {
        match canceller {
            Canceller::Fires => self.fire_first(id, Ok(cancelled(id))),
            Canceller::Fails => self.fire_first(id, Err(Error::Own(cancelled(id)))),
            Canceller::DoesNothing | Canceller::KeepsItsPromise => {}
            Canceller::Panics => self.panics += 1,
        }
        self.fire_first(id, Err(Error::Cancelled));
    }
}

impl Side {
    /// Whether a step on this side is called with this.
    pub fn hears(self, outcome: Outcome) -> bool {
        match self {
            Side::Callback => outcome.is_ok(),
            Side::Errback => outcome.is_err(),
            Side::Both | Side::Pair => true,
        }
    }
}
