//! Serving: a protocol for each connection that has agreed.

use crate::{Session, TlsError, TlsServer};
use fate::{Control, Fate, Protocol, TcpListener};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

/// A listener that serves by TLS. A clonable handle: dropping it stops nothing.
///
/// ```
/// # use fate::{Protocol, Transport, sim::Sim};
/// # use fate_tls::{TlsClient, TlsServer};
/// # struct Silent;
/// # impl Protocol for Silent {
/// #     fn data_received(&mut self, _: &Transport, _: &[u8]) {}
/// # }
/// # let key = rcgen::KeyPair::generate()?;
/// # let certificate = rcgen::CertificateParams::new(["server".to_string()])?.self_signed(&key)?.pem();
/// # let mut sim = Sim::new(1);
/// # let fate = sim.host("server");
/// # let server = TlsServer::new(&certificate, key.serialize_pem())?;
/// let port = server.serve(&fate, fate.listen_tcp("0.0.0.0:443")?, |_peer, _session| Silent);
/// assert_eq!(port.local_addr().port(), 443);
/// fate.get_fuse(std::time::Duration::from_secs(1)).set_handler(move |_| port.stop());
/// sim.run()?; // nothing listens any more, and nothing is left to happen
/// # Ok::<(), fate::Failure>(())
/// ```
#[derive(Clone, Debug)]
pub struct TlsPort {
    accepting: Control,
    address: SocketAddr,
}

impl TlsPort {
    /// Stops listening. Connections that were accepted go on, those that have not agreed yet too.
    pub fn stop(&self) {
        self.accepting.cancel();
    }

    /// The address it listens on, with the port that the system chose if none was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }
}

#[track_caller]
pub(crate) fn serve<P: Protocol>(
    fate: &Fate,
    server: TlsServer,
    listener: TcpListener,
    make: impl Fn(SocketAddr, &Session) -> P + 'static,
    refused: impl Fn(SocketAddr, &TlsError) + 'static,
) -> TlsPort {
    let address = listener.local_addr();
    let desk = Rc::new(Desk { make, refused });
    let accepting = fate.spawn(accept_all(server, listener, desk));
    TlsPort { accepting: accepting.control(), address }
}

/// What is done with who comes.
struct Desk<M, R> {
    make: M,
    refused: R,
}

/// Accepts for as long as it listens. That the two sides agree is waited for aside.
async fn accept_all<P: Protocol>(
    server: TlsServer,
    listener: TcpListener,
    desk: Rc<Desk<impl Fn(SocketAddr, &Session) -> P + 'static, impl Fn(SocketAddr, &TlsError) + 'static>>,
) -> io::Result<()> {
    loop {
        let (stream, peer) = match listener.accept().await {
            Err(error) if error.kind() == io::ErrorKind::NotConnected => return Ok(()),
            accepted => accepted?,
        };
        let desk = desk.clone();
        drop(server.wrap(&stream).add_both(move |result| match result {
            Ok(session) => drop(stream.drive((desk.make)(peer, &session))),
            Err(failure) => {
                if let Some(error) = failure.check::<TlsError>() {
                    (desk.refused)(peer, error);
                }
            }
        }));
    }
}
