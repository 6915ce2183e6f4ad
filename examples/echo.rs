//! Two servers that send back whatever they are sent: one is told of bytes, the other asks for them.
//!
//! A connection can be seen from two sides. A [`Protocol`] is told what happens to it: bytes came in, the other side has closed.
//! A task asks: it reads, waits until there is something to read, and goes on. The first is good where anything may come at
//! any time, the second where one thing comes after another. Both run on the same sockets at the same speed, any number of
//! connections at once, on one thread.
//!
//! `cargo run --example echo` prints two addresses and serves until Ctrl-C; give it two others if you like. From another terminal:
//! ```console
//! $ nc 127.0.0.1 40001
//! Will you walk a little faster?
//! Will you walk a little faster?
//! ```

use fate::{Fate, Protocol, TcpListener, TcpStream, Transport};
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use std::{env, io, net::SocketAddr};

/// Is told of bytes. There is one of these for each connection.
struct Echo;

impl Protocol for Echo {
    /// To write is to queue, so this returns at once. If the other side does not read what comes back, nothing more is read
    /// from it either: a client cannot make this server hold more than a little.
    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        transport.write(data);
    }
}

/// Asks for bytes. There is one of these tasks for each connection, too; while it waits it costs nothing but memory.
async fn echo(mut stream: TcpStream) -> fate::Result {
    let mut bytes = [0; 4096];
    loop {
        let count = stream.read(&mut bytes).await?;
        if count == 0 {
            // The other side has finished. Dropping the stream closes this side.
            return Ok(());
        }
        stream.write_all(&bytes[..count]).await?;
    }
}

/// A task for each connection, for as long as there are any to accept. If one task fails that concerns nobody else: what
/// `spawn` gives back is dropped, so the failure is reported, with the line where it was born, and the others go on.
async fn serve(fate: Fate, listener: TcpListener) {
    while let Ok((stream, _peer)) = listener.accept().await {
        fate.spawn(echo(stream));
    }
}

/// Starts both servers. Gives their addresses.
pub fn set_up(fate: &Fate, told: &str, asking: &str) -> io::Result<[SocketAddr; 2]> {
    let (told, asking) = (fate.listen_tcp(told)?, fate.listen_tcp(asking)?);
    let addresses = [told.local_addr(), asking.local_addr()];
    told.serve(|_peer| Echo);
    fate.spawn(serve(fate.clone(), asking));
    Ok(addresses)
}

fn main() -> fate::Result {
    let fate = Fate::new()?;
    let mut address = env::args().skip(1);
    // Port 0 means any that is free.
    let mut next = || address.next().unwrap_or_else(|| "127.0.0.1:0".into());
    let [told, asking] = set_up(&fate, &next(), &next())?;
    println!("told of bytes:    listening on {told}");
    println!("asking for bytes: listening on {asking}");
    fate.run()
}
