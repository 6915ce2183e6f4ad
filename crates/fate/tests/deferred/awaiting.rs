//! D10: Deferreds as futures and futures as Deferreds, with cancellation carried across.

use crate::rig::{Rig, Token};
use fate::sim::Sim;
use fate::{Cancelled, Failure};
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

/// D10.
#[test]
fn a_task_awaits_a_deferred() {
    let mut rig = Rig::new();
    let (promise, deferred) = rig.fate.deferred();
    let failing = rig.fate.fail::<u32>("no");
    let pen = rig.pen();
    rig.fate.spawn(async move {
        pen.say(format!("got {}", deferred.await.unwrap()));
        pen.say(format!("failed: {}", failing.await.unwrap_err()));
    });
    rig.run();
    assert!(rig.said().is_empty());
    promise.callback(1);
    rig.run();
    assert_eq!(rig.said(), ["got 1", "failed: no"]);
}

/// D10: the other direction.
#[test]
fn a_future_becomes_a_deferred() {
    let mut rig = Rig::new();
    let here = rig.fate.clone();
    rig.fate
        .spawn(async move {
            here.sleep(Duration::from_secs(2)).await;
            21
        })
        .add_callback(|half| half * 2)
        .add_callback(rig.pen().pass("answer"));
    rig.run();
    assert_eq!(rig.said(), ["answer 42"]);
    assert_eq!(rig.sim.elapsed(), Duration::from_secs(2));
}

/// D10: both at once, several times over.
#[test]
fn tasks_and_chains_may_wait_for_each_other_in_turn() {
    let mut rig = Rig::new();
    let here = rig.fate.clone();
    let mut deferred = rig.fate.succeed(0);
    for _ in 0..10 {
        let fate = here.clone();
        deferred = here
            .spawn(async move { deferred.await.unwrap() + 1 })
            .and_then(move |value| fate.spawn(async move { value + 1 }));
    }
    drop(deferred.add_callback(rig.pen().pass("sum")));
    rig.run();
    assert_eq!(rig.said(), ["sum 20"]);
}

/// D10.
#[test]
fn dropping_the_awaiting_future_cancels() {
    let mut rig = Rig::new();
    let (promise, deferred) = rig.fate.deferred::<u32>();
    let pen = rig.pen();
    promise.on_cancel(move |_| pen.say("canceller"));
    let here = rig.fate.clone();
    rig.fate.spawn(async move {
        let mut waiting = pin!(deferred.into_future());
        let mut sleep = pin!(here.sleep(Duration::from_secs(1)));
        poll_fn(|context| {
            assert!(waiting.as_mut().poll(context).is_pending());
            sleep.as_mut().poll(context)
        })
        .await;
    });
    rig.run();
    assert_eq!(rig.said(), ["canceller"]);
    assert!(promise.is_cancelled());
    assert_eq!(rig.alive(), 0);
}

/// D10: also if it was never polled, or what it waits for is under way, or was cancelled already.
#[test]
fn dropping_an_awaiting_future_at_any_stage_is_silent() {
    let mut rig = Rig::new();
    let (unpolled, deferred) = rig.fate.deferred::<u32>();
    drop(deferred.into_future());
    let (inner, deferred) = rig.fate.deferred::<u32>();
    drop(rig.fate.succeed(0).and_then(move |_| deferred).into_future());
    let (cancelled, deferred) = rig.fate.deferred::<u32>();
    deferred.cancel();
    drop(deferred.into_future());
    drop(rig.fate.succeed(1).into_future());
    rig.run();
    for promise in [unpolled, inner, cancelled] {
        assert!(promise.is_cancelled());
    }
    assert_eq!(rig.alive(), 0);
}

/// D7, D10: but a failure that had come, and that nobody looked at, is reported.
#[test]
fn dropping_an_awaiting_future_does_not_hide_a_failure() {
    let mut rig = Rig::new();
    drop(rig.fate.fail::<u32>("no").into_future());
    rig.run();
    assert_eq!(rig.unheard(), ["no"]);
}

