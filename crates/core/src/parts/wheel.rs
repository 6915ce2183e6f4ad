//! Which entry is due next: a timing wheel that is exact to the nanosecond.
//!
//! Think of an odometer. Time is counted in ticks of 2^20 ns, about a millisecond; eight levels of 64 slots cover all of
//! 64 bits. An entry lies at the level of the highest base-64 digit in which its tick differs from the present tick. When
//! the present reaches a slot, the slot's entries are dealt out to lower levels, and those of the present tick are *sorted*
//! by deadline and lighting number: order and precision come from there, not from the size of a tick.
//!
//! ```text
//!   light ──▶ level 7 … level 2 ──▶ level 1 ──▶ level 0 ──▶ front (sorted) ──▶ burn
//!                (a slot is dealt out when its time comes)        ▲
//!   light within the present tick ─────────────────────▶ late (a heap)
//! ```
//!
//! Entries are 16 bytes and are never searched for. Cutting makes an entry's key stale and leaves it where it is; moving a
//! deadline later changes the ledger alone. What an entry is worth is asked of the [`Ledger`] when it comes to the front.
//!
//! # Invariants
//! - W1 Every entry outside `front`, `late` and `aside` has a tick greater than `tick`; all entries in those three have
//!   one that is at most `tick`.
//! - W2 Entries at level L agree with `tick` in every base-64 digit above L and exceed it in digit L. So every entry of a
//!   lower level is due before any of a higher one, and slots of a level in order of their number.
//! - W3 `front` is sorted by (deadline, lighting number); `late` is a heap of the same order.
//! - W4 A live thing with a deadline has exactly one entry whose key is current; that entry's deadline is at most the
//!   ledger's. Entries that are not current are counted in `stale`, and `stale` is at most four times the live ones and `SLACK`.
//!
//! # Cost
//! Lighting writes one entry. An entry is dealt out once a level at most: twice for ten seconds, five times for a year.
//! Cutting is a count, with a sweep that is paid for by the cuts before it. Within one tick, sorting n entries is
//! O(n log n).
//!
//! # Not here
//! Things, handlers and clocks: [`super::fuses`].
//!
//! The idea of the hierarchy is G. Varghese and T. Lauck, "Hashed and Hierarchical Timing Wheels" (SOSP 1987).

use super::slots::Slots;
use crate::words::key::Key;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A tick is 2^20 nanoseconds.
const TICK_BITS: u32 = 20;
/// A level has 2^6 slots.
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
/// 44 bits of ticks, six a level.
const LEVELS: usize = 8;
/// Entries to a block of a slot's chain.
const BLOCK: usize = 32;
/// Stale entries that are tolerated for each live one: 16 bytes each, so that together they cost less than what the
/// live ones' own cells and entries do.
const STALE_TO_LIVE: usize = 4;
/// Stale entries that are tolerated beyond the live ones before they are swept out.
const SLACK: usize = 1024;
/// How far ahead of use the ledger is asked to fetch.
const AHEAD: usize = 8;
/// Entries of slots that each call of `next_due` may look at. What it does not use is saved up for one look at all.
const SCAN_CREDIT: usize = 1024;

/// What the wheel asks of whoever owns the things that its entries stand for.
pub trait Ledger {
    /// The thing's present deadline and lighting number, or `None` if the key is stale.
    fn look_up(&self, key: Key) -> Option<Standing>;
    /// Whether the key is current, without looking at the thing.
    fn is_current(&self, key: Key) -> bool;
    /// The thing will soon be looked up.
    fn prefetch(&self, index: u32);
}

/// A thing's place in the order of burning.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Standing {
    /// Nanoseconds on the wheel's clock.
    pub deadline: u64,
    /// Grows with every lighting.
    pub number: u64,
}

#[derive(Clone, Copy)]
struct Entry {
    deadline: u64,
    key: Key,
}

/// An entry that has come to the front, with its full standing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Near {
    standing: Standing,
    key: Key,
}

#[derive(Clone, Copy)]
struct Slot {
    first: u32,
    last: u32,
    length: u32,
}

const EMPTY: Slot = Slot { first: 0, last: 0, length: 0 };

