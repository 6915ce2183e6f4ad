//! D9: `DeferredLock` and `DeferredSemaphore`.

use crate::rig::Rig;
use fate::{Abandoned, Cancelled, Deferred, DeferredLock, DeferredSemaphore, Failure, Permit};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// Asks for a token, says who got it, and keeps it in `held`.
fn ask(rig: &Rig, cups: &DeferredSemaphore, held: &Rc<RefCell<Vec<Permit>>>, name: &'static str) -> Deferred<()> {
    let (pen, held) = (rig.pen(), held.clone());
    cups.acquire().add_callback(move |permit| {
        pen.say(name);
        held.borrow_mut().push(permit);
    })
}

/// D9.
#[test]
fn tokens_go_to_those_who_asked_first() {
    let mut rig = Rig::new();
    let (cups, held) = (DeferredSemaphore::new(&rig.fate, 2), Rc::default());
    for name in ["alice", "hatter", "hare", "dormouse", "bill"] {
        drop(ask(&rig, &cups, &held, name));
    }
    rig.run();
    assert_eq!(rig.said(), ["alice", "hatter"]);
    for next in ["hare", "dormouse", "bill"] {
        let given_back = held.borrow_mut().remove(0);
        drop(given_back);
        assert!(rig.said().is_empty(), "not in place");
        assert!(cups.try_acquire().is_none(), "somebody waits for it");
        rig.run();
        assert_eq!(rig.said(), [next]);
    }
    assert_eq!(cups.free(), 0);
    let rest = held.take();
    drop(rest);
    assert_eq!(cups.free(), 2);
}

/// D9: wherever in the line they stand.
#[test]
fn a_cancelled_waiter_leaves_no_hole() {
    for cancelled in 0..8u32 {
        for turns in [false, true] {
            let mut rig = Rig::new();
            let (cups, held) = (DeferredSemaphore::new(&rig.fate, 1), Rc::default());
            drop(ask(&rig, &cups, &held, "holder"));
            let waiters = ["first", "second", "third"].map(|name| ask(&rig, &cups, &held, name));
            rig.run();
            for (number, waiter) in waiters.into_iter().enumerate() {
                if cancelled & 1 << number > 0 {
                    waiter.cancel();
                }
            }
            if turns {
                rig.run();
            }
            let mut served = Vec::new();
            for _ in 0..4 {
                drop(held.take());
                served.append(&mut rig.said());
                rig.run();
            }
            let waiters = ["first", "second", "third"].into_iter().enumerate();
            let patient = waiters.filter(|(number, _)| cancelled & 1 << number == 0).map(|(_, name)| name);
            let expected: Vec<_> = std::iter::once("holder").chain(patient).collect();
            assert_eq!(served, expected);
            assert_eq!(cups.free(), 1, "no token is lost");
            assert_eq!(rig.alive(), 0);
        }
    }
}

/// D9: a token on its way to one who does not want it any more goes on to the next.
#[test]
fn a_token_that_nobody_takes_goes_to_the_next() {
    let mut rig = Rig::new();
    let (cups, held) = (DeferredSemaphore::new(&rig.fate, 1), Rc::default());
    let first = cups.try_acquire();
    let task = {
        let cups = cups.clone();
        rig.fate.spawn(async move { cups.acquire().await.map(drop) })
    };
    let let_go = cups.acquire();
    drop(cups.acquire());
    drop(ask(&rig, &cups, &held, "patient"));
    rig.run();
    drop(first);
    task.cancel();
    drop((task, let_go));
    rig.run();
    assert_eq!(rig.said(), ["patient"]);
    drop(held.take());
    assert_eq!(cups.free(), 1);
}

