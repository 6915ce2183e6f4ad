//! D3: a step that gives back another Deferred, and a million of them on a small stack.

use crate::rig::{Rig, Token};
use fate::sim::Sim;
use fate::{Abandoned, Cancelled, Deferred, Failure, Fate, Promise};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

/// How long chains are. For slow machines and valgrind: `FATE_LINKS=10000`.
fn links() -> u32 {
    std::env::var("FATE_LINKS").map_or(1_000_000, |links| links.parse().unwrap())
}

/// Whatever recursed once a link would need hundreds of times this.
fn on_a_small_stack(body: impl FnOnce() + Send + 'static) {
    thread::Builder::new().stack_size(256 * 1024).spawn(body).unwrap().join().unwrap();
}

/// Deferreds each of which waits for the one before.
struct Nest {
    /// They let the Deferreds go, one each, the innermost first.
    gates: Vec<Promise<u32>>,
    outermost: Deferred<u32>,
}

/// Whether a link has a step after the one that gives back the inner Deferred. Without one it need not be told.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Tail {
    None,
    One,
}

const TAILS: [Tail; 2] = [Tail::None, Tail::One];

impl Tail {
    fn on(self, deferred: Deferred<u32>) -> Deferred<u32> {
        if self == Tail::One { deferred.add_callback(|value| value + 1) } else { deferred }
    }

    fn sum(self, links: u32) -> u32 {
        if self == Tail::One { links } else { 0 }
    }
}

fn nest(fate: &Fate, links: u32, tail: Tail) -> Nest {
    let (gate, mut outermost) = fate.deferred();
    let mut gates = vec![gate];
    for _ in 0..links {
        let (gate, deferred) = fate.deferred::<u32>();
        let inner = outermost;
        outermost = tail.on(deferred.and_then(move |_| inner));
        gates.push(gate);
    }
    Nest { gates, outermost }
}

type Slot = Cell<Option<Result<u32, Failure>>>;

/// What came of a Deferred, once it is known.
fn result_of(deferred: Deferred<u32>) -> Rc<Slot> {
    let slot = Rc::new(Cell::new(None));
    let result = slot.clone();
    drop(deferred.add_both(move |outcome| slot.set(Some(outcome))));
    result
}

fn value_of(result: &Slot) -> u32 {
    result.take().expect("it is done").unwrap()
}

/// D3.
#[test]
fn a_chain_waits_for_the_deferred_that_a_step_gives() {
    let mut rig = Rig::new();
    let (promise, inner) = rig.fate.deferred();
    rig.fate
        .succeed(1)
        .add_callback(rig.pen().pass("before"))
        .and_then(move |_| inner)
        .add_callback(rig.pen().pass("after"));
    rig.run();
    assert_eq!(rig.said(), ["before 1"]);
    promise.callback(2);
    rig.run();
    assert_eq!(rig.said(), ["after 2"]);
}

/// D3, for each way to give one back.
#[test]
fn every_kind_of_step_may_give_a_deferred() {
    let mut rig = Rig::new();
    let (one, two, three) = (rig.fate.succeed(1), rig.fate.succeed(2), rig.fate.fail::<u32>("three"));
    rig.fate
        .succeed(0)
        .and_then(move |_| one)
        .add_callback(rig.pen().pass("and_then"))
        .and_then(|_| Err::<u32, _>("no"))
        .or_else(move |_| two)
        .add_callback(rig.pen().pass("or_else"))
        .and_both(move |_| three)
        .add_both(rig.pen().end("and_both"));
    rig.run();
    assert_eq!(rig.said(), ["and_then 1", "or_else 2", "and_both failed: three"]);
}

/// D3: whichever fires first.
#[test]
fn three_deep_fired_in_any_order_give_the_same() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        for tail in TAILS {
            for pauses in [false, true] {
                let mut rig = Rig::new();
                let Nest { gates, outermost } = nest(&rig.fate, 2, tail);
                let result = result_of(outermost);
                let mut gates: Vec<_> = gates.into_iter().map(Some).collect();
                for gate in order {
                    gates[gate].take().unwrap().callback(0);
                    if pauses {
                        rig.run();
                    }
                }
                rig.run();
                assert_eq!(value_of(&result), tail.sum(2), "{order:?} {tail:?} {pauses}");
                assert_eq!(rig.alive(), 0);
            }
        }
    }
}

