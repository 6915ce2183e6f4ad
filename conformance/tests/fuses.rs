//! The wheel against a sorted map: random programs, saved ones, and jumps over every power of two.

use fate_conformance::bodies::fuses::{Distance, Moment, Op, Program};
use fate_conformance::bodies::fuses_against_a_sorted_map;
use fate_core::parts::fuses::{FuseIndex, Fuses};
use fate_core::parts::job::Job;
use fate_core::{Clock, Instant};
use proptest::collection::vec;
use proptest::prelude::*;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::panic::Location;
use std::time::Duration;

fn clocks() -> impl Strategy<Value = Clock> {
    prop_oneof![6 => Just(Clock::Monotonic), 1 => Just(Clock::Boot), 2 => Just(Clock::Wall)]
}

fn distances() -> impl Strategy<Value = Distance> {
    let powers = prop_oneof![3 => 0..44u8, 1 => 44..64u8];
    (powers, any::<u8>(), any::<i8>()).prop_map(|(power, mantissa, offset)| Distance { power, mantissa, offset })
}

fn moments() -> impl Strategy<Value = Moment> {
    prop_oneof![
        2 => Just(Moment::Now),
        8 => distances().prop_map(Moment::Ahead),
        2 => distances().prop_map(Moment::Behind),
        2 => distances().prop_map(Moment::Absolute),
        4 => (-2..3i8).prop_map(Moment::AtNextDue),
        2 => any::<u16>().prop_map(Moment::As),
        1 => Just(Moment::Last),
        1 => Just(Moment::Never),
    ]
}

/// Operations on single fuses.
fn single_ops() -> impl Strategy<Value = Op> {
    let pick = any::<u16>;
    prop_oneof![
        6 => (clocks(), moments()).prop_map(|(clock, moment)| Op::Light { clock, moment }),
        5 => pick().prop_map(|pick| Op::SetHandler { pick }),
        2 => pick().prop_map(|pick| Op::AddHandler { pick }),
        2 => pick().prop_map(|pick| Op::Cut { pick }),
        2 => pick().prop_map(|pick| Op::Release { pick }),
        4 => (pick(), moments()).prop_map(|(pick, moment)| Op::SetTime { pick, moment }),
        1 => pick().prop_map(|pick| Op::Burn { pick }),
        1 => (clocks(), moments()).prop_map(|(clock, moment)| Op::BeginTurn { clock, moment }),
        2 => (clocks(), 0..4u8).prop_map(|(clock, most)| Op::Pop { clock, most }),
        3 => (clocks(), moments()).prop_map(|(clock, moment)| Op::Turn { clock, moment }),
        1 => clocks().prop_map(|clock| Op::NextDue { clock }),
    ]
}

/// Operations on up to `count` fuses at once.
fn mass_ops(count: u16) -> impl Strategy<Value = Op> {
    let pick = any::<u16>;
    let light = (clocks(), moments(), distances(), 0..=count, any::<bool>());
    let set_time = (pick(), 0..=count, moments(), distances());
    prop_oneof![
        3 => light.prop_map(|(clock, moment, spread, count, listened)| {
            Op::LightMany { clock, moment, spread, count, listened }
        }),
        2 => (pick(), 0..=count).prop_map(|(pick, count)| Op::CutMany { pick, count }),
        3 => set_time.prop_map(|(pick, count, moment, spread)| Op::SetTimeMany { pick, count, moment, spread }),
    ]
}

fn programs(ops: impl Strategy<Value = Vec<Op>>) -> impl Strategy<Value = Program> {
    (any::<bool>(), any::<bool>(), ops).prop_map(|(nosy, runs_out, ops)| Program { nosy, runs_out, ops })
}

/// Turns that are not finished, so that much can happen in the middle of one.
fn pieces_of_turns() -> impl Strategy<Value = Op> {
    let soon = (18..26u8, any::<u8>()).prop_map(|(power, mantissa)| Distance { power, mantissa, offset: 0 });
    prop_oneof![
        1 => soon.prop_map(|soon| Op::BeginTurn { clock: Clock::Monotonic, moment: Moment::Ahead(soon) }),
        2 => any::<u8>().prop_map(|most| Op::Pop { clock: Clock::Monotonic, most }),
    ]
}

/// Programs that begin with a crowd and go on with single operations and some on many fuses.
fn crowded(count: u16, length: usize) -> impl Strategy<Value = Program> {
    let spreads = prop_oneof![distances(), (16..30u8).prop_map(|power| Distance { power, mantissa: 0, offset: 0 })];
    let first = (spreads, any::<bool>()).prop_map(move |(spread, listened)| Op::LightMany {
        clock: Clock::Monotonic,
        moment: Moment::Now,
        spread,
        count,
        listened,
    });
    let rest = vec(prop_oneof![2 => single_ops(), 1 => pieces_of_turns(), 1 => mass_ops(count / 2)], 0..length);
    programs((first, rest).prop_map(|(first, rest)| std::iter::once(first).chain(rest).collect()))
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(4000))]

    /// T2, T3, T6, T7, T8.
    #[test]
    fn a_few_fuses_do_as_a_sorted_map_says(program in programs(vec(single_ops(), 0..60))) {
        program.run();
    }
}

