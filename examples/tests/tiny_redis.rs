//! `tiny_redis` under virtual time.

#[expect(dead_code, reason = "it is visited, and its main is not run")]
#[path = "../tiny_redis.rs"]
mod tiny_redis;
mod visit;

use fate::Fate;
use std::net::SocketAddr;
use tiny_redis::set_up;
use visit::{HERE, Visitor, visit};

fn serve(visits: impl AsyncFnOnce(Fate, SocketAddr) + 'static) {
    let seen = visit(|fate| set_up(fate, HERE), visits);
    assert!(seen.faults.is_empty() && seen.left.is_empty(), "{:?}, left behind: {:?}", seen.faults, seen.left);
}

/// A request as programs make it.
fn request(words: &[&str]) -> String {
    let word = |word: &&str| format!("${}\r\n{word}\r\n", word.len());
    format!("*{}\r\n{}", words.len(), words.iter().map(word).collect::<String>())
}

/// What is asked, and what is answered.
const TALK: &[(&[&str], &str)] = &[
    (&["PING"], "+PONG\r\n"),
    (&["ping", "a b\r\n"], "$5\r\na b\r\n\r\n"),
    (&["ECHO", ""], "$0\r\n\r\n"),
    (&["GET", "raven"], "$-1\r\n"),
    (&["SET", "raven", "writing-desk"], "+OK\r\n"),
    (&["Get", "raven"], "$12\r\nwriting-desk\r\n"),
    (&["INCR", "raven"], "-ERR value is not an integer or out of range\r\n"),
    (&["INCR", "riddles"], ":1\r\n"),
    (&["INCR", "riddles"], ":2\r\n"),
    (&["SET", "riddles", "9223372036854775807"], "+OK\r\n"),
    (&["INCR", "riddles"], "-ERR value is not an integer or out of range\r\n"),
    (&["DEL", "raven", "riddles", "raven", "answers"], ":2\r\n"),
    (&["GET", "raven"], "$-1\r\n"),
    (&["COMMAND"], "*0\r\n"),
    (&["CONFIG", "GET", "save"], "*2\r\n$4\r\nsave\r\n$0\r\n\r\n"),
    (&["SET", "raven"], "-ERR unknown command, or a wrong number of arguments\r\n"),
    (&["OFF", "with", "her", "head"], "-ERR unknown command, or a wrong number of arguments\r\n"),
];

#[test]
fn each_request_has_its_answer() {
    serve(async |fate, address| {
        let mut visitor = Visitor::new(&fate, address).await;
        for (words, answer) in TALK {
            visitor.say(&request(words)).await;
            visitor.hear(answer).await;
        }
    });
}

#[test]
fn many_requests_at_once_have_their_answers_in_order_however_they_are_cut() {
    let requests: String = TALK.iter().map(|(words, _)| request(words)).collect();
    let answers: String = TALK.iter().map(|(_, answer)| *answer).collect();
    serve(async move |fate, address| {
        for length in [1, 7, 100, requests.len()] {
            let mut visitor = Visitor::new(&fate, address).await;
            visitor.say_slowly(&fate, &requests, length).await;
            visitor.hear(&answers).await;
            visitor.finish().await;
            visitor.hear_the_end().await;
        }
    });
}

#[test]
fn requests_may_be_typed() {
    serve(async |fate, address| {
        let mut visitor = Visitor::new(&fate, address).await;
        visitor.say("PING\r\nset  raven\twriting-desk \n\n \r\nget raven\n").await;
        visitor.hear("+PONG\r\n+OK\r\n$12\r\nwriting-desk\r\n").await;
    });
}

#[test]
fn all_clients_see_the_same_store() {
    serve(async |fate, address| {
        let (mut alice, mut hatter) = (Visitor::new(&fate, address).await, Visitor::new(&fate, address).await);
        alice.say("set time six\n").await;
        alice.hear("+OK\r\n").await;
        hatter.say("get time\n").await;
        hatter.hear("$3\r\nsix\r\n").await;
    });
}

#[test]
fn what_is_no_request_is_told_why_and_hurts_nobody_else() {
    let long = "x".repeat(2000);
    let wrong = [
        ("*1\r\n:4\r\nPING", "malformed frame: a number was expected"),
        ("*x\r\n", "malformed frame: a number was expected"),
        ("*1\r\n$-1\r\n", "malformed frame: a number was expected"),
        ("*1\r\n$4\r\nPINGPONG", "malformed frame: a word of another length"),
        ("*1\r\n$9999999\r\n", "a frame is longer than 1048576 bytes"),
        ("*123456789012", "a frame is longer than 8 bytes"),
        (&*long, "a frame is longer than 1000 bytes"),
    ]
    .map(|(request, why)| (request.to_owned(), why));
    serve(async move |fate, address| {
        let mut patient = Visitor::new(&fate, address).await;
        for (request, why) in wrong {
            let mut visitor = Visitor::new(&fate, address).await;
            visitor.say(&request).await;
            visitor.hear(&format!("-ERR Protocol error: {why}\r\n")).await;
            visitor.hear_the_end().await;
            patient.say("ping\n").await;
            patient.hear("+PONG\r\n").await;
        }
    });
}
