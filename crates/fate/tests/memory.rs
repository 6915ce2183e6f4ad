//! T5 and L7: what fuses cost in memory, and that none is left. Each thread counts what it allocates itself.

#![allow(unsafe_code, reason = "a global allocator is an unsafe trait")]

mod log;

use fate::sim::Sim;
use fate::{Fate, Fuse, Verdict};
use log::{HOUR, SECOND};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::pending;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    static BYTES: Cell<i64> = const { Cell::new(0) };
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

/// The system allocator, which counts for each thread.
struct Counting;

fn count(bytes: i64) {
    BYTES.set(BYTES.get() + bytes);
    CALLS.set(CALLS.get() + u64::from(bytes > 0));
}

// SAFETY: every call is handed to `System` with the arguments it came with; counting touches only cells of this thread that
// need neither making nor dropping.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller keeps `alloc`'s contract, which is System's too.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: `block` came from `System` with this layout.
        unsafe { System.dealloc(block, layout) }
    }
}

/// Bytes that are alive after this and were not before.
fn bytes_left_by(act: impl FnOnce()) -> i64 {
    let before = BYTES.get();
    act();
    BYTES.get() - before
}

/// How often memory was asked for in this.
fn allocations_of(act: impl FnOnce()) -> u64 {
    let before = CALLS.get();
    act();
    CALLS.get() - before
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
        assert!(bytes <= 96 * count as i64 + 100_000, "{bytes} bytes for {count} fuses");
    }
}

/// T5.
#[test]
fn fuses_that_were_cut_cost_no_more_than_the_live_ones() {
    let (_sim, fate) = world();
    let mut fuses = light(&fate, 10_000);
    let live = {
        let (_sim, fate) = world();
        bytes_left_by(|| drop(light(&fate, 10_000)))
    };
    let extra = bytes_left_by(|| {
        for _ in 0..20 {
            fuses.extend(light(&fate, 100_000));
            fuses.drain(10_000..).for_each(|fuse| assert!(fuse.cut()));
        }
        fuses.shrink_to_fit();
    });
    assert!(extra <= live, "{extra} bytes for fuses that were cut beside {live} for those that live");
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

/// T5: not one, once warm: lighting, burning, cutting and moving.
#[test]
fn fuses_allocate_nothing_once_the_loop_is_warm() {
    let (_sim, fate) = world();
    let mut fuses = Vec::with_capacity(20_000);
    let mut round = || {
        for number in 0..20_000u32 {
            let fuse = fate.get_fuse(Duration::from_micros(u64::from(number % 777)));
            let capture = [u64::from(number); 3];
            fuse.set_handler(move |_| assert!(capture[0] < 20_000));
            fuses.push(fuse);
        }
        for (number, fuse) in fuses.drain(..).enumerate() {
            match number % 4 {
                0 => assert!(fuse.cut()),
                1 => assert!(fuse.reset(Duration::from_micros(5))),
                2 => assert!(fuse.delay(Duration::from_micros(500))),
                _ => {}
            }
        }
        fate.run().unwrap();
    };
    for _ in 0..5 {
        round();
    }
    assert_eq!(allocations_of(round), 0);
}

/// Queued calls need no box each either.
#[test]
fn calls_allocate_nothing_once_the_loop_is_warm() {
    let (_sim, fate) = world();
    let mut round = || {
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
        task.add_timeout(HOUR).add_both(|result| drop(result));
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
