//! A server that echoes, and a client that asks.

use fate::sim::Sim;
use fate::{Fate, Protocol, TcpStream, Transport};
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};

/// Gives every byte back.
pub struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        transport.write(data);
    }
}

/// A world with an echo server and a client.
pub fn world(seed: u64) -> (Sim, [Fate; 2]) {
    let mut sim = Sim::new(seed);
    let hosts = ["server", "client"].map(|name| sim.host(name));
    serve_echo(&hosts[0]);
    (sim, hosts)
}

/// Shuts every host down, so that nothing is left of what still waits there.
pub fn end(sim: &mut Sim, hosts: &[&str]) {
    hosts.iter().for_each(|name| sim.host(name).shutdown());
    sim.run().unwrap();
}

pub fn serve_echo(server: &Fate) {
    server.listen_tcp("0.0.0.0:7").unwrap().serve(|_| Echo);
}

/// Sends a question and reads it back.
pub async fn ask(stream: &mut TcpStream, question: &[u8]) -> fate::Result<Vec<u8>> {
    stream.write_all(question).await?;
    let mut answer = vec![0; question.len()];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}
