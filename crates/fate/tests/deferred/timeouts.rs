//! D5: limits on how long a Deferred may take.

use crate::rig::Rig;
use fate::{Cancelled, Elapsed};
use std::time::Duration;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// D5.
#[test]
fn a_deferred_that_is_late_is_cancelled_and_fails_with_elapsed() {
    let mut rig = Rig::new();
    let (promise, deferred) = rig.fate.deferred::<u32>();
    let pen = rig.pen();
    promise.on_cancel(move |_| pen.say("canceller"));
    let (line, deferred) = (line!(), deferred.add_timeout(seconds(4)));
    let deferred = deferred.or_else(move |failure| {
        assert_eq!(failure.born().line(), line);
        Err(failure)
    });
    drop(deferred.add_both(rig.pen().end("end")));
    rig.run();
    assert_eq!(rig.said(), ["canceller", "end failed: time is up"]);
    assert_eq!(rig.sim.elapsed(), seconds(4));
    assert_eq!(rig.alive(), 0);
}

/// D5: and no timer is left behind.
#[test]
fn one_in_time_keeps_its_value_and_no_timer() {
    let mut rig = Rig::new();
    let (promise, deferred) = rig.fate.deferred();
    drop(deferred.add_timeout(seconds(4)).add_both(rig.pen().end("end")));
    rig.fate.get_fuse(seconds(3)).set_handler(move |_| promise.callback(1));
    rig.run();
    assert_eq!(rig.said(), ["end 1"]);
    assert_eq!((rig.sim.elapsed(), rig.alive()), (seconds(3), 0));
}

/// D5: at the very moment, whichever was lit first.
#[test]
fn a_reply_in_time_beats_its_own_timeout() {
    for reply_first in [false, true] {
        let mut rig = Rig::new();
        let (promise, mut deferred) = rig.fate.deferred();
        if !reply_first {
            deferred = deferred.add_timeout(seconds(4));
        }
        rig.fate.get_fuse(seconds(4)).set_handler(move |_| promise.callback(1));
        if reply_first {
            deferred = deferred.add_timeout(seconds(4));
        }
        drop(deferred.add_both(rig.pen().end("end")));
        rig.run();
        assert_eq!(rig.said(), [if reply_first { "end 1" } else { "end failed: time is up" }]);
    }
}

/// D5.
#[test]
fn a_timeout_covers_only_the_steps_before_it() {
    let mut rig = Rig::new();
    let here = rig.fate.clone();
    let wait = move |value| {
        let here = here.clone();
        here.clone().spawn(async move {
            here.sleep(seconds(3)).await;
            value
        })
    };
    rig.fate
        .succeed(1)
        .and_then(wait.clone())
        .add_timeout(seconds(4))
        .and_then(wait.clone())
        .and_then(wait)
        .add_both(rig.pen().end("end"));
    rig.run();
    assert_eq!(rig.said(), ["end 1"]);
    assert_eq!(rig.sim.elapsed(), seconds(9));
}

/// D5: through any number of steps and inner Deferreds, the limit is for all of them together.
#[test]
fn a_timeout_covers_all_the_steps_before_it() {
    let mut rig = Rig::new();
    let here = rig.fate.clone();
    let wait = move |value| {
        let here = here.clone();
        here.clone().spawn(async move {
            here.sleep(seconds(3)).await;
            value
        })
    };
    let deferred = rig.fate.succeed(1).and_then(wait.clone()).and_then(wait.clone()).and_then(wait);
    drop(deferred.add_timeout(seconds(7)).add_both(rig.pen().end("end")));
    rig.run();
    assert_eq!(rig.said(), ["end failed: time is up"]);
    assert_eq!((rig.sim.elapsed(), rig.alive()), (seconds(7), 0));
}

/// D5.
#[test]
fn an_earlier_recovery_stands() {
    let mut rig = Rig::new();
    let (promise, deferred) = rig.fate.deferred::<u32>();
    let (other, failing) = rig.fate.deferred::<u32>();
    other.on_cancel(|promise| promise.callback(6));
    drop(deferred.add_errback(|_| 5).add_timeout(seconds(1)).add_both(rig.pen().end("errback")));
    drop(failing.add_timeout(seconds(2)).add_both(rig.pen().end("canceller")));
    rig.run();
    assert_eq!(rig.said(), ["errback 5", "canceller 6"]);
    drop((promise, other));
}