struct Block {
    entries: [Entry; BLOCK],
    next: u32,
}

/// The earliest entry of the slots, as far as it is known.
#[derive(Clone, Copy)]
struct Soonest {
    deadline: u64,
    key: Key,
}

/// The order of deadlines on one clock.
pub struct Wheel {
    tick: u64,
    levels: [[Slot; SLOTS]; LEVELS],
    occupied: [u64; LEVELS],
    blocks: Slots<Block, 16>,
    front: Vec<Near>,
    burned: usize,
    late: BinaryHeap<Reverse<Near>>,
    aside: Vec<Near>,
    soonest: Option<Soonest>,
    credit: usize,
    entries: usize,
    stale: usize,
}

impl Default for Wheel {
    fn default() -> Wheel {
        Wheel {
            tick: 0,
            levels: [[EMPTY; SLOTS]; LEVELS],
            occupied: [0; LEVELS],
            blocks: Slots::new(),
            front: Vec::new(),
            burned: 0,
            late: BinaryHeap::new(),
            aside: Vec::new(),
            soonest: None,
            credit: 0,
            entries: 0,
            stale: 0,
        }
    }
}

impl Wheel {
    /// Adds an entry.
    #[inline]
    pub fn light(&mut self, standing: Standing, key: Key) {
        self.entries += 1;
        self.place(standing, key);
    }

    #[inline]
    fn place(&mut self, standing: Standing, key: Key) {
        let tick = standing.deadline >> TICK_BITS;
        if tick <= self.tick {
            self.late.push(Reverse(Near { standing, key }));
        } else {
            self.append(Entry { deadline: standing.deadline, key });
        }
    }

    /// Puts an entry of a later tick at the end of its slot.
    #[inline]
    fn append(&mut self, entry: Entry) {
        let tick = entry.deadline >> TICK_BITS;
        let level = ((tick ^ self.tick).ilog2() / SLOT_BITS) as usize;
        let number = (tick >> (level as u32 * SLOT_BITS)) as usize % SLOTS;
        let slot = &mut self.levels[level][number];
        let within = slot.length as usize % BLOCK;
        if within == 0 {
            let fresh = self.blocks.insert(Block { entries: [entry; BLOCK], next: 0 }).index;
            if slot.length == 0 {
                slot.first = fresh;
                self.occupied[level] |= 1 << number;
            } else if let Some(block) = self.blocks.get_mut(slot.last) {
                block.next = fresh;
            }
            slot.last = fresh;
        } else if let Some(block) = self.blocks.get_mut(slot.last) {
            block.entries[within] = entry;
        }
        slot.length += 1;
        if self.soonest.is_some_and(|soonest| entry.deadline < soonest.deadline) {
            self.soonest = Some(Soonest { deadline: entry.deadline, key: entry.key });
        }
    }

    /// Notes that the key of an entry went stale. Sweeps if there are too many of them.
    #[inline]
    pub fn forget(&mut self, ledger: &impl Ledger) {
        self.stale += 1;
        if self.stale > STALE_TO_LIVE * (self.entries - self.stale) + SLACK {
            self.sweep(ledger);
        }
    }

    /// Before the things of a turn burn: what was set aside in the turn before may burn now.
    pub fn begin_turn(&mut self) {
        self.late.extend(self.aside.drain(..).map(Reverse));
        self.give_back();
    }

    /// Gives back the memory that a burst left at the front, once it is far more than all entries could need.
    fn give_back(&mut self) {
        let enough = self.entries.max(SLACK);
        if self.front.capacity() / 4 > enough {
            self.front.shrink_to(enough);
        }
        if self.late.capacity() / 4 > enough {
            self.late.shrink_to(enough);
        }
        if self.aside.capacity() / 4 > enough {
            self.aside.shrink_to(enough);
        }
    }

    /// Takes out the first thing that is due at `now`, leaving for a later turn those lit with `limit` or a higher number.
    #[inline]
    pub fn pop_due(&mut self, now: u64, limit: u64, ledger: &impl Ledger) -> Option<Key> {
        loop {
            let Some(near) = self.nearest() else {
                if self.advance(now >> TICK_BITS, ledger) {
                    continue;
                }
                return None;
            };
            if near.standing.deadline > now {
                return None;
            }
            self.drop_nearest();
            if near.standing.number >= limit {
                self.aside.push(near);
            } else if self.take_if_true(near, ledger) {
                return Some(near.key);
            }
        }
    }

