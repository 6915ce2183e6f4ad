//! tokio on its current-thread runtime: a task and a buffer for each connection.

use crate::contender::Setting;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::task::JoinHandle;

pub fn serve(setting: Setting) -> io::Result<()> {
    serve_by(setting, |stream| tokio::spawn(echo(stream, setting.buffer())))
}

/// Has each connection begun.
pub fn serve_by<T>(setting: Setting, mut begin: impl FnMut(TcpStream) -> JoinHandle<T>) -> io::Result<()> {
    let listener = setting.listen()?;
    listener.set_nonblocking(true)?;
    let runtime = Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            drop(begin(stream));
        }
    })
}

pub async fn echo(mut stream: impl AsyncRead + AsyncWrite + Unpin, size: usize) -> io::Result<()> {
    let mut buffer = vec![0; size];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            got => stream.write_all(&buffer[..got]).await?,
        }
    }
}
