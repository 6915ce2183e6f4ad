//! Programs from bytes.

use super::{Op, Program};
use crate::bodies::bytes::Bytes;
use crate::models::deferreds::{Canceller, Does, Id, Side};

/// Programs read from bytes make no more Deferreds than this: few enough that they meet.
const MOST: usize = 12;

/// What a program still has in hand of each Deferred.
#[derive(Default)]
struct Hand {
    handle: bool,
    promise: bool,
    control: bool,
}

struct Decoder<'a> {
    bytes: Bytes<'a>,
    hands: Vec<Hand>,
    ops: Vec<Op>,
    /// A turn follows every operation.
    is_calm: bool,
    /// There was a cancelling since the last turn.
    has_cancelled: bool,
}

impl Program {
    /// Reads a program. Any bytes are one.
    pub fn decode(bytes: &[u8]) -> Program {
        let mut bytes = Bytes::new(bytes);
        let is_calm = bytes.byte().is_some_and(|byte| byte & 1 > 0);
        let mut decoder = Decoder { bytes, hands: Vec::new(), ops: Vec::new(), is_calm, has_cancelled: false };
        while let Some(choice) = decoder.bytes.byte() {
            if let Some(op) = decoder.op(choice) {
                decoder.push(op);
            }
        }
        Program(decoder.ops)
    }
}

impl Decoder<'_> {
    fn push(&mut self, op: Op) {
        if matches!(op, Op::Cancel(_)) {
            if self.has_cancelled {
                self.ops.push(Op::Turn);
            }
            self.has_cancelled = true;
        }
        if matches!(op, Op::Turn | Op::Wait(_)) {
            self.has_cancelled = false;
        }
        self.ops.push(op);
        if self.is_calm && !matches!(op, Op::Turn | Op::Wait(_) | Op::Make(_)) {
            self.push(Op::Turn);
        }
    }

    fn op(&mut self, choice: u8) -> Option<Op> {
        match choice % 32 {
            0..4 => self.make(),
            4..15 => self.step(),
            15 => Some(Op::Timeout(self.pick(|hand| hand.handle)?, self.bytes.byte()? % 8)),
            16..19 => self.end_promise(Op::Fire),
            19 => self.end_promise(Op::Fail),
            20 => self.end_promise(Op::Abandon),
            21..23 => Some(Op::Pause(self.pick_reachable()?)),
            23..25 => Some(Op::Unpause(self.pick_reachable()?)),
            25..27 => Some(Op::Cancel(self.pick_reachable()?)),
            27 => self.take_control(),
            28 => self.change(|hand| hand.control, |hand| hand.control = false, Op::DropControl),
            29 => self.change(|hand| hand.handle, |hand| hand.handle = false, Op::LetGo),
            30 => Some(Op::Turn),
            _ => Some(Op::Wait(self.bytes.byte()? % 5)),
        }
    }

    /// The first Deferred of which this is true, from the one that the next byte names.
    fn pick(&mut self, is_wanted: impl Fn(&Hand) -> bool) -> Option<Id> {
        let (from, count) = (usize::from(self.bytes.byte()?), self.hands.len());
        let mut ids = (0..count).map(|further| (from + further) % count);
        ids.find(|&id| is_wanted(&self.hands[id]))
    }

    fn pick_reachable(&mut self) -> Option<Id> {
        self.pick(|hand| hand.handle || hand.control)
    }

    fn change(&mut self, from: fn(&Hand) -> bool, change: fn(&mut Hand), op: fn(Id) -> Op) -> Option<Op> {
        let id = self.pick(from)?;
        change(&mut self.hands[id]);
        Some(op(id))
    }

    fn make(&mut self) -> Option<Op> {
        let canceller = match self.bytes.byte()? % 16 {
            0..3 => Some(Canceller::Fires),
            3..5 => Some(Canceller::Fails),
            5 => Some(Canceller::DoesNothing),
            6 => Some(Canceller::KeepsItsPromise),
            7 => Some(Canceller::Panics),
            _ => None,
        };
        if self.hands.len() == MOST {
            return None;
        }
        self.hands.push(Hand { handle: true, promise: true, control: false });
        Some(Op::Make(canceller))
    }

    fn end_promise(&mut self, op: fn(Id) -> Op) -> Option<Op> {
        self.change(|hand| hand.promise, |hand| hand.promise = false, op)
    }

    fn take_control(&mut self) -> Option<Op> {
        self.change(|hand| hand.handle && !hand.control, |hand| hand.control = true, Op::TakeControl)
    }

    fn step(&mut self) -> Option<Op> {
        let to = self.pick(|hand| hand.handle)?;
        let choice = self.bytes.byte()?;
        let side = match choice % 8 {
            0..3 => Side::Callback,
            3..5 => Side::Errback,
            5..7 => Side::Both,
            _ => Side::Pair,
        };
        let does = match (side, choice / 8 % 16) {
            (_, 0..4) => Does::Value,
            (_, 4) => Does::Panic,
            (Side::Pair, _) => Does::Value,
            (_, 5..8) => Does::Fail,
            (_, 8..14) => self.give_to(to)?,
            _ => self.set_off_by(to)?,
        };
        Some(Op::Step(to, side, does))
    }

    fn give_to(&mut self, to: Id) -> Option<Does> {
        let from = usize::from(self.bytes.byte()?);
        let inner = (0..to).map(|further| (from + further) % to).find(|&id| self.hands[id].handle)?;
        self.hands[inner].handle = false;
        Some(Does::Give(inner))
    }

    fn set_off_by(&mut self, by: Id) -> Option<Does> {
        let other = (by + 1..self.hands.len()).find(|&id| self.hands[id].promise && self.is_calm)?;
        self.hands[other].promise = false;
        Some(Does::SetOff(other))
    }
}