    /// The first of what is at the front, which is before all that lies in slots (W1).
    #[inline]
    fn nearest(&self) -> Option<Near> {
        let front = self.front.get(self.burned);
        let late = self.late.peek().map(|Reverse(near)| near);
        match (front, late) {
            (Some(front), Some(late)) => Some(*front.min(late)),
            (front, late) => front.or(late).copied(),
        }
    }

    #[inline]
    fn drop_nearest(&mut self) {
        let front = self.front.get(self.burned);
        let late = self.late.peek().map(|Reverse(near)| near);
        if late.is_none_or(|late| front.is_some_and(|front| front <= late)) {
            self.burned += 1;
            if self.burned >= self.front.len() {
                self.front.clear();
                self.burned = 0;
            }
        } else {
            self.late.pop();
        }
    }

    /// Whether the entry that was just removed still says the truth; its count is settled, and one whose deadline was
    /// moved is put where it belongs now.
    #[inline]
    fn take_if_true(&mut self, near: Near, ledger: &impl Ledger) -> bool {
        match ledger.look_up(near.key) {
            None => {
                self.bury();
                false
            }
            Some(standing) if standing == near.standing => {
                self.entries -= 1;
                true
            }
            Some(standing) => {
                self.place(standing, near.key);
                false
            }
        }
    }

    /// Brings the earliest slot to the front, or deals it out, if its time is at most `tick`. Says whether there was one;
    /// if not, `tick` is the present.
    fn advance(&mut self, tick: u64, ledger: &impl Ledger) -> bool {
        match self.first_slot() {
            Some((level, number, start)) if start <= tick => {
                self.tick = start;
                self.soonest = None;
                self.deal_out(level, number, ledger);
                true
            }
            _ => {
                self.tick = self.tick.max(tick);
                false
            }
        }
    }

    /// Level, number and first tick of the earliest slot that has entries (W2).
    fn first_slot(&self) -> Option<(usize, usize, u64)> {
        let level = self.occupied.iter().position(|&slots| slots != 0)?;
        let number = self.occupied[level].trailing_zeros() as usize;
        let shift = level as u32 * SLOT_BITS;
        let above = self.tick >> shift >> SLOT_BITS << SLOT_BITS;
        Some((level, number, (above | number as u64) << shift))
    }

    /// Deals out a slot that begins now: the entries of its first tick, which is all of them at level 0, are sorted into
    /// `front`, the others go to lower levels.
    fn deal_out(&mut self, level: usize, number: usize, ledger: &impl Ledger) {
        self.drain_slot(level, number, |wheel, entries| {
            for (position, entry) in entries.iter().enumerate() {
                if let Some(ahead) = entries.get(position + AHEAD).filter(|_| level == 0) {
                    ledger.prefetch(ahead.key.index);
                }
                if entry.deadline >> TICK_BITS > wheel.tick {
                    wheel.append(*entry);
                } else {
                    wheel.bring_forward(entry, ledger);
                }
            }
        });
        self.front.sort_unstable();
    }

    #[inline]
    fn bring_forward(&mut self, entry: &Entry, ledger: &impl Ledger) {
        match ledger.look_up(entry.key) {
            None => self.bury(),
            Some(standing) if standing.deadline == entry.deadline => self.front.push(Near { standing, key: entry.key }),
            Some(standing) => self.place(standing, entry.key),
        }
    }

    /// Settles the counts for a stale entry that is gone.
    #[inline]
    fn bury(&mut self) {
        self.stale -= 1;
        self.entries -= 1;
    }

    /// Empties a slot, handing out its entries a block at a time.
    fn drain_slot(&mut self, level: usize, number: usize, mut each: impl FnMut(&mut Wheel, &[Entry])) {
        let slot = std::mem::replace(&mut self.levels[level][number], EMPTY);
        self.occupied[level] &= !(1 << number);
        let (mut next, mut left) = (slot.first, slot.length as usize);
        while left > 0 {
            let Some(block) = self.blocks.remove(next) else { break };
            let filled = left.min(BLOCK);
            each(self, &block.entries[..filled]);
            left -= filled;
            next = block.next;
        }
    }

