//! Programs for the bodies of fuses: lists of operations, read from bytes.
//!
//! Where a program names a fuse it gives a number, taken modulo the fuses that are held; where it names a moment it says
//! [`Moment`], so that equal deadlines, deadlines in the past and jumps over powers of two are all likely.

use crate::bodies::bytes::Bytes;
use fate_core::Clock;

/// A program that was read from bytes lights or moves no more fuses than this in all, many at once.
const MANY: u16 = 8192;

/// What is done to the fuses, and how it ends.
#[derive(Clone, Debug)]
pub struct Program {
    /// Whether every clock's next deadline is asked for after every operation. (Asking tidies the wheel up.)
    pub nosy: bool,
    /// Whether at the end time runs out, so that all burn, rather than all being cut.
    pub runs_out: bool,
    /// In order.
    pub ops: Vec<Op>,
}

/// Names a fuse that is held.
pub type Pick = u16;

/// One operation.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the fields are what the variants say")]
pub enum Op {
    /// Lights a fuse.
    Light { clock: Clock, moment: Moment },
    /// Lights many, from `moment` on, spread at random; `listened` sets a handler for each.
    LightMany { clock: Clock, moment: Moment, spread: Distance, count: u16, listened: bool },
    /// Sets the one handler.
    SetHandler { pick: Pick },
    /// Adds a handler.
    AddHandler { pick: Pick },
    /// Cuts.
    Cut { pick: Pick },
    /// Cuts and releases every other fuse of many.
    CutMany { pick: Pick, count: u16 },
    /// Drops the handle.
    Release { pick: Pick },
    /// Moves the deadline.
    SetTime { pick: Pick, moment: Moment },
    /// Moves many deadlines to `moment`, spread at random.
    SetTimeMany { pick: Pick, count: u16, moment: Moment, spread: Distance },
    /// Burns a fuse now.
    Burn { pick: Pick },
    /// Moves a clock and begins a turn.
    BeginTurn { clock: Clock, moment: Moment },
    /// Burns at most so many of the fuses that are due in this turn.
    Pop { clock: Clock, most: u8 },
    /// Moves a clock, begins a turn, and burns all that is due.
    Turn { clock: Clock, moment: Moment },
    /// Asks for the next deadline until the answer is exact.
    NextDue { clock: Clock },
}

/// A moment, from the point of view of a clock.
#[derive(Clone, Copy, Debug)]
pub enum Moment {
    /// What the clock shows.
    Now,
    /// In the future.
    Ahead(Distance),
    /// In the past.
    Behind(Distance),
    /// Counted from the clock's origin.
    Absolute(Distance),
    /// So many nanoseconds from the first deadline of all.
    AtNextDue(i8),
    /// The deadline of another fuse.
    As(Pick),
    /// The last moment before never.
    Last,
    /// Never. As a clock does not get there: the last moment.
    Never,
}

/// Two to the `power`, and up to twice that by `mantissa` (of 256), and `offset` more nanoseconds.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "explained above")]
pub struct Distance {
    pub power: u8,
    pub mantissa: u8,
    pub offset: i8,
}

impl Distance {
    /// The distance, but at most as far as the last moment.
    pub fn nanos(self) -> u64 {
        let whole = ((256 + u128::from(self.mantissa)) << (self.power % 64)) >> 8;
        u64::try_from(whole).unwrap_or(u64::MAX).saturating_add_signed(self.offset.into()).min(u64::MAX - 1)
    }
}

impl Program {
    /// Reads a program. Any bytes are one.
    pub fn decode(bytes: &[u8]) -> Program {
        let mut bytes = Bytes::new(bytes);
        let header = bytes.byte().unwrap_or(0);
        let mut many = MANY;
        let ops = std::iter::from_fn(|| Op::decode(&mut bytes, &mut many)).collect();
        Program { nosy: header & 1 > 0, runs_out: header & 2 > 0, ops }
    }
}

impl Op {
    fn decode(bytes: &mut Bytes, many: &mut u16) -> Option<Op> {
        let op = match bytes.byte()? % 20 {
            0..=2 => Op::Light { clock: clock(bytes)?, moment: Moment::decode(bytes)? },
            3 => Op::LightMany {
                clock: clock(bytes)?,
                moment: Moment::decode(bytes)?,
                spread: Distance::decode(bytes)?,
                count: count(bytes, many)?,
                listened: bytes.byte()? & 1 > 0,
            },
            4..=6 => Op::SetHandler { pick: bytes.short()? },
            7 => Op::AddHandler { pick: bytes.short()? },
            8 => Op::Cut { pick: bytes.short()? },
            9 => Op::CutMany { pick: bytes.short()?, count: count(bytes, many)? },
            10 => Op::Release { pick: bytes.short()? },
            11..=12 => Op::SetTime { pick: bytes.short()?, moment: Moment::decode(bytes)? },
            13 => Op::SetTimeMany {
                pick: bytes.short()?,
                count: count(bytes, many)?,
                moment: Moment::decode(bytes)?,
                spread: Distance::decode(bytes)?,
            },
            14 => Op::Burn { pick: bytes.short()? },
            15 => Op::BeginTurn { clock: clock(bytes)?, moment: Moment::decode(bytes)? },
            16 => Op::Pop { clock: clock(bytes)?, most: bytes.byte()? },
            17..=18 => Op::Turn { clock: clock(bytes)?, moment: Moment::decode(bytes)? },
            _ => Op::NextDue { clock: clock(bytes)? },
        };
        Some(op)
    }
}

/// How many fuses, out of those that a program may still treat many at once.
fn count(bytes: &mut Bytes, many: &mut u16) -> Option<u16> {
    let count = (bytes.short()? & 2047).min(*many);
    *many -= count;
    Some(count)
}

/// Mostly the first clock, so that fuses meet.
fn clock(bytes: &mut Bytes) -> Option<Clock> {
    Some(match bytes.byte()? % 8 {
        0 => Clock::Boot,
        1..=2 => Clock::Wall,
        _ => Clock::Monotonic,
    })
}

impl Moment {
    fn decode(bytes: &mut Bytes) -> Option<Moment> {
        let moment = match bytes.byte()? % 16 {
            0 => Moment::Now,
            1..=7 => Moment::Ahead(Distance::decode(bytes)?),
            8 => Moment::Behind(Distance::decode(bytes)?),
            9..=10 => Moment::Absolute(Distance::decode(bytes)?),
            11..=12 => Moment::AtNextDue(bytes.byte()?.cast_signed()),
            13 => Moment::As(bytes.short()?),
            14 => Moment::Last,
            _ => Moment::Never,
        };
        Some(moment)
    }
}

impl Distance {
    fn decode(bytes: &mut Bytes) -> Option<Distance> {
        Some(Distance { power: bytes.byte()?, mantissa: bytes.byte()?, offset: bytes.byte()?.cast_signed() })
    }
}
