//! tokio on its current-thread runtime: a task and a buffer for each connection.

use crate::contender::Setting;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;

pub fn serve(setting: Setting) -> io::Result<()> {
    let listener = setting.listen()?;
    listener.set_nonblocking(true)?;
    let runtime = Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(echo(stream, setting.buffer()));
        }
    })
}

async fn echo(mut stream: TcpStream, size: usize) -> io::Result<()> {
    let mut buffer = vec![0; size];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            got => stream.write_all(&buffer[..got]).await?,
        }
    }
}
