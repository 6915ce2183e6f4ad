//! Answers every request with the same page, over connections that stay open.

use fate::{Fate, Protocol, Transport};
use std::io::{self, Write};

/// One connection. The clients send no bodies, so a request ends with an empty line.
struct Answering {
    answer: Vec<u8>,
    /// The last bytes that came.
    tail: [u8; 4],
}

impl Protocol for Answering {
    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        for byte in data {
            self.tail.rotate_left(1);
            self.tail[3] = *byte;
            if self.tail == *b"\r\n\r\n" {
                transport.write(&self.answer);
            }
        }
    }
}

/// Serves pages of so many bytes until it is killed.
pub fn serve(length: usize) -> io::Result<()> {
    let fate = Fate::new()?;
    let listener = fate.listen_tcp("127.0.0.1:0")?;
    println!("{}", listener.local_addr().port());
    io::stdout().flush()?;
    let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").into_bytes();
    answer.resize(answer.len() + length, b'x');
    listener.serve(move |_| Answering { answer: answer.clone(), tail: [0; 4] });
    fate.run().map_err(|failure| io::Error::other(failure.to_string()))
}