    /// The first deadline of all, if there is one: exact, unless it lies in a crowded slot whose first entries have gone
    /// stale since, when it may be too early (it is never too late); every call works that off.
    pub fn next_due(&mut self, ledger: &impl Ledger) -> Option<u64> {
        self.begin_turn();
        if self.entries == self.stale {
            self.sweep(ledger);
            return None;
        }
        while let Some(near) = self.nearest() {
            if ledger.look_up(near.key) == Some(near.standing) {
                return Some(near.standing.deadline);
            }
            self.drop_nearest();
            self.take_if_true(near, ledger);
        }
        self.soonest_in_slots(ledger)
    }

    fn soonest_in_slots(&mut self, ledger: &impl Ledger) -> Option<u64> {
        self.credit = self.entries.min(self.credit + SCAN_CREDIT).max(SCAN_CREDIT);
        loop {
            let (level, number, start) = self.first_slot()?;
            if let Some(soonest) = self.soonest
                && ledger.look_up(soonest.key).is_some_and(|standing| standing.deadline == soonest.deadline)
            {
                return Some(soonest.deadline);
            }
            let length = self.levels[level][number].length as usize;
            if length > self.credit {
                return Some(self.soonest.map_or(start << TICK_BITS, |soonest| soonest.deadline));
            }
            self.credit -= length;
            self.soonest = self.scan(level, number, start, ledger);
            if self.soonest.is_none() {
                self.clear_out(level, number, ledger);
            }
        }
    }

    /// The earliest true deadline in a slot, or `None` if all its entries are stale or were moved beyond it.
    fn scan(&self, level: usize, number: usize, start: u64, ledger: &impl Ledger) -> Option<Soonest> {
        let slot = &self.levels[level][number];
        let mut best: Option<Soonest> = None;
        let mut next = slot.first;
        let mut left = slot.length as usize;
        while let Some(block) = self.blocks.get(next).filter(|_| left > 0) {
            for entry in &block.entries[..left.min(BLOCK)] {
                let earlier = |deadline| best.is_none_or(|best| deadline < best.deadline);
                if earlier(entry.deadline)
                    && let Some(standing) = ledger.look_up(entry.key)
                    && earlier(standing.deadline)
                {
                    best = Some(Soonest { deadline: standing.deadline, key: entry.key });
                }
            }
            left -= left.min(BLOCK);
            next = block.next;
        }
        let slot_bits = TICK_BITS + level as u32 * SLOT_BITS;
        best.filter(|best| best.deadline >> slot_bits == start << TICK_BITS >> slot_bits)
    }

    /// Empties a slot in which nothing is due: stale entries go, moved ones to where they belong.
    fn clear_out(&mut self, level: usize, number: usize, ledger: &impl Ledger) {
        self.drain_slot(level, number, |wheel, entries| {
            for entry in entries {
                match ledger.look_up(entry.key) {
                    Some(standing) => wheel.place(standing, entry.key),
                    None => wheel.bury(),
                }
            }
        });
    }

    /// Drops all stale entries.
    #[cold]
    fn sweep(&mut self, ledger: &impl Ledger) {
        if self.stale == 0 {
            return;
        }
        for level in 0..LEVELS {
            let mut slots = self.occupied[level];
            while slots != 0 {
                let number = slots.trailing_zeros() as usize;
                slots &= slots - 1;
                self.drain_slot(level, number, |wheel, entries| {
                    for entry in entries.iter().filter(|entry| ledger.is_current(entry.key)) {
                        wheel.append(*entry);
                    }
                });
            }
        }
        self.front.drain(..self.burned);
        self.burned = 0;
        self.front.retain(|near| ledger.is_current(near.key));
        self.late.retain(|Reverse(near)| ledger.is_current(near.key));
        self.aside.retain(|near| ledger.is_current(near.key));
        self.entries -= self.stale;
        self.stale = 0;
    }
}
