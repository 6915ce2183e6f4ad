//! Fate, by its public face alone.
//!
//! Timers burn under virtual time, in two forms: at the pace that the peers have, and on a simulated host, where time jumps from
//! deadline to deadline, so that every fuse with a moment of its own has a turn of its own. All else runs on the driver that
//! users have, and its system calls are in the figures.

use crate::contender::{Handles, LINKS, Timers, Work, program};
use crate::ledger::{Ledger, Order, nanoseconds};
use crate::metronome::Metronome;
use fate::sim::Sim;
use fate::{ChildOptions, Fate, Fuse, Plug};
use std::cell::Cell;
use std::process::ExitStatus;
use std::rc::Rc;
use std::time::Duration;

/// Deferreds that are fired before they are run: a busy turn's worth.
const AT_ONCE: usize = 500;

pub fn paced(_count: usize) -> Box<dyn Timers> {
    Box::new(Fuses::of(Fate::builder().build_on(Box::new(Metronome::default()))))
}

pub fn simulated(_count: usize) -> Box<dyn Timers> {
    Box::new(Fuses::of(Sim::new(1).host("bench")))
}

struct Fuses {
    fate: Fate,
    handles: Vec<Option<Fuse>>,
    ledger: Rc<Ledger>,
}

impl Fuses {
    fn of(fate: Fate) -> Fuses {
        Fuses { fate, handles: Vec::new(), ledger: Rc::default() }
    }
}

impl Timers for Fuses {
    fn light(&mut self, delays: &[Duration], handles: Handles) {
        if handles == Handles::Kept {
            self.handles.reserve_exact(delays.len());
        }
        for (number, delay) in delays.iter().enumerate() {
            let (ledger, deadline) = (self.ledger.clone(), nanoseconds(*delay));
            let fuse = self.fate.get_fuse(*delay);
            fuse.set_handler(move |_| ledger.note(deadline, number));
            if handles == Handles::Kept {
                self.handles.push(Some(fuse));
            }
        }
    }

    fn cut(&mut self, order: &[usize]) {
        for number in order {
            assert!(self.handles[*number].take().is_some_and(|fuse| fuse.cut()));
        }
        self.handles.clear();
    }

    fn burn(&mut self) {
        self.fate.run().expect("no handler fails");
    }

    fn order(&mut self, delays: &[Duration]) -> Option<Order> {
        self.ledger.turn_page();
        self.light(delays, Handles::Dropped);
        self.burn();
        Some(self.ledger.turn_page())
    }
}

fn real() -> Fate {
    Fate::new().expect("a driver")
}

/// Does something from within the loop, where programs do things, and lets the loop run until nothing is left.
fn run(fate: &Fate, work: impl FnOnce(&Fate) + 'static) {
    fate.call_soon(work);
    fate.run().expect("nothing fails");
}

pub fn dispatch() -> Work {
    let (fate, ran) = (real(), Rc::new(Cell::new(0)));
    Box::new(move |count| {
        let counter = ran.clone();
        run(&fate, move |fate| {
            for _ in 0..count {
                let ran = counter.clone();
                fate.call_soon(move |_| ran.set(ran.get() + 1));
            }
        });
        assert_eq!(ran.take(), count);
    })
}

pub fn spawn() -> Work {
    let (fate, ran) = (real(), Rc::new(Cell::new(0)));
    Box::new(move |count| {
        let counter = ran.clone();
        run(&fate, move |fate| {
            for _ in 0..count {
                let ran = counter.clone();
                fate.spawn(async move { ran.set(ran.get() + 1) });
            }
        });
        assert_eq!(ran.take(), count);
    })
}

pub fn deferred() -> Work {
    let (fate, sum) = (real(), Rc::new(Cell::new(0)));
    Box::new(move |count| {
        for done in (0..count).step_by(AT_ONCE) {
            let sum = sum.clone();
            run(&fate, move |fate| (done..count.min(done + AT_ONCE)).for_each(|_| fire_one(fate, &sum)));
        }
        assert_eq!(sum.take(), count);
    })
}

fn fire_one(fate: &Fate, sum: &Rc<Cell<usize>>) {
    let (promise, deferred) = fate.deferred();
    let sum = sum.clone();
    deferred.add_callback(move |one: usize| sum.set(sum.get() + one));
    promise.callback(1);
}

pub fn chain() -> Work {
    let (fate, sum) = (real(), Rc::new(Cell::new(0)));
    Box::new(move |count| {
        for _ in 0..count {
            let sum = sum.clone();
            run(&fate, move |fate| fire_chain(fate, sum));
        }
        assert_eq!(sum.take(), count * LINKS);
    })
}

fn fire_chain(fate: &Fate, sum: Rc<Cell<usize>>) {
    let (promise, mut deferred) = fate.deferred();
    for _ in 1..LINKS {
        deferred = deferred.add_callback(|links: usize| links + 1);
    }
    deferred.add_callback(move |links| sum.set(sum.get() + links));
    promise.callback(1);
}

pub fn threads(at_once: usize) -> Work {
    let fate = real();
    Box::new(move |count| {
        let sum = fate.run_until(async {
            let mut sum = 0;
            for _ in 0..count / at_once {
                let work: Vec<_> = (0..at_once).map(|_| fate.defer_to_thread(|| 1)).collect();
                for result in work {
                    sum += result.await.expect("the closure does not panic");
                }
            }
            sum
        });
        assert_eq!(sum, count / at_once * at_once);
    })
}

pub fn outputs(at_once: usize) -> Work {
    run_children(at_once, async |fate: &Fate| fate.output(program()).await.expect("it starts").status)
}

pub fn children(at_once: usize) -> Work {
    run_children(at_once, async |fate: &Fate| {
        let options = ChildOptions::default().stdin(Plug::Null).stdout(Plug::Null).stderr(Plug::Null);
        let child = fate.spawn_child_with(program(), options).await.expect("it starts");
        child.exited().await.expect("it is ours")
    })
}

/// So many tasks, each of which runs one program after another.
fn run_children(at_once: usize, one: impl AsyncFn(&Fate) -> ExitStatus + Copy + 'static) -> Work {
    let (fate, ran) = (real(), Rc::new(Cell::new(0)));
    Box::new(move |count| {
        for number in 0..at_once {
            let (here, ran) = (fate.clone(), ran.clone());
            fate.spawn(async move {
                for _ in (number..count).step_by(at_once) {
                    assert!(one(&here).await.success());
                    ran.set(ran.get() + 1);
                }
            });
        }
        fate.run().expect("nothing fails");
        assert_eq!(ran.take(), count);
    })
}

thread_local! {
    /// Calls that have arrived on this thread, on which the loop runs.
    static RAN: Cell<usize> = const { Cell::new(0) };
}

pub fn remote(threads: usize) -> Work {
    Box::new(move |count| {
        let total = count / threads * threads;
        let fate = real();
        // A Remote does not keep the loop up by itself; a fuse an hour away does.
        fate.get_fuse(Duration::from_secs(3600)).set_handler(|_| ());
        std::thread::scope(|scope| {
            for _ in 0..threads {
                let remote = fate.remote();
                scope.spawn(move || (0..total / threads).for_each(|_| remote.call(move |fate| arrive(fate, total))));
            }
            fate.run().expect("no call fails");
        });
        assert_eq!(RAN.take(), total);
    })
}

/// One call; the last one ends the loop.
fn arrive(fate: &Fate, total: usize) {
    RAN.set(RAN.get() + 1);
    if RAN.get() == total {
        fate.shutdown();
    }
}
