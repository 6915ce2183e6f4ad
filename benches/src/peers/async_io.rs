//! async-io: smol's reactor. It knows only real time, so its burning happens in real time, and only CPU time is charged.
//!
//! The ten seconds are squeezed into ten milliseconds, behind a wait long enough that no deadline passes while others are still
//! being lit. Its timers lie in a B-tree, to which the scale of the deadlines makes no difference. All of it runs inside
//! `block_on`, as its users have it, which also keeps the reactor's own thread from competing.

use crate::contender::{Handles, Timers};
use crate::ledger::{Ledger, Order, nanoseconds};
use async_executor::LocalExecutor;
use async_io::{Timer, block_on};
use futures_lite::future;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// How much shorter a deadline is here.
const SQUEEZE: u32 = 1_000;

/// How long lighting may take for each timer, until it has been seen.
const PATIENCE: Duration = Duration::from_micros(10);

pub fn timers(count: usize) -> Box<dyn Timers> {
    Box::new(Awaited { timers: (0..count).map(|_| None).collect(), lit: 0, patience: PATIENCE * count as u32 })
}

struct Awaited {
    timers: Box<[Option<Timer>]>,
    lit: usize,
    patience: Duration,
}

impl Awaited {
    /// The moment from which the deadlines of a batch count.
    fn start(&self) -> Instant {
        Instant::now() + self.patience
    }

    fn light_all(&mut self, delays: &[Duration], context: &mut Context) {
        let began = Instant::now();
        let start = self.start();
        for (seat, delay) in self.timers.iter_mut().zip(delays) {
            let mut timer = Timer::at(start + *delay / SQUEEZE);
            *seat = Pin::new(&mut timer).poll(context).is_pending().then_some(timer);
        }
        self.lit = delays.len();
        self.patience = Duration::from_millis(3) + 3 * began.elapsed();
    }
}

impl Timers for Awaited {
    fn light(&mut self, delays: &[Duration], _: Handles) {
        block_on(future::poll_fn(|context| {
            self.light_all(delays, context);
            Poll::Ready(())
        }));
    }

    fn cut(&mut self, order: &[usize]) {
        for number in order {
            self.timers[*number] = None;
        }
    }

    fn burn(&mut self) {
        block_on(async {
            for timer in self.timers[..self.lit].iter_mut().filter_map(Option::take) {
                timer.await;
            }
        });
    }

    fn order(&mut self, delays: &[Duration]) -> Option<Order> {
        let (ledger, executor, start) = (Rc::new(Ledger::default()), LocalExecutor::new(), self.start());
        let wait = |number: usize, delay: Duration| {
            let ledger = ledger.clone();
            async move {
                let delay = delay / SQUEEZE;
                Timer::at(start + delay).await;
                ledger.note(nanoseconds(delay), number);
            }
        };
        let tasks: Vec<_> =
            delays.iter().enumerate().map(|(number, delay)| executor.spawn(wait(number, *delay))).collect();
        block_on(executor.run(async {
            for task in tasks {
                task.await;
            }
        }));
        Some(ledger.turn_page())
    }
}
