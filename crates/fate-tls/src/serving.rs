//! Serving: a protocol for each connection that has agreed.
//!
//! Accepting is the listener's own affair, errors and shortages included. That the two sides agree is waited for aside, so that
//! one who stalls is alone with it.

use crate::{Session, TlsError, TlsServer};
use fate::{Failure, Port, Protocol, TcpListener, TcpStream};
use std::net::SocketAddr;
use std::rc::Rc;

#[track_caller]
pub(crate) fn serve<P: Protocol>(
    server: TlsServer,
    listener: TcpListener,
    make: impl Fn(SocketAddr, &Session) -> P + 'static,
    refused: impl Fn(SocketAddr, &TlsError) + 'static,
) -> Port {
    let desk = Rc::new(Desk { make, refused });
    listener.serve_streams(move |stream, peer| {
        let desk = desk.clone();
        drop(server.wrap(&stream).add_both(move |result| desk.attend(stream, peer, result)));
    })
}

/// What is done with who comes.
struct Desk<M, R> {
    make: M,
    refused: R,
}

impl<P: Protocol, M: Fn(SocketAddr, &Session) -> P, R: Fn(SocketAddr, &TlsError)> Desk<M, R> {
    fn attend(&self, stream: TcpStream, peer: SocketAddr, result: Result<Session, Failure>) {
        match result {
            Ok(session) => drop(stream.drive((self.make)(peer, &session))),
            Err(failure) => {
                if let Some(error) = failure.check::<TlsError>() {
                    (self.refused)(peer, error);
                }
            }
        }
    }
}
