//! The door and the bell under every interleaving that loom can find. Run with
//! `RUSTFLAGS="--cfg loom" cargo test -p fate-core --test loom_door --release`.
//!
//! A missed wake-up shows as a deadlock: the loop of these tests has no fuse that would wake it.

#![cfg(loom)]

use fate_core::Key;
use fate_core::Ring;
use fate_core::parts::bell::TaskBell;
use fate_core::parts::door::{Door, Loop};
use fate_core::parts::flat::Flat;
use loom::model::Builder;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Condvar, Mutex};
use loom::thread;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Wake;

const TASK: Key = Key { index: 3, generation: 7 };

/// A loop that notes what it is told.
#[derive(Default)]
struct TestLoop {
    heard: RefCell<Vec<u32>>,
    woken: Cell<usize>,
}

impl Loop for TestLoop {
    fn wake_task(&self, key: Key) {
        assert_eq!(key, TASK);
        self.woken.set(self.woken.get() + 1);
    }
}

/// Ends the next wait, or the present one, and counts.
#[derive(Default)]
struct TestRing {
    state: Mutex<(bool, usize)>,
    rung: Condvar,
}

impl Ring for TestRing {
    fn ring(&self) {
        let mut state = self.state.lock().unwrap();
        *state = (true, state.1 + 1);
        self.rung.notify_one();
    }
}

impl TestRing {
    fn wait(&self) {
        let mut state = self.state.lock().unwrap();
        while !state.0 {
            state = self.rung.wait(state).unwrap();
        }
        state.0 = false;
    }

    fn count(&self) -> usize {
        self.state.lock().unwrap().1
    }
}

/// A loop, its door and its bell, on the thread that made them.
struct Home {
    door: Arc<Door<TestLoop>>,
    ring: Arc<TestRing>,
    here: Rc<TestLoop>,
    queue: RefCell<Flat<Rc<TestLoop>>>,
    sleeps: usize,
}

impl Home {
    fn new() -> Home {
        let home = Home {
            door: Arc::default(),
            ring: Arc::default(),
            here: Rc::default(),
            queue: RefCell::default(),
            sleeps: 0,
        };
        home.door.open(&home.here);
        home.door.set_ring(home.ring.clone());
        home
    }

    /// One turn, as the reactor takes it. Says how many calls were heard.
    fn turn(&mut self) -> usize {
        if self.door.fall_asleep() {
            self.sleeps += 1;
            self.ring.wait();
            self.door.wake_up();
        }
        self.run_calls()
    }

    fn run_calls(&self) -> usize {
        let before = self.here.heard.borrow().len();
        self.door.take_all(&self.queue);
        while Flat::run_next(&self.queue, &self.here).is_some() {}
        self.here.heard.borrow().len() - before
    }

    fn turn_until_heard(&mut self, calls: usize) {
        while self.here.heard.borrow().len() < calls {
            self.turn();
        }
        assert!(self.ring.count() <= self.sleeps, "{} rings in {} sleeps", self.ring.count(), self.sleeps);
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.door.close();
        }
    }
}

fn say(word: u32) -> impl FnOnce(&Rc<TestLoop>) + Send + 'static {
    move |home| home.heard.borrow_mut().push(word)
}

/// Every interleaving with at most so many preemptions.
fn model(preemptions: usize, body: fn()) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(body);
}

/// H2.
#[test]
fn calls_of_one_sender_arrive_in_order_and_ring_once_a_sleep() {
    model(5, || {
        let mut home = Home::new();
        let door = home.door.clone();
        let sender = thread::spawn(move || {
            for word in 0..3 {
                door.call(usize::MAX, say(word)).unwrap();
            }
        });
        home.turn_until_heard(3);
        sender.join().unwrap();
        assert_eq!(*home.here.heard.borrow(), [0, 1, 2]);
    });
}

/// H2.
#[test]
fn calls_of_two_senders_are_not_lost_and_stay_in_order_for_each() {
    model(3, || {
        let mut home = Home::new();
        let senders = [10, 20].map(|first| {
            let door = home.door.clone();
            thread::spawn(move || {
                door.call(usize::MAX, say(first)).unwrap();
                door.call(usize::MAX, say(first + 1)).unwrap();
            })
        });
        home.turn_until_heard(4);
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        for first in [10, 20] {
            let of_sender: Vec<u32> =
                home.here.heard.borrow().iter().copied().filter(|word| word / 10 == first / 10).collect();
            assert_eq!(of_sender, [first, first + 1]);
        }
    });
}

/// H2, L7: each call is made, or dropped, or handed back, but in no case is it lost or both.
#[test]
fn a_door_that_closes_hands_late_calls_back() {
    model(4, || {
        let home = Home::new();
        let (door, here) = (home.door.clone(), home.here.clone());
        let token = Arc::new(());
        let held = token.clone();
        let sender = thread::spawn(move || {
            let mut refused = Vec::new();
            for word in 0..2 {
                let token = held.clone();
                let call = move |home: &Rc<TestLoop>| {
                    home.heard.borrow_mut().push(word);
                    drop(token);
                };
                if let Err(error) = door.call(usize::MAX, call) {
                    assert!(error.is_closed() && !error.is_full());
                    refused.push(error.call);
                }
            }
            refused.len()
        });
        home.run_calls();
        home.door.close();
        assert_eq!(home.run_calls(), 0, "nothing comes through a closed door");
        let refused = sender.join().unwrap();
        assert!(here.heard.borrow().len() + refused <= 2);
        assert_eq!(Arc::strong_count(&token), 1, "no closure is left");
        assert!(home.door.call(usize::MAX, say(0)).is_err_and(|error| error.is_closed()));
    });
}

