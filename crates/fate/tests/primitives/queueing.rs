//! D9: `DeferredQueue`.

use crate::rig::{Rig, Token};
use fate::{Abandoned, Cancelled, Deferred, DeferredQueue, Failure, QueueFull};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

/// D9.
#[test]
fn items_come_out_in_the_order_they_went_in() {
    let mut rig = Rig::new();
    let queue = DeferredQueue::new(&rig.fate);
    for item in 0..3 {
        drop(queue.put(item));
    }
    assert_eq!(queue.len(), 3);
    for _ in 0..3 {
        drop(queue.get().add_callback(rig.pen().pass("got")));
    }
    rig.run();
    assert_eq!(rig.said(), ["got 0", "got 1", "got 2"]);
    assert!(queue.is_empty() && queue.try_get().is_none());
}

/// D9.
#[test]
fn takers_are_served_in_the_order_they_asked() {
    let mut rig = Rig::new();
    let queue = DeferredQueue::new(&rig.fate);
    for name in ["first", "second", "third"] {
        drop(queue.get().add_callback(rig.pen().pass(name)));
    }
    rig.run();
    for item in 0..4 {
        drop(queue.put(item));
    }
    assert!(rig.said().is_empty(), "not in place");
    rig.run();
    assert_eq!(rig.said(), ["first 0", "second 1", "third 2"]);
    assert_eq!(queue.try_get(), Some(3));
}

/// D9.
#[test]
fn a_cancelled_taker_leaves_no_hole_and_loses_no_item() {
    for cancelled in 0..8u32 {
        for turns in [false, true] {
            let mut rig = Rig::new();
            let queue = DeferredQueue::new(&rig.fate);
            let takers = ["first", "second", "third"].map(|name| queue.get().add_callback(rig.pen().pass(name)));
            rig.run();
            for (number, taker) in takers.into_iter().enumerate() {
                if cancelled & 1 << number > 0 {
                    taker.cancel();
                }
            }
            if turns {
                rig.run();
            }
            for item in 0..3 {
                drop(queue.put(item));
            }
            rig.run();
            let patient = ["first", "second", "third"].into_iter().enumerate();
            let patient = patient.filter(|(number, _)| cancelled & 1 << number == 0).map(|(_, name)| name);
            let expected: Vec<_> = patient.zip(0..).map(|(name, item)| format!("{name} {item}")).collect();
            assert_eq!(rig.said(), expected);
            assert_eq!(queue.len(), 3 - expected.len());
        }
    }
}

/// D9: bounded: whoever puts one too many waits, in line.
#[test]
fn a_put_into_a_full_queue_waits_for_room() {
    let mut rig = Rig::new();
    let queue = DeferredQueue::bounded(&rig.fate, 2);
    for (item, name) in ["first", "second", "third", "fourth"].into_iter().enumerate() {
        drop(queue.put(item).add_both(rig.pen().end(name)));
    }
    assert_eq!(queue.try_put(9), Err(QueueFull(9)));
    rig.run();
    assert_eq!(rig.said(), ["first ()", "second ()"]);
    assert_eq!(queue.len(), 2);
    assert_eq!(queue.try_get(), Some(0));
    assert_eq!(queue.try_put(9), Err(QueueFull(9)), "the third came first");
    rig.run();
    assert_eq!(rig.said(), ["third ()"]);
    drop(queue.get().add_callback(rig.pen().pass("got")));
    rig.run();
    assert_eq!(rig.said(), ["fourth ()", "got 1"]);
    assert_eq!([queue.try_get(), queue.try_get(), queue.try_get()], [Some(2), Some(3), None]);
    assert_eq!(queue.try_put(9), Ok(()));
}

/// D9: cancelling a put withdraws the item, at once; letting go of it does not.
#[test]
fn a_put_that_is_cancelled_takes_its_item_back_and_one_that_is_let_go_does_not() {
    let mut rig = Rig::new();
    let token = Token::default();
    let queue = DeferredQueue::bounded(&rig.fate, 1);
    drop(queue.put((0, token.clone())));
    let withdrawn = queue.put((1, token.clone()));
    drop(queue.put((2, token.clone())));
    rig.run();
    assert_eq!(token.copies(), 3);
    withdrawn.cancel();
    rig.run();
    assert_eq!(token.copies(), 2, "nobody will want it any more");
    let items: Vec<u32> = std::iter::from_fn(|| queue.try_get()).map(|(item, _)| item).collect();
    assert_eq!(items, [0, 2]);
    assert_eq!(token.copies(), 0);
}

