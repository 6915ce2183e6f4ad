//! Sockets for others: given away as the descriptors that they are.

use super::listener::{TcpListener, UnixListener};
use super::stream::{TcpStream, UnixStream};
use crate::{Deferred, Fate};
use std::io;
use std::os::fd::OwnedFd;

/// A connection that was given away.
#[derive(Debug)]
#[non_exhaustive]
pub struct Released {
    /// The descriptor. It is non-blocking.
    pub descriptor: OwnedFd,
    /// What came in and was not read.
    pub unread: Vec<u8>,
}

/// A listener that was given away.
#[derive(Debug)]
#[non_exhaustive]
pub struct ReleasedListener {
    /// The descriptor. It is non-blocking.
    pub descriptor: OwnedFd,
    /// Connections that were accepted and not asked for, in the order in which they came.
    pub accepted: Vec<OwnedFd>,
}

macro_rules! releases_stream {
    ($($stream:ident),+) => {
        $(impl $stream {
            /// Gives the connection away: sends what was written, stops receiving, and fires with the descriptor and with
            /// what came in and was not read.
            ///
            /// # Errors
            /// What broke the connection, if it did; `NotConnected` if it is closed; `Unsupported` if it has a
            /// [layer](crate::Layer), and under simulation, where there are no descriptors. The connection is closed then.
            ///
            /// # Cancellation
            /// Closes the connection, as dropping it does.
            ///
            /// # Panics
            /// If the Fate that the connection belongs to is gone.
            #[track_caller]
            pub fn release(self) -> Deferred<Released> {
                let reactor = self.connection().reactor().expect("a connection is released by the Fate that made it");
                release(Fate::of(&reactor), async move {
                    let (descriptor, unread) = self.connection().release().await?;
                    Ok(Released { descriptor, unread })
                })
            }
        })+
    };
}

macro_rules! releases_listener {
    ($($listener:ident),+) => {
        $(impl $listener {
            /// Gives the listener away: stops accepting, and fires with the descriptor and with connections that were accepted
            /// and not asked for. A file that goes with it goes with the descriptor.
            ///
            /// # Errors
            /// `NotConnected` if it listens no more; `Unsupported` under simulation, where there are no descriptors. It
            /// listens no more then.
            ///
            /// # Cancellation
            /// Closes the listener, as dropping it does.
            ///
            /// # Panics
            /// If the Fate that the listener belongs to is gone.
            #[track_caller]
            pub fn release(self) -> Deferred<ReleasedListener> {
                let reactor = self.listener().reactor().expect("a listener is released by the Fate that made it");
                release(Fate::of(&reactor), async move {
                    let (descriptor, accepted) = self.listener().release().await?;
                    Ok(ReleasedListener { descriptor, accepted })
                })
            }
        })+
    };
}

releases_stream!(TcpStream, UnixStream);
releases_listener!(TcpListener, UnixListener);

/// Dropping the future drops what it would have released.
#[track_caller]
fn release<T: 'static>(fate: &Fate, releasing: impl Future<Output = io::Result<T>> + 'static) -> Deferred<T> {
    fate.spawn(releasing).and_then(|released| released)
}
