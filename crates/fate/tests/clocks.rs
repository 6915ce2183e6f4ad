//! T11: a fuse names its clock.

mod log;

use fate::sim::Sim;
use fate::{Clock, Fate, Fuse, Instant};
use log::{HOUR, Log, MILLISECOND, NANOSECOND, SECOND};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What the clocks of a world show in its first moment: midnight, 2000-01-01.
const MIDNIGHT: Duration = Duration::from_secs(946_684_800);

/// A world, its one host, and what burned there: the true time and the name.
fn world() -> (Sim, Fate, Log<(Duration, &'static str)>) {
    let mut sim = Sim::new(1);
    let fate = sim.host("here");
    (sim, fate, Log::default())
}

/// A fuse for each clock, with the same delay.
fn three(fate: &Fate, delay: Duration) -> [Fuse; 3] {
    Clock::ALL.map(|clock| fate.get_fuse_on(clock, delay))
}

/// Has each fuse note its true time: that is boot time, in a world.
fn note(fuses: &[Fuse], log: &Log<(Duration, &'static str)>) {
    for (fuse, name) in fuses.iter().zip(["monotonic", "boot", "wall"]) {
        let log = log.clone();
        fuse.set_handler(move |fate| {
            let truth = fate.get_fuse_on(Clock::Boot, Duration::ZERO).time();
            log.note((truth - Instant::START, name));
        });
    }
}

/// T11.
#[test]
fn without_steps_and_suspends_the_three_clocks_go_together() {
    let (mut sim, fate, log) = world();
    note(&three(&fate, HOUR + NANOSECOND), &log);
    sim.run().unwrap();
    let at = HOUR + NANOSECOND;
    assert_eq!(log.take(), [(at, "monotonic"), (at, "boot"), (at, "wall")]);
}

/// T11: the default is the monotonic clock.
#[test]
fn a_suspended_host_burns_monotonic_fuses_later_and_those_of_the_other_clocks_when_it_wakes() {
    let (mut sim, fate, log) = world();
    note(&[fate.get_fuse(SECOND * 10)], &log);
    let [monotonic, boot, wall] = three(&fate, SECOND * 10);
    note(&[monotonic], &log);
    sim.run_until(SECOND * 4).unwrap();
    sim.suspend("here", HOUR);
    note(&[fate.get_fuse(Duration::MAX), boot, wall], &log);
    sim.run().unwrap();
    let woken = SECOND * 4 + HOUR;
    let later = SECOND * 10 + HOUR;
    assert_eq!(log.take(), [(woken, "boot"), (woken, "wall"), (later, "monotonic"), (later, "monotonic")]);
    assert_eq!(fate.now(), Instant::START + SECOND * 10, "the monotonic clock stood still");
}

/// T11, V2.
#[test]
fn a_suspended_host_does_nothing_at_all_and_the_others_go_on() {
    let (mut sim, fate, log) = world();
    let other = sim.host("there");
    sim.suspend("here", SECOND * 5);
    fate.call_soon({
        let log = log.clone();
        move |_| log.note((Duration::ZERO, "here"))
    });
    let there = log.clone();
    other.every(SECOND, move |fate, _| {
        there.note((fate.now() - Instant::START, "there"));
        if fate.now() == Instant::START + SECOND * 7 {
            fate.shutdown();
        }
    });
    sim.run().unwrap();
    let names: Vec<&str> = log.take().into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["there", "there", "there", "there", "here", "there", "there", "there"]);
}

/// T11: suspends add up, and one within another counts once.
#[test]
fn suspends_may_follow_each_other_and_overlap() {
    let (mut sim, fate, log) = world();
    note(&[fate.get_fuse(SECOND * 10)], &log);
    for (at, long) in [(1, 100), (50, 100), (200, 1000), (300, 10)] {
        sim.run_until(SECOND * at).unwrap();
        sim.suspend("here", SECOND * long);
    }
    sim.run().unwrap();
    // From 1 to 150 and from 200 to 1200 it slept; but the nine seconds that were missing at 1 were over at 159.
    assert_eq!(log.take(), [(SECOND * 159, "monotonic")]);
}

/// T11.
#[test]
fn a_wall_fuse_follows_the_clock_back_and_forward_and_the_others_do_not() {
    for (step, burns) in [(HOUR, SECOND), (HOUR * 2, SECOND), (MILLISECOND, HOUR + SECOND - MILLISECOND)] {
        let (mut sim, fate, log) = world();
        note(&three(&fate, HOUR + SECOND), &log);
        sim.run_until(SECOND).unwrap();
        sim.step_forward("here", step);
        sim.run().unwrap();
        let untouched = [(HOUR + SECOND, "monotonic"), (HOUR + SECOND, "boot")];
        assert_eq!(log.take(), [&[(burns, "wall")], &untouched[..]].concat(), "{step:?} forward");

        let (mut sim, fate, log) = world();
        note(&three(&fate, HOUR + SECOND), &log);
        sim.run_until(SECOND).unwrap();
        sim.step_back("here", step);
        sim.run().unwrap();
        assert_eq!(log.take(), [&untouched[..], &[(HOUR + SECOND + step, "wall")]].concat(), "{step:?} back");
    }
}

/// T11: however often.
#[test]
fn a_clock_that_is_set_to_and_fro_burns_its_fuses_when_it_shows_their_time() {
    let (mut sim, fate, log) = world();
    note(&three(&fate, SECOND * 100)[..0], &log);
    let fuse = fate.get_fuse_on(Clock::Wall, SECOND * 100);
    note(&[fate.get_fuse(Duration::MAX), fate.get_fuse(Duration::MAX), fuse], &log);
    for (at, ahead) in [(10, 50i64), (20, -70), (30, 89)] {
        sim.run_until(SECOND * at).unwrap();
        let by = SECOND * ahead.unsigned_abs() as u32;
        if ahead > 0 { sim.step_forward("here", by) } else { sim.step_back("here", by) }
    }
    // At 30 the clock is 69 seconds ahead: it shows 99.
    assert_eq!(fate.wall_time(), UNIX_EPOCH + MIDNIGHT + SECOND * 99);
    sim.run().unwrap();
    assert_eq!(log.take(), [(SECOND * 31, "wall")]);
}

/// T11: a step back is no excuse to burn again.
#[test]
fn a_wall_fuse_that_has_burned_does_not_burn_again_when_the_clock_shows_its_time_again() {
    let (mut sim, fate, log) = world();
    let fuse = fate.get_fuse_on(Clock::Wall, SECOND);
    note(&[fate.get_fuse(Duration::MAX), fate.get_fuse(Duration::MAX), fuse], &log);
    sim.run().unwrap();
    sim.step_back("here", HOUR);
    let again = fate.get_fuse_on(Clock::Wall, SECOND);
    note(&[fate.get_fuse(Duration::MAX), fate.get_fuse(Duration::MAX), again], &log);
    sim.run().unwrap();
    assert_eq!(log.take(), [(SECOND, "wall"), (SECOND * 2, "wall")]);
}

/// T11.
#[test]
fn a_fuse_can_be_lit_for_a_civil_time() {
    let (mut sim, fate, log) = world();
    let dinner = UNIX_EPOCH + MIDNIGHT + HOUR * 19;
    let fuses = [dinner, UNIX_EPOCH, SystemTime::UNIX_EPOCH - HOUR].map(|time| fate.get_fuse_at_time(time));
    assert_eq!(fate.wall_time(), UNIX_EPOCH + MIDNIGHT);
    assert_eq!(fuses[0].time(), Instant::START + MIDNIGHT + HOUR * 19);
    for (fuse, name) in fuses.iter().zip(["dinner", "1970", "before"]) {
        let log = log.clone();
        fuse.set_handler(move |fate| log.note((fate.now() - Instant::START, name)));
    }
    sim.run().unwrap();
    assert_eq!(log.take(), [(Duration::ZERO, "1970"), (Duration::ZERO, "before"), (HOUR * 19, "dinner")]);
    assert_eq!(fate.wall_time(), dinner);
}

/// T7, T11: `reset` counts from what the fuse's own clock shows.
#[test]
fn a_reset_counts_on_the_fuses_own_clock() {
    let (mut sim, fate, log) = world();
    let fuses = three(&fate, SECOND);
    sim.suspend("here", SECOND * 50);
    sim.step_forward("here", SECOND * 500);
    note(&fuses, &log);
    for fuse in &fuses {
        assert!(fuse.reset(SECOND * 100));
    }
    sim.run().unwrap();
    assert_eq!(log.take(), [(SECOND * 100, "boot"), (SECOND * 100, "wall"), (SECOND * 150, "monotonic")]);
}

/// T2, T11: as it is documented at `get_fuse_on`.
#[test]
fn within_a_turn_the_clocks_have_an_order_whatever_the_deadlines() {
    let (mut sim, fate, log) = world();
    let fuses =
        [3, 2, 1].into_iter().zip(Clock::ALL).map(|(millis, clock)| fate.get_fuse_on(clock, MILLISECOND * millis));
    let fuses: Vec<Fuse> = fuses.collect();
    sim.run_until(SECOND).unwrap();
    note(&fuses, &log);
    sim.run().unwrap();
    assert_eq!(log.take().into_iter().map(|(_, name)| name).collect::<Vec<_>>(), ["monotonic", "boot", "wall"]);
}

/// T6, T8, T11: cutting and setting handlers do not depend on the clock.
#[test]
fn fuses_of_all_clocks_can_be_cut_and_wait_for_a_handler() {
    let (mut sim, fate, log) = world();
    let (cut, waiting) = (three(&fate, SECOND), three(&fate, SECOND));
    note(&cut, &log);
    assert!(cut.iter().all(Fuse::cut));
    sim.run().unwrap();
    assert_eq!(sim.elapsed(), Duration::ZERO, "what has no handler keeps nobody waiting");
    sim.run_until(HOUR).unwrap();
    assert!(waiting.iter().all(Fuse::is_burned) && !cut.iter().any(Fuse::is_burned));
    note(&waiting, &log);
    sim.run().unwrap();
    assert_eq!(log.take(), [(HOUR, "monotonic"), (HOUR, "boot"), (HOUR, "wall")]);
}

/// T4, T11.
#[test]
fn no_step_and_no_suspend_overflows() {
    let (mut sim, fate, log) = world();
    note(&three(&fate, SECOND), &log);
    sim.step_forward("here", Duration::MAX);
    sim.step_forward("here", Duration::MAX);
    sim.run_until(Duration::ZERO).unwrap();
    assert_eq!(log.take(), [(Duration::ZERO, "wall")]);
    sim.step_back("here", Duration::MAX);
    sim.step_back("here", Duration::MAX);
    sim.run().unwrap();
    assert_eq!(log.take(), [(SECOND, "monotonic"), (SECOND, "boot")]);
    sim.suspend("here", Duration::MAX);
    sim.suspend("here", Duration::MAX);
    note(&three(&fate, SECOND), &log);
    sim.run().unwrap();
    assert_eq!((log.len(), sim.elapsed()), (0, SECOND), "it never wakes");
}