/// D9: too late to withdraw.
#[test]
fn cancelling_a_put_that_has_been_let_in_changes_nothing() {
    let mut rig = Rig::new();
    let queue = DeferredQueue::bounded(&rig.fate, 1);
    let put = queue.put(1);
    put.cancel();
    rig.run();
    assert_eq!(queue.try_get(), Some(1));
    put.add_both(rig.pen().end("put"));
    rig.run();
    assert_eq!(rig.said(), ["put ()"]);
}

/// D9: a queue that keeps nothing is a meeting place.
#[test]
fn with_a_limit_of_zero_giver_and_taker_meet() {
    let mut rig = Rig::new();
    let queue = DeferredQueue::bounded(&rig.fate, 0);
    assert_eq!(queue.try_put(9), Err(QueueFull(9)));
    drop(queue.put(1).add_both(rig.pen().end("put")));
    rig.run();
    assert!(rig.said().is_empty());
    drop(queue.get().add_callback(rig.pen().pass("got")));
    rig.run();
    assert_eq!(rig.said(), ["put ()", "got 1"]);
    drop(queue.get().add_callback(rig.pen().pass("got")));
    assert_eq!(queue.try_put(2), Ok(()));
    rig.run();
    assert_eq!(rig.said(), ["got 2"]);
}

/// Ways in which a taker may wait and be dropped without having looked at what it was given.
type Wait = fn(&Rig, &DeferredQueue<u32>) -> Deferred<()>;

const WAYS: [(&str, Wait); 6] = [
    ("a task", |rig, queue| {
        let queue = queue.clone();
        rig.fate.spawn(async move { unreachable!("it got {:?}", queue.get().await) })
    }),
    ("a task with a timeout", |rig, queue| {
        let queue = queue.clone();
        let limit = Duration::from_secs(9);
        rig.fate.spawn(async move { unreachable!("it got {:?}", queue.get().add_timeout(limit).await) })
    }),
    ("a task behind an errback", |rig, queue| {
        let queue = queue.clone();
        rig.fate.spawn(async move {
            unreachable!("it got {:?}", queue.get().add_errback(|_| 0).or_else(Err::<_, Failure>).await)
        })
    }),
    ("a task behind a chain", |rig, queue| {
        let (queue, fate) = (queue.clone(), rig.fate.clone());
        rig.fate.spawn(async move {
            let item = fate.succeed(()).and_then(move |()| queue.get());
            unreachable!("it got {:?}", item.await)
        })
    }),
    ("a task behind two chains", |rig, queue| {
        let (queue, fate) = (queue.clone(), rig.fate.clone());
        rig.fate.spawn(async move {
            let (outer, inner) = (fate.succeed(()), fate.succeed(()));
            let item = outer.and_then(move |()| inner.and_then(move |()| queue.get()).add_errback(|_| 0));
            unreachable!("it got {:?}", item.await)
        })
    }),
    ("a combination of futures", |rig, queue| {
        let (queue, fate) = (queue.clone(), rig.fate.clone());
        rig.fate.spawn(async move {
            let mut item = std::pin::pin!(queue.get().into_future());
            let mut never = std::pin::pin!(fate.sleep(Duration::from_secs(99)));
            std::future::poll_fn(|context| {
                if never.as_mut().poll(context).is_ready() {
                    return std::task::Poll::Ready(());
                }
                item.as_mut().poll(context).map(|item| unreachable!("it got {item:?}"))
            })
            .await;
        })
    }),
];

/// D9: at the very moment when the item is on its way.
#[test]
fn an_item_on_its_way_to_a_task_that_is_dropped_goes_back_to_the_front() {
    for (name, wait) in WAYS {
        let mut rig = Rig::new();
        let queue = DeferredQueue::new(&rig.fate);
        let task = wait(&rig, &queue);
        rig.sim.run_until(Duration::from_secs(1)).unwrap();
        let puts = queue.clone();
        rig.fate.call_soon(move |_| {
            drop((puts.put(1), puts.put(2)));
            task.cancel();
        });
        rig.run();
        assert_eq!([queue.try_get(), queue.try_get(), queue.try_get()], [Some(1), Some(2), None], "{name}");
        assert_eq!(rig.alive(), 0, "{name}");
    }
}

