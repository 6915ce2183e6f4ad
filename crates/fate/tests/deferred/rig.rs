//! A host on virtual time that keeps what was said, and what went wrong.

use fate::sim::Sim;
use fate::{Builder, Failure, Fate, Fault, Place, Verdict};
use std::cell::{Cell, RefCell};
use std::fmt::Debug;
use std::rc::Rc;

/// One host. When it is dropped, every fault must have been asked for: what is silent is shown to be silent.
pub struct Rig {
    pub sim: Sim,
    pub fate: Fate,
    pen: Pen,
    faults: Rc<RefCell<Vec<Seen>>>,
}

/// Writes down what happens, in order.
#[derive(Clone, Default)]
pub struct Pen(Rc<RefCell<Vec<String>>>);

/// A fault, as the fault handler saw it.
#[derive(Debug)]
pub enum Seen {
    Unheard { words: String, born: Place, dropped: Option<Place> },
    Panicked(String),
    Failed(#[expect(dead_code, reason = "read by whoever reads the test's output")] String),
}

impl Rig {
    pub fn new() -> Rig {
        let faults = Rc::new(RefCell::new(Vec::new()));
        let seen = faults.clone();
        let builder = Builder::default().on_fault(move |_, fault| {
            seen.borrow_mut().push(Seen::of(fault));
            Verdict::GoOn
        });
        let mut sim = Sim::new(1);
        let fate = sim.host_with("here", builder);
        Rig { sim, fate, pen: Pen::default(), faults }
    }

    /// Runs until nothing can happen any more.
    pub fn run(&mut self) {
        self.sim.run().unwrap();
    }

    pub fn pen(&self) -> Pen {
        self.pen.clone()
    }

    /// What was said since this was asked last.
    pub fn said(&self) -> Vec<String> {
        self.pen.0.take()
    }

    /// What went wrong since this was asked last.
    pub fn faults(&self) -> Vec<Seen> {
        self.faults.take()
    }

    /// The words of the failures that were reported unheard since this was asked last; nothing else may have gone wrong.
    pub fn unheard(&self) -> Vec<String> {
        let words = |seen| match seen {
            Seen::Unheard { words, .. } => words,
            other => panic!("{other:?}"),
        };
        self.faults.take().into_iter().map(words).collect()
    }

    /// What was given to the panics that were reported since this was asked last; nothing else may have gone wrong.
    pub fn panics(&self) -> Vec<String> {
        let words = |seen| match seen {
            Seen::Panicked(words) => words,
            other => panic!("{other:?}"),
        };
        self.faults.take().into_iter().map(words).collect()
    }

    /// How many fuses burn, Deferreds wait and tasks live.
    pub fn alive(&self) -> usize {
        self.fate.report().live.len()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let faults = self.faults.take();
            assert!(faults.is_empty(), "nobody asked for {faults:?}");
        }
    }
}

impl Seen {
    fn of(fault: &Fault) -> Seen {
        match fault {
            Fault::Unheard { failure } => {
                Seen::Unheard { words: failure.to_string(), born: failure.born(), dropped: failure.dropped() }
            }
            Fault::Panicked { payload, .. } => Seen::Panicked(match payload.downcast_ref::<&str>() {
                Some(words) => (*words).into(),
                None => payload.downcast_ref::<String>().unwrap().clone(),
            }),
            other => Seen::Failed(other.to_string()),
        }
    }
}

impl Pen {
    pub fn say(&self, words: impl Into<String>) {
        self.0.borrow_mut().push(words.into());
    }

    /// A callback that says its name and the value, and passes the value on.
    pub fn pass<T: Debug>(&self, name: &'static str) -> impl FnOnce(T) -> T + use<T> {
        let pen = self.clone();
        move |value| {
            pen.say(format!("{name} {value:?}"));
            value
        }
    }

    /// An end of a chain that says its name and what came of the chain.
    pub fn end<T: Debug>(&self, name: &'static str) -> impl FnOnce(Result<T, Failure>) + use<T> {
        let pen = self.clone();
        move |result| {
            pen.say(match result {
                Ok(value) => format!("{name} {value:?}"),
                Err(failure) => format!("{name} failed: {failure}"),
            });
        }
    }
}

/// Counts its copies, and how often they are dropped.
#[derive(Default)]
pub struct Token(Rc<TokenCount>);

#[derive(Default)]
struct TokenCount {
    made: Cell<u32>,
    dropped: Cell<u32>,
}

impl Token {
    /// How many copies there are.
    pub fn copies(&self) -> u32 {
        self.0.made.get() - self.0.dropped.get()
    }

    /// How many copies there ever were.
    pub fn made(&self) -> u32 {
        self.0.made.get()
    }
}

impl Clone for Token {
    fn clone(&self) -> Token {
        self.0.made.set(self.0.made.get() + 1);
        Token(self.0.clone())
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.0.dropped.set(self.0.dropped.get() + 1);
    }
}
