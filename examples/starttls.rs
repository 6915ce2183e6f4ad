//! A conversation that begins in the open and goes on in secret, in the manner of mail (RFC 3207).
//!
//! The post office speaks lines. Once a client has said `STARTTLS`, TLS is wrapped around the very transport that the lines came by,
//! and nothing else changes: [`Framed`] goes on finding lines, and [`Counter`] goes on being told of them. What was slipped in
//! behind the word by somebody in between is not among them: it is taken for TLS, and is none.
//!
//! The client is a task, and has its stream wrapped in the same way. `cargo run --example starttls` has the two of them talk, and
//! ends when they have. To talk to the post office yourself, give it an address:
//! ```console
//! $ cargo run --example starttls 127.0.0.1:2525
//! $ openssl s_client -connect 127.0.0.1:2525 -starttls smtp -quiet
//! ```

use fate::framing::{FrameProtocol, FrameTransport, Framed, Lines};
use fate::{Fate, Port, TcpStream};
use fate_tls::{TlsClient, TlsServer};
use futures_lite::io::AsyncWriteExt;
use std::{cell::Cell, env, rc::Rc};

const LINES: Lines = Lines::new(512);

/// One who serves at the post office: a connection.
struct Counter {
    tls: TlsServer,
    /// Whether nobody else hears.
    is_secret: Rc<Cell<bool>>,
}

impl Counter {
    fn answer(&self, line: &str) -> &'static str {
        match (line.split(' ').next().unwrap_or_default(), self.is_secret.get()) {
            ("EHLO", false) => "250 STARTTLS",
            ("EHLO", true) => "250 pleased to meet you in private",
            ("STARTTLS", false) => "220 go ahead",
            ("LETTER", false) => "530 not in front of everybody: say STARTTLS first",
            ("LETTER", true) => "250 it is on its way",
            ("QUIT", _) => "221 good day",
            _ => "500 I beg your pardon?",
        }
    }

    /// Lines that come from here on were said in secret, or not at all: the connection is closed then.
    fn go_over_to_tls(&self, transport: &FrameTransport<'_>) {
        let is_secret = self.is_secret.clone();
        let agreed = self.tls.wrap(transport.transport());
        agreed.add_callback(move |_| is_secret.set(true)).add_errback(|failure| eprintln!("{failure}"));
    }
}

impl FrameProtocol for Counter {
    fn connection_made(&mut self, transport: &FrameTransport<'_>) {
        transport.send(b"220 the post office is open");
    }

    fn frame_received(&mut self, transport: &FrameTransport<'_>, line: &[u8]) {
        let answer = self.answer(&String::from_utf8_lossy(line));
        transport.send(answer.as_bytes());
        match &answer[..3] {
            "220" => self.go_over_to_tls(transport),
            "221" => transport.lose_connection(),
            _ => {}
        }
    }
}

/// Says a line, unless there is nothing to say yet, and hears the answer.
async fn exchange(mut stream: &TcpStream, line: &str) -> fate::Result<()> {
    if !line.is_empty() {
        println!("Alice: {line}");
        stream.write_all(format!("{line}\r\n").as_bytes()).await?;
    }
    let answer = stream.read_line(512).await?.unwrap_or_else(|| "(nothing more)".into());
    println!("       {answer}");
    Ok(())
}

/// Sends a letter.
async fn send_letter(fate: Fate, tls: TlsClient, port: Port) -> fate::Result {
    let address = port.local_address().to_string();
    let stream = fate.connect_tcp(&address).await?;
    for line in ["", "EHLO alice", "LETTER to Dinah", "STARTTLS"] {
        exchange(&stream, line).await?;
    }
    let session = tls.wrap(&stream, "post.example").await?;
    println!("       ({}, in private)", session.server_name().unwrap_or_default());
    for line in ["EHLO alice", "LETTER to Dinah", "QUIT"] {
        exchange(&stream, line).await?;
    }
    port.stop();
    Ok(())
}

/// Opens the post office. Gives its port, and a client that knows it.
pub fn open(fate: &Fate, address: &str) -> fate::Result<(Port, TlsClient)> {
    // In earnest, the certificate is in a file, some authority has signed it, and `TlsClient::new()` believes that authority.
    let made = rcgen::generate_simple_self_signed(["post.example".to_string()])?;
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let (server, client) = (TlsServer::new(&certificate, key)?, TlsClient::builder().only_roots(&certificate).build()?);
    let port = fate.listen_tcp(address)?.serve(move |_peer| {
        let counter = Counter { tls: server.clone(), is_secret: Rc::default() };
        Framed::new(LINES, counter)
    });
    Ok((port, client))
}

/// Has a client send a letter, after which nothing is left to happen.
pub fn set_up(fate: &Fate) -> fate::Result {
    let (port, client) = open(fate, "127.0.0.1:0")?;
    fate.spawn(send_letter(fate.clone(), client, port));
    Ok(())
}

fn main() -> fate::Result {
    let fate = Fate::new()?;
    match env::args().nth(1) {
        Some(address) => {
            let (port, _) = open(&fate, &address)?;
            println!("listening on {}", port.local_address());
        }
        None => set_up(&fate)?,
    }
    fate.run()
}