/// D9: and so does one that had arrived, but that nobody ever looked at.
#[test]
fn an_item_that_was_given_to_a_deferred_which_is_let_go_goes_back_to_the_front() {
    let mut rig = Rig::new();
    let queue = DeferredQueue::new(&rig.fate);
    drop((queue.put(1), queue.put(2), queue.put(3)));
    let (unseen, paused, timed) = (queue.get(), queue.get().add_callback(|item| item), queue.get());
    let timed = timed.add_timeout(Duration::from_secs(1));
    paused.pause();
    rig.run();
    drop((paused, timed));
    rig.run();
    drop(unseen);
    rig.run();
    assert_eq!([queue.try_get(), queue.try_get(), queue.try_get(), queue.try_get()], [Some(1), Some(2), Some(3), None]);
    assert_eq!(rig.alive(), 0);
}

/// D9: several go back in the order they came from, in whatever order they are dropped.
#[test]
fn items_that_go_back_keep_their_order() {
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]] {
        let mut rig = Rig::new();
        let queue = DeferredQueue::new(&rig.fate);
        (0..5).for_each(|item| drop(queue.put(item)));
        let mut unseen: Vec<_> = (0..3).map(|_| Some(queue.get())).collect();
        rig.run();
        for number in order {
            unseen[number].take();
            rig.run();
        }
        let items: Vec<u32> = std::iter::from_fn(|| queue.try_get()).collect();
        assert_eq!(items, [0, 1, 2, 3, 4], "{order:?}");
    }
}

/// D9: whoever waits next has it.
#[test]
fn an_item_that_goes_back_is_given_to_the_next_taker() {
    let mut rig = Rig::new();
    let queue = DeferredQueue::new(&rig.fate);
    let unseen = queue.get();
    drop(queue.get().add_callback(rig.pen().pass("next")));
    drop(queue.put(1));
    rig.run();
    drop(unseen);
    rig.run();
    assert_eq!(rig.said(), ["next 1"]);
}

/// D9: a bounded queue stays bounded, however often items come back.
#[test]
fn items_that_go_back_let_nobody_in() {
    let mut rig = Rig::new();
    let queue = DeferredQueue::bounded(&rig.fate, 2);
    (0..20).for_each(|item| drop(queue.put(item)));
    for _ in 0..10 {
        drop(queue.get());
        rig.run();
        assert!(queue.len() <= 3, "{} in a queue for 2", queue.len());
    }
    let mut items = Vec::new();
    while let Some(item) = queue.try_get() {
        items.push(item);
    }
    assert_eq!(items, (0..20).collect::<Vec<u32>>());
}

/// D9: those who wait for what can never come are told.
#[test]
fn takers_and_givers_of_a_queue_that_is_gone_are_abandoned() {
    let mut rig = Rig::new();
    let (empty, full) = (DeferredQueue::<u32>::new(&rig.fate), DeferredQueue::bounded(&rig.fate, 0));
    let (taker, giver) = (empty.get(), full.put(1));
    drop((empty, full));
    taker.add_both(|result| assert!(result.unwrap_err().is::<Abandoned>()));
    giver.add_both(|result| assert!(result.unwrap_err().is::<Abandoned>()));
    rig.run();
    assert_eq!(rig.alive(), 0);
}

/// D9: many takers that give up while nothing comes are not kept in mind.
#[test]
fn takers_that_give_up_cost_nothing_later() {
    let mut rig = Rig::new();
    let queue = DeferredQueue::new(&rig.fate);
    for _ in 0..10_000 {
        drop(queue.get().add_timeout(Duration::from_millis(1)).add_errback(|_| 0));
        rig.run();
    }
    drop(queue.put(1));
    assert_eq!(queue.len(), 1);
    assert_eq!(rig.alive(), 0);
}

