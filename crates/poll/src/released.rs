//! Sockets that are handed back: the kernel forgets them at once, and the registry in the next exchange.
//!
//! Whoever gets a released socket may pass it on to another process, where it lives on under a number that is not ours to
//! name; so it cannot wait.

use crate::poller::Poller;
use fate_core::Socket;
use std::cell::{OnceCell, RefCell};
use std::sync::Arc;

/// The sockets that were released since the last exchange.
#[derive(Default)]
pub(crate) struct Released {
    poller: OnceCell<Arc<Poller>>,
    sockets: RefCell<Vec<Socket>>,
}

impl Released {
    /// There is a poller now, which may know sockets.
    pub fn know(&self, poller: Arc<Poller>) {
        // There is one poller, and it is made once.
        let _ = self.poller.set(poller);
    }

    /// A socket is about to be released.
    pub fn note(&self, socket: Socket) {
        if let Some(poller) = self.poller.get() {
            poller.disarm(socket.0);
            self.sockets.borrow_mut().push(socket);
        }
    }

    /// Hands on what was released.
    pub fn drain(&self, mut forget: impl FnMut(Socket)) {
        if !self.sockets.borrow().is_empty() {
            self.sockets.take().into_iter().for_each(&mut forget);
        }
    }
}
