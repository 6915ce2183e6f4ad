//! Whatever becomes of a Deferred, everything that its steps, cancellers and values hold is dropped exactly once.

use crate::rig::{Rig, Token};
use fate::{Deferred, Failure, Promise};
use std::time::Duration;

/// A chain in which every closure and every value holds a token, and that waits for an inner one half-way.
fn laden(rig: &Rig, token: &Token) -> (Promise<Token>, Deferred<Token>, Promise<Token>) {
    let (promise, deferred) = rig.fate.deferred::<Token>();
    let (other, inner) = rig.fate.deferred::<Token>();
    let held = || token.clone();
    for end in [&promise, &other] {
        let held = held();
        end.on_cancel(move |_| drop(held));
    }
    let (first, second, third, fourth, padding) = (held(), held(), held(), (held(), held()), [0u64; 40]);
    let inner = inner.add_callback(move |value| (first, value).1);
    let deferred = deferred
        .add_callback(move |value| (second, value).1)
        .and_then(move |_| inner)
        .add_errback(move |_| third)
        .add_callbacks(move |value| (fourth.0, value).1, move |_| (fourth.1, padding).0)
        .add_timeout(Duration::from_secs(100));
    (promise, deferred, other)
}

type Way = fn(&mut Rig, Token, (Promise<Token>, Deferred<Token>, Promise<Token>));

const WAYS: [(&str, Way); 12] = [
    ("it runs to its end", |rig, token, (promise, deferred, other)| {
        drop(deferred);
        promise.callback(token.clone());
        rig.run();
        other.callback(token);
    }),
    ("it fails", |_, _, (promise, deferred, other)| {
        drop((deferred.add_errback(|_| unreachable!("the errback before recovers")), other));
        promise.errback("no");
    }),
    ("it is cancelled at once", |_, token, (promise, deferred, other)| {
        deferred.cancel();
        drop(other);
        promise.callback(token);
    }),
    ("it is cancelled while it waits", |rig, token, (promise, deferred, other)| {
        promise.callback(token.clone());
        rig.run();
        deferred.cancel();
        rig.run();
        other.callback(token);
    }),
    ("it is paused and dropped", |rig, token, (promise, deferred, other)| {
        deferred.pause();
        promise.callback(token);
        rig.run();
        drop((deferred, other));
    }),
    ("it is timed out", |rig, _, (promise, deferred, other)| {
        drop(deferred);
        rig.run();
        drop((promise, other));
    }),
    ("it is shut down", |rig, token, (promise, deferred, other)| {
        promise.callback(token);
        rig.fate.get_fuse(Duration::from_secs(1)).set_handler(|fate| fate.shutdown());
        rig.run();
        drop((deferred, other));
    }),
    ("a step panics", |_, token, (promise, deferred, other)| {
        let held = token.clone();
        drop(
            deferred
                .and_then(move |_| -> Result<Token, Failure> { panic!("{}", if held.made() > 0 { "oh" } else { "" }) }),
        );
        other.callback(token.clone());
        promise.callback(token);
    }),
    ("its canceller panics", |_, token, (promise, deferred, other)| {
        promise.on_cancel(move |_| panic!("{}", if token.made() > 0 { "oh" } else { "" }));
        deferred.cancel();
        drop(other);
    }),
    ("it is awaited, and the task dropped", |rig, token, (promise, deferred, other)| {
        let task = rig.fate.spawn(async move { (deferred.await.is_ok(), token) });
        rig.run();
        task.cancel();
        rig.run();
        drop((promise, other));
    }),
    ("the value is never looked at", |rig, token, (promise, deferred, other)| {
        promise.callback(token.clone());
        other.callback(token);
        rig.run();
        drop(deferred);
    }),
    ("it is forgotten unfired", |_, _, (promise, deferred, other)| drop((deferred, promise, other))),
];

/// D1 to D7: with the loop going on afterwards.
#[test]
fn every_token_is_dropped_once() {
    for (name, way) in WAYS {
        let mut rig = Rig::new();
        let token = Token::default();
        let ends = laden(&rig, &token);
        way(&mut rig, token.clone(), ends);
        rig.run();
        assert_eq!(token.copies(), 0, "{name}");
        assert_eq!(rig.alive(), 0, "{name}");
        rig.faults();
    }
}

/// D1 to D7: with the Fate gone right afterwards, so that nothing runs any more.
#[test]
fn every_token_is_dropped_once_when_the_fate_goes_at_once() {
    for (name, way) in WAYS {
        let token = Token::default();
        let mut rig = Rig::new();
        let ends = laden(&rig, &token);
        way(&mut rig, token.clone(), ends);
        rig.faults();
        drop(rig);
        assert_eq!(token.copies(), 0, "{name}");
    }
}
