//! `axum_on_fate` under virtual time.

#[expect(dead_code, reason = "it is visited, and its main is not run")]
#[path = "../axum_on_fate.rs"]
mod axum_on_fate;
mod visit;

use axum_on_fate::set_up;
use visit::{HERE, Visitor, visit};

#[test]
fn handlers_sleep_and_share_what_is_not_send() {
    let seen = visit(
        |fate| Ok(set_up(fate, HERE)?.local_addr().unwrap()),
        async |fate, address| {
            let mut visitor = Visitor::new(&fate, address).await;
            let began = fate.now();
            let kind = "content-type: application/x-www-form-urlencoded\r\n";
            for (question, answer) in [
                ("GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_string(), "Why is a raven like a writing desk?\n"),
                ("GET /wait/3 HTTP/1.1\r\nhost: x\r\n\r\n".to_string(), "some seconds later: 3\n"),
                (
                    format!("POST /table HTTP/1.1\r\nhost: x\r\n{kind}content-length: 11\r\n\r\nguest=Alice"),
                    "at the table: Alice\n",
                ),
                (
                    format!("POST /table HTTP/1.1\r\nhost: x\r\n{kind}content-length: 10\r\n\r\nguest=Hare"),
                    "at the table: Alice, Hare\n",
                ),
            ] {
                visitor.say(&question).await;
                assert_eq!(visitor.hear_line().await.as_deref(), Some("HTTP/1.1 200 OK"));
                while visitor.hear_line().await.is_some_and(|line| !line.is_empty()) {}
                visitor.hear(answer).await;
            }
            assert_eq!((fate.now() - began).as_secs(), 3);
        },
    );
    assert!(seen.faults.is_empty() && seen.left.is_empty(), "{:?} {:?}", seen.faults, seen.left);
}
