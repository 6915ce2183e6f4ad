//! Fuses as a sorted map says they are: what [`fate_core::parts::fuses::Fuses`] must agree with.
//!
//! A fuse that burns and whose deadline is not never lies in one map, by clock, deadline and lighting number. The first
//! of the map burns first; that is all there is to it. Handlers are plain numbers.

use fate_core::{Clock, Instant};
use std::collections::BTreeMap;

/// Names a fuse of the model.
pub type FuseId = u32;

/// Names a handler.
pub type HandlerId = u32;

/// All fuses, sorted.
#[derive(Default)]
pub struct SortedFuses {
    fuses: BTreeMap<FuseId, Fuse>,
    burning: BTreeMap<(Clock, Instant, u64), FuseId>,
    lit: FuseId,
    number: u64,
}

struct Fuse {
    clock: Clock,
    deadline: Instant,
    number: u64,
    state: State,
    held: bool,
    handlers: Vec<HandlerId>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Burning,
    Burned,
    Done,
    Cut,
}

/// What can be asked of a fuse.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Looks {
    /// The clock that it follows.
    pub clock: Clock,
    /// When it burns.
    pub deadline: Instant,
    /// Whether somebody listens who has not been called.
    pub has_handler: bool,
    /// Whether it has burned, or would have if its clock showed what was asked for.
    pub is_burned: bool,
}

impl SortedFuses {
    /// Lights a fuse that is held.
    pub fn light(&mut self, clock: Clock, deadline: Instant) -> FuseId {
        self.lit += 1;
        let fuse = Fuse { clock, deadline, number: 0, state: State::Burning, held: true, handlers: Vec::new() };
        self.fuses.insert(self.lit, fuse);
        self.enter(self.lit);
        self.lit
    }

    /// Burns for whoever is added first: sets the one handler. Returns the handlers that will not run, which is the new
    /// one itself if the fuse was cut.
    pub fn set_handler(&mut self, id: FuseId, handler: HandlerId, now: Instant) -> Vec<HandlerId> {
        if self.fuse(id).state == State::Cut {
            return vec![handler];
        }
        let replaced = std::mem::replace(&mut self.fuse(id).handlers, vec![handler]);
        self.burn_again(id, now);
        replaced
    }

    /// Adds a handler after the others. Returns it if the fuse was cut.
    pub fn add_handler(&mut self, id: FuseId, handler: HandlerId, now: Instant) -> Vec<HandlerId> {
        if self.fuse(id).state == State::Cut {
            return vec![handler];
        }
        self.fuse(id).handlers.push(handler);
        self.burn_again(id, now);
        Vec::new()
    }

    fn burn_again(&mut self, id: FuseId, now: Instant) {
        let fuse = self.fuse(id);
        if fuse.state != State::Burning {
            fuse.deadline = fuse.deadline.min(now);
            fuse.state = State::Burning;
            self.enter(id);
        }
    }

    /// Puts a fuse out. Says whether it was in time, and which handlers will not run.
    pub fn cut(&mut self, id: FuseId) -> (bool, Vec<HandlerId>) {
        if self.fuse(id).state != State::Burning {
            return (false, Vec::new());
        }
        self.leave(id);
        self.fuse(id).state = State::Cut;
        (true, std::mem::take(&mut self.fuse(id).handlers))
    }

    /// Nobody holds the fuse any more.
    pub fn release(&mut self, id: FuseId) {
        let fuse = self.fuse(id);
        fuse.held = false;
        if fuse.state != State::Burning || fuse.handlers.is_empty() {
            self.leave(id);
            self.fuses.remove(&id);
        }
    }

    /// Burns a fuse now. Returns the handlers to call.
    pub fn burn(&mut self, id: FuseId) -> Vec<HandlerId> {
        if self.fuse(id).state != State::Burning {
            return Vec::new();
        }
        self.leave(id);
        self.go_off(id)
    }

