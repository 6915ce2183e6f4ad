//! A1 to A3: programs written line by line.

mod log;

use fate::sim::Sim;
use fate::{Cancelled, Deferred, Fate, Kind, Panicked, Verdict};
use log::{HOUR, Log, MILLISECOND, OnDrop, SECOND};
use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

/// A world with one host.
fn world() -> (Sim, Fate) {
    let mut sim = Sim::new(1);
    let fate = sim.host("here");
    (sim, fate)
}

/// A world with one host on which faults stop nothing.
fn forgiving_world() -> (Sim, Fate) {
    let mut sim = Sim::new(1);
    let fate = sim.host_with("here", Fate::builder().on_fault(|_, _| Verdict::GoOn));
    (sim, fate)
}

/// Goes behind all that is ready.
async fn yield_now() {
    let mut is_first = true;
    poll_fn(|context| {
        if std::mem::take(&mut is_first) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
}

/// Polls both until the first is done, in one task and with its one waker.
async fn until_first<A: Future>(first: A, second: impl Future) -> A::Output {
    let (mut first, mut second) = (pin!(first), pin!(second));
    poll_fn(move |context| {
        let output = first.as_mut().poll(context);
        if output.is_pending() {
            let _ = second.as_mut().poll(context);
        }
        output
    })
    .await
}

/// A future that hands its waker out when it is first polled, and is done when it was woken by it.
fn woken_by(take: impl FnOnce(Waker) + 'static) -> impl Future<Output = ()> {
    let mut take = Some(take);
    poll_fn(move |context| match take.take() {
        Some(take) => {
            take(context.waker().clone());
            Poll::Pending
        }
        None => Poll::Ready(()),
    })
}

/// A1.
#[test]
fn a_task_is_never_run_in_place_but_when_the_ready_queue_reaches_it() {
    let (mut sim, fate) = world();
    let log = Log::default();
    fate.call_soon(log.noting("before"));
    let task = log.clone();
    fate.spawn(async move { task.note("task") });
    fate.call_soon(log.noting("after"));
    assert_eq!(log.len(), 0);
    sim.run().unwrap();
    assert_eq!(log.take(), ["before", "task", "after"]);
}

/// A1: in the same turn.
#[test]
fn a_task_spawned_in_a_handler_runs_after_what_was_queued_before_it_in_the_same_turn() {
    let (mut sim, fate) = world();
    let log = Log::default();
    let outer = log.clone();
    fate.get_fuse(SECOND).set_handler(move |fate| {
        let [soon, task, turns] = std::array::from_fn(|_| outer.clone());
        fate.call_soon(move |fate| soon.note(("call", fate.report().turns)));
        let here = fate.clone();
        fate.spawn(async move { task.note(("task", here.report().turns)) });
        turns.note(("handler", fate.report().turns));
    });
    let inner = log.clone();
    fate.get_fuse(SECOND).set_handler(move |fate| inner.note(("next fuse", fate.report().turns)));
    sim.run().unwrap();
    let log = log.take();
    assert_eq!(log.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["handler", "next fuse", "call", "task"]);
    assert!(log.iter().all(|(_, turn)| *turn == log[0].1));
}

/// A1: what it holds may belong to this thread.
#[test]
fn the_deferred_of_a_task_carries_its_output_which_needs_no_send() {
    let (mut sim, fate) = world();
    let (here, got) = (fate.clone(), Rc::new(RefCell::new(None)));
    let slot = got.clone();
    let rc = Rc::new(7);
    let task = fate.spawn(async move {
        here.sleep(SECOND).await;
        rc
    });
    task.add_callback(move |rc| *slot.borrow_mut() = Some(rc));
    sim.run().unwrap();
    assert_eq!((got.borrow().as_deref(), sim.elapsed()), (Some(&7), SECOND));
}

/// A1: whether somebody asks for the output before or after there is one.
#[test]
fn the_output_of_a_task_can_be_asked_for_when_it_is_done_long_since() {
    let (mut sim, fate) = world();
    let task = fate.spawn(async { String::from("tea") });
    sim.run().unwrap();
    sim.run_until(HOUR).unwrap();
    let length = fate.run_until(async move { task.await.unwrap().len() });
    assert_eq!(length, 3);
}

/// A1.
#[test]
fn dropping_the_deferred_of_a_task_detaches_it() {
    let (mut sim, fate) = world();
    let (here, log) = (fate.clone(), Log::default());
    let task = log.clone();
    drop(fate.spawn(async move {
        here.sleep(SECOND).await;
        task.note("done");
    }));
    sim.run().unwrap();
    assert_eq!(log.take(), ["done"]);
}

/// A1.
#[test]
fn cancelling_drops_the_future_where_it_waits_in_the_same_turn() {
    let (mut sim, fate) = world();
    let (here, log) = (fate.clone(), Log::default());
    let (inner, dropped, heard) = (log.clone(), log.clone(), log.clone());
    let teller = fate.clone();
    let task: Deferred<()> = fate.spawn(async move {
        let _held = OnDrop(move || dropped.note(("dropped", teller.report().turns)));
        here.sleep(HOUR).await;
        inner.note(("woke up", 0));
    });
    let control = task.control();
    let here = fate.clone();
    task.add_both(move |result| {
        assert!(result.unwrap_err().is::<Cancelled>());
        heard.note(("heard", here.report().turns));
    });
    let canceller = log.clone();
    fate.get_fuse(SECOND).set_handler(move |fate| {
        control.cancel();
        canceller.note(("cancelled", fate.report().turns));
    });
    sim.run().unwrap();
    let log = log.take();
    assert_eq!(log.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["cancelled", "dropped", "heard"]);
    assert!(log.iter().all(|(_, turn)| *turn == log[0].1));
    assert_eq!(sim.elapsed(), SECOND, "its sleep was dropped with it");
}

/// A1.
#[test]
fn a_task_that_is_cancelled_before_its_first_poll_never_runs() {
    let (mut sim, fate) = world();
    let token = Rc::new(());
    let held = token.clone();
    let task: Deferred<()> = fate.spawn(async move {
        drop(held);
        panic!("it was cancelled");
    });
    task.cancel();
    assert_eq!(Rc::strong_count(&token), 2, "not in place");
    drop(task);
    sim.run().unwrap();
    assert_eq!(Rc::strong_count(&token), 1);
}

/// A1: its own future is dropped once it has returned.
#[test]
fn a_task_may_cancel_itself_and_is_dropped_when_its_poll_returns() {
    for waits in [true, false] {
        let (mut sim, fate) = world();
        let (slot, log) = (Rc::new(RefCell::new(None)), Log::default());
        let (own, inner, dropped) = (slot.clone(), log.clone(), log.clone());
        let task = fate.spawn(async move {
            let _held = OnDrop(move || dropped.note("dropped"));
            let control: fate::Control = own.borrow_mut().take().unwrap();
            control.cancel();
            inner.note("going on");
            if waits {
                yield_now().await;
                yield_now().await;
                inner.note("polled again");
            }
        });
        *slot.borrow_mut() = Some(task.control());
        let heard = log.clone();
        task.add_both(move |result| heard.note(if result.is_ok() { "done" } else { "cancelled" }));
        sim.run().unwrap();
        assert_eq!(log.take(), ["going on", "dropped", "cancelled"], "{waits}");
        assert!(sim.leaks().is_empty());
    }
}

/// A1, M1: what a future holds may spawn, light and cancel from its drop.
#[test]
fn a_task_may_be_spawned_from_the_drop_of_another() {
    let (mut sim, fate) = world();
    let log = Log::default();
    let (here, inner) = (fate.clone(), log.clone());
    let held = OnDrop(move || {
        let log = inner.clone();
        here.spawn(async move { log.note("spawned") });
        here.get_fuse(SECOND).set_handler(inner.noting("lit"));
    });
    let task: Deferred<()> = fate.spawn(async move {
        let _held = held;
        pending().await
    });
    fate.get_fuse(SECOND).set_handler(move |_| task.cancel());
    sim.run().unwrap();
    assert_eq!(log.take(), ["spawned", "lit"]);
    assert_eq!(sim.elapsed(), SECOND * 2);
}

/// A1.
#[test]
fn ten_thousand_tasks_take_their_turns_in_the_order_in_which_they_were_spawned() {
    let (mut sim, fate) = world();
    let log = Log::default();
    for task in 0..10_000u32 {
        let (log, here) = (log.clone(), fate.clone());
        fate.spawn(async move {
            for round in 0..3u32 {
                log.note((round, task));
                yield_now().await;
            }
            here.sleep(MILLISECOND * (10_000 - task)).await;
            log.note((3, task));
        });
    }
    sim.run().unwrap();
    let ready = (0..3).flat_map(|round| (0..10_000).map(move |task| (round, task)));
    let slept = (0..10_000).rev().map(|task| (3, task));
    assert!(log.take().into_iter().eq(ready.chain(slept)));
    assert!(fate.report().live.is_empty());
}

/// A1, E2.
#[test]
fn a_task_that_panics_fails_its_deferred_and_hurts_no_other() {
    let (mut sim, fate) = forgiving_world();
    let log = Log::default();
    let (dropped, heard, other) = (log.clone(), log.clone(), log.clone());
    let task: Deferred<()> = fate.spawn(async move {
        let _held = OnDrop(move || dropped.note("dropped"));
        yield_now().await;
        panic!("out of tea")
    });
    task.add_both(move |result| {
        assert!(result.unwrap_err().is::<Panicked>());
        heard.note("heard");
    });
    fate.spawn(async move {
        yield_now().await;
        yield_now().await;
        other.note("another task");
    });
    sim.run().unwrap();
    let mut log = log.take();
    assert_eq!(log.remove(0), "dropped");
    log.sort_unstable();
    assert_eq!(log, ["another task", "heard"]);
    assert!(sim.leaks().is_empty());
}

/// A2.
#[test]
fn a_wake_during_its_own_poll_polls_a_task_again_after_those_already_waiting() {
    let (mut sim, fate) = world();
    let log = Log::default();
    let (task, here) = (log.clone(), fate.clone());
    fate.spawn(async move {
        let (queued, mut is_first) = (task.clone(), true);
        poll_fn(move |context| {
            if !std::mem::take(&mut is_first) {
                return Poll::Ready(());
            }
            here.call_soon(queued.noting("queued before the wake"));
            context.waker().wake_by_ref();
            here.call_soon(queued.noting("queued after the wake"));
            let clone = context.waker().clone();
            clone.wake();
            queued.note("first poll");
            Poll::Pending
        })
        .await;
        task.note("second poll");
    });
    fate.call_soon(log.noting("waiting already"));
    sim.run().unwrap();
    let expected = ["first poll", "waiting already", "queued before the wake", "second poll", "queued after the wake"];
    assert_eq!(log.take(), expected);
}

/// A2.
#[test]
fn a_task_that_is_woken_often_before_its_turn_is_polled_once() {
    let (mut sim, fate) = world();
    let (polls, waker) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(None)));
    let (count, slot) = (polls.clone(), waker.clone());
    fate.spawn(poll_fn(move |context: &mut Context<'_>| {
        count.set(count.get() + 1);
        *slot.borrow_mut() = Some(context.waker().clone());
        if count.get() < 3 { Poll::Pending } else { Poll::Ready(()) }
    }));
    let wakes = waker.clone();
    for second in [1, 2] {
        let wakes = wakes.clone();
        fate.get_fuse(SECOND * second).set_handler(move |_| {
            for _ in 0..1000 {
                wakes.borrow().as_ref().map(Waker::wake_by_ref);
            }
        });
    }
    sim.run().unwrap();
    assert_eq!(polls.get(), 3);
}