/// D10: through chain, task, chain and task to the innermost.
#[test]
fn cancelling_crosses_from_chains_to_tasks_and_back() {
    let mut rig = Rig::new();
    let (promise, bottom) = rig.fate.deferred::<u32>();
    let inner_task = rig.fate.spawn(async move { bottom.await.unwrap_or(0) });
    let chain = rig.fate.succeed(0).and_then(move |_| inner_task);
    let outer_task = rig.fate.spawn(async move { chain.await.unwrap_or(0) });
    let outermost = rig.fate.succeed(0).and_then(move |_| outer_task);
    rig.run();
    outermost.cancel();
    outermost.add_both(rig.pen().end("outermost"));
    rig.run();
    assert!(promise.is_cancelled());
    assert_eq!(rig.said(), ["outermost failed: cancelled"]);
    assert_eq!(rig.alive(), 0);
}

/// D10: an awaiting task sees the cancelling of what it awaits as a failure like any other, and may go on.
#[test]
fn a_task_may_survive_the_cancelling_of_what_it_awaits() {
    let mut rig = Rig::new();
    let (promise, deferred) = rig.fate.deferred::<u32>();
    let control = deferred.control();
    let pen = rig.pen();
    rig.fate.spawn(async move {
        assert!(deferred.await.unwrap_err().is::<Cancelled>());
        pen.say("goes on");
    });
    rig.run();
    control.cancel();
    rig.run();
    assert_eq!(rig.said(), ["goes on"]);
    drop(promise);
}

/// D10.
#[test]
fn twenty_thousand_ready_awaits_use_a_small_stack() {
    let awaits = || {
        let mut sim = Sim::new(1);
        let fate = sim.host("here");
        let (here, sum) = (fate.clone(), Rc::new(Cell::new(0)));
        let total = sum.clone();
        fate.spawn(async move {
            for number in 0..20_000u64 {
                let deferred = match number % 4 {
                    0 => here.succeed(number),
                    1 => here.succeed(number).add_callback(|number| number),
                    2 => here.spawn(async move { number }),
                    _ => {
                        let inner = here.succeed(number);
                        here.succeed(0).and_then(move |_: u64| inner)
                    }
                };
                total.set(total.get() + deferred.await.unwrap());
            }
        });
        sim.run().unwrap();
        assert_eq!(sum.get(), 19_999 * 10_000);
    };
    thread::Builder::new().stack_size(128 * 1024).spawn(awaits).unwrap().join().unwrap();
}

/// D10: the result is the same whether the value is there or comes.
#[test]
fn an_await_gives_the_same_whether_the_value_was_there_or_not() {
    for is_ready in [true, false] {
        for is_value in [true, false] {
            let mut rig = Rig::new();
            let (promise, deferred) = rig.fate.deferred::<u32>();
            let outcome = move || if is_value { Ok(1) } else { Err(Failure::from("no")) };
            let mut promise = Some(promise);
            if is_ready {
                promise.take().unwrap().fire_with(outcome());
            }
            let pen = rig.pen();
            rig.fate.spawn(async move { pen.end("got")(deferred.await) });
            rig.run();
            if let Some(promise) = promise {
                promise.fire_with(outcome());
                rig.run();
            }
            assert_eq!(rig.said(), [if is_value { "got 1" } else { "got failed: no" }]);
        }
    }
}

/// Counts how often it is woken, as the waker of a foreign executor would.
#[derive(Default)]
struct Alarm(AtomicU32);

