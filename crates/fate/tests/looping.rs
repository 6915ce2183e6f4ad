//! T10: what happens again and again.

mod log;

use fate::sim::Sim;
use fate::{Clock, Fate, Instant, Promise};
use fate_sim::World;
use log::{Log, MILLISECOND, NANOSECOND, OnDrop, SECOND};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// A host in a world whose time the test moves while a handler runs, as a slow handler would.
fn slow_world() -> (World, Fate) {
    let world = World::new(1);
    let fate = Fate::builder().build_on(Box::new(world.host("here")));
    (world, fate)
}

/// When a tick came, and how many it was told were missed.
type Ticked = (Duration, u32);

/// A world that lets each tick take so long, and the ticks with what they were told.
fn ticks_that_take<const N: usize>(work: [Duration; N], period: Duration) -> Vec<Ticked> {
    let (world, fate) = slow_world();
    let ticks = Log::default();
    let (log, mut work) = (ticks.clone(), work.into_iter());
    let repeat: Rc<RefCell<Option<fate::Looping>>> = Rc::default();
    let this = repeat.clone();
    *repeat.borrow_mut() = Some(fate.every(period, move |fate, tick| {
        log.note((fate.now() - Instant::START, tick.missed));
        match work.next() {
            Some(work) => world.advance(world.elapsed() + work),
            None => assert!(this.borrow().as_ref().is_some_and(fate::Looping::stop)),
        }
    }));
    fate.run().unwrap();
    ticks.take()
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// T10.
#[test]
fn ticks_keep_to_their_grid_to_the_nanosecond() {
    let mut sim = Sim::new(1);
    let fate = sim.host("here");
    let period = Duration::from_nanos(333_333_333);
    sim.run_until(Duration::from_nanos(41)).unwrap();
    let ticks = Log::default();
    let log = ticks.clone();
    fate.every(period, move |fate, tick| log.note((fate.now().as_nanos(), tick.missed)));
    sim.run_until(SECOND * 3600).unwrap();
    let expected: Vec<(u64, u32)> = (1..=10_800).map(|number| (41 + number * 333_333_333, 0)).collect();
    assert_eq!(ticks.take(), expected);
}

/// T10.
#[test]
fn a_late_tick_does_not_move_those_after_it() {
    let ticks = ticks_that_take([seconds(0.9), seconds(0.3), seconds(0.999_999_999)], SECOND);
    assert_eq!(ticks, [(SECOND, 0), (SECOND * 2, 0), (SECOND * 3, 0), (SECOND * 4, 0)]);
}

/// T10.
#[test]
fn ticks_that_were_missed_are_skipped_and_counted_and_never_bunched() {
    let ticks = ticks_that_take([seconds(3.5), seconds(0.1), seconds(10.0)], SECOND);
    // The tick of 2 comes at 4.5, when 3 and 4 are missed; 5 is on time, and takes until 15: the tick of 6 comes then, when
    // 7 to 15 are missed.
    assert_eq!(ticks, [(SECOND, 0), (seconds(4.5), 2), (SECOND * 5, 0), (SECOND * 15, 9)]);
}

/// T10.
#[test]
fn a_handler_that_is_always_too_slow_is_called_once_for_each_time_it_returns() {
    let ticks = ticks_that_take([seconds(2.5); 4], SECOND);
    let times: Vec<Duration> = ticks.iter().map(|(time, _)| *time).collect();
    assert_eq!(times, [1.0, 3.5, 6.0, 8.5, 11.0].map(seconds));
    assert_eq!(ticks.iter().map(|(_, missed)| 1 + missed).sum::<u32>(), 11, "every point of the grid is accounted for");
}

/// T10: the first tick comes after one period, from the moment of asking.
#[test]
fn the_grid_begins_where_the_repetition_was_asked_for() {
    let mut sim = Sim::new(1);
    let fate = sim.host("here");
    let ticks = Log::default();
    let log = ticks.clone();
    fate.get_fuse(MILLISECOND * 1500).set_handler(move |fate| {
        fate.every(SECOND, move |fate, _| log.note(fate.now()));
    });
    sim.run_until(SECOND * 4).unwrap();
    assert_eq!(ticks.take(), [2500, 3500].map(|millis| Instant::START + MILLISECOND * millis));
}

/// T10, T3: a period of nothing means once a turn.
#[test]
fn a_period_of_zero_ticks_once_a_turn() {
    let mut sim = Sim::new(1);
    let fate = sim.host("here");
    let ticks = Log::default();
    let log = ticks.clone();
    fate.every(Duration::ZERO, move |fate, tick| {
        log.note((fate.report().turns, tick.missed));
        if log.len() == 100 {
            fate.shutdown();
        }
    });
    sim.run().unwrap();
    let ticks = ticks.take();
    assert!(ticks.windows(2).all(|pair| pair[1] == (pair[0].0 + 1, 0)), "{ticks:?}");
    assert_eq!((ticks.len(), sim.elapsed()), (100, Duration::ZERO));
}

/// The Promise of the tick that is awaited.
type Open = Rc<Cell<Option<Promise<()>>>>;

/// A repetition whose ticks hand out a Promise, and wait for it.
fn waiting(fate: &Fate, period: Duration) -> (fate::Looping, Log<Ticked>, Open) {
    let (ticks, open) = (Log::default(), Rc::new(Cell::new(None)));
    let (log, slot) = (ticks.clone(), open.clone());
    let repeat = fate.every(period, move |fate, tick| {
        log.note((fate.now() - Instant::START, tick.missed));
        let (promise, done) = fate.deferred::<()>();
        slot.set(Some(promise));
        done
    });
    (repeat, ticks, open)
}

/// T10.
#[test]
fn a_handler_that_returns_a_deferred_is_not_called_again_before_that_fires() {
    let mut sim = Sim::new(1);
    let fate = sim.host("here");
    let (repeat, ticks, open) = waiting(&fate, SECOND);
    for fired in [5.5, 6.2, 8.0] {
        let open = open.clone();
        fate.get_fuse(seconds(fired)).set_handler(move |_| open.take().unwrap().callback(()));
    }
    sim.run().unwrap();
    // After 5.5 the next point of the grid is 6, and 2, 3, 4 and 5 were missed; after 6.2 it is 7; and a tick that is
    // fired for exactly at 8 is not missed.
    assert_eq!(ticks.take(), [(SECOND, 0), (SECOND * 6, 4), (SECOND * 7, 0), (SECOND * 8, 0)]);
    assert!(repeat.is_running(), "it waits for its Deferred still");
    assert_eq!(sim.elapsed(), SECOND * 8, "but that alone will never happen");
    open.take().unwrap().callback(());
    repeat.stop();
    sim.run().unwrap();
}

/// T10.
#[test]
fn a_deferred_that_fails_is_reported_and_the_repetition_goes_on() {
    let mut sim = Sim::new(1);
    let faults = Log::default();
    let log = faults.clone();
    let settings = Fate::builder().on_fault(move |_, fault| {
        log.note(fault.to_string());
        fate::Verdict::GoOn
    });
    let fate = sim.host_with("here", settings);
    let (repeat, ticks, open) = waiting(&fate, SECOND);
    fate.get_fuse(seconds(1.5)).set_handler(move |_| open.take().unwrap().errback("no tea"));
    sim.run_until(SECOND * 10).unwrap();
    assert_eq!(ticks.take(), [(SECOND, 0), (SECOND * 2, 0)]);
    assert!(matches!(&faults.take()[..], [fault] if fault.contains("no tea")));
    assert!(repeat.stop());
}

/// T10, E1.
#[test]
fn a_tick_that_fails_is_reported_and_the_repetition_goes_on() {
    let mut sim = Sim::new(1);
    let faults = Rc::new(Cell::new(0));
    let count = faults.clone();
    let settings = Fate::builder().on_fault(move |_, _| {
        count.set(count.get() + 1);
        fate::Verdict::GoOn
    });
    let fate = sim.host_with("here", settings);
    let repeat = fate.every(SECOND, |_, _| Err("a spoon is missing".into()));
    sim.run_until(SECOND * 5).unwrap();
    assert_eq!((faults.get(), repeat.is_running()), (5, true));
    repeat.stop();
}

#[test]
fn a_repetition_that_is_stopped_drops_its_handler_at_once_and_keeps_nothing_running() {
    let mut sim = Sim::new(1);
    let fate = sim.host("here");
    let token = Rc::new(());
    let held = token.clone();
    let repeat = fate.every(SECOND, move |_, _| drop(held.clone()));
    sim.run_until(SECOND * 2 + NANOSECOND).unwrap();
    assert!(repeat.is_running() && repeat.stop());
    assert_eq!(Rc::strong_count(&token), 1);
    assert!(!repeat.is_running() && !repeat.stop());
    sim.run().unwrap();
    assert_eq!(sim.elapsed(), SECOND * 2 + NANOSECOND);
}

#[test]
fn a_repetition_may_be_stopped_from_its_own_tick_and_while_its_deferred_is_awaited() {
    let mut sim = Sim::new(1);
    let fate = sim.host("here");
    assert_eq!(ticks_that_take([], SECOND), [(SECOND, 0)], "from its own tick");
    let (repeat, ticks, open) = waiting(&fate, SECOND);
    sim.run_until(seconds(1.5)).unwrap();
    assert!(repeat.stop());
    open.take().unwrap().callback(());
    sim.run().unwrap();
    assert_eq!((ticks.len(), sim.elapsed()), (1, seconds(1.5)));
}

/// Dropping the handle stops nothing; the repetition alone keeps `run` going.
#[test]
fn a_repetition_whose_handle_is_dropped_goes_on() {
    let mut sim = Sim::new(1);
    let fate = sim.host("here");
    let ticks = Rc::new(Cell::new(0));
    let count = ticks.clone();
    drop(fate.every(SECOND, move |fate, _| {
        count.set(count.get() + 1);
        if count.get() == 1000 {
            fate.shutdown();
        }
    }));
    sim.run().unwrap();
    assert_eq!((ticks.get(), sim.elapsed()), (1000, SECOND * 1000));
}

/// E2: the handler is gone with what it was in the middle of.
#[test]
fn a_tick_that_panics_ends_its_repetition_and_nothing_else() {
    let mut sim = Sim::new(1);
    let fate = sim.host_with("here", Fate::builder().on_fault(|_, _| fate::Verdict::GoOn));
    let dropped = Rc::new(Cell::new(0));
    let count = dropped.clone();
    let token = OnDrop(move || count.set(count.get() + 1));
    let broken = fate.every(SECOND, move |_, _| {
        let _held = &token;
        let tea: Option<()> = None;
        assert!(tea.is_some(), "out of tea");
    });
    let sound = fate.every(SECOND, |_, _| ());
    sim.run_until(SECOND * 5).unwrap();
    assert_eq!((broken.is_running(), sound.is_running(), dropped.get()), (false, true, 1));
    assert_eq!((broken.stop(), sound.stop()), (false, true));
}

/// T10, T11: a suspended host misses nothing, for its clock stands still.
#[test]
fn a_suspended_host_misses_no_tick() {
    let mut sim = Sim::new(1);
    let fate = sim.host("here");
    let ticks = Log::default();
    let log = ticks.clone();
    let repeat = fate.every(SECOND, move |fate, tick| log.note((fate.now(), tick.missed)));
    sim.run_until(seconds(1.5)).unwrap();
    sim.suspend("here", SECOND * 100);
    sim.run_until(SECOND * 103).unwrap();
    let shown = |count: u32| Instant::START + SECOND * count;
    assert_eq!(ticks.take(), [(shown(1), 0), (shown(2), 0), (shown(3), 0)]);
    let woken = fate.get_fuse_on(Clock::Boot, Duration::ZERO);
    assert_eq!(woken.time(), shown(103));
    repeat.stop();
}
