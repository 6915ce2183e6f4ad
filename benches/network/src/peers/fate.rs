//! Fate, in both of its ways: bytes pushed to a `Protocol`, and bytes pulled by a task for each connection. `FATE_DRIVER` says on
//! which driver.

use crate::contender::Setting;
use fate::{Fate, Protocol, TcpStream, Transport};
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use std::io;
use std::net::Ipv4Addr;

/// Any free port.
const HERE: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

pub struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        transport.write(data);
    }
}

pub fn serve_protocols(setting: Setting) -> io::Result<()> {
    let fate = Fate::new()?;
    let listener = fate.listen_tcp(HERE)?;
    setting.announce(listener.local_addr().port())?;
    listener.serve(|_peer| Echo);
    run(&fate)
}

pub fn serve_tasks(setting: Setting) -> io::Result<()> {
    let fate = Fate::new()?;
    let listener = fate.listen_tcp(HERE)?;
    setting.announce(listener.local_addr().port())?;
    let here = fate.clone();
    fate.spawn(async move {
        while let Ok((stream, _peer)) = listener.accept().await {
            here.spawn(echo(stream, setting.buffer()));
        }
    });
    run(&fate)
}

pub fn run(fate: &Fate) -> io::Result<()> {
    fate.run().map_err(|failure| io::Error::other(failure.to_string()))
}

pub async fn echo(mut stream: TcpStream, size: usize) -> io::Result<()> {
    let mut buffer = vec![0; size];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            got => stream.write_all(&buffer[..got]).await?,
        }
    }
}
