//! `starttls` under virtual time.

#[macro_use]
mod stage;
mod visit;

#[expect(dead_code, reason = "the stage runs it, not its main")]
#[path = "../starttls.rs"]
mod starttls;

use fate::sim::Sim;
use stage::play_in;
use starttls::{open, set_up};
use visit::{HERE, Visitor, visit};

/// The lines without their moments.
fn lines(lines: &[String]) -> Vec<&str> {
    lines.iter().map(|line| line.split_once(' ').map_or("", |(_, words)| words.trim())).collect()
}

/// N11.
#[test]
fn the_letter_is_sent_in_secret_and_not_before() {
    let show = play_in(Sim::new(1), |fate| set_up(fate).unwrap());
    let talk = [
        "220 the post office is open",
        "Alice: EHLO alice",
        "250 STARTTLS",
        "Alice: LETTER to Dinah",
        "530 not in front of everybody: say STARTTLS first",
        "Alice: STARTTLS",
        "220 go ahead",
        "(post.example, in private)",
        "Alice: EHLO alice",
        "250 pleased to meet you in private",
        "Alice: LETTER to Dinah",
        "250 it is on its way",
        "Alice: QUIT",
        "221 good day",
    ];
    assert_eq!(lines(&show.lines), talk);
    assert!(show.ended < 3.0, "it ends by itself");
}

/// N11: whoever is in between adds a line to what the client says before it is secret.
#[test]
fn a_letter_slipped_in_behind_the_word_is_not_taken() {
    let seen = visit(
        |fate| open(fate, HERE).map_err(|failure| std::io::Error::other(failure.to_string())),
        async |fate, (port, client)| {
            let mut visitor = Visitor::new(&fate, port.local_addr().unwrap()).await;
            assert_eq!(visitor.hear_line().await.as_deref(), Some("220 the post office is open"));
            visitor.say("STARTTLS\r\nLETTER from the Knave\r\n").await;
            assert_eq!(visitor.hear_line().await.as_deref(), Some("220 go ahead"));
            assert!(client.wrap(&visitor.0, "post.example").await.is_err());
        },
    );
    assert!(seen.faults.is_empty() && seen.left.is_empty(), "{:?} {:?}", seen.faults, seen.left);
}
