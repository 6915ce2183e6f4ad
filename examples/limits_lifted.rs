//! What a small event manager cannot do: a fuse that burns on a certain packet, and work that waits elsewhere.
//!
//! The first event managers that one writes know time alone, and look again and again whether something is due. This one
//! sleeps in the kernel until something happens, whatever it is. Here the fuse under Parliament is not lit by time: it burns when
//! the packet comes that says so. Several handlers wait for it; and it only looks on, so every packet, that one too, still
//! reaches whoever reads the socket.
//!
//! The messenger does what must not be done in a handler: it sleeps, and it sends over a socket that blocks. So it works on a
//! thread of its own, while everything else goes on here.
//!
//! Prints, a tenth of a second between two messages:
//! ```text
//! The messenger says: Remember, remember
//! The messenger says: the fifth of November
//! The messenger says: gunpowder, treason and plot
//! BOOM! The Houses of Parliament explode!
//! The crowd runs.
//! ```
//! and ends.

use fate::Fate;
use std::{io, net::SocketAddr, thread, time::Duration};

/// What the messenger says, in this order.
pub const MESSAGES: [&str; 3] = ["Remember, remember", "the fifth of November", "gunpowder, treason and plot"];

/// Waits for packets, and for a certain one. Gives the address to which to send them.
pub fn set_up(fate: &Fate, address: &str) -> io::Result<SocketAddr> {
    let socket = fate.bind_udp(address)?;
    let target = socket.local_addr();

    // Every packet is shown to this closure, until it says yes to one.
    let bomb = socket.get_fuse(|packet| packet.data.ends_with(b"treason and plot"));
    bomb.add_handler(|_| println!("BOOM! The Houses of Parliament explode!"));
    bomb.add_handler(|_| println!("The crowd runs."));

    socket.set_receiver(|_, packet| {
        println!("The messenger says: {}", String::from_utf8_lossy(packet?.data));
        fate::Ok(())
    });
    // Then nobody waits for packets any more. Nothing is left that could happen, so `run` returns.
    bomb.add_handler(move |_| {
        socket.stop_receiver();
    });
    Ok(target)
}

/// The messenger, who knows nothing of Fate. He blocks, so he must not be called from a handler.
fn send_messages(target: SocketAddr) -> io::Result<()> {
    let far_away = std::net::UdpSocket::bind("127.0.0.1:0")?;
    for message in MESSAGES {
        thread::sleep(Duration::from_millis(100));
        far_away.send_to(message.as_bytes(), target)?;
    }
    Ok(())
}

fn main() -> fate::Result {
    let fate = Fate::new()?;
    let target = set_up(&fate, "127.0.0.1:0")?;
    // This returns at once, with a Deferred of what the closure returns. If that is an error, it is the Deferred's failure:
    // nobody hears that here, so it would be reported.
    fate.defer_to_thread(move || send_messages(target)).and_then(|sent| sent);
    fate.run()
}
