//! Programs and their traces as text: what the corpus that was made with Twisted is written in, and what a failing test prints.
//!
//! Operations are separated by spaces. A Deferred is named by its number.
//!
//! | text | operation | | text | operation |
//! |---|---|---|---|---|
//! | `m`, `mv` `mf` `mn` `mk` `mp` | make; the canceller fires, fails, does nothing, keeps, panics | | `z3` `w3` | pause, unpause |
//! | `c3=v` | add a callback to 3 which gives a value | | `k3` | cancel |
//! | `e3=f` | an errback which fails | | `t3` `d3` | take, drop the Control |
//! | `b3=g2` | both, which gives back Deferred 2 | | `l3` | let go |
//! | `p3=p` | a pair, which panics | | `.` | turn |
//! | `c3=s5` | a callback which sets off 5 | | `+4` | wait 4 seconds |
//! | `f3` `x3` `a3` | fire, fail, abandon | | `o3=7` | a timeout of 7 seconds |
//!
//! A call is `step:outcome`, and an outcome `v7`, `e7`, or one letter: `c`ancelled, `a`bandoned, `p`anicked, `t`imed out.

use super::{Op, Program};
use crate::models::deferreds::{Call, Canceller, Does, Error, Id, Outcome, Side};
use std::fmt;
use std::str::FromStr;

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, op) in self.0.iter().enumerate() {
            write!(f, "{}{op}", if number > 0 { " " } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Op::Make(canceller) => write!(f, "m{}", canceller.map_or("", Canceller::letter)),
            Op::Step(to, side, does) => write!(f, "{}{to}={does}", side.letter()),
            Op::Timeout(to, seconds) => write!(f, "o{to}={seconds}"),
            Op::Fire(id) => write!(f, "f{id}"),
            Op::Fail(id) => write!(f, "x{id}"),
            Op::Abandon(id) => write!(f, "a{id}"),
            Op::Pause(id) => write!(f, "z{id}"),
            Op::Unpause(id) => write!(f, "w{id}"),
            Op::Cancel(id) => write!(f, "k{id}"),
            Op::TakeControl(id) => write!(f, "t{id}"),
            Op::DropControl(id) => write!(f, "d{id}"),
            Op::LetGo(id) => write!(f, "l{id}"),
            Op::Turn => f.write_str("."),
            Op::Wait(seconds) => write!(f, "+{seconds}"),
        }
    }
}

impl fmt::Display for Does {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Does::Value => f.write_str("v"),
            Does::Fail => f.write_str("f"),
            Does::Panic => f.write_str("p"),
            Does::Give(inner) => write!(f, "g{inner}"),
            Does::SetOff(other) => write!(f, "s{other}"),
        }
    }
}

impl Canceller {
    fn letter(self) -> &'static str {
        match self {
            Canceller::Fires => "v",
            Canceller::Fails => "f",
            Canceller::DoesNothing => "n",
            Canceller::KeepsItsPromise => "k",
            Canceller::Panics => "p",
        }
    }

    fn parse(text: &str) -> Option<Canceller> {
        use Canceller::{DoesNothing, Fails, Fires, KeepsItsPromise, Panics};
        [Fires, Fails, DoesNothing, KeepsItsPromise, Panics].into_iter().find(|canceller| canceller.letter() == text)
    }
}

impl Side {
    fn letter(self) -> &'static str {
        match self {
            Side::Callback => "c",
            Side::Errback => "e",
            Side::Both => "b",
            Side::Pair => "p",
        }
    }
}

/// Text that is none of the above.
#[derive(Debug)]
pub struct Unreadable(#[expect(dead_code, reason = "read by whoever reads the panic")] String);

impl FromStr for Program {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Program, Unreadable> {
        text.split_whitespace().map(str::parse).collect::<Result<_, _>>().map(Program)
    }
}

impl FromStr for Op {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Op, Unreadable> {
        parse_op(text).ok_or_else(|| Unreadable(text.into()))
    }
}

fn parse_op(text: &str) -> Option<Op> {
    let (word, rest) = text.split_at_checked(1)?;
    let id = || rest.parse::<Id>().ok();
    Some(match word {
        "m" => Op::Make(if rest.is_empty() { None } else { Some(Canceller::parse(rest)?) }),
        "c" => parse_step(Side::Callback, rest)?,
        "e" => parse_step(Side::Errback, rest)?,
        "b" => parse_step(Side::Both, rest)?,
        "p" => parse_step(Side::Pair, rest)?,
        "o" => {
            let (to, seconds) = rest.split_once('=')?;
            Op::Timeout(to.parse().ok()?, seconds.parse().ok()?)
        }
        "f" => Op::Fire(id()?),
        "x" => Op::Fail(id()?),
        "a" => Op::Abandon(id()?),
        "z" => Op::Pause(id()?),
        "w" => Op::Unpause(id()?),
        "k" => Op::Cancel(id()?),
        "t" => Op::TakeControl(id()?),
        "d" => Op::DropControl(id()?),
        "l" => Op::LetGo(id()?),
        "." => Op::Turn,
        "+" => Op::Wait(rest.parse().ok()?),
        _ => return None,
    })
}

fn parse_step(side: Side, text: &str) -> Option<Op> {
    let (to, does) = text.split_once('=')?;
    let (word, id) = does.split_at_checked(1)?;
    let does = match word {
        "v" => Does::Value,
        "f" => Does::Fail,
        "p" => Does::Panic,
        "g" => Does::Give(id.parse().ok()?),
        "s" => Does::SetOff(id.parse().ok()?),
        _ => return None,
    };
    Some(Op::Step(to.parse().ok()?, side, does))
}

impl FromStr for Call {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Call, Unreadable> {
        let parse = || {
            let (step, with) = text.split_once(':')?;
            Some(Call { step: step.parse().ok()?, with: parse_outcome(with)? })
        };
        parse().ok_or_else(|| Unreadable(text.into()))
    }
}

impl FromStr for Error {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Error, Unreadable> {
        match parse_outcome(text) {
            Some(Err(error)) => Ok(error),
            _ => Err(Unreadable(text.into())),
        }
    }
}

fn parse_outcome(text: &str) -> Option<Outcome> {
    let (word, number) = text.split_at_checked(1)?;
    Some(match word {
        "v" => Ok(number.parse().ok()?),
        "e" => Err(Error::Own(number.parse().ok()?)),
        "c" => Err(Error::Cancelled),
        "a" => Err(Error::Abandoned),
        "p" => Err(Error::Panicked),
        "t" => Err(Error::Elapsed),
        _ => return None,
    })
}
