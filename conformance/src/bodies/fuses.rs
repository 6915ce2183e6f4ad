//! Fuses and the wheel against a sorted map.
//!
//! A [`Program`] is a list of operations. It is carried out on [`Fuses`] and on [`SortedFuses`] side by side, and after each
//! operation the two must agree on everything that can be asked: what burned and in which order, who was called and whose
//! handler was dropped (each exactly once), what is due next, what is expected, and what each fuse looks like.

mod program;

pub use program::{Distance, Moment, Op, Pick, Program};

use crate::models::fuses::{FuseId, HandlerId, Looks, SortedFuses};
use fate_core::parts::fuses::{FuseIndex, Fuses, Handlers};
use fate_core::parts::job::Job;
use fate_core::{Clock, Instant};
use std::cell::RefCell;
use std::panic::Location;
use std::rc::Rc;

/// The wheel promises an exact answer at once while this many lightings and moves lie behind it.
const SMALL: u64 = 512;

/// Above this many fuses the costly comparisons are made now and then, not after every operation.
const CROWD: usize = 64;

/// Decodes a program from the bytes and carries it out on the fuses and on a sorted map.
///
/// # Panics
/// If the two disagree.
pub fn fuses_against_a_sorted_map(bytes: &[u8]) {
    Program::decode(bytes).run();
}

impl Program {
    /// Carries the program out.
    ///
    /// # Panics
    /// If the fuses and the sorted map disagree.
    pub fn run(&self) {
        let mut bench = Bench::default();
        for (step, op) in self.ops.iter().enumerate() {
            bench.carry_out(*op);
            bench.compare(self.nosy, step);
        }
        bench.compare_everything();
        if self.runs_out {
            bench.run_out();
        }
        bench.cut_everything();
    }
}

/// What handlers are given: they note that they were called.
type Log = RefCell<Vec<HandlerId>>;

/// Notes that the handler it belongs to was dropped, called or not.
struct Token {
    handler: HandlerId,
    dropped: Rc<Log>,
}

impl Token {
    /// The handler was called and, if its capture is `sound`, notes that.
    fn note_if(&self, sound: bool, called: &Log) {
        assert!(sound, "a capture was overwritten");
        called.borrow_mut().push(self.handler);
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.dropped.borrow_mut().push(self.handler);
    }
}

/// A fuse that both sides know and that is held.
#[derive(Clone, Copy)]
struct Held {
    index: FuseIndex,
    id: FuseId,
}

/// The two that are compared.
#[derive(Default)]
struct Bench {
    fuses: Fuses<Log>,
    model: SortedFuses,
    held: Vec<Held>,
    now: [u64; 3],
    limit: u64,
    handlers: HandlerId,
    called: Log,
    dropped: Rc<Log>,
}

impl Bench {
    fn carry_out(&mut self, op: Op) {
        match op {
            Op::Light { clock, moment } => self.light(clock, self.moment(clock, moment)),
            Op::LightMany { clock, moment, spread, count, listened } => {
                let first = self.moment(clock, moment);
                for number in 0..count {
                    self.light(clock, scatter(first, spread, number));
                    if listened {
                        self.set_handler(self.held[self.held.len() - 1]);
                    }
                }
            }
            Op::SetHandler { pick } => self.picked(pick).into_iter().for_each(|held| self.set_handler(held)),
            Op::AddHandler { pick } => self.picked(pick).into_iter().for_each(|held| self.add_handler(held)),
            Op::Cut { pick } => self.picked(pick).into_iter().for_each(|held| self.cut(held)),
            Op::CutMany { pick, count } => self.cut_many(pick, count),
            Op::Release { pick } => self.release(usize::from(pick) % self.held.len().max(1)),
            Op::SetTime { pick, moment } => {
                if let Some(held) = self.picked(pick) {
                    self.set_time(held, self.moment(self.clock_of(held), moment));
                }
            }
            Op::SetTimeMany { pick, count, moment, spread } => {
                for number in 0..count {
                    let Some(held) = self.picked(pick.wrapping_add(number)) else { break };
                    self.set_time(held, scatter(self.moment(self.clock_of(held), moment), spread, number));
                }
            }
            Op::Burn { pick } => self.picked(pick).into_iter().for_each(|held| self.burn(held)),
            Op::BeginTurn { clock, moment } => self.begin_turn(clock, moment),
            Op::Pop { clock, most } => {
                let _ = (0..most).all(|_| self.pop(clock));
            }
            Op::Turn { clock, moment } => {
                self.begin_turn(clock, moment);
                self.pop_all();
            }
            Op::NextDue { clock } => self.next_due_is_exact_in_the_end(clock),
        }
    }

    fn picked(&self, pick: Pick) -> Option<Held> {
        self.held.get(usize::from(pick) % self.held.len().max(1)).copied()
    }

    fn clock_of(&self, held: Held) -> Clock {
        self.looks(held).clock
    }

