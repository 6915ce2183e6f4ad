//! The door with real threads: ten million calls, and how often the loop is woken.

#![cfg(not(loom))]

use fate_core::Key;
use fate_core::Ring;
use fate_core::parts::door::{Door, Loop};
use fate_core::parts::flat::Flat;
use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

const SENDERS: usize = 8;
const CALLS: u32 = 1_250_000;

/// A loop that expects numbers from each sender in order.
#[derive(Default)]
struct TestLoop {
    next: RefCell<[u32; SENDERS]>,
}

impl TestLoop {
    fn hear(&self, sender: usize, number: u32) {
        let next = &mut self.next.borrow_mut()[sender];
        assert_eq!(number, *next, "sender {sender} is heard in order");
        *next += 1;
    }

    fn has_heard_all(&self, calls: u32) -> bool {
        self.next.borrow().iter().all(|next| *next == calls)
    }
}

impl Loop for TestLoop {
    fn wake_task(&self, _: Key) {}
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
        let mut state = self.rung.wait_while(self.state.lock().unwrap(), |(rung, _)| !*rung).unwrap();
        state.0 = false;
    }
}

/// Turns until every sender was heard so many times. Returns how often the loop slept.
fn turn_until_all_heard(door: &Arc<Door<TestLoop>>, here: &Rc<TestLoop>, ring: &TestRing, calls: u32) -> usize {
    let queue = RefCell::new(Flat::new());
    let mut sleeps = 0;
    while !here.has_heard_all(calls) {
        if door.fall_asleep() {
            sleeps += 1;
            ring.wait();
            door.wake_up();
        }
        door.take_all(&queue);
        while Flat::run_next(&queue, here).is_some() {}
    }
    sleeps
}

/// Eight senders, each through `send`; returns how often the loop slept, and how often it was rung for.
fn eight_senders(calls: u32, send: fn(&Door<TestLoop>, usize, u32)) -> (usize, usize) {
    let (door, here, ring) = (Arc::<Door<TestLoop>>::default(), Rc::<TestLoop>::default(), Arc::<TestRing>::default());
    door.open(&here);
    door.set_ring(ring.clone());
    let sleeps = thread::scope(|scope| {
        for sender in 0..SENDERS {
            let door = &door;
            scope.spawn(move || (0..calls).for_each(|number| send(door, sender, number)));
        }
        turn_until_all_heard(&door, &here, &ring, calls)
    });
    door.close();
    let rings = ring.state.lock().unwrap().1;
    (sleeps, rings)
}

/// H2.
#[test]
fn ten_million_calls_from_eight_threads_arrive_in_order() {
    let (sleeps, rings) = eight_senders(CALLS, |door, sender, number| {
        door.call(usize::MAX, move |here: &Rc<TestLoop>| here.hear(sender, number)).unwrap();
    });
    assert!(rings <= sleeps, "{rings} rings in {sleeps} sleeps");
}

/// H2.
#[test]
fn bounded_calls_from_eight_threads_arrive_in_order() {
    let (sleeps, rings) = eight_senders(CALLS / 50, |door, sender, number| {
        door.call_waiting(16, move |here: &Rc<TestLoop>| here.hear(sender, number)).unwrap();
    });
    assert!(rings <= sleeps, "{rings} rings in {sleeps} sleeps");
}

/// H2: a thousand calls to a loop that sleeps ring once.
#[test]
fn many_calls_wake_a_sleeping_loop_once() {
    let (door, here, ring) = (Arc::<Door<TestLoop>>::default(), Rc::<TestLoop>::default(), Arc::<TestRing>::default());
    door.open(&here);
    door.set_ring(ring.clone());
    let queue = RefCell::new(Flat::new());
    for sleeps in 1..=10 {
        assert!(door.fall_asleep());
        thread::scope(|scope| {
            for sender in 0..SENDERS {
                let door = &door;
                scope.spawn(move || {
                    for number in (sleeps - 1) * 100..sleeps * 100 {
                        door.call(usize::MAX, move |here: &Rc<TestLoop>| here.hear(sender, number)).unwrap();
                    }
                });
            }
        });
        ring.wait();
        assert_eq!(ring.state.lock().unwrap().1, sleeps as usize);
        door.wake_up();
        door.take_all(&queue);
        while Flat::run_next(&queue, &here).is_some() {}
        assert!(here.has_heard_all(sleeps * 100));
    }
}

