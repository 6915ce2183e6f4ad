//! `chat` under virtual time.

#[expect(dead_code, reason = "it is visited, and its main is not run")]
#[path = "../chat.rs"]
mod chat;
mod visit;

use chat::set_up;
use fate::Fate;
use std::net::SocketAddr;
use std::time::Duration;
use visit::{HERE, Visitor, visit};

async fn guest(fate: &Fate, address: SocketAddr, name: &str) -> Visitor {
    let mut guest = Visitor::new(fate, address).await;
    guest.hear("* Who are you?\n").await;
    guest.say(&format!("{name}\n")).await;
    let greeting = guest.hear_line().await.unwrap();
    assert!(greeting.starts_with(&format!("* {name} is here")), "{greeting}");
    guest
}

fn open_room(visits: impl AsyncFnOnce(Fate, SocketAddr) + 'static) {
    let seen = visit(|fate| set_up(fate, HERE), visits);
    assert!(seen.faults.is_empty() && seen.left.is_empty(), "{:?}, left behind: {:?}", seen.faults, seen.left);
}

#[test]
fn everybody_hears_everybody_as_in_the_doc() {
    open_room(async |fate, address| {
        let mut alice = guest(&fate, address, "Alice").await;
        let mut hatter = Visitor::new(&fate, address).await;
        hatter.say("Hatter\r\n").await;
        let there =
            ["* Who are you?\n", "* Hatter is here, with Alice\n", "Alice: Why is a raven like a writing-desk?\n"];
        alice.hear(there[1]).await;
        alice.say_slowly(&fate, "Why is a raven like a writing-desk?\n", 3).await;
        for line in there {
            hatter.hear(line).await;
        }
        alice.hear(there[2]).await;
        hatter.say("Have you guessed the riddle yet?\n").await;
        alice.hear("Hatter: Have you guessed the riddle yet?\n").await;
        hatter.hear("Hatter: Have you guessed the riddle yet?\n").await;
        alice.say("No, I give it up.\n").await;
        alice.finish().await;
        hatter.hear("Alice: No, I give it up.\n* Alice has left\n").await;
        hatter.finish().await;
        hatter.hear_the_end().await;
    });
}

#[test]
fn nobody_is_called_as_another_is_and_whoever_says_no_name_is_asked_again() {
    open_room(async |fate, address| {
        let mut first = guest(&fate, address, "Tweedledum").await;
        let mut second = Visitor::new(&fate, address).await;
        for name in ["", "Tweedledum", "\x07", "Alice: me", "anamethatismuchtoolong"] {
            second.say(&format!("{name}\n")).await;
        }
        second.hear(&format!("* Who are you?\n{}", "* Who else?\n".repeat(5))).await;
        second.say("Tweedledee\n").await;
        second.hear("* Tweedledee is here, with Tweedledum\n").await;
        first.hear("* Tweedledee is here, with Tweedledum\n").await;
        // Who never said a name is not missed.
        drop(Visitor::new(&fate, address).await);
        drop(second);
        first.hear("* Tweedledee has left\n").await;
    });
}

#[test]
fn who_does_not_listen_is_shown_out_and_the_others_miss_nothing() {
    open_room(async |fate, address| {
        let mut alice = guest(&fate, address, "Alice").await;
        let dormouse = guest(&fate, address, "Dormouse").await;
        alice.hear("* Dormouse is here, with Alice\n").await;
        let words = "twinkle, twinkle, little bat! ".repeat(30);
        let (mut said, mut slept) = (0, None);
        while slept.is_none() || said < 2000 {
            alice.say(&format!("{words}\n")).await;
            said += 1;
            let heard = alice.hear_line().await.unwrap();
            if heard.starts_with('*') {
                assert_eq!(heard, "* Dormouse has left: did not listen");
                slept = Some(said);
                alice.hear_line().await.unwrap();
            } else {
                assert_eq!(heard, format!("Alice: {}", words.trim()));
            }
        }
        // More was not kept than what the kernel, here the simulated one, holds, and the limit.
        assert!(slept.unwrap() * words.len() < 3_000_000, "after {slept:?} lines");
        drop(dormouse);
    });
}

#[test]
fn a_line_without_end_is_interrupted() {
    open_room(async |fate, address| {
        let mut king = guest(&fate, address, "King").await;
        king.say(&"begin at the beginning and go on till you come to the end ".repeat(50)).await;
        king.hear("* That is more than anybody wants to hear.\n").await;
        king.hear_the_end().await;
        fate.sleep(Duration::from_secs(5)).await;
    });
}