/// A Deferred that a step gives back although it is its own, or waits for it: the steps fetch them where `slots` hold them.
fn circle(rig: &Rig, length: usize, tail: Tail) -> (fate::Control, Rc<Slot>) {
    let slots: Rc<RefCell<Vec<Option<Deferred<u32>>>>> = Rc::default();
    for number in 0..length {
        let slots_too = slots.clone();
        let next = move |_| slots_too.borrow_mut()[(number + 1) % length].take().unwrap();
        let deferred = tail.on(rig.fate.succeed(0).and_then(next));
        slots.borrow_mut().push(Some(deferred));
    }
    let first = slots.borrow_mut()[0].take().unwrap();
    let control = first.control();
    let slot = Rc::new(Cell::new(None));
    let result = slot.clone();
    let first = first.and_both(move |outcome| {
        slot.set(Some(outcome));
        Ok::<_, Failure>(0)
    });
    slots.borrow_mut()[0] = Some(first);
    (control, result)
}

/// D3, D7: the shortest circle is seen at once.
#[test]
fn a_deferred_that_is_to_wait_for_itself_is_abandoned() {
    for tail in TAILS {
        let mut rig = Rig::new();
        let (_, result) = circle(&rig, 1, tail);
        rig.run();
        assert!(result.take().unwrap().unwrap_err().is::<Abandoned>());
        assert_eq!(rig.alive(), 0);
    }
}

/// D4: a longer one waits for ever, as it was told to; but cancelling it completes.
#[test]
fn a_circle_of_deferreds_that_wait_for_each_other_may_be_cancelled() {
    for (tail, length) in TAILS.into_iter().flat_map(|tail| [(tail, 2), (tail, 5)]) {
        let mut rig = Rig::new();
        let (control, result) = circle(&rig, length, tail);
        rig.run();
        control.cancel();
        rig.run();
        let failure = result.take().unwrap().unwrap_err();
        assert!(failure.is::<Cancelled>() || failure.is::<Abandoned>(), "{length} {tail:?}");
        assert_eq!(rig.alive(), 0);
    }
}

/// D3: the inner one keeps its own steps, and they run first.
#[test]
fn the_steps_of_an_inner_run_before_those_of_its_outer() {
    let mut rig = Rig::new();
    let (promise, inner) = rig.fate.deferred::<u32>();
    let inner = inner.add_callback(rig.pen().pass("inner")).add_callback(|value| value * 2);
    rig.fate.succeed(0).and_then(move |_| inner).add_callback(rig.pen().pass("outer"));
    rig.run();
    promise.callback(1);
    rig.run();
    assert_eq!(rig.said(), ["inner 1", "outer 2"]);
}

/// D3: a prebuilt nest, run.
#[test]
fn a_million_links_run_on_a_small_stack_the_innermost_first() {
    on_a_small_stack(|| {
        for tail in TAILS {
            let mut sim = Sim::new(1);
            let Nest { gates, outermost } = nest(&sim.host("here"), links(), tail);
            let result = result_of(outermost);
            gates.into_iter().for_each(|gate| gate.callback(0));
            sim.run().unwrap();
            assert_eq!(value_of(&result), tail.sum(links()));
        }
    });
}

/// D3: a prebuilt nest, run from outside in: everybody waits for somebody until the last gate opens.
#[test]
fn a_million_links_run_on_a_small_stack_the_outermost_first() {
    on_a_small_stack(|| {
        for tail in TAILS {
            let mut sim = Sim::new(1);
            let Nest { mut gates, outermost } = nest(&sim.host("here"), links(), tail);
            let result = result_of(outermost);
            let innermost = gates.remove(0);
            gates.into_iter().rev().for_each(|gate| gate.callback(0));
            sim.run().unwrap();
            assert!(result.take().is_none());
            innermost.callback(0);
            sim.run().unwrap();
            assert_eq!(value_of(&result), tail.sum(links()));
        }
    });
}

/// D3, D7: a failure comes through, and is reported once.
#[test]
fn a_failure_passes_a_million_links() {
    on_a_small_stack(|| {
        for tail in TAILS {
            let mut rig = Rig::new();
            let Nest { mut gates, outermost } = nest(&rig.fate, links(), tail);
            let innermost = gates.remove(0);
            gates.into_iter().rev().for_each(|gate| gate.callback(0));
            rig.run();
            drop(outermost);
            innermost.errback("the bottom of the well");
            rig.run();
            assert_eq!(rig.unheard(), ["the bottom of the well"]);
        }
    });
}

/// D3, D4: cancelling reaches the innermost of a million, and what it says comes back.
#[test]
fn cancelling_passes_a_million_links() {
    on_a_small_stack(|| {
        for tail in TAILS {
            let mut sim = Sim::new(1);
            let Nest { mut gates, outermost } = nest(&sim.host("here"), links(), tail);
            let innermost = gates.remove(0);
            gates.into_iter().rev().for_each(|gate| gate.callback(0));
            sim.run().unwrap();
            outermost.cancel();
            assert!(innermost.is_cancelled());
            let result = result_of(outermost);
            sim.run().unwrap();
            assert!(result.take().unwrap().unwrap_err().is::<Cancelled>());
        }
    });
}

