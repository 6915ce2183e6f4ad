//! The echoes of Fate and of tokio once more, by TLS: all with the same configuration of rustls.

use super::fate::{Echo, echo, run};
use super::tokio;
use crate::contender::Setting;
use fate::{Fate, TcpStream};
use fate_tls::TlsServer;
use std::io;
use std::net::Ipv4Addr;
use tokio_rustls::TlsAcceptor;

/// With a certificate that nobody is to believe.
fn server() -> io::Result<TlsServer> {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_string()]).map_err(io::Error::other)?;
    Ok(TlsServer::new(certified.cert.pem(), certified.signing_key.serialize_pem())?)
}

pub fn serve_protocols(setting: Setting) -> io::Result<()> {
    let fate = Fate::new()?;
    let listener = fate.listen_tcp((Ipv4Addr::LOCALHOST, 0))?;
    setting.announce(listener.local_addr().port())?;
    server()?.serve(listener, |_, _| Echo);
    run(&fate)
}

pub fn serve_tasks(setting: Setting) -> io::Result<()> {
    let fate = Fate::new()?;
    let (server, listener) = (server()?, fate.listen_tcp((Ipv4Addr::LOCALHOST, 0))?);
    setting.announce(listener.local_addr().port())?;
    let here = fate.clone();
    fate.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            here.spawn(serve_one(server.clone(), stream, setting.buffer()));
        }
    });
    run(&fate)
}

/// That the load goes without a word is no failure.
async fn serve_one(server: TlsServer, stream: TcpStream, size: usize) {
    if server.wrap(&stream).await.is_ok() {
        let _ = echo(stream, size).await;
    }
}

pub fn serve_tokio(setting: Setting) -> io::Result<()> {
    let acceptor = TlsAcceptor::from(server()?.config().clone());
    tokio::serve_by(setting, |stream| ::tokio::spawn(echo_on_tokio(acceptor.clone(), stream, setting.buffer())))
}

async fn echo_on_tokio(acceptor: TlsAcceptor, stream: ::tokio::net::TcpStream, size: usize) -> io::Result<()> {
    tokio::echo(acceptor.accept(stream).await?, size).await
}