impl Wake for Alarm {
    fn wake(self: Arc<Alarm>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// D10: under an executor of another make, which polls with wakers of its own.
#[test]
fn a_foreign_executor_is_woken_once_a_value() {
    let mut rig = Rig::new();
    let (promise, deferred) = rig.fate.deferred::<u32>();
    let mut future = pin!(deferred.add_callback(|value| value + 1).into_future());
    let alarm = Arc::new(Alarm::default());
    let waker = Waker::from(alarm.clone());
    let mut context = Context::from_waker(&waker);
    for _ in 0..3 {
        assert!(future.as_mut().poll(&mut context).is_pending());
    }
    promise.callback(1);
    assert_eq!(alarm.0.load(Ordering::Relaxed), 0, "not in place");
    rig.run();
    assert_eq!(alarm.0.load(Ordering::Relaxed), 1);
    assert!(matches!(future.as_mut().poll(&mut context), Poll::Ready(Ok(2))));
    assert_eq!(Arc::strong_count(&alarm), 2, "no waker is kept");
}

/// D10: as a join does, which hands each of its futures a waker of its own and polls only those that were woken.
#[test]
fn a_join_with_wakers_of_its_own_inside_a_task() {
    struct Part(Arc<Alarm>, Waker);
    impl Wake for Part {
        fn wake(self: Arc<Part>) {
            self.0.clone().wake();
            self.1.wake_by_ref();
        }
    }
    let mut rig = Rig::new();
    let (promises, deferreds): (Vec<_>, Vec<_>) = (0..3).map(|_| rig.fate.deferred::<u32>()).unzip();
    let pen = rig.pen();
    rig.fate.spawn(async move {
        let mut parts: Vec<_> = deferreds
            .into_iter()
            .map(|deferred| (Box::pin(deferred.into_future()), Arc::new(Alarm(AtomicU32::new(1))), None))
            .collect();
        poll_fn(|context| {
            for (future, alarm, value) in &mut parts {
                if alarm.0.swap(0, Ordering::Relaxed) > 0 && value.is_none() {
                    let waker = Waker::from(Arc::new(Part(alarm.clone(), context.waker().clone())));
                    if let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                        *value = Some(result.unwrap());
                    }
                }
            }
            if parts.iter().all(|part| part.2.is_some()) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        pen.say(format!("{:?}", parts.iter().map(|part| part.2.unwrap()).collect::<Vec<_>>()));
    });
    rig.run();
    for (number, promise) in promises.into_iter().enumerate().rev() {
        assert!(rig.said().is_empty());
        promise.callback(number as u32);
        rig.run();
    }
    assert_eq!(rig.said(), ["[0, 1, 2]"]);
}

/// D10: whoever polled last is woken.
#[test]
fn an_awaiting_future_that_moves_to_another_task_wakes_that_one() {
    let mut rig = Rig::new();
    let (promise, deferred) = rig.fate.deferred::<u32>();
    let mut future = Some(Box::pin(deferred.into_future()));
    let slot = Rc::new(RefCell::new(None));
    let hand_over = slot.clone();
    rig.fate.spawn(poll_fn(move |context| {
        let mut future = future.take().unwrap();
        assert!(future.as_mut().poll(context).is_pending());
        *hand_over.borrow_mut() = Some(future);
        Poll::Ready(())
    }));
    rig.run();
    let (future, pen) = (slot.take().unwrap(), rig.pen());
    rig.fate.spawn(async move { pen.say(format!("second got {}", future.await.unwrap())) });
    rig.run();
    promise.callback(1);
    rig.run();
    assert_eq!(rig.said(), ["second got 1"]);
}

/// D10: a task of one Fate may await a Deferred of another.
#[test]
fn a_task_may_await_a_deferred_of_another_host() {
    let mut sim = Sim::new(1);
    let (alice, bob) = (sim.host("alice"), sim.host("bob"));
    let (promise, deferred) = alice.deferred::<u32>();
    alice.get_fuse(Duration::from_secs(1)).set_handler(move |_| promise.callback(1));
    let got = Rc::new(Cell::new(0));
    let slot = got.clone();
    bob.spawn(async move { slot.set(deferred.await.unwrap()) });
    sim.run().unwrap();
    assert_eq!(got.get(), 1);
}

/// D10: what `run_until` is given may be a Deferred.
#[test]
fn a_deferred_may_be_run_until_it_is_done() {
    let fate = Sim::new(1).host("here");
    let (promise, deferred) = fate.deferred();
    fate.get_fuse(Duration::from_secs(3600)).set_handler(move |_| promise.callback(1));
    assert_eq!(fate.run_until(deferred.into_future()).unwrap(), 1);
}

/// D10: what an await gave is the task's own; what it did not see is dropped with the Deferred.
#[test]
fn values_are_moved_out_or_dropped_once() {
    let mut rig = Rig::new();
    let token = Token::default();
    let (seen, unseen) = (rig.fate.succeed(token.clone()), rig.fate.succeed(token.clone()));
    let total = token.clone();
    rig.fate.spawn(async move {
        let held = seen.await.unwrap();
        assert_eq!(total.copies(), 3);
        drop(held);
        drop(unseen.into_future());
    });
    rig.run();
    assert_eq!(token.copies(), 0);
}