/// D9: given and refused in the same turn, over and over.
#[test]
fn a_task_dropped_between_being_given_a_token_and_looking_at_it_loses_none() {
    let mut rig = Rig::new();
    let cups = DeferredSemaphore::new(&rig.fate, 1);
    for _ in 0..10 {
        let permit = cups.try_acquire().unwrap();
        let asked = cups.clone();
        let task = rig.fate.spawn(async move { asked.acquire().await.map(drop) });
        rig.run();
        rig.fate.call_soon(move |_| {
            drop(permit);
            task.cancel();
        });
        rig.run();
        assert_eq!(cups.free(), 1);
    }
}

/// D9.
#[test]
fn tokens_may_be_added_and_there_may_be_none_to_begin_with() {
    let mut rig = Rig::new();
    let (cups, held) = (DeferredSemaphore::new(&rig.fate, 0), Rc::default());
    assert!(cups.try_acquire().is_none());
    drop(ask(&rig, &cups, &held, "alice"));
    drop(ask(&rig, &cups, &held, "hatter"));
    rig.run();
    assert!(rig.said().is_empty());
    cups.add(3);
    assert_eq!(cups.free(), 1);
    rig.run();
    assert_eq!(rig.said(), ["alice", "hatter"]);
    assert!(cups.try_acquire().is_some());
}

/// D9: however it ends.
#[test]
fn work_that_is_run_gives_its_token_back() {
    let mut rig = Rig::new();
    let cups = DeferredSemaphore::new(&rig.fate, 1);
    let (promise, never) = rig.fate.deferred::<()>();
    let here = rig.fate.clone();
    let sleep = move || {
        let here = here.clone();
        here.clone().spawn(async move { here.sleep(Duration::from_secs(1)).await })
    };
    let pen = rig.pen();
    drop(cups.run(sleep.clone()).add_both(pen.end("a second")));
    drop(cups.run(|| Err::<(), Failure>("no".into())).add_both(pen.end("failed")));
    drop(cups.run(|| -> Result<(), Failure> { panic!("off with its head") }).add_both(pen.end("panicked")));
    let stuck = cups.run(move || never);
    let cancelled = cups.run(|| -> Result<(), Failure> { unreachable!("it was cancelled before its turn came") });
    drop(cups.run(|| Ok::<_, Failure>(())).add_both(pen.end("the last")));
    cancelled.cancel();
    rig.fate.get_fuse(Duration::from_secs(2)).set_handler(move |_| stuck.cancel());
    rig.run();
    assert_eq!(rig.said(), ["a second ()", "failed failed: no", "panicked failed: a callback panicked", "the last ()"]);
    assert_eq!(rig.panics(), ["off with its head"]);
    assert_eq!(rig.sim.elapsed(), Duration::from_secs(2));
    assert!(promise.is_cancelled());
    assert_eq!(cups.free(), 1);
    assert_eq!(rig.alive(), 0);
}

/// D4, D9: work that could begin at once, and is cancelled before it has.
#[test]
fn work_that_is_cancelled_before_it_began_does_not_go_on() {
    let mut rig = Rig::new();
    let cups = DeferredSemaphore::new(&rig.fate, 1);
    let (promise, never) = rig.fate.deferred::<()>();
    let work = cups.run(move || never);
    work.cancel();
    work.add_both(rig.pen().end("work"));
    rig.run();
    assert_eq!(rig.said(), ["work failed: cancelled"]);
    assert!(promise.is_cancelled());
    assert_eq!(cups.free(), 1);
}

/// D9: what is waited for is never at hand.
#[test]
fn those_who_wait_for_tokens_that_cannot_come_are_told() {
    let mut rig = Rig::new();
    let cups = DeferredSemaphore::new(&rig.fate, 0);
    let waiter = cups.acquire();
    drop(cups);
    waiter.add_both(|result| assert!(result.unwrap_err().is::<Abandoned>()));
    rig.run();
    assert_eq!(rig.alive(), 0);
}