/// A2, and the turn's T3: the wake comes while the task's own poll has taken a turn.
#[test]
fn a_wake_in_a_turn_that_a_task_takes_within_its_own_poll_is_not_lost() {
    let (mut sim, fate) = world();
    let (promise, deferred) = fate.deferred();
    fate.call_soon(move |_| promise.callback("woken"));
    let here = fate.clone();
    let task = fate.spawn(until_first(deferred.into_future(), async move {
        here.turn(Duration::ZERO).unwrap();
        pending::<()>().await;
    }));
    let got = Rc::new(Cell::new(""));
    let slot = got.clone();
    // Behind the task in the ready queue: the promise above was in front of it.
    task.add_callback(move |result| slot.set(result.unwrap()));
    let (promise, second) = fate.deferred();
    let here = fate.clone();
    let other = fate.spawn(until_first(second.into_future(), async move {
        let mut promise = Some(promise);
        here.call_soon(move |_| promise.take().unwrap().callback("woken too"));
        here.turn(Duration::ZERO).unwrap();
        pending::<()>().await;
    }));
    let too = Rc::new(Cell::new(""));
    let slot = too.clone();
    other.add_callback(move |result| slot.set(result.unwrap()));
    sim.run().unwrap();
    assert_eq!((got.get(), too.get()), ("woken", "woken too"));
}