/// H2: and a loop that is awake is not rung for at all.
#[test]
fn a_call_to_a_loop_that_is_awake_rings_for_nobody() {
    let (door, here, ring) = (Arc::<Door<TestLoop>>::default(), Rc::<TestLoop>::default(), Arc::<TestRing>::default());
    door.open(&here);
    door.set_ring(ring.clone());
    thread::scope(|scope| {
        scope.spawn(|| door.call(usize::MAX, |here: &Rc<TestLoop>| here.hear(0, 0)).unwrap());
    });
    assert_eq!(ring.state.lock().unwrap().1, 0);
    assert!(!door.fall_asleep(), "it does not sleep while a call waits");
    door.close();
}

/// H2: a bound holds for what waits behind the door too: there is room when calls have run, or were dropped.
#[test]
fn there_is_room_again_when_the_calls_that_were_taken_in_have_run() {
    let (door, here) = (Arc::<Door<TestLoop>>::default(), Rc::<TestLoop>::default());
    door.open(&here);
    let queue = RefCell::new(Flat::new());
    let full = |door: &Door<TestLoop>| door.call(2, |_: &Rc<TestLoop>| {}).is_err_and(|refused| refused.is_full());
    for drop_them in [false, true] {
        door.call(2, |_: &Rc<TestLoop>| {}).unwrap();
        door.call(2, |_: &Rc<TestLoop>| {}).unwrap();
        assert!(full(&door));
        door.take_all(&queue);
        assert!(full(&door), "they have not run");
        while if drop_them { Flat::discard_next(&queue) } else { Flat::run_next(&queue, &here).is_some() } {}
    }
    assert!(!full(&door));
    door.close();
}

/// L7: what is still at the door when the loop goes is dropped, and what comes later is handed back.
#[test]
fn a_closed_door_drops_what_waited_and_hands_back_what_comes() {
    let (door, here) = (Door::<TestLoop>::default(), Rc::<TestLoop>::default());
    door.open(&here);
    let token = Arc::new(());
    for _ in 0..3 {
        let held = token.clone();
        door.call(3, move |_: &Rc<TestLoop>| drop(held)).unwrap();
    }
    let held = token.clone();
    let full = door.call(3, move |_: &Rc<TestLoop>| drop(held)).unwrap_err();
    assert!(full.is_full() && !full.is_closed());
    assert_eq!(Arc::strong_count(&token), 5);
    door.close();
    assert_eq!(Arc::strong_count(&token), 2);
    let closed = door.call_waiting(3, full.call).unwrap_err();
    assert!(closed.is_closed());
    (closed.call)(&here);
    assert_eq!(Arc::strong_count(&token), 1);
}

/// A door that somebody drops elsewhere, before the loop has closed it, lets go of the loop without touching it.
#[test]
#[allow(unsafe_code, reason = "takes back what the door leaks, so that leaks which are not meant can be seen")]
fn a_door_may_be_dropped_on_any_thread() {
    let (door, here) = (Door::<TestLoop>::default(), Rc::<TestLoop>::default());
    door.open(&here);
    thread::scope(|scope| {
        scope.spawn(move || drop(door));
    });
    assert_eq!(Rc::weak_count(&here), 1, "its weak handle is left alone");
    // SAFETY: one weak handle was forgotten, as was just seen, and nobody else can have it.
    drop(unsafe { Weak::from_raw(Rc::as_ptr(&here)) });
}