/// D5: only that `Cancelled` becomes `Elapsed`.
#[test]
fn one_that_somebody_cancelled_stays_cancelled() {
    let mut rig = Rig::new();
    let (promise, deferred) = rig.fate.deferred::<u32>();
    let deferred = deferred.add_timeout(seconds(4));
    let control = deferred.control();
    rig.fate.get_fuse(seconds(1)).set_handler(move |_| control.cancel());
    drop(deferred.add_both(rig.pen().end("end")));
    rig.run();
    assert_eq!(rig.said(), ["end failed: cancelled"]);
    assert_eq!((rig.sim.elapsed(), rig.alive()), (seconds(1), 0));
    drop(promise);
}

/// D5: nor does it matter that the limit is over in the same turn.
#[test]
fn one_that_somebody_cancelled_just_in_time_stays_cancelled() {
    let mut rig = Rig::new();
    let (promise, deferred) = rig.fate.deferred::<u32>();
    promise.on_cancel(drop);
    let control = deferred.control();
    rig.fate.get_fuse(seconds(4)).set_handler(move |_| control.cancel());
    drop(deferred.add_timeout(seconds(4)).add_both(rig.pen().end("end")));
    rig.run();
    assert_eq!(rig.said(), ["end failed: cancelled"]);
    drop(promise);
}

/// D5: a failure of another kind passes as it is.
#[test]
fn another_failure_passes_a_timeout_untouched() {
    let mut rig = Rig::new();
    let (promise, deferred) = rig.fate.deferred::<u32>();
    promise.on_cancel(|promise| promise.errback("in a hurry"));
    drop(deferred.add_timeout(seconds(4)).add_both(rig.pen().end("end")));
    drop(rig.fate.fail::<u32>("no").add_timeout(seconds(1)).add_both(rig.pen().end("failed")));
    drop(rig.fate.fail::<u32>(Cancelled).add_timeout(seconds(1)).add_both(rig.pen().end("cancelled")));
    rig.run();
    assert_eq!(rig.said(), ["failed failed: no", "cancelled failed: cancelled", "end failed: in a hurry"]);
    drop(promise);
}

/// D5: the shortest of several wins, and leaves none of the others behind.
#[test]
fn of_stacked_timeouts_the_shortest_wins() {
    for limits in [[1, 2, 3], [3, 2, 1], [2, 1, 3], [1, 1, 1]] {
        let mut rig = Rig::new();
        let (promise, mut deferred) = rig.fate.deferred::<u32>();
        for limit in limits {
            deferred = deferred.add_timeout(seconds(limit));
        }
        drop(deferred.add_both(rig.pen().end("end")));
        rig.run();
        assert_eq!(rig.said(), ["end failed: time is up"], "{limits:?}");
        assert_eq!((rig.sim.elapsed(), rig.alive()), (seconds(1), 0), "{limits:?}");
        drop(promise);
    }
}

/// D5: a second attempt within an outer limit.
#[test]
fn a_longer_timeout_covers_what_a_shorter_one_fell_back_on() {
    let mut rig = Rig::new();
    let (first, attempt) = rig.fate.deferred::<u32>();
    let (second, again) = rig.fate.deferred::<u32>();
    let deferred = attempt.add_timeout(seconds(2)).or_else(move |failure| {
        assert!(failure.is::<Elapsed>());
        again
    });
    drop(deferred.add_timeout(seconds(5)).add_both(rig.pen().end("end")));
    rig.run();
    assert_eq!(rig.said(), ["end failed: time is up"]);
    assert_eq!((rig.sim.elapsed(), rig.alive()), (seconds(5), 0));
    drop((first, second));
}