/// D3, D4: what is on its way up a million links has its say first; and to find that out does not take a walk for each.
#[test]
fn cancelling_a_million_links_that_a_value_is_passing_costs_one_walk() {
    on_a_small_stack(|| {
        for tail in TAILS {
            let mut sim = Sim::new(1);
            let fate = sim.host("here");
            let Nest { mut gates, outermost } = nest(&fate, links(), tail);
            let (promise, last) = fate.deferred();
            let outermost = outermost.and_then(move |_| last);
            let innermost = gates.remove(0);
            gates.into_iter().rev().for_each(|gate| gate.callback(0));
            sim.run().unwrap();
            innermost.callback(0);
            outermost.cancel();
            let result = result_of(outermost);
            sim.run().unwrap();
            assert!(promise.is_cancelled());
            assert!(result.take().unwrap().unwrap_err().is::<Cancelled>());
        }
    });
}

fn countdown(fate: &Fate, from: u32, tail: Tail) -> Deferred<u32> {
    let here = fate.clone();
    tail.on(fate.succeed(from).and_then(move |left| match left {
        0 => here.succeed(0),
        left => countdown(&here, left - 1, tail),
    }))
}

/// D3: a loop written as a chain: each step starts the next round and gives back its Deferred.
#[test]
fn a_million_rounds_of_recursion_use_a_small_stack() {
    on_a_small_stack(|| {
        for tail in TAILS {
            let mut sim = Sim::new(1);
            let result = result_of(countdown(&sim.host("here"), links(), tail));
            sim.run().unwrap();
            assert_eq!(value_of(&result), tail.sum(links() + 1));
        }
    });
}

/// D3: one whose rounds have nothing to do afterwards needs no memory for those that are over.
#[test]
fn rounds_that_are_over_are_not_kept() {
    fn round(fate: &Fate, token: Token, most: Rc<Cell<u32>>, left: u32) -> Deferred<u32> {
        let (promise, deferred) = fate.deferred();
        promise.callback(left);
        let here = fate.clone();
        let held = token.clone();
        deferred.add_callback(move |left| (held, left).1).and_then(move |left| match left {
            0 => here.succeed(0),
            left => {
                most.set(most.get().max(here.report().live.len() as u32 + token.copies()));
                round(&here, token, most, left - 1)
            }
        })
    }
    let mut rig = Rig::new();
    let (token, most) = (Token::default(), Rc::new(Cell::new(0)));
    let result = result_of(round(&rig.fate, token.clone(), most.clone(), 1000));
    rig.run();
    assert_eq!(value_of(&result), 0);
    assert!(most.get() < 10, "{} at once", most.get());
    assert_eq!((token.copies(), rig.alive()), (0, 0));
}

/// D3: a recursion that is ended half-way.
#[test]
fn a_recursion_of_a_million_may_be_shut_down_in_the_middle() {
    on_a_small_stack(|| {
        let mut sim = Sim::new(1);
        let fate = sim.host("here");
        let (promise, bottom) = fate.deferred();
        let bottom = Rc::new(Cell::new(Some(bottom)));
        fn dive(fate: &Fate, left: u32, bottom: Rc<Cell<Option<Deferred<u32>>>>) -> Deferred<u32> {
            let here = fate.clone();
            Tail::One.on(fate.succeed(left).and_then(move |left| match left {
                0 => bottom.take().unwrap(),
                left => dive(&here, left - 1, bottom),
            }))
        }
        let result = result_of(dive(&fate, links(), bottom));
        fate.get_fuse(Duration::from_secs(1)).set_handler(|fate| fate.shutdown());
        sim.run().unwrap();
        drop((fate, sim));
        promise.callback(0);
        drop(result);
    });
}

/// What may be done with a nest before it has run.
#[derive(Clone, Copy, Debug)]
enum End {
    /// The Deferred is let go, then the Promises, then everything runs.
    LetGo,
    /// The Promises go first.
    Abandoned,
    /// All are fired, but the Fate goes before anything can run.
    FiredInVain,
    /// All wait for the innermost, and the Fate goes.
    LeftWaiting,
    /// The Fate goes first, then the rest.
    WithoutFate,
    /// It is shut down while it waits.
    ShutDown,
    /// The outermost is paused, and let go.
    Paused,
}

const ENDS: [End; 7] =
    [End::LetGo, End::Abandoned, End::FiredInVain, End::LeftWaiting, End::WithoutFate, End::ShutDown, End::Paused];