    fn go_off(&mut self, id: FuseId) -> Vec<HandlerId> {
        let fuse = self.fuse(id);
        let handlers = std::mem::take(&mut fuse.handlers);
        fuse.state = if handlers.is_empty() { State::Burned } else { State::Done };
        if !fuse.held {
            self.fuses.remove(&id);
        }
        handlers
    }

    /// Moves a deadline. Says whether it could.
    pub fn set_time(&mut self, id: FuseId, deadline: Instant) -> bool {
        if matches!(self.fuse(id).state, State::Done | State::Cut) {
            return false;
        }
        self.leave(id);
        self.fuse(id).deadline = deadline;
        self.fuse(id).state = State::Burning;
        self.enter(id);
        true
    }

    /// The handlers of the first fuse that is due and was lit before `limit`, if somebody listens to any such fuse.
    pub fn pop_due(&mut self, clock: Clock, now: Instant, limit: u64) -> Option<Vec<HandlerId>> {
        loop {
            let due = self.burning.range((clock, Instant::START, 0)..=(clock, now, u64::MAX));
            let (_, &id) = due.into_iter().find(|((_, _, number), _)| *number < limit)?;
            self.leave(id);
            let handlers = self.go_off(id);
            if !handlers.is_empty() {
                return Some(handlers);
            }
        }
    }

    /// The first deadline on a clock.
    pub fn next_due(&self, clock: Clock) -> Option<Instant> {
        let all = self.burning.range((clock, Instant::START, 0)..=(clock, Instant::NEVER, u64::MAX));
        all.map(|((_, deadline, _), _)| *deadline).next()
    }

    /// The lighting number of the next fuse.
    pub fn next_number(&self) -> u64 {
        self.number
    }

    /// How many fuses have a deadline, on all clocks.
    pub fn len(&self) -> usize {
        self.burning.len()
    }

    /// Whether no fuse has a deadline.
    pub fn is_empty(&self) -> bool {
        self.burning.is_empty()
    }

    /// How many fuses will burn that somebody listens to.
    pub fn expected(&self) -> usize {
        self.burning.values().filter(|id| !self.fuses[id].handlers.is_empty()).count()
    }

    /// How many fuses are held, or burn for somebody.
    pub fn cells(&self) -> usize {
        self.fuses.len()
    }

    /// Handlers that wait to be called.
    pub fn handlers(&self) -> usize {
        self.fuses.values().map(|fuse| fuse.handlers.len()).sum()
    }

    /// What can be asked of one fuse.
    pub fn looks(&self, id: FuseId, now: [Instant; 3]) -> Looks {
        let fuse = &self.fuses[&id];
        let is_burned = match fuse.state {
            State::Burning => fuse.deadline <= now[fuse.clock as usize],
            State::Burned | State::Done => true,
            State::Cut => false,
        };
        Looks { clock: fuse.clock, deadline: fuse.deadline, has_handler: !fuse.handlers.is_empty(), is_burned }
    }

    /// Every fuse that still burns, as (clock, deadline, whether it has a handler), sorted.
    pub fn sights(&self) -> Vec<(Clock, Instant, bool)> {
        let burning = self.fuses.values().filter(|fuse| fuse.state == State::Burning);
        let mut sights: Vec<_> = burning.map(|fuse| (fuse.clock, fuse.deadline, !fuse.handlers.is_empty())).collect();
        sights.sort_unstable();
        sights
    }

    fn fuse(&mut self, id: FuseId) -> &mut Fuse {
        self.fuses.get_mut(&id).expect("only fuses that are held are spoken of")
    }

    /// Gives a fuse the next lighting number and, unless it never burns, its place in the order.
    fn enter(&mut self, id: FuseId) {
        let number = self.number;
        self.number += 1;
        let fuse = self.fuse(id);
        fuse.number = number;
        let place = (fuse.clock, fuse.deadline, number);
        if !fuse.deadline.is_never() {
            self.burning.insert(place, id);
        }
    }

    fn leave(&mut self, id: FuseId) {
        let fuse = self.fuse(id);
        let place = (fuse.clock, fuse.deadline, fuse.number);
        if self.burning.get(&place) == Some(&id) {
            self.burning.remove(&place);
        }
    }
}
