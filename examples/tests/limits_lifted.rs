//! `limits_lifted` under virtual time; the messenger is played by another host.

mod doc;
#[macro_use]
mod stage;

#[expect(dead_code, reason = "the stage runs it, not its main")]
#[path = "../limits_lifted.rs"]
mod limits_lifted;

use fate::{Sent, sim::Sim};
use limits_lifted::{MESSAGES, set_up};
use stage::play_in;
use std::time::Duration;

#[test]
fn only_the_last_message_burns_the_fuse_and_each_is_read() {
    let mut sim = Sim::new(1);
    let messenger = sim.host("messenger");
    let show = play_in(sim, |fate| {
        let target = set_up(fate, "10.0.0.2:0").expect("the address is free");
        messenger.clone().spawn(async move {
            let socket = messenger.bind_udp("10.0.0.1:0").expect("the address is free");
            for message in MESSAGES {
                messenger.sleep(Duration::from_millis(100)).await;
                let sent = socket.send_to(message.as_bytes(), target).expect("packets leave");
                assert_eq!(sent, Sent::Taken);
            }
        });
    });
    let words: Vec<&str> =
        show.lines.iter().map(|line| line.split_once(' ').map_or("", |(_, words)| words.trim_start())).collect();
    assert_eq!(words, doc::first_block(include_str!("../limits_lifted.rs")));
    let ended = show.ended - 0.3;
    assert!((0.0..0.01).contains(&ended), "it ended at {}", show.ended);
}