    fn moment(&self, clock: Clock, moment: Moment) -> Instant {
        let now = self.now[clock as usize];
        Instant::from_nanos(match moment {
            Moment::Now => now,
            Moment::Ahead(distance) => now.saturating_add(distance.nanos()),
            Moment::Behind(distance) => now.saturating_sub(distance.nanos()),
            Moment::Absolute(distance) => distance.nanos(),
            Moment::AtNextDue(offset) => {
                self.model.next_due(clock).map_or(now, Instant::as_nanos).saturating_add_signed(offset.into())
            }
            Moment::As(pick) => self.picked(pick).map_or(now, |held| self.looks(held).deadline.as_nanos()),
            Moment::Last => u64::MAX - 1,
            Moment::Never => u64::MAX,
        })
    }

    fn present(&self, clock: Clock) -> Instant {
        Instant::from_nanos(self.now[clock as usize])
    }

    fn light(&mut self, clock: Clock, deadline: Instant) {
        let index = self.fuses.light(clock, deadline, self.present(clock), Location::caller());
        let id = self.model.light(clock, deadline);
        self.held.push(Held { index, id });
    }

    /// A handler of one of three sizes: two lie in the fuse's cell, the other in a box.
    fn new_handler(&mut self) -> (HandlerId, Job<Log>) {
        self.handlers += 1;
        let handler = self.handlers;
        let token = Token { handler, dropped: self.dropped.clone() };
        let (word, words) = (u64::from(handler), [u64::from(handler); 20]);
        let job = match handler % 3 {
            0 => Job::new(move |called: &Log| token.note_if(true, called)),
            1 => Job::new(move |called: &Log| token.note_if(word > 0, called)),
            _ => Job::new(move |called: &Log| token.note_if(words[19] > 0, called)),
        };
        (handler, job)
    }

    fn set_handler(&mut self, held: Held) {
        let now = self.present(self.clock_of(held));
        let (handler, job) = self.new_handler();
        drop(self.fuses.set_handler(held.index, Location::caller(), job, now));
        let lost = self.model.set_handler(held.id, handler, now);
        self.heard(&[], &lost);
    }

    fn add_handler(&mut self, held: Held) {
        let now = self.present(self.clock_of(held));
        let (handler, job) = self.new_handler();
        drop(self.fuses.add_handler(held.index, Location::caller(), job, now));
        let lost = self.model.add_handler(held.id, handler, now);
        self.heard(&[], &lost);
    }

    fn cut(&mut self, held: Held) {
        let in_time = self.fuses.cut(held.index).is_some();
        let (expected, lost) = self.model.cut(held.id);
        assert_eq!(in_time, expected, "cut was in time");
        self.heard(&[], &lost);
    }

    fn cut_many(&mut self, pick: Pick, count: u16) {
        let first = usize::from(pick) % self.held.len().max(1);
        for place in (first..).take(count.into()) {
            let Some(held) = self.held.get(place).copied() else { break };
            self.cut(held);
            self.release(place);
        }
    }

    fn release(&mut self, place: usize) {
        if place < self.held.len() {
            let held = self.held.swap_remove(place);
            self.fuses.release(held.index);
            self.model.release(held.id);
            self.heard(&[], &[]);
        }
    }

    fn set_time(&mut self, held: Held, deadline: Instant) {
        let done = self.fuses.set_time(held.index, deadline);
        assert_eq!(done, self.model.set_time(held.id, deadline), "set_time could");
    }

    fn burn(&mut self, held: Held) {
        let handlers = self.fuses.burn(held.index);
        self.call(handlers);
        let expected = self.model.burn(held.id);
        self.heard(&expected, &expected);
    }

    /// Moves a clock, forward only unless it is the wall clock, and begins a turn.
    fn begin_turn(&mut self, clock: Clock, moment: Moment) {
        let moment = self.moment(clock, moment).as_nanos().min(u64::MAX - 1);
        let now = &mut self.now[clock as usize];
        *now = if clock == Clock::Wall { moment } else { moment.max(*now) };
        self.fuses.begin_turn();
        self.limit = self.fuses.next_number();
    }

    /// Burns the next fuse that is due in this turn. Says whether there was one.
    fn pop(&mut self, clock: Clock) -> bool {
        let now = self.present(clock);
        let handlers = self.fuses.pop_due(clock, now, self.limit);
        let some = handlers.is_some();
        self.call(handlers);
        let expected = self.model.pop_due(clock, now, self.limit);
        assert_eq!(some, expected.is_some(), "something burned on {clock:?}");
        let expected = expected.unwrap_or_default();
        self.heard(&expected, &expected);
        some
    }

    fn pop_all(&mut self) {
        for clock in Clock::ALL {
            while self.pop(clock) {}
        }
    }

    fn call(&self, handlers: Option<Handlers<Log>>) {
        handlers.into_iter().flatten().for_each(|handler| handler.job.call(&self.called));
    }