/// D5: also when the inner one is on its way at that very moment.
#[test]
fn a_timeout_is_not_lost_between_firing_and_running() {
    let mut rig = Rig::new();
    let (promise, deferred) = rig.fate.deferred::<u32>();
    let (other, inner) = rig.fate.deferred::<u32>();
    rig.fate.get_fuse(seconds(4)).set_handler(move |_| promise.callback(1));
    drop(deferred.and_then(move |_| inner).add_timeout(seconds(4)).add_both(rig.pen().end("end")));
    rig.run();
    assert_eq!(rig.said(), ["end failed: time is up"]);
    assert_eq!(rig.alive(), 0);
    drop(other);
}

/// D5: what comes after the step is none of its business, even if the limit is over in the turn that reaches it.
#[test]
fn a_timeout_that_is_up_as_it_is_reached_leaves_later_steps_alone() {
    let mut rig = Rig::new();
    let (promise, deferred) = rig.fate.deferred::<u32>();
    let (other, later) = rig.fate.deferred::<u32>();
    rig.fate.get_fuse(seconds(4)).set_handler(move |_| promise.callback(1));
    drop(deferred.add_timeout(seconds(4)).and_then(move |_| later).add_both(rig.pen().end("end")));
    rig.run();
    assert!(rig.said().is_empty());
    assert!(!other.is_cancelled());
    other.callback(9);
    rig.run();
    assert_eq!(rig.said(), ["end 9"]);
}

/// D5: never, and at once.
#[test]
fn a_limit_may_be_never_or_nothing() {
    let mut rig = Rig::new();
    let (first, never) = rig.fate.deferred::<u32>();
    let (second, at_once) = rig.fate.deferred::<u32>();
    drop(never.add_timeout(Duration::MAX).add_both(rig.pen().end("never")));
    drop(at_once.add_timeout(Duration::ZERO).add_both(rig.pen().end("at once")));
    drop(rig.fate.succeed(1).add_timeout(Duration::ZERO).add_both(rig.pen().end("had")));
    rig.run();
    assert_eq!(rig.said(), ["had 1", "at once failed: time is up"]);
    assert_eq!(rig.sim.elapsed(), Duration::ZERO);
    first.callback(2);
    rig.run();
    assert_eq!(rig.said(), ["never 2"]);
    assert_eq!(rig.alive(), 0);
    drop(second);
}

/// D5, D7: a limit that nobody hears of is reported; and the timer lasts as long as there is something to cancel.
#[test]
fn a_deferred_that_was_let_go_is_still_timed_out() {
    let mut rig = Rig::new();
    let (promise, deferred) = rig.fate.deferred::<u32>();
    drop(deferred.add_timeout(seconds(4)));
    rig.run();
    assert_eq!(rig.unheard(), ["time is up"]);
    assert_eq!(rig.sim.elapsed(), seconds(4));
    assert!(promise.is_cancelled());
}

/// D5: no timer is left behind, in whatever way the step goes.
#[test]
fn a_step_that_never_runs_takes_its_timer_with_it() {
    let mut rig = Rig::new();
    let paused = rig.fate.succeed(1).add_timeout(seconds(1000));
    paused.pause();
    drop(paused);
    drop(rig.fate.deferred::<u32>().1.add_timeout(seconds(1000)));
    rig.run();
    assert_eq!((rig.sim.elapsed(), rig.alive()), (Duration::ZERO, 0));
    assert_eq!(rig.unheard(), ["abandoned: the promise was dropped unfired"]);
}

/// D5, D6: a limit goes on while the Deferred is paused; what has come by then stands.
#[test]
fn a_paused_deferred_is_timed_out_when_it_goes_on() {
    let mut rig = Rig::new();
    let (promise, late) = rig.fate.deferred::<u32>();
    let late = late.add_timeout(seconds(1));
    let in_time = rig.fate.succeed(1).add_timeout(seconds(1));
    late.pause();
    in_time.pause();
    rig.run();
    promise.callback(1);
    late.unpause();
    in_time.unpause();
    drop((late.add_both(rig.pen().end("late")), in_time.add_both(rig.pen().end("in time"))));
    rig.run();
    assert_eq!(rig.said(), ["late failed: time is up", "in time 1"]);
}