/// A2: which of thread and loop comes first is left to chance, a thousand times.
#[test]
fn a_waker_that_another_thread_keeps_keeps_run_going_until_it_wakes() {
    let fate = Sim::new(1).host("here");
    let (hand, wakers) = mpsc::channel::<Waker>();
    let thread = thread::spawn(move || wakers.into_iter().for_each(Waker::wake));
    for _ in 0..1000 {
        let done = Rc::new(Cell::new(false));
        let (hand, flag) = (hand.clone(), done.clone());
        fate.spawn(async move {
            woken_by(move |waker| hand.send(waker).unwrap()).await;
            flag.set(true);
        });
        fate.run().unwrap();
        assert!(done.get());
    }
    drop(hand);
    thread.join().unwrap();
}

/// A2.
#[test]
fn wakers_may_be_cloned_to_and_woken_from_many_threads_at_once() {
    const THREADS: u32 = 4;
    const WAKES: u32 = 2000;
    let fate = Sim::new(1).host("here");
    let woken = Arc::new(AtomicU32::new(0));
    let threads: Rc<RefCell<Vec<thread::JoinHandle<()>>>> = Rc::default();
    let started = threads.clone();
    let polls = fate.run_until(async {
        let mut polls = 0;
        poll_fn(|context| {
            if polls == 0 {
                for _ in 0..THREADS {
                    let (waker, woken) = (context.waker().clone(), woken.clone());
                    started.borrow_mut().push(thread::spawn(move || {
                        for _ in 0..WAKES {
                            woken.fetch_add(1, Ordering::Relaxed);
                            let clone = waker.clone();
                            waker.wake_by_ref();
                            clone.wake();
                        }
                    }));
                }
            }
            polls += 1;
            if woken.load(Ordering::Relaxed) == THREADS * WAKES { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        polls
    });
    assert!((1..=1 + 2 * THREADS * WAKES).contains(&polls), "{polls}");
    threads.take().into_iter().for_each(|thread| thread.join().unwrap());
}

/// A2.
#[test]
fn waking_a_finished_task_a_cancelled_one_or_one_of_a_fate_that_is_gone_is_harmless() {
    let (mut sim, fate) = world();
    let kept: Rc<RefCell<Vec<Waker>>> = Rc::default();
    let keep = kept.clone();
    let task: Deferred<()> = fate.spawn(async move {
        woken_by(move |waker| keep.borrow_mut().push(waker)).await;
        pending().await
    });
    let keep = kept.clone();
    fate.spawn(poll_fn(move |context: &mut Context<'_>| {
        keep.borrow_mut().push(context.waker().clone());
        Poll::Ready(())
    }));
    fate.call_soon(move |_| task.cancel());
    sim.run().unwrap();
    let polls = Rc::new(Cell::new(0));
    let count = polls.clone();
    fate.spawn(poll_fn(move |_: &mut Context<'_>| {
        count.set(count.get() + 1);
        if count.get() == 1 { Poll::<()>::Pending } else { panic!("it was not woken") }
    }));
    let wakers = kept.borrow().clone();
    let wake = move || wakers.iter().for_each(Waker::wake_by_ref);
    wake();
    sim.run().unwrap();
    let thread = thread::spawn(move || {
        wake();
        wake
    });
    let wake = thread.join().unwrap();
    sim.run().unwrap();
    assert_eq!((kept.borrow().len(), polls.get()), (2, 1), "a task in a place used again hears nothing of it");
    drop((sim, fate));
    wake();
    thread::spawn(wake).join().unwrap();
}

/// A2, L7: a thread that keeps a waker for ever keeps no task alive.
#[test]
fn a_waker_keeps_nothing_of_its_task() {
    let (mut sim, fate) = world();
    let (token, kept) = (Rc::new(()), Rc::new(RefCell::new(None)));
    let (held, keep) = (token.clone(), kept.clone());
    let task: Deferred<()> = fate.spawn(async move {
        let _held = held;
        woken_by(move |waker| *keep.borrow_mut() = Some(waker)).await;
    });
    fate.call_soon(move |_| task.cancel());
    sim.run().unwrap();
    assert_eq!(Rc::strong_count(&token), 1);
    assert!(kept.borrow().is_some());
}

/// A1.
#[test]
fn run_until_gives_what_its_future_made_of_what_it_borrowed() {
    let (_sim, fate) = world();
    let (words, mut count) = (vec![String::from("curiouser"), String::from("and")], 0);
    let joined = fate.run_until(async {
        for _ in &words {
            fate.sleep(SECOND).await;
            count += 1;
        }
        words.join(" ")
    });
    assert_eq!((joined.as_str(), count, fate.now().as_nanos()), ("curiouser and", 2, 2_000_000_000));
}

/// A1: what else is there goes on meanwhile, and afterwards.
#[test]
fn run_until_ends_with_its_future_and_leaves_the_rest_to_the_next_run() {
    let (_sim, fate) = world();
    let log = Log::default();
    for second in 1..=3 {
        fate.get_fuse(SECOND * second).set_handler(log.timing(second));
    }
    fate.run_until(fate.sleep(SECOND * 2));
    assert_eq!(log.take(), [(1_000_000_000, 1), (2_000_000_000, 2)]);
    fate.run().unwrap();
    assert_eq!(log.take(), [(3_000_000_000, 3)]);
}

#[test]
fn run_until_gives_at_once_what_is_ready() {
    let (_sim, fate) = world();
    assert_eq!(fate.run_until(async { 7 }), 7);
    assert_eq!(fate.run_until(async { yield_now().await }), ());
    let value = fate.succeed("here");
    assert_eq!(fate.run_until(value.into_future()).unwrap(), "here");
}

/// L3.
#[test]
fn run_until_panics_when_nothing_is_left_that_could_wake_its_future() {
    let (_sim, fate) = world();
    let (promise, deferred) = fate.deferred::<()>();
    fate.get_fuse(SECOND).set_handler(|_| ());
    for round in 0..2 {
        let panic = catch_unwind(AssertUnwindSafe(|| match round {
            0 => fate.run_until(pending::<()>()),
            _ => fate.run_until(fate.sleep(Duration::MAX)),
        }));
        let words = panic.unwrap_err().downcast::<&str>().unwrap();
        assert!(words.contains("nothing is left that could wake the future"), "{words}");
    }
    assert_eq!(fate.now().as_nanos(), 1_000_000_000, "what there was has happened");
    let here = fate.clone();
    fate.get_fuse(SECOND).set_handler(move |_| {
        let nested = catch_unwind(AssertUnwindSafe(|| here.run_until(async {})));
        assert!(nested.unwrap_err().downcast::<String>().unwrap().contains("inside run"));
        promise.callback(());
    });
    fate.run_until(deferred.into_future()).unwrap();
}

/// A3.
#[test]
fn children_of_a_scope_borrow_from_their_parent_and_none_outlives_it() {
    let (mut sim, fate) = world();
    let here = fate.clone();
    let task = fate.spawn(async move {
        let (log, token) = (RefCell::new(Vec::new()), Rc::new(()));
        let output = here
            .scope(async |scope| {
                for number in [3, 1, 2] {
                    let (log, here, held) = (&log, &here, token.clone());
                    scope.spawn(async move {
                        here.sleep(SECOND * number).await;
                        log.borrow_mut().push(number);
                        drop(held);
                    });
                }
                log.borrow_mut().push(0);
                "the body's own"
            })
            .await;
        assert_eq!((output, Rc::strong_count(&token)), ("the body's own", 1));
        log.into_inner()
    });
    let got = Rc::new(RefCell::new(Vec::new()));
    let slot = got.clone();
    task.add_callback(move |log| *slot.borrow_mut() = log);
    sim.run().unwrap();
    assert_eq!((got.take(), sim.elapsed()), (vec![0, 1, 2, 3], SECOND * 3));
}

/// A3.
#[test]
fn what_a_child_gives_can_be_awaited_in_its_scope_or_left() {
    let (_sim, fate) = world();
    let words = String::from("down the rabbit hole");
    let (lengths, left) = (RefCell::new(Vec::new()), Cell::new(false));
    fate.run_until(fate.scope(async |scope| {
        let children: Vec<_> = words
            .split(' ')
            .map(|word| {
                let fate = &fate;
                scope.spawn(async move {
                    fate.sleep(SECOND * word.len() as u32).await;
                    word
                })
            })
            .collect();
        drop(scope.spawn(async {
            fate.sleep(HOUR).await;
            left.set(true);
        }));
        for child in children {
            let word = child.await;
            lengths.borrow_mut().push(word.len());
        }
    }));
    assert_eq!((lengths.take(), left.get()), (vec![4, 3, 6, 4], true));
    assert_eq!(fate.now().as_nanos(), 3_600_000_000_000);
}

/// A3.
#[test]
fn children_may_have_children_and_scopes_within_scopes() {
    let (_sim, fate) = world();
    let total = Cell::new(0);
    let add = |number| total.set(total.get() + number);
    fate.run_until(fate.scope(async |scope| {
        let (fate, add) = (&fate, &add);
        scope.spawn(async move {
            fate.sleep(SECOND).await;
            scope.spawn(async move {
                fate.sleep(SECOND).await;
                add(1);
            });
            let own = Cell::new(10);
            fate.scope(async |inner| {
                inner.spawn(async {
                    fate.sleep(SECOND * 5).await;
                    own.set(own.get() * 2);
                });
            })
            .await;
            add(own.get());
        });
    }));
    assert_eq!((total.get(), fate.now().as_nanos()), (21, 6_000_000_000));
}

/// Says that it was dropped, while what it borrows is still there.
struct Borrower<'a>(&'a Parent, &'static str);

struct Parent {
    log: Log<&'static str>,
    is_there: Cell<bool>,
}

impl Drop for Borrower<'_> {
    fn drop(&mut self) {
        assert!(self.0.is_there.get());
        self.0.log.note(self.1);
    }
}

