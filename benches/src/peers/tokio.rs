//! tokio, on its current-thread runtime with the clock paused: time jumps to the next deadline whenever nothing can run.
//!
//! Its timers are measured in two forms. A task that sleeps and then does something is what a fuse with a handler is: code that
//! runs at a time. A bare `Sleep`, side by side with others and registered by one poll with a waker that does nothing, is the
//! cheapest that a timer can be had in tokio; when it is due, nothing runs.

use crate::contender::{Handles, Timers, Work, program};
use crate::deadlines::SPAN;
use crate::ledger::{Ledger, Order, nanoseconds};
use crate::row::Row;
use std::cell::Cell;
use std::future::Future;
use std::process::{ExitStatus, Stdio};
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Duration;
use tokio::process::Command;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, LocalSet, spawn_blocking, spawn_local};
use tokio::time::{Instant, Sleep, sleep_until};

fn paused() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime")
}

/// What has nothing to do with time goes without a clock.
fn timeless() -> Runtime {
    Builder::new_current_thread().build().expect("a runtime")
}

pub fn tasks(_count: usize) -> Box<dyn Timers> {
    Box::new(Tasks { runtime: paused(), tasks: LocalSet::new(), handles: Vec::new(), ledger: Rc::default() })
}

struct Tasks {
    runtime: Runtime,
    tasks: LocalSet,
    handles: Vec<JoinHandle<()>>,
    ledger: Rc<Ledger>,
}

impl Timers for Tasks {
    fn light(&mut self, delays: &[Duration], handles: Handles) {
        if handles == Handles::Kept {
            self.handles.reserve_exact(delays.len());
        }
        self.tasks.block_on(&self.runtime, async {
            let now = Instant::now();
            for (number, delay) in delays.iter().copied().enumerate() {
                let ledger = self.ledger.clone();
                let task = spawn_local(async move {
                    sleep_until(now + delay).await;
                    ledger.note(nanoseconds(delay), number);
                });
                if handles == Handles::Kept {
                    self.handles.push(task);
                }
            }
            // Tasks start in the order in which they were spawned: after this one has run, all are asleep.
            spawn_local(async {}).await.expect("it does nothing");
        });
    }

    fn cut(&mut self, order: &[usize]) {
        for number in order {
            self.handles[*number].abort();
        }
        self.handles.clear();
        // Aborting only says so; the futures go, and their sleeps with them, when the tasks are looked at next.
        self.runtime.block_on(&mut self.tasks);
    }

    fn burn(&mut self) {
        self.runtime.block_on(&mut self.tasks);
    }

    fn order(&mut self, delays: &[Duration]) -> Option<Order> {
        self.ledger.turn_page();
        self.light(delays, Handles::Dropped);
        self.burn();
        Some(self.ledger.turn_page())
    }
}

pub fn sleeps(count: usize) -> Box<dyn Timers> {
    Box::new(Sleeps { runtime: paused(), row: Row::new(count), lit: 0 })
}

struct Sleeps {
    runtime: Runtime,
    row: Row<Sleep>,
    lit: usize,
}

impl Timers for Sleeps {
    fn light(&mut self, delays: &[Duration], _: Handles) {
        let _inside = self.runtime.enter();
        let mut context = Context::from_waker(Waker::noop());
        let now = Instant::now();
        for (number, delay) in delays.iter().enumerate() {
            let mut seat = self.row.seat(number);
            seat.set(Some(sleep_until(now + *delay)));
            let sleep = seat.as_mut().as_pin_mut().expect("it has just sat down");
            assert!(sleep.poll(&mut context).is_pending() || delay.is_zero());
        }
        self.lit = delays.len();
    }

    fn cut(&mut self, order: &[usize]) {
        for number in order {
            self.row.seat(*number).set(None);
        }
    }

    fn burn(&mut self) {
        // The wheel counts in milliseconds and rounds up, hence the one more.
        self.runtime.block_on(async { sleep_until(Instant::now() + SPAN + Duration::from_millis(1)).await });
        for number in 0..self.lit {
            let mut seat = self.row.seat(number);
            assert!(seat.as_ref().as_pin_ref().is_some_and(|sleep| sleep.is_elapsed()));
            seat.set(None);
        }
    }

