//! Passes on what comes to one address to another, and back, in as much memory as it takes and no more.
//!
//! Whoever passes something on must not be faster at one end than at the other: if the target reads slowly, what the client
//! sends would pile up here. [`Transport::pause_while_full`] says so: while more waits to be sent to the target than the mark,
//! nothing is read from the client, so that soon the client has to wait, too. And the other way round.
//!
//! How one side ends is passed on as well. If it has finished, but still listens (as `nc -N` does), the other is told just
//! that; if it is reset, so is the other.
//!
//! ```console
//! $ cargo run --example port_forward 127.0.0.1:8080 example.org:80
//! ```
//! serves until Ctrl-C.

use fate::{Fate, Protocol, Reason, TcpListener, TcpStream, Transport};
use std::{cell::OnceCell, env, error::Error, io, net::SocketAddr, rc::Rc, time::Duration};

/// How long the target may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// One side of a forwarded connection, that knows the other.
struct Side {
    /// What it is called in messages.
    name: String,
    other: Rc<OnceCell<Transport>>,
}

impl Side {
    /// Both sides are joined before either is told of anything.
    fn other(&self) -> &Transport {
        self.other.get().expect("the sides are joined")
    }
}

impl Protocol for Side {
    fn data_received(&mut self, _: &Transport, data: &[u8]) {
        self.other().write(data);
    }

    /// This side will send no more, so the other is told that no more will come; but this one may still have an answer to
    /// read. (What one does not write oneself here would close the connection.)
    fn eof_received(&mut self, _: &Transport) {
        self.other().lose_write_connection();
    }

    /// In an orderly end everything that this side has sent is still passed on.
    fn connection_lost(&mut self, _: &Transport, reason: Reason) {
        match &reason {
            Reason::Closed => self.other().lose_connection(),
            // The other side was lost, and this one aborted for it: see below. Or the program ends.
            Reason::Aborted | Reason::ShutDown => {}
            _ => {
                let cause = reason.source().map_or_else(String::new, |cause| format!(": {cause}"));
                eprintln!("{}: {reason}{cause}", self.name);
                self.other().abort_connection();
            }
        }
    }
}

/// Passes on from each of the two to the other, from now on.
fn join(client: TcpStream, target: TcpStream, names: [String; 2]) {
    let [client_name, target_name] = names;
    let (to_target, to_client) = (Rc::<OnceCell<Transport>>::default(), Rc::<OnceCell<Transport>>::default());
    // To drive a connection only queues, so there is time to tell each side of the other before it is told of bytes.
    let client = client.drive(Side { name: client_name, other: to_target.clone() });
    let target = target.drive(Side { name: target_name, other: to_client.clone() });
    client.pause_while_full(&target);
    target.pause_while_full(&client);
    let _ = to_target.set(target);
    let _ = to_client.set(client);
}

async fn forward(fate: Fate, client: TcpStream, peer: SocketAddr, target: String) {
    // Nothing is read from the client until the target is there.
    match fate.connect_tcp(&target).add_timeout(PATIENCE).await {
        Ok(stream) => join(client, stream, [peer.to_string(), target]),
        // With this the client is dropped, and with that closed.
        Err(failure) => eprintln!("{target}: {failure}"),
    }
}

async fn serve(fate: Fate, listener: TcpListener, target: String) {
    while let Ok((client, peer)) = listener.accept().await {
        fate.spawn(forward(fate.clone(), client, peer, target.clone()));
    }
}

/// Begins to listen. Gives the address.
pub fn set_up(fate: &Fate, listen: &str, target: &str) -> io::Result<SocketAddr> {
    let listener = fate.listen_tcp(listen)?;
    let address = listener.local_addr();
    fate.spawn(serve(fate.clone(), listener, target.to_owned()));
    Ok(address)
}

fn main() -> fate::Result {
    let mut words = env::args().skip(1);
    let (Some(listen), Some(target)) = (words.next(), words.next()) else {
        return Err("usage: port_forward LISTEN TARGET, as in 127.0.0.1:8080 example.org:80".into());
    };
    let fate = Fate::new()?;
    println!("listening on {}", set_up(&fate, &listen, &target)?);
    fate.run()
}
