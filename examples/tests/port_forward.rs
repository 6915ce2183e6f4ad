//! `port_forward` under virtual time.

#[expect(dead_code, reason = "it is visited, and its main is not run")]
#[path = "../port_forward.rs"]
mod port_forward;
mod visit;

use fate::{Fate, Protocol, Reason, TcpListener, Transport, Written};
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use port_forward::set_up;
use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use visit::{Visitor, visit};

const LISTEN: &str = "10.0.0.1:8080";
/// On the visitors' host.
const TARGET: &str = "10.0.0.2:9090";

/// The visitors get the forwarder's address, and listen at the target themselves.
fn forward(visits: impl AsyncFnOnce(Fate, SocketAddr, TcpListener) + 'static) {
    let seen = visit(
        |fate| set_up(fate, LISTEN, TARGET),
        async |fate, address| {
            let target = fate.listen_tcp(TARGET).expect("the address is free");
            visits(fate, address, target).await;
        },
    );
    assert!(seen.faults.is_empty() && seen.left.is_empty(), "{:?}, left behind: {:?}", seen.faults, seen.left);
}

#[test]
fn bytes_pass_both_ways_and_each_side_can_finish_by_itself() {
    forward(async |fate, address, target| {
        let mut client = Visitor::new(&fate, address).await;
        client.say("How doth the little crocodile").await;
        let mut server = Visitor(target.accept().await.unwrap().0);
        server.hear("How doth the little crocodile").await;
        client.finish().await;
        server.hear_the_end().await;
        // The other direction is still open.
        server.say("Improve his shining tail").await;
        client.hear("Improve his shining tail").await;
        server.finish().await;
        client.hear_the_end().await;
    });
}

#[test]
fn what_was_said_before_the_target_answers_is_not_lost() {
    forward(async |fate, address, target| {
        let mut client = Visitor::new(&fate, address).await;
        client.say("first").await;
        client.finish().await;
        fate.sleep(Duration::from_secs(2)).await;
        let mut server = Visitor(target.accept().await.unwrap().0);
        server.hear("first").await;
        server.hear_the_end().await;
    });
}

#[test]
fn a_side_that_is_reset_resets_the_other() {
    forward(async |fate, address, target| {
        for client_is_reset in [true, false] {
            let client = fate.connect_tcp(&address.to_string()).await.unwrap();
            let (server, _) = target.accept().await.unwrap();
            let (rude, mut other) = if client_is_reset { (client, server) } else { (server, client) };
            rude.drive(Silent).abort_connection();
            let error = other.read(&mut [0; 8]).await.unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        }
    });
}

#[test]
fn whoever_calls_while_there_is_no_target_is_told_so_by_the_end() {
    forward(async |fate, address, target| {
        drop(target);
        let mut client = Visitor::new(&fate, address).await;
        client.hear_the_end().await;
    });
}

const MUCH: usize = 50_000_000;

/// However much there is to be passed on, and whichever side reads slowly, little of it is held; and in the end all of it
/// arrives.
#[test]
fn whoever_reads_slowly_makes_the_other_side_wait() {
    forward(async |fate, address, target| {
        for client_is_slow in [true, false] {
            let client = fate.connect_tcp(&address.to_string()).await.unwrap();
            let (server, _) = target.accept().await.unwrap();
            let (mut slow, eager) = if client_is_slow { (client, server) } else { (server, client) };
            let sent = Rc::<Cell<usize>>::default();
            let eager = eager.drive(Eager { sent: sent.clone() });
            fate.sleep(Duration::from_secs(60)).await;
            assert!(sent.get() < 5_000_000, "{} bytes were taken, and nobody has read one", sent.get());

            let (mut bytes, mut total) = (vec![0; 1 << 20], 0);
            loop {
                let count = slow.read(&mut bytes).await.unwrap();
                if count == 0 {
                    break;
                }
                assert!(bytes[..count].iter().zip(total..).all(|(byte, place)| *byte == (place % 251) as u8));
                total += count;
            }
            assert_eq!(total, MUCH);
            slow.close().await.unwrap();
            drop(eager);
        }
    });
}

/// Sends much, as fast as it is taken.
struct Eager {
    sent: Rc<Cell<usize>>,
}

impl Eager {
    fn go_on(&self, transport: &Transport) {
        let mut written = Written::Taken;
        while written == Written::Taken && self.sent.get() < MUCH {
            let from = self.sent.get();
            let piece: Vec<u8> = (from..MUCH.min(from + 50_000)).map(|place| (place % 251) as u8).collect();
            written = transport.write(&piece);
            self.sent.set(from + piece.len());
        }
        if self.sent.get() == MUCH {
            transport.lose_write_connection();
        }
    }
}

impl Protocol for Eager {
    fn connection_made(&mut self, transport: &Transport) {
        self.go_on(transport);
    }

    fn data_received(&mut self, _: &Transport, _: &[u8]) {}

    fn resume_writing(&mut self, transport: &Transport) {
        self.go_on(transport);
    }

    fn connection_lost(&mut self, _: &Transport, reason: Reason) {
        assert!(reason.is_clean(), "{reason:?}");
    }
}

/// Says nothing.
struct Silent;

impl Protocol for Silent {
    fn data_received(&mut self, _: &Transport, _: &[u8]) {}
}