/// H2: a bounded sender waits for room, and there are never more calls at the door than it allows.
#[test]
fn a_bounded_call_waits_for_room() {
    model(4, || {
        let mut home = Home::new();
        let door = home.door.clone();
        let sender = thread::spawn(move || {
            for word in 0..3 {
                door.call_waiting(1, say(word)).unwrap();
            }
        });
        while home.here.heard.borrow().len() < 3 {
            assert!(home.turn() <= 1);
        }
        sender.join().unwrap();
        assert_eq!(*home.here.heard.borrow(), [0, 1, 2]);
        assert!(home.ring.count() <= home.sleeps);
    });
}

/// H2: two that wait for the same room both get in.
#[test]
fn two_bounded_senders_both_find_room() {
    model(3, || {
        let mut home = Home::new();
        let senders = [1, 2].map(|word| {
            let door = home.door.clone();
            thread::spawn(move || {
                door.call_waiting(1, say(word)).unwrap();
                door.call_waiting(1, say(word)).unwrap();
            })
        });
        home.turn_until_heard(4);
        senders.into_iter().for_each(|sender| sender.join().unwrap());
    });
}

/// H2: the closure comes back at once from a full door, and after a wait from one that was closed.
#[test]
fn a_sender_that_waits_for_room_learns_that_the_door_was_closed() {
    model(4, || {
        let home = Home::new();
        home.door.call(1, say(0)).unwrap();
        assert!(home.door.call(1, say(1)).is_err_and(|error| error.is_full()));
        let door = home.door.clone();
        let sender = thread::spawn(move || door.call_waiting(1, say(2)).is_err_and(|error| error.is_closed()));
        home.door.close();
        assert!(sender.join().unwrap(), "there was no room before it closed");
        assert!(home.here.heard.borrow().is_empty());
    });
}

/// L3: the end of the last hold wakes a loop that has nothing else to wait for.
#[test]
fn a_loop_that_is_held_hears_of_the_release() {
    model(5, || {
        let mut home = Home::new();
        home.door.hold();
        let door = home.door.clone();
        let holder = thread::spawn(move || door.release());
        while home.door.is_held() {
            home.turn();
        }
        holder.join().unwrap();
    });
}

/// Polls the task when it was woken; says what it saw.
fn poll(bell: &TaskBell<TestLoop>, value: &AtomicUsize) -> usize {
    bell.answer();
    value.load(Ordering::Relaxed)
}

/// Turns, and polls whenever the task was woken, until it has seen `enough`.
fn poll_until(home: &mut Home, bell: &TaskBell<TestLoop>, value: &AtomicUsize, enough: usize) {
    let mut polls = 0;
    home.here.woken.set(1);
    loop {
        for _ in 0..home.here.woken.take() {
            polls += 1;
            assert!(polls <= enough + 2, "the task is polled no oftener than it is woken");
            if poll(bell, value) >= enough {
                return;
            }
        }
        home.turn();
    }
}

/// A2: the ring falls before, into, or after the poll.
#[test]
fn a_bell_rung_from_another_thread_during_the_poll_queues_the_task_again() {
    model(5, || {
        let mut home = Home::new();
        let bell = Arc::new(TaskBell::new(home.door.clone(), TASK));
        let value = Arc::new(AtomicUsize::new(0));
        let (waker, set) = (bell.clone(), value.clone());
        let other = thread::spawn(move || {
            set.store(1, Ordering::Relaxed);
            waker.wake_by_ref();
        });
        poll_until(&mut home, &bell, &value, 1);
        other.join().unwrap();
    });
}

/// A2: whoever finds the bell rung already may rely on the poll to come seeing what was written before.
#[test]
fn what_was_written_before_a_ring_is_seen_by_the_poll_that_answers_it() {
    model(4, || {
        let mut home = Home::new();
        let bell = Arc::new(TaskBell::new(home.door.clone(), TASK));
        let value = Arc::new(AtomicUsize::new(0));
        let others = [(); 2].map(|()| {
            let (waker, add) = (bell.clone(), value.clone());
            thread::spawn(move || {
                add.fetch_add(1, Ordering::Relaxed);
                waker.wake_by_ref();
            })
        });
        poll_until(&mut home, &bell, &value, 2);
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}

/// A2: on the loop's own thread a ring needs no lock, no call and no wake-up; and one that was not answered is enough.
#[test]
fn a_bell_rung_at_home_tells_the_loop_at_once() {
    model(2, || {
        let home = Home::new();
        let bell = Arc::new(TaskBell::new(home.door.clone(), TASK));
        bell.wake_by_ref();
        bell.wake_by_ref();
        assert_eq!((home.here.woken.get(), home.run_calls(), home.ring.count()), (1, 0, 0));
        bell.answer();
        bell.wake_by_ref();
        assert_eq!(home.here.woken.get(), 2);
    });
}
