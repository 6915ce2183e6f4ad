//! Fate against Twisted: programs that were run on the real one, and what it called.
//!
//! `twisted/generate.py` made the corpus, and says what is left out and why.

use fate_conformance::bodies::deferreds::{Op, Program};
use fate_conformance::models::deferreds::{Call, Error};

/// D11. After every operation comes a turn, for Twisted runs everything in place. Controls are there from the beginning, as in
/// Twisted everybody may pause and cancel a Deferred who ever saw it.
#[test]
fn the_calls_on_each_deferred_are_those_that_twisted_made() {
    let corpus = include_str!("../twisted/corpus.txt");
    let lines = || corpus.lines().filter(|line| !line.starts_with('#'));
    for line in lines() {
        println!("{line}");
        let [program, calls, unheard] = fields(line);
        let trace = as_twisted_would(program).run();
        let calls: Vec<Vec<Call>> = calls.split(';').map(parse_all).collect();
        assert_eq!(trace.calls, calls, "the calls (left: Fate's)");
        let own: Vec<Error> = trace.unheard.into_iter().filter(|error| matches!(error, Error::Own(_))).collect();
        assert_eq!(own, parse_all(unheard), "what was unheard (left: Fate's)");
    }
    assert!(lines().count() >= 1_000);
}

fn fields(line: &str) -> [&str; 3] {
    let fields: Vec<&str> = line.split('|').collect();
    fields.try_into().expect("a line has three fields")
}

fn parse_all<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> Vec<T> {
    text.split_whitespace().map(|word| word.parse().expect("the corpus is well-formed")).collect()
}

fn as_twisted_would(text: &str) -> Program {
    let Program(ops) = text.parse().expect("the corpus is well-formed");
    let mut made = 0..;
    let with_turns = ops.into_iter().flat_map(|op| match op {
        Op::Make(_) => [op, Op::TakeControl(made.next().expect("there are enough numbers"))],
        op => [op, Op::Turn],
    });
    Program(with_turns.collect())
}