    fn order(&mut self, _: &[Duration]) -> Option<Order> {
        None
    }
}

pub fn dispatch() -> Work {
    let (runtime, mut tasks, ran) = (timeless(), LocalSet::new(), Rc::new(Cell::new(0)));
    Box::new(move |count| {
        tasks.block_on(&runtime, async {
            for _ in 0..count {
                let ran = ran.clone();
                spawn_local(async move { ran.set(ran.get() + 1) });
            }
        });
        runtime.block_on(&mut tasks);
        assert_eq!(ran.take(), count);
    })
}

/// What programs have: a runtime that also waits for sockets and timers.
fn complete() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

pub fn blocking(at_once: usize) -> Work {
    trips(complete(), at_once)
}

/// Without the means to wait for anything but threads.
pub fn bare_blocking(at_once: usize) -> Work {
    trips(timeless(), at_once)
}

fn trips(runtime: Runtime, at_once: usize) -> Work {
    Box::new(move |count| {
        let sum = runtime.block_on(async {
            let mut sum = 0;
            for _ in 0..count / at_once {
                let work: Vec<_> = (0..at_once).map(|_| spawn_blocking(|| 1)).collect();
                for result in work {
                    sum += result.await.expect("the closure does not panic");
                }
            }
            sum
        });
        assert_eq!(sum, count / at_once * at_once);
    })
}

/// It reads nothing, as with everybody else; left to itself, it would share this process's standard input.
pub fn outputs(at_once: usize) -> Work {
    run_children(at_once, async |mut program: Command| {
        program.stdin(Stdio::null()).output().await.expect("it starts").status
    })
}

pub fn children(at_once: usize) -> Work {
    run_children(at_once, async |mut program: Command| {
        let program = program.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        program.status().await.expect("it starts")
    })
}

/// So many tasks, each of which runs one program after another.
fn run_children(at_once: usize, one: impl AsyncFn(Command) -> ExitStatus + Copy + 'static) -> Work {
    let (runtime, mut tasks, ran) = (complete(), LocalSet::new(), Rc::new(Cell::new(0)));
    Box::new(move |count| {
        for number in 0..at_once {
            let ran = ran.clone();
            tasks.spawn_local(async move {
                for _ in (number..count).step_by(at_once) {
                    assert!(one(program().into()).await.success());
                    ran.set(ran.get() + 1);
                }
            });
        }
        runtime.block_on(&mut tasks);
        assert_eq!(ran.take(), count);
    })
}

pub fn oneshot() -> Work {
    let runtime = timeless();
    Box::new(move |count| {
        let sum = runtime.block_on(async {
            let mut sum = 0;
            for _ in 0..count {
                let (sender, receiver) = oneshot::channel();
                sender.send(1).expect("the receiver is there");
                sum += receiver.await.expect("it has been sent");
            }
            sum
        });
        assert_eq!(sum, count);
    })
}

/// What `Remote::call` is: closures of any type, run by the receiving thread. They capture one word.
pub fn boxed_calls(threads: usize) -> Work {
    calls::<Box<dyn FnOnce(&mut usize) + Send>>(threads, |one| Box::new(move |ran| *ran += one), |call, ran| call(ran))
}

/// The cheapest thing that channel can carry, which is less than a call.
pub fn plain_numbers(threads: usize) -> Work {
    calls::<usize>(threads, |one| one, |one, ran| *ran += one)
}

fn calls<M: Send + 'static>(threads: usize, make: fn(usize) -> M, take: fn(M, &mut usize)) -> Work {
    let runtime = timeless();
    Box::new(move |count| {
        let mut ran = 0;
        std::thread::scope(|scope| {
            let (sender, mut receiver) = mpsc::unbounded_channel();
            for _ in 0..threads {
                let sender = sender.clone();
                scope.spawn(move || {
                    (0..count / threads).for_each(|_| sender.send(make(1)).expect("the receiver is there"))
                });
            }
            drop(sender);
            runtime.block_on(async {
                while let Some(message) = receiver.recv().await {
                    take(message, &mut ran);
                }
            });
        });
        assert_eq!(ran, count / threads * threads);
    })
}