    /// Exactly these handlers were called and these dropped, in this order, since last time.
    #[track_caller]
    fn heard(&self, called: &[HandlerId], dropped: &[HandlerId]) {
        assert_eq!(self.called.take(), called, "called");
        assert_eq!(self.dropped.take(), dropped, "dropped");
    }

    fn next_due_is_never_late(&mut self, clock: Clock) {
        let expected = self.model.next_due(clock);
        let due = self.fuses.next_due(clock);
        if self.model.next_number() <= SMALL {
            assert_eq!(due, expected, "next due on {clock:?}");
        } else if let Some(first) = expected {
            assert!(due.is_some_and(|due| due <= first), "next due on {clock:?}: {due:?} is later than {first:?}");
        }
    }

    /// Every call may look at a thousand entries for nothing, and there are no more of these than twice the live ones and
    /// a thousand.
    fn next_due_is_exact_in_the_end(&mut self, clock: Clock) {
        let expected = self.model.next_due(clock);
        let calls = 2 + self.model.len() / 100;
        let found = (0..calls).any(|_| {
            self.next_due_is_never_late(clock);
            self.fuses.next_due(clock) == expected
        });
        assert!(found, "next due on {clock:?} becomes {expected:?}");
    }

    fn looks(&self, held: Held) -> Looks {
        self.model.looks(held.id, self.now.map(Instant::from_nanos))
    }

    /// What is compared after every operation; all of it if that is cheap.
    fn compare(&mut self, nosy: bool, step: usize) {
        assert_eq!(self.fuses.next_number(), self.model.next_number(), "lighting number");
        if let Some(held) = self.picked(step as Pick) {
            self.compare_looks(held);
        }
        if nosy {
            Clock::ALL.into_iter().for_each(|clock| self.next_due_is_never_late(clock));
        }
        if self.held.len().max(self.model.len()) < CROWD || step.is_multiple_of(CROWD) {
            self.compare_everything();
        }
    }

    fn compare_everything(&self) {
        assert_eq!(self.fuses.expected(), self.model.expected(), "expected");
        assert_eq!(Rc::strong_count(&self.dropped) - 1, self.model.handlers(), "handlers that wait");
        self.held.iter().for_each(|held| self.compare_looks(*held));
        let mut sights: Vec<_> =
            self.fuses.sights().map(|sight| (sight.clock, sight.deadline, sight.has_handler)).collect();
        sights.sort_unstable();
        assert_eq!(sights, self.model.sights(), "fuses that burn");
    }

    fn compare_looks(&self, held: Held) {
        let looks = self.looks(held);
        assert_eq!(self.fuses.time(held.index), Some((looks.clock, looks.deadline)), "time");
        assert_eq!(self.fuses.has_handler(held.index), looks.has_handler, "has_handler");
        assert_eq!(self.fuses.is_burned(held.index, self.present(looks.clock)), looks.is_burned, "is_burned");
    }

    /// Jumps from deadline to deadline for a while and then to the end of time: everything that ever burns has burned.
    fn run_out(&mut self) {
        for moment in [Moment::AtNextDue(0); 64].into_iter().chain([Moment::Last]) {
            for clock in Clock::ALL {
                self.begin_turn(clock, moment);
                self.pop_all();
            }
        }
        assert!(self.model.is_empty() && self.fuses.expected() == 0, "time ran out");
        assert!(Clock::ALL.into_iter().all(|clock| self.fuses.next_due(clock).is_none()), "nothing is due any more");
    }

    /// Puts out what is left: every handler is dropped, and nothing is expected.
    fn cut_everything(mut self) {
        let mut waiting = Rc::strong_count(&self.dropped) - 1;
        let (mut from, mut cells) = (0, 0);
        while let Some((index, handlers)) = self.fuses.cut_any(from) {
            assert!(index >= from, "cut_any goes on");
            drop(handlers);
            (from, cells) = (index + 1, cells + 1);
        }
        assert_eq!(cells, self.model.cells(), "fuses that are held or have a handler");
        waiting -= self.dropped.take().len();
        assert_eq!((waiting, self.fuses.expected()), (0, 0), "everything was cut");
        self.held.iter().for_each(|held| self.fuses.release(held.index));
        assert_eq!(self.fuses.sights().count(), 0, "nothing burns any more");
        assert!(Clock::ALL.into_iter().all(|clock| self.fuses.next_due(clock).is_none()), "nothing is due any more");
        drop(self.fuses);
        assert_eq!(Rc::strong_count(&self.dropped), 1, "no handler is left");
    }
}

/// The `number`th of the moments that are spread from `first` on.
fn scatter(first: Instant, spread: Distance, number: u16) -> Instant {
    let random = (u64::from(number) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let offset = (u128::from(random) * u128::from(spread.nanos())) >> 64;
    if first.is_never() { first } else { Instant::from_nanos(first.as_nanos().saturating_add(offset as u64)) }
}
