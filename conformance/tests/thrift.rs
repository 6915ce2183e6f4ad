//! What connections cost on each real driver: nothing is allocated for a message once the loop is warm, and an idle
//! connection keeps little. Each thread counts what it allocates itself.

use fate::{Promise, Protocol, TcpStream, Transport};
use fate_conformance::allocations::{Counting, ledger};
use fate_conformance::ground::Ground;
use fate_conformance::on_each_real_driver;
use fate_conformance::recorder::{connected, listening};
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};

on_each_real_driver! {
    no_message_allocates_once_warm,
    no_packet_allocates_once_warm,
    an_idle_connection_keeps_less_than_a_kibibyte,
    a_socket_that_waits_for_packets_keeps_less_than_a_kibibyte,
}

#[global_allocator]
static COUNTING: Counting = Counting;

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        transport.write(data);
    }
}

const QUESTION: &[u8; 64] = &[b'?'; 64];
const ROUNDS: usize = 2000;
const WARM: usize = 100;

/// Asks and hears so often; tells how often memory was asked for since it was warm.
struct Asker {
    rounds: usize,
    heard: usize,
    warm: usize,
    done: Option<Promise<usize>>,
}

impl Protocol for Asker {
    fn connection_made(&mut self, transport: &Transport) {
        transport.write(QUESTION);
    }

    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        self.heard += data.len();
        if self.heard < QUESTION.len() {
            return;
        }
        (self.heard, self.rounds) = (0, self.rounds + 1);
        if self.rounds == WARM {
            self.warm = ledger().allocations;
        }
        if self.rounds < ROUNDS {
            transport.write(QUESTION);
        } else if let Some(done) = self.done.take() {
            done.callback(ledger().allocations - self.warm);
        }
    }
}

/// The same by tasks, on both ends.
async fn by_tasks(mut client: TcpStream) -> usize {
    let mut warm = 0;
    for round in 0..ROUNDS {
        if round == WARM {
            warm = ledger().allocations;
        }
        client.write_all(QUESTION).await.unwrap();
        let mut answer = [0; QUESTION.len()];
        AsyncReadExt::read_exact(&mut client, &mut answer).await.unwrap();
    }
    ledger().allocations - warm
}

/// N5, N13: an echo, from both ends, in both styles.
fn no_message_allocates_once_warm(ground: &Ground) {
    ground.run(async |fate| {
        let listener = listening(fate);
        let address = listener.local_addr();
        listener.serve(|_| Echo);
        let (promise, done) = fate.deferred();
        let asker = Asker { rounds: 0, heard: 0, warm: 0, done: Some(promise) };
        connected(fate, address).await.drive(asker);
        assert_eq!(done.await.unwrap(), 0, "by protocols");

        let listener = listening(fate);
        let client = connected(fate, listener.local_addr()).await;
        let (mut server, _) = listener.accept().await.unwrap();
        fate.spawn(async move {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = server.read(&mut bytes).await {
                server.write_all(&bytes[..count]).await.unwrap();
            }
        });
        assert_eq!(by_tasks(client).await, 0, "by tasks");
    });
}

/// N5: both ends of it, with their protocols.
fn an_idle_connection_keeps_less_than_a_kibibyte(ground: &Ground) {
    const COUNT: usize = 500;
    ground.run(async |fate| {
        let listener = listening(fate);
        let address = listener.local_addr();
        listener.serve(|_| Echo);
        let mut streams = Vec::with_capacity(COUNT);
        let mut before = 0;
        for number in 0..COUNT + 50 {
            let mut stream = connected(fate, address).await;
            stream.write_all(QUESTION).await.unwrap();
            stream.read_exact(&mut [0; 64]).await.unwrap();
            streams.push(stream);
            if number == 50 {
                before = ledger().live;
            }
        }
        let each = (ledger().live - before) as usize / (2 * COUNT);
        assert!(each < 1024, "{each} bytes for each end");
    });
}

/// N9: an echo, of a receiver and of a task, past fuses that look on.
fn no_packet_allocates_once_warm(ground: &Ground) {
    ground.run(async |fate| {
        let [receiver, task, mouth] = [0; 3].map(|_| fate.bind_udp("127.0.0.1:0").unwrap());
        let targets = [receiver.local_addr(), task.local_addr()];
        let fuse = receiver.get_fuse(|packet| packet.data.is_empty());
        fuse.set_handler(|_| ());
        receiver.set_receiver(|socket, packet| {
            let packet = packet.unwrap();
            drop(socket.send_to(packet.data, packet.from));
        });
        fate.spawn(async move {
            let mut bytes = [0; 4096];
            while let Ok((length, from)) = task.recv_from(&mut bytes).await {
                task.send_to_soon(&bytes[..length], from).await.unwrap();
            }
        });
        for target in targets {
            let mut warm = 0;
            for round in 0..ROUNDS {
                if round == WARM {
                    warm = ledger().allocations;
                }
                mouth.send_to_soon(QUESTION, target).await.unwrap();
                assert_eq!(mouth.recv(&mut [0; 100]).await.unwrap(), QUESTION.len());
            }
            assert_eq!(ledger().allocations - warm, 0);
        }
    });
}

/// N9: with a receiver, and after it has received.
fn a_socket_that_waits_for_packets_keeps_less_than_a_kibibyte(ground: &Ground) {
    const COUNT: usize = 500;
    ground.run(async |fate| {
        let mouth = fate.bind_udp("127.0.0.1:0").unwrap();
        let mut sockets = Vec::with_capacity(COUNT + 50);
        let mut before = 0;
        for number in 0..COUNT + 50 {
            let socket = fate.bind_udp("127.0.0.1:0").unwrap();
            socket.set_receiver(|socket, packet| drop(socket.send_to(b"thanks", packet.unwrap().from)));
            mouth.send_to_soon(QUESTION, socket.local_addr()).await.unwrap();
            mouth.recv(&mut [0; 64]).await.unwrap();
            sockets.push(socket);
            if number == 50 {
                before = ledger().live;
            }
        }
        let each = (ledger().live - before) as usize / COUNT;
        assert!(each < 1024, "{each} bytes for each");
    });
}
