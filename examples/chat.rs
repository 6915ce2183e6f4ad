//! A room in which everybody hears everybody, and nobody has to wait for who does not listen.
//!
//! Every server that passes on what it hears has this problem: one client stops reading, and what it was to be sent piles up.
//! To wait for it would stop the room; to keep everything would, in the end, take all memory. So there is a limit: who is behind
//! by more than a megabyte is shown out, and the others are told.
//!
//! Here bytes are lines: [`Framed`] finds them, however they are cut on their way, and [`Guest`] is told of one at a time.
//!
//! `cargo run --example chat` prints an address and serves until Ctrl-C; give it another if you like. From other terminals:
//! ```console
//! $ nc 127.0.0.1 40001
//! * Who are you?
//! Hatter
//! * Hatter is here, with Alice
//! Alice: Why is a raven like a writing-desk?
//! Have you guessed the riddle yet?
//! Hatter: Have you guessed the riddle yet?
//! Alice: No, I give it up.
//! * Alice has left
//! ```

use fate::framing::{FrameError, FrameProtocol, FrameTransport, Framed, Lines};
use fate::{Fate, Reason, Transport};
use std::{cell::RefCell, collections::BTreeMap, env, error::Error, io, net::SocketAddr, rc::Rc};

/// A line has at most a thousand bytes: without a limit, one that never ends would take all memory.
const LINES: Lines = Lines::new(1000);

/// So many bytes may wait for a guest. It is more than several can say in one turn: what is said leaves at its end.
const ENOUGH: usize = 1 << 20;

/// Who is here. A clone of it is the same room.
///
/// Sending to a guest, or showing one out, only queues. [`Guest::connection_lost`] is called later in the turn and not from
/// within, so it never finds the room borrowed.
#[derive(Clone, Default)]
struct Room(Rc<RefCell<BTreeMap<String, Transport>>>);

impl Room {
    fn say(&self, line: &str) {
        for guest in self.0.borrow().values() {
            if guest.buffered() > ENOUGH {
                guest.fail("did not listen");
            } else if let Err(error) = guest.send_frame(&LINES, line.as_bytes()) {
                guest.fail(error);
            }
        }
    }

    fn names(&self) -> String {
        self.0.borrow().keys().cloned().collect::<Vec<_>>().join(", ")
    }
}

/// One connection, and who it is once that is known.
struct Guest {
    room: Room,
    name: Option<String>,
}

impl Guest {
    fn enter(&mut self, transport: &FrameTransport<'_>, name: String) {
        let is_name = (1..=20).contains(&name.len()) && name.chars().all(char::is_alphanumeric);
        if !is_name || self.room.0.borrow().contains_key(&name) {
            transport.send(b"* Who else?");
            return;
        }
        let others = self.room.names();
        let with = if others.is_empty() { String::new() } else { format!(", with {others}") };
        self.room.0.borrow_mut().insert(name.clone(), transport.transport().clone());
        self.room.say(&format!("* {name} is here{with}"));
        self.name = Some(name);
    }
}

impl FrameProtocol for Guest {
    fn connection_made(&mut self, transport: &FrameTransport<'_>) {
        transport.send(b"* Who are you?");
    }

    fn frame_received(&mut self, transport: &FrameTransport<'_>, line: &[u8]) {
        let line = readable(line);
        match &self.name {
            None => self.enter(transport, line),
            Some(name) => self.room.say(&format!("{name}: {line}")),
        }
    }

    fn frame_refused(&mut self, transport: &FrameTransport<'_>, _: FrameError) {
        transport.send(b"* That is more than anybody wants to hear.");
        transport.lose_connection();
    }

    fn connection_lost(&mut self, _: &FrameTransport<'_>, reason: Reason) {
        if let Some(name) = self.name.take() {
            self.room.0.borrow_mut().remove(&name);
            let why = reason.source().map_or_else(String::new, |cause| format!(": {cause}"));
            self.room.say(&format!("* {name} has left{why}"));
        }
    }
}

/// A line as it may appear on the terminals of others.
fn readable(line: &[u8]) -> String {
    let line = String::from_utf8_lossy(line);
    line.trim().chars().filter(|char| !char.is_control()).collect()
}

/// Opens the room. Gives its address.
pub fn set_up(fate: &Fate, address: &str) -> io::Result<SocketAddr> {
    let listener = fate.listen_tcp(address)?;
    let address = listener.local_addr();
    let room = Room::default();
    listener.serve(move |_peer| Framed::new(LINES, Guest { room: room.clone(), name: None }));
    Ok(address)
}

fn main() -> fate::Result {
    let fate = Fate::new()?;
    // Port 0 means any that is free.
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".into());
    println!("listening on {}", set_up(&fate, &address)?);
    fate.run()
}
