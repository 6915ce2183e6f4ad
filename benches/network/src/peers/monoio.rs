//! monoio on its io_uring driver: a task and a buffer for each connection.

use crate::contender::Setting;
use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
use monoio::net::{TcpListener, TcpStream};
use monoio::{IoUringDriver, RuntimeBuilder};
use std::io;

pub fn serve(setting: Setting) -> io::Result<()> {
    let listener = setting.listen()?;
    RuntimeBuilder::<IoUringDriver>::new().build()?.block_on(async {
        let listener = TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            monoio::spawn(echo(stream, setting.buffer()));
        }
    })
}

async fn echo(mut stream: TcpStream, size: usize) -> io::Result<()> {
    let mut buffer = vec![0; size];
    loop {
        let (result, filled) = stream.read(buffer).await;
        if result? == 0 {
            return Ok(());
        }
        // What was read is what the vector is now long, so this writes just that.
        let (result, written) = stream.write_all(filled).await;
        result?;
        buffer = written;
    }
}