/// D9: items that nobody fetches are dropped with the queue, once.
#[test]
fn items_are_dropped_once() {
    let token = Token::default();
    for goes_first in [true, false] {
        let mut rig = Rig::new();
        let queue = DeferredQueue::bounded(&rig.fate, 1);
        drop((queue.put(token.clone()), queue.put(token.clone())));
        let unseen = queue.get();
        rig.run();
        if goes_first {
            drop(rig);
            drop((queue, unseen));
        } else {
            drop(queue);
            drop(unseen);
            rig.run();
            drop(rig);
        }
        assert_eq!(token.copies(), 0, "the Fate first: {goes_first}");
    }
}

/// D9: a producer and a consumer, with backpressure.
#[test]
fn a_slow_consumer_holds_its_producer_up() {
    let mut rig = Rig::new();
    let queue = DeferredQueue::bounded(&rig.fate, 3);
    let (puts, gets, fate) = (queue.clone(), queue.clone(), rig.fate.clone());
    let most = rig.pen();
    rig.fate.spawn(async move {
        for item in 0..100u64 {
            puts.put(item).await?;
        }
        Ok::<_, Failure>(())
    });
    rig.fate.spawn(async move {
        for item in 0..100 {
            fate.sleep(Duration::from_secs(1)).await;
            assert!(gets.len() <= 3);
            assert_eq!(gets.get().await?, item);
        }
        most.say("all");
        Ok::<_, Failure>(())
    });
    rig.run();
    assert_eq!(rig.said(), ["all"]);
    assert_eq!(rig.sim.elapsed(), Duration::from_secs(100));
    assert!(queue.is_empty());
}

/// What a random program did with a queue, as a plain list would have it.
#[derive(Default)]
struct Ledger {
    put: u32,
    withdrawn: Vec<u32>,
    seen: Vec<u32>,
}

/// D9: at random: every item that was not withdrawn comes out once, and in order as far as nothing was on its way twice.
#[test]
fn whatever_givers_and_takers_do_no_item_is_lost_or_doubled() {
    for seed in 0..300 {
        let mut rig = Rig::new();
        let dice = fate::sim::Sim::new(seed).host("dice");
        let roll = |sides: usize| dice.random() as usize % sides;
        let limit = [0, 1, 3, usize::MAX][roll(4)];
        let queue = DeferredQueue::bounded(&rig.fate, limit);
        let ledger = Rc::new(RefCell::new(Ledger::default()));
        let (mut puts, mut gets) = (VecDeque::new(), Vec::new());
        for _ in 0..200 {
            match roll(9) {
                0..3 => {
                    let item = ledger.borrow().put;
                    ledger.borrow_mut().put += 1;
                    puts.push_back((item, queue.put(item)));
                }
                3 if !puts.is_empty() => {
                    let (item, put) = puts.remove(roll(puts.len())).unwrap();
                    put.cancel();
                    let ledger = ledger.clone();
                    drop(put.add_errback(move |failure| {
                        assert!(failure.is::<Cancelled>());
                        ledger.borrow_mut().withdrawn.push(item);
                    }));
                }
                4 | 5 => gets.push(queue.get()),
                6 if !gets.is_empty() => drop(gets.swap_remove(roll(gets.len())).into_future()),
                7 if !gets.is_empty() => {
                    let ledger = ledger.clone();
                    let get = gets.swap_remove(roll(gets.len()));
                    drop(get.add_callback(move |item| ledger.borrow_mut().seen.push(item)).add_errback(drop));
                }
                _ => rig.run(),
            }
        }
        drop(gets);
        rig.run();
        loop {
            let rest: Vec<u32> = std::iter::from_fn(|| queue.try_get()).collect();
            rig.run();
            if rest.is_empty() {
                break;
            }
            assert!(rest.is_sorted(), "seed {seed}: {rest:?}");
            ledger.borrow_mut().seen.extend(rest);
        }
        drop(puts);
        let ledger = ledger.take();
        let mut all: Vec<u32> = ledger.seen.into_iter().chain(ledger.withdrawn).collect();
        all.sort_unstable();
        assert_eq!(all, (0..ledger.put).collect::<Vec<_>>(), "seed {seed}");
        drop(queue);
        rig.run();
        assert_eq!(rig.alive(), 0, "seed {seed}");
    }
}
