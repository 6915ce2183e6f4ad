//! `echo` under virtual time.

#[expect(dead_code, reason = "it is visited, and its main is not run")]
#[path = "../echo.rs"]
mod echo;
mod visit;

use echo::set_up;
use fate::{Fate, Transport};
use std::net::SocketAddr;
use std::time::Duration;
use visit::{HERE, Visitor, visit};

/// Gives the faults that were reported.
fn visit_both(visits: impl AsyncFnOnce(Fate, [SocketAddr; 2]) + 'static) -> Vec<String> {
    let seen = visit(|fate| set_up(fate, HERE, HERE), visits);
    assert!(seen.left.is_empty(), "left behind: {:?}", seen.left);
    seen.faults
}

#[test]
fn both_send_back_what_they_are_sent_and_close_when_the_other_side_has_finished() {
    let faults = visit_both(async |fate, addresses| {
        for address in addresses {
            let mut visitor = Visitor::new(&fate, address).await;
            for words in ["Will you walk a little faster?", "\n", "said a whiting to a snail"] {
                visitor.say(words).await;
                visitor.hear(words).await;
            }
            visitor.say("There's a porpoise close behind us").await;
            visitor.finish().await;
            visitor.hear("There's a porpoise close behind us").await;
            visitor.hear_the_end().await;
        }
    });
    assert!(faults.is_empty(), "{faults:?}");
}

#[test]
fn whoever_reads_nothing_cannot_make_them_hold_more_than_a_little() {
    visit_both(async |fate, addresses| {
        for address in addresses {
            let stream = fate.connect_tcp(&address.to_string()).await.unwrap();
            let greedy: Transport = stream.drive(Silent);
            let mut sent = 0;
            for _ in 0..1000 {
                if greedy.buffered() < 100_000 {
                    greedy.write(&[b'x'; 100_000]);
                    sent += 100_000;
                }
                fate.sleep(Duration::from_millis(10)).await;
            }
            // The most that was taken: what the kernel, here the simulated one, holds both ways, and both programs' marks.
            assert!(sent < 5_000_000, "{sent} bytes were taken");
            greedy.abort_connection();
        }
    });
}

/// Reads nothing.
struct Silent;

impl fate::Protocol for Silent {
    fn connection_made(&mut self, transport: &Transport) {
        transport.pause_reading();
    }

    fn data_received(&mut self, _: &Transport, _: &[u8]) {}
}

#[test]
fn one_that_is_reset_hurts_nobody_else() {
    let faults = visit_both(async |fate, addresses| {
        for address in addresses {
            let mut patient = Visitor::new(&fate, address).await;
            let stream = fate.connect_tcp(&address.to_string()).await.unwrap();
            let rude = stream.drive(Silent);
            rude.write(b"...");
            fate.sleep(Duration::from_secs(1)).await;
            rude.abort_connection();
            fate.sleep(Duration::from_secs(1)).await;
            patient.say("still here").await;
            patient.hear("still here").await;
        }
    });
    // The protocol is told of it; of the task nobody hears, so that is reported.
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].contains("reset"), "{faults:?}");
}