impl Drop for Parent {
    fn drop(&mut self) {
        self.is_there.set(false);
        self.log.note("parent");
    }
}

/// A future with a scope whose body and two children wait for ever and borrow from it.
fn endless_scope(fate: &Fate, log: &Log<&'static str>) -> impl Future<Output = ()> + 'static {
    let (fate, log) = (fate.clone(), log.clone());
    async move {
        let parent = Parent { log, is_there: Cell::new(true) };
        fate.scope(async |scope| {
            for name in ["first child", "second child"] {
                let borrower = Borrower(&parent, name);
                scope.spawn(async move {
                    let _borrower = borrower;
                    pending::<()>().await;
                });
            }
            let _borrower = Borrower(&parent, "body");
            pending::<()>().await;
        })
        .await;
    }
}

/// A3.
#[test]
fn a_scope_that_is_dropped_early_drops_its_children_before_what_they_borrow() {
    let (mut sim, fate) = world();
    let log = Log::default();
    let task = fate.spawn(endless_scope(&fate, &log));
    fate.get_fuse(SECOND).set_handler(move |_| task.cancel());
    sim.run().unwrap();
    assert_eq!(log.take(), ["body", "first child", "second child", "parent"], "cancelled");

    let (mut sim, fate) = world();
    fate.spawn(endless_scope(&fate, &log));
    fate.get_fuse(SECOND).set_handler(|fate| fate.shutdown());
    sim.run().unwrap();
    assert_eq!(log.take(), ["body", "first child", "second child", "parent"], "shut down");

    let (mut sim, fate) = world();
    let mut scope = Box::pin(endless_scope(&fate, &log));
    assert!(scope.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(scope);
    assert_eq!(log.take(), ["body", "first child", "second child", "parent"], "dropped by hand");
    drop(endless_scope(&fate, &log));
    assert_eq!(log.len(), 0, "never polled");
    sim.run().unwrap();
}

/// A3.
#[test]
fn a_child_that_panics_drops_its_scope_and_what_is_in_it() {
    let (mut sim, fate) = forgiving_world();
    let log = Log::default();
    let (here, outer) = (fate.clone(), log.clone());
    let task = fate.spawn(async move {
        let parent = Parent { log: outer, is_there: Cell::new(true) };
        here.scope(async |scope| {
            let (quiet, loud) = (Borrower(&parent, "quiet child"), Borrower(&parent, "loud child"));
            scope.spawn(async move {
                let _borrower = quiet;
                pending::<()>().await;
            });
            scope.spawn(async {
                let _borrower = loud;
                here.sleep(SECOND).await;
                let tea: Option<()> = None;
                assert!(tea.is_some(), "out of tea");
            });
        })
        .await;
    });
    let heard = log.clone();
    task.add_both(move |result| heard.note(if result.unwrap_err().is::<Panicked>() { "heard" } else { "?" }));
    sim.run().unwrap();
    let log = log.take();
    assert_eq!((log.len(), &log[2..]), (4, &["parent", "heard"][..]), "{log:?}");
    assert!(sim.leaks().is_empty());
}

/// A3, T3: one that never waits for anything but its next turn.
#[test]
fn a_child_that_wakes_itself_for_ever_starves_neither_its_siblings_nor_fuses() {
    let (_sim, fate) = world();
    let (rounds, is_over) = (Cell::new(0), Cell::new(false));
    fate.run_until(fate.scope(async |scope| {
        scope.spawn(async {
            while !is_over.get() {
                rounds.set(rounds.get() + 1);
                assert!(rounds.get() < 100_000, "the fuse was starved");
                yield_now().await;
            }
        });
        scope.spawn(async {
            for _ in 0..3 {
                fate.sleep(Duration::ZERO).await;
            }
            is_over.set(true);
        });
    }));
    assert!(rounds.get() > 3);
}

/// A3, A2.
#[test]
fn a_child_can_be_woken_from_another_thread() {
    let (_sim, fate) = world();
    let (hand, wakers) = mpsc::channel::<Waker>();
    let thread = thread::spawn(move || wakers.into_iter().for_each(Waker::wake));
    let woken = Cell::new(0);
    for _ in 0..200 {
        fate.run_until(fate.scope(async |scope| {
            for _ in 0..3 {
                let (hand, woken) = (hand.clone(), &woken);
                scope.spawn(async move {
                    woken_by(move |waker| hand.send(waker).unwrap()).await;
                    woken.set(woken.get() + 1);
                });
            }
        }));
    }
    assert_eq!(woken.get(), 600);
    drop(hand);
    thread.join().unwrap();
}

/// A3: a chain of drops that start children, down to the scope's own drop.
#[test]
fn a_child_may_be_started_from_the_drop_of_another_and_is_dropped_too() {
    struct Starter<'scope, 'env>(&'scope fate::Scope<'scope, 'env>, &'scope Log<u32>, u32);

    impl Drop for Starter<'_, '_> {
        fn drop(&mut self) {
            let Starter(scope, log, left) = *self;
            log.note(left);
            if left > 0 {
                let next = Starter(scope, log, left - 1);
                scope.spawn(async move {
                    let _next = next;
                    pending::<()>().await;
                });
            }
        }
    }

    let (_sim, fate) = world();
    let log = Log::default();
    for is_polled in [true, false] {
        let mut scope: Pin<Box<dyn Future<Output = ()> + '_>> = Box::pin(fate.scope(async |scope| {
            let first = Starter(scope, &log, 50);
            let child = scope.spawn(async move {
                let _first = first;
                pending::<()>().await;
            });
            if !is_polled {
                panic!("before any child was polled");
            }
            child.await;
        }));
        let mut context = Context::from_waker(Waker::noop());
        let polled = catch_unwind(AssertUnwindSafe(|| scope.as_mut().poll(&mut context).is_pending()));
        assert_eq!(polled.is_ok(), is_polled);
        drop(scope);
        assert_eq!(log.take(), (0..=50).rev().collect::<Vec<_>>());
    }
}

/// A3, L3.
#[test]
fn a_scope_that_waits_for_what_never_comes_does_not_keep_run_going() {
    let (_sim, fate) = world();
    let (promise, deferred) = fate.deferred::<()>();
    let (here, line) = (fate.clone(), line!());
    fate.spawn(async move {
        here.scope(async |scope| {
            let child = scope.spawn(async { deferred.await.is_ok() });
            assert!(!child.await, "it is waited for in the scope, too");
        })
        .await;
    });
    fate.run().unwrap();
    let tasks = fate.report().live.into_iter().filter(|live| live.kind == Kind::Task);
    assert_eq!(tasks.map(|live| live.place.line() - line).collect::<Vec<_>>(), [1, 3], "the task and its child");
    drop(promise);
    fate.run().unwrap();
    assert!(fate.report().live.is_empty());
}