proptest! {
    #![proptest_config(cases(200))]

    /// T2, T3, T6, T7, T8.
    #[test]
    fn many_operations_on_fuses_do_as_a_sorted_map_says(program in programs(vec(single_ops(), 0..1500))) {
        program.run();
    }
}

proptest! {
    #![proptest_config(cases(250))]

    /// T2, T5, T7: with so many moves and cuts, entries go stale and are swept.
    #[test]
    fn crowds_of_fuses_do_as_a_sorted_map_says(program in crowded(2000, 60)) {
        program.run();
    }
}

proptest! {
    #![proptest_config(cases(16))]

    /// T2, T5, T7.
    #[test]
    fn ten_thousand_fuses_do_as_a_sorted_map_says(program in crowded(10_000, 40)) {
        program.run();
    }
}

/// Every file in `corpus/fuses` is a program that was hard at some time, or might be.
#[test]
fn saved_programs_do_as_a_sorted_map_says() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/fuses");
    let files = std::fs::read_dir(corpus).expect("the corpus is part of the repository");
    let mut ran = 0;
    for file in files {
        let path = file.expect("the corpus can be listed").path();
        println!("{}", path.display());
        fuses_against_a_sorted_map(&std::fs::read(path).expect("the corpus can be read"));
        ran += 1;
    }
    assert!(ran >= 64, "only {ran} files");
}

/// T4. Instants end after 584 years, before 2^48 ms: that jump ends on the last moment, and what is due later is never.
#[test]
fn jumps_across_high_powers_of_two_milliseconds_miss_no_fuse() {
    let mut world = World::default();
    world.light(Instant::START + Duration::from_secs(30 * 365 * 86_400), "thirty years");
    world.light(Instant::START + World::PERIOD, "repeat");
    for power in [30, 31, 32, 36, 48] {
        let boundary = Instant::START + Duration::from_millis(1 << power);
        let boundary = boundary.min(World::LAST);
        world.light(boundary, "boundary");
        for seconds in (0..120).rev().step_by(7) {
            world.jump(Instant::from_nanos(boundary.as_nanos() - seconds * 1_000_000_000));
        }
        world.jump(boundary);
        for seconds in 1..60 {
            world.jump((boundary + Duration::from_secs(seconds)).min(World::LAST));
        }
    }
    assert!(world.burned > 40 && world.sorted.is_empty(), "all has burned, {} fuses", world.burned);
    world.light(Instant::START + Duration::from_millis(1 << 48), "never");
    world.jump(World::LAST);
    assert_eq!((world.fuses.expected(), world.fuses.next_due(Clock::Monotonic)), (0, None));
}

type Names = RefCell<Vec<&'static str>>;

/// Named fuses on one clock, with a sorted list of them beside.
#[derive(Default)]
struct World {
    fuses: Fuses<Names>,
    sorted: BTreeSet<(Instant, u64, &'static str)>,
    names: Names,
    burned: usize,
}

impl World {
    const PERIOD: Duration = Duration::from_secs(15);
    const LAST: Instant = Instant::from_nanos(u64::MAX - 1);

    fn light(&mut self, deadline: Instant, name: &'static str) {
        if !deadline.is_never() {
            self.sorted.insert((deadline, self.fuses.next_number(), name));
        }
        let fuse: FuseIndex = self.fuses.light(Clock::Monotonic, deadline, Instant::START, Location::caller());
        let job = Job::new(move |names: &Names| names.borrow_mut().push(name));
        drop(self.fuses.set_handler(fuse, Location::caller(), job, Instant::START));
        self.fuses.release(fuse);
    }

    /// One turn at `now`: burns what the sorted list says, and lights the repeat again.
    fn jump(&mut self, now: Instant) {
        assert_eq!(self.fuses.next_due(Clock::Monotonic), self.sorted.first().map(|(deadline, ..)| *deadline));
        self.fuses.begin_turn();
        let limit = self.fuses.next_number();
        while let Some(handlers) = self.fuses.pop_due(Clock::Monotonic, now, limit) {
            handlers.first.job.call(&self.names);
        }
        let later = self.sorted.split_off(&(now + Duration::from_nanos(1), 0, ""));
        let due = std::mem::replace(&mut self.sorted, later);
        let expected: Vec<&str> = due.iter().map(|(.., name)| *name).collect();
        assert_eq!(self.names.take(), expected, "at {now}");
        self.burned += expected.len();
        if expected.contains(&"repeat") {
            self.light(now + World::PERIOD, "repeat");
        }
    }
}
