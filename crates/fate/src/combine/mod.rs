//! One Deferred of many.
//!
//! All combinators are one structure with different rules: it listens to every input, keeps what each gave, and knows
//! them all, to cancel those that are of no use once the rule has said that it is over. Inputs are owned by
//! whoever will fire them, and own the combinator's state by their last callback; the combinator knows them weakly.

mod gather;
mod list;
pub(crate) mod race;

use crate::deferred::node::Node;
use crate::{Deferred, Failure, Promise};
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

/// What the inputs of a combinator gave so far, and to whom the whole is owed.
struct Inputs<T: 'static, U: 'static> {
    promise: Cell<Option<Promise<U>>>,
    outcomes: RefCell<Vec<Option<Result<T, Failure>>>>,
    pending: Cell<usize>,
    leashes: RefCell<Vec<Weak<Node>>>,
}

/// Decides, after an input gave its outcome (or before any has, if there are none), whether it is over.
type Rule<T, U> = fn(News<'_, T>) -> Option<Result<U, Failure>>;

/// What a rule goes by.
struct News<'a, T> {
    outcomes: &'a mut Vec<Option<Result<T, Failure>>>,
    /// Who gave an outcome just now.
    latest: Option<usize>,
    /// How many have given none.
    pending: usize,
}

impl<T> News<'_, T> {
    /// Takes the latest outcome out, if it is one that `wanted` says yes to.
    fn take_latest(&mut self, wanted: fn(&Result<T, Failure>) -> bool) -> Option<(usize, Result<T, Failure>)> {
        let number = self.latest?;
        let outcome = self.outcomes[number].take_if(|outcome| wanted(outcome))?;
        Some((number, outcome))
    }

    /// Takes all outcomes out, if they are all there.
    fn take_all(&mut self) -> Option<impl Iterator<Item = Result<T, Failure>> + use<T>> {
        (self.pending == 0).then(|| std::mem::take(self.outcomes).into_iter().flatten())
    }
}

/// Fires `promise` when `rule` says so, and cancels the inputs that are of no use any more.
fn combine<T: 'static, U: 'static>(
    promise: Promise<U>,
    inputs: impl IntoIterator<Item = Deferred<T>>,
    rule: Rule<T, U>,
) {
    let inputs: Vec<Deferred<T>> = inputs.into_iter().collect();
    let state = Rc::new(Inputs {
        outcomes: RefCell::new(inputs.iter().map(|_| None).collect()),
        pending: Cell::new(inputs.len()),
        leashes: RefCell::new(inputs.iter().map(Deferred::leash).collect()),
        promise: Cell::new(None),
    });
    let weak = Rc::downgrade(&state);
    promise.on_cancel(move |_| {
        if let Some(state) = weak.upgrade() {
            state.cancel_all();
        }
    });
    state.promise.set(Some(promise));
    for (number, input) in inputs.into_iter().enumerate() {
        let (asked, told) = (state.clone(), state.clone());
        input.hear(move || asked.is_open(), move |outcome| told.hear(number, outcome, rule));
    }
    if state.pending.get() == 0 {
        state.judge(None, rule);
    }
}

impl<T: 'static, U: 'static> Inputs<T, U> {
    fn hear(&self, number: usize, outcome: Result<T, Failure>, rule: Rule<T, U>) {
        self.pending.set(self.pending.get() - 1);
        self.outcomes.borrow_mut()[number] = Some(outcome);
        self.judge(Some(number), rule);
    }

    /// Whether another outcome could still matter.
    fn is_open(&self) -> bool {
        let promise = self.promise.take();
        let is_open = promise.as_ref().is_some_and(|promise| !promise.is_cancelled());
        self.promise.set(promise);
        is_open
    }

    fn judge(&self, latest: Option<usize>, rule: Rule<T, U>) {
        let mut outcomes = self.outcomes.take();
        let verdict = rule(News { outcomes: &mut outcomes, latest, pending: self.pending.get() });
        match (verdict, self.promise.take()) {
            (Some(result), Some(promise)) => {
                promise.fire_with(result);
                self.cancel_all();
            }
            (_, promise) => {
                *self.outcomes.borrow_mut() = outcomes;
                self.promise.set(promise);
            }
        }
    }

    /// Cancels the inputs that have not given an outcome; those that have do not mind.
    fn cancel_all(&self) {
        self.leashes.take().iter().filter_map(Weak::upgrade).for_each(|input| input.cancel());
    }
}