/// D9: a lock has one holder.
#[test]
fn a_lock_is_held_by_one_at_a_time_in_the_order_of_asking() {
    let mut rig = Rig::new();
    let lock = DeferredLock::new(&rig.fate);
    let inside = Rc::new(Cell::new(0));
    for number in 0..5u64 {
        let (lock, fate, inside, pen) = (lock.clone(), rig.fate.clone(), inside.clone(), rig.pen());
        rig.fate.spawn(async move {
            let _guard = lock.acquire().await?;
            inside.set(inside.get() + 1);
            assert_eq!(inside.get(), 1);
            fate.sleep(Duration::from_secs(5 - number)).await;
            inside.set(inside.get() - 1);
            pen.say(number.to_string());
            Ok::<_, Failure>(())
        });
    }
    rig.run();
    assert_eq!(rig.said(), ["0", "1", "2", "3", "4"]);
    assert_eq!(rig.sim.elapsed(), Duration::from_secs(15));
    assert!(!lock.is_locked());
}

/// D9: never seen free while somebody waits.
#[test]
fn a_lock_is_handed_over_without_being_free_in_between() {
    let mut rig = Rig::new();
    let lock = DeferredLock::new(&rig.fate);
    let guard = lock.try_acquire().unwrap();
    assert!(lock.is_locked() && lock.try_acquire().is_none());
    let waiter = lock.acquire();
    rig.run();
    drop(guard);
    assert!(lock.is_locked() && lock.try_acquire().is_none());
    rig.run();
    let guard = rig.fate.run_until(waiter.into_future()).unwrap();
    assert!(lock.is_locked());
    drop(guard);
    assert!(!lock.is_locked());
}

/// D5, D9: a waiter that is timed out leaves the line.
#[test]
fn waiting_for_a_lock_may_be_timed_out() {
    let mut rig = Rig::new();
    let lock = DeferredLock::new(&rig.fate);
    let guard = lock.try_acquire().unwrap();
    drop(lock.acquire().add_timeout(Duration::from_secs(1)).add_both(|result| assert!(result.is_err())));
    let pen = rig.pen();
    drop(lock.acquire().add_callback(move |_| pen.say("the next")));
    rig.fate.get_fuse(Duration::from_secs(2)).set_handler(move |_| drop(guard));
    rig.run();
    assert_eq!(rig.said(), ["the next"]);
    assert!(!lock.is_locked());
}

/// D9: at random: never more at once than there are tokens, everybody who is patient is served in order, none is lost.
#[test]
fn whatever_waiters_do_tokens_are_lent_in_order_and_come_back() {
    for seed in 0..200 {
        let mut rig = Rig::new();
        let fate = fate::sim::Sim::new(seed).host("dice");
        let roll = |sides: u64| fate.random() % sides;
        let cups = DeferredSemaphore::new(&rig.fate, 3);
        let served: Rc<RefCell<Vec<(u32, Permit)>>> = Rc::default();
        let (mut waiting, mut next, mut last) = (Vec::new(), 0, None);
        for _ in 0..200 {
            match roll(5) {
                0 | 1 => {
                    let (number, served) = (next, served.clone());
                    next += 1;
                    let waiter = cups.acquire().add_callback(move |permit| served.borrow_mut().push((number, permit)));
                    waiting.push(waiter);
                }
                2 if !waiting.is_empty() => {
                    let waiter = waiting.swap_remove(roll(waiting.len() as u64) as usize);
                    waiter.cancel();
                    drop(waiter.add_errback(|failure| assert!(failure.is::<Cancelled>())));
                }
                3 => {
                    let given_back = served.take();
                    assert!(given_back.len() <= 3);
                    for (number, _) in &given_back {
                        assert!(last < Some(*number), "{number} after {last:?}");
                        last = Some(*number);
                    }
                }
                _ => rig.run(),
            }
        }
        drop(waiting);
        while !served.take().is_empty() || cups.free() < 3 {
            rig.run();
        }
        assert_eq!((cups.free(), rig.alive()), (3, 0));
    }
}
