//! What a panic leaves behind: nothing, wherever it comes from.

use fate::sim::Sim;
use fate::{Fate, Verdict};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "the bomb goes off");
    }
}

fn caught(act: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(act)).is_err()
}

/// D3, L7: a capture that panics in its drop does not keep others from being dropped, then or later.
#[test]
fn steps_are_dropped_after_a_drop_that_panicked() {
    let mut sim = Sim::new(1);
    let fate = sim.host("here");
    let token = Rc::new(());
    for bomb in [Some(Bomb), None] {
        let (promise, deferred) = fate.deferred::<()>();
        let held = token.clone();
        let deferred = deferred.add_callback(move |()| drop(bomb)).add_callback(move |()| drop(held));
        deferred.pause();
        caught(|| drop(deferred));
        promise.callback(());
    }
    sim.run().unwrap();
    assert_eq!(Rc::strong_count(&token), 1);
}

/// L7: of what was queued when the Fate goes, everything is dropped.
#[test]
fn calls_that_were_queued_are_dropped_after_a_drop_that_panicked() {
    let token = Rc::new(());
    let fate = Fate::new().unwrap();
    let bomb = Bomb;
    fate.call_soon(move |_| drop(bomb));
    for _ in 0..9 {
        let held = token.clone();
        fate.call_soon(move |_| drop(held));
    }
    assert!(caught(|| drop(fate)));
    assert_eq!(Rc::strong_count(&token), 1);
}

/// E2: a Fate that is run while something else unwinds takes no poll, tick or promise for the one that panicked.
#[test]
fn a_fate_runs_in_a_drop_while_another_panic_unwinds() {
    struct Flush(Rc<Cell<(u32, bool)>>);
    impl Drop for Flush {
        fn drop(&mut self) {
            let mut sim = Sim::new(1);
            let fate = sim.host("here");
            let (told, ticks) = (self.0.clone(), Rc::new(Cell::new(0)));
            let count = ticks.clone();
            let looping = fate.every(Duration::from_secs(1), move |_, _| count.set(count.get() + 1));
            let here = fate.clone();
            fate.spawn(async move {
                here.sleep(Duration::from_millis(3500)).await;
                told.set((ticks.get(), looping.is_running()));
                looping.stop();
            });
            sim.run().unwrap();
        }
    }
    let seen = Rc::new(Cell::new((0, false)));
    let flush = Flush(seen.clone());
    assert!(caught(move || {
        let _flush = flush;
        panic!("elsewhere");
    }));
    assert_eq!(seen.get(), (3, true));
}

/// E2: what one run was to stop for does not stop the next.
#[test]
fn a_failure_to_stop_for_is_forgotten_with_the_run_that_a_panic_ended() {
    let fate = Fate::builder().on_fault(|_, _| Verdict::Stop).build().unwrap();
    fate.call_soon(|_| Err("the first".into()));
    fate.call_soon(|_| assert!(caught(|| {}), "the second"));
    assert!(caught(|| drop(fate.run())));
    fate.call_soon(|_| {});
    fate.run().unwrap();
}
