//! T5 and L7: what fuses cost in memory, and that none is left. Each thread counts what it allocates itself.

use fate::sim::Sim;
use fate::{Fate, Fuse, Verdict};
use fate_conformance::allocations::{Counting, ledger};
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

#[global_allocator]
static COUNTING: Counting = Counting;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Bytes that are alive after this and were not before.
fn bytes_left_by(act: impl FnOnce()) -> isize {
    let before = ledger().live;
    act();
    ledger().live - before
}

/// How often memory was asked for in this.
fn allocations_of(act: impl FnOnce()) -> usize {
    let before = ledger().allocations;
    act();
    ledger().allocations - before
}

fn world() -> (Sim, Fate) {
    let mut sim = Sim::new(1);
    sim.forget_history();
    let fate = sim.host("here");
    (sim, fate)
}

/// Lights so many fuses over ten seconds, each with a capture of 24 bytes.
fn light(fate: &Fate, count: u64) -> Vec<Fuse> {
    let capture = [count; 3];
    (0..count)
        .map(|number| {
            let fuse = fate.get_fuse(Duration::from_nanos(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 10_000_000_000));
            fuse.set_handler(move |_| assert!(capture[0] > 0));
            fuse
        })
        .collect()
}

/// T5: at most 96 bytes a pending fuse, its handler included.
#[test]
fn a_pending_fuse_takes_96_bytes_at_most() {
    for count in [10_000, 100_000] {
        let (_sim, fate) = world();
        let bytes = bytes_left_by(|| drop(light(&fate, count)));
        assert!(bytes <= 96 * count as isize + 100_000, "{bytes} bytes for {count} fuses");
    }
}

/// What the tables of fuses and of the wheel keep for the next burst, however few live.
const SPARE: isize = 4 << 20;

/// T5.
#[test]
fn fuses_that_were_cut_cost_no_more_than_the_live_ones() {
    let (_sim, fate) = world();
    let live = bytes_left_by(|| drop(light(&fate, 100_000)));
    let extra = bytes_left_by(|| {
        for _ in 0..5 {
            light(&fate, 500_000).iter().for_each(|fuse| assert!(fuse.cut()));
        }
    });
    assert!(extra <= live + SPARE, "{extra} bytes for fuses that were cut beside {live} for those that live");
}

/// T5, T7: moving deadlines to and fro, a million times.
#[test]
fn a_fuse_that_is_reset_and_delayed_for_ever_needs_no_more_memory() {
    let (mut sim, fate) = world();
    let fuses = light(&fate, 1000);
    let grown = bytes_left_by(|| {
        for round in 0..1000u64 {
            for (number, fuse) in (0..).zip(&fuses) {
                let jump = Duration::from_millis(1 + (round * 7919 + number * 104_729) % 100_000);
                assert!(if round % 2 == 0 { fuse.reset(jump + HOUR) } else { fuse.delay(jump) });
            }
            sim.run_until(SECOND * round as u32).unwrap();
        }
    });
    assert!(grown <= 200_000, "{grown} bytes");
}

/// T5: lighting, burning, cutting and moving, with a steady load.
#[test]
fn fuses_allocate_nothing_once_the_loop_is_warm() {
    fn again(fate: &Fate, number: u64, token: &Rc<()>) {
        let (delay, capture) = (Duration::from_micros(500 + number * 7919 % 100_000), (number, token.clone()));
        let fuse = fate.get_fuse(delay * 2);
        fuse.set_handler(move |fate| {
            let (number, token) = capture;
            again(fate, number, &token);
        });
        assert!(fuse.reset(delay * 3) && fuse.delay(delay) && fuse.reset(delay));
        let cut = fate.get_fuse(delay * 5);
        cut.set_handler(|_| ());
        assert!(cut.cut());
    }
    let (mut sim, fate) = world();
    let token = Rc::new(());
    (0..5000).for_each(|number| again(&fate, number, &token));
    sim.run_until(SECOND * 2).unwrap();
    let burned = fate.report().burned;
    let calls = allocations_of(|| sim.run_until(SECOND * 4).unwrap());
    assert!(fate.report().burned - burned > 100_000);
    assert!(calls <= 1, "{calls} allocations, of which one is the simulation's own");
    assert_eq!(Rc::strong_count(&token), 5001);
    fate.shutdown();
    sim.run().unwrap();
}

/// Queued calls need no box each either.
#[test]
fn calls_allocate_nothing_once_the_loop_is_warm() {
    let (_sim, fate) = world();
    let round = || {
        for number in 0..500u64 {
            let capture = [number; 3];
            fate.call_soon(move |fate| fate.call_soon(move |_| assert!(capture[0] < 500)));
        }
        fate.run().unwrap();
    };
    for _ in 0..5 {
        round();
    }
    assert_eq!(allocations_of(round), 0);
}

/// A program that uses everything, ends well or badly, and leaves things waiting.
fn busy(shuts_down: bool) {
    let mut sim = Sim::new(1);
    let faults = Fate::builder().on_fault(|_, _| Verdict::GoOn);
    let [alice, bob] = [sim.host_with("alice", faults), sim.host("bob")];
    for fate in [&alice, &bob] {
        drop(light(fate, 5000));
        let fuse = fate.get_fuse(HOUR);
        fuse.add_handler(|_| ()).add_handler(|_| ()).add_handler(|_| ());
        let (here, remote) = (fate.clone(), fate.remote());
        let (promise, deferred) = fate.deferred::<Vec<u8>>();
        let task = fate.spawn(async move {
            here.scope(async |scope| {
                for second in 0..50 {
                    let here = &here;
                    scope.spawn(async move { here.sleep(SECOND * second).await });
                }
            })
            .await;
            promise.callback(vec![0; 1000]);
            remote.call(|fate| drop(fate.spawn(async {})));
        });
        task.add_timeout(HOUR).add_both(drop);
        deferred.add_callback(|bytes| bytes.len()).add_callback(|length| assert_eq!(length, 1000));
        let repeat = fate.every(SECOND, |fate, _| fate.spawn(fate.sleep(SECOND / 2)));
        fate.get_fuse(SECOND * 60).set_handler(move |_| assert!(repeat.stop()));
    }
    alice.call_soon(|_| Err("no spoon".into()));
    alice.call_soon(|_| -> () { std::panic::resume_unwind(Box::new("no tea")) });
    alice.fail::<()>("nobody listens").pause();
    let waiting = alice.get_fuse(Duration::MAX);
    waiting.set_handler(|_| ());
    if shuts_down {
        for fate in [&alice, &bob] {
            let here = fate.clone();
            fate.spawn(async move {
                pending::<()>().await;
                here.shutdown();
            });
            fate.before_shutdown(|fate| fate.spawn(fate.sleep(SECOND)));
            fate.get_fuse(HOUR * 2).set_handler(|fate| fate.shutdown());
        }
    }
    sim.run().unwrap();
    assert!(!sim.leaks().is_empty());
}

/// L7: not a byte.
#[test]
fn after_the_run_and_its_handles_no_byte_of_memory_is_left() {
    for shuts_down in [true, false, true, false] {
        busy(shuts_down);
    }
    for shuts_down in [true, false] {
        assert_eq!(bytes_left_by(|| busy(shuts_down)), 0, "{shuts_down}");
    }
}