/// D3: drop too.
#[test]
fn a_million_links_are_dropped_on_a_small_stack() {
    on_a_small_stack(|| {
        for (tail, end) in TAILS.into_iter().flat_map(|tail| ENDS.map(|end| (tail, end))) {
            let mut sim = Sim::new(1);
            let fate = sim.host("here");
            let Nest { mut gates, outermost } = nest(&fate, links(), tail);
            let result = Rc::new(Cell::new(0));
            let count = result.clone();
            let outermost = outermost.add_errback(move |failure| {
                assert!(failure.is::<Abandoned>() || failure.is::<Cancelled>());
                count.set(count.get() + 1);
                0
            });
            match end {
                End::LetGo => {
                    drop(outermost);
                    drop(gates.pop());
                    sim.run().unwrap();
                    assert_eq!(result.get(), 1);
                }
                End::Abandoned => {
                    drop(gates.split_off(1));
                    sim.run().unwrap();
                    assert_eq!(result.get(), 1);
                }
                End::FiredInVain => gates.into_iter().rev().for_each(|gate| gate.callback(0)),
                End::LeftWaiting => {
                    gates.split_off(1).into_iter().rev().for_each(|gate| gate.callback(0));
                    sim.run().unwrap();
                    drop((sim, fate));
                }
                End::WithoutFate => drop((sim, fate, outermost)),
                End::ShutDown => {
                    gates.split_off(1).into_iter().rev().for_each(|gate| gate.callback(0));
                    fate.get_fuse(Duration::from_secs(1)).set_handler(|fate| fate.shutdown());
                    sim.run().unwrap();
                }
                End::Paused => {
                    outermost.pause();
                    drop(outermost);
                }
            }
        }
    });
}

/// D3: and when every one of them is paused.
#[test]
fn a_million_paused_links_are_dropped_on_a_small_stack() {
    on_a_small_stack(|| {
        let fate = Sim::new(1).host("here");
        let mut outermost = fate.succeed(0);
        for _ in 0..links() {
            let inner = outermost;
            inner.pause();
            outermost = fate.succeed(0).and_then(move |_| inner);
        }
        outermost.pause();
    });
}

/// D3: nor does a value that holds another Deferred, and that another.
#[test]
fn a_million_deferreds_within_each_others_values_are_dropped_on_a_small_stack() {
    struct Doll(#[expect(dead_code, reason = "it is dropped with its doll")] Option<Deferred<Doll>>);
    fn dolls(fate: &Fate) -> Deferred<Doll> {
        (0..links()).fold(fate.succeed(Doll(None)), |doll, _| fate.succeed(Doll(Some(doll))))
    }
    on_a_small_stack(|| {
        let mut sim = Sim::new(1);
        let fate = sim.host("here");
        drop(dolls(&fate));
        sim.run().unwrap();
        let unseen = dolls(&fate);
        drop((sim, fate));
        drop(unseen);
    });
}

/// D3: a Promise fired by a step of another Deferred, a million times.
#[test]
fn a_million_promises_fired_by_each_other_use_a_small_stack() {
    fn row(fate: &Fate) -> (Promise<u32>, Deferred<u32>) {
        let (first, mut last) = fate.deferred();
        for _ in 0..links() {
            let (promise, deferred) = fate.deferred();
            drop(std::mem::replace(&mut last, deferred).add_both(|result| promise.fire_with(result)));
        }
        (first, last)
    }
    on_a_small_stack(|| {
        let mut sim = Sim::new(1);
        let fate = sim.host("here");
        let (first, last) = row(&fate);
        let result = result_of(last);
        first.callback(5);
        sim.run().unwrap();
        assert_eq!(value_of(&result), 5);
        let (first, last) = row(&fate);
        let result = result_of(last);
        drop(first);
        sim.run().unwrap();
        assert!(result.take().unwrap().unwrap_err().is::<Abandoned>());
        let (first, last) = row(&fate);
        drop((sim, fate));
        drop((last, first));
    });
}

/// D3, D10: tasks each of which awaits the one before.
#[test]
fn a_million_tasks_that_await_each_other_use_a_small_stack() {
    fn row(fate: &Fate) -> (Promise<u32>, Deferred<u32>) {
        let (promise, first) = fate.deferred();
        let last = (0..links()).fold(first, |before, _| fate.spawn(async { before.await.unwrap_or(7) + 1 }));
        (promise, last)
    }
    on_a_small_stack(|| {
        let mut sim = Sim::new(1);
        let fate = sim.host("here");
        let (promise, last) = row(&fate);
        let result = result_of(last);
        promise.callback(0);
        sim.run().unwrap();
        assert_eq!(value_of(&result), links());
        let (promise, last) = row(&fate);
        sim.run().unwrap();
        last.cancel();
        sim.run().unwrap();
        assert!(promise.is_cancelled());
        let row = row(&fate);
        sim.run().unwrap();
        drop((sim, fate));
        drop(row);
    });
}
