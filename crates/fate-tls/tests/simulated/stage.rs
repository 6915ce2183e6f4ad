//! Two hosts, and what is the same in every test.

use crate::authority::{Authority, Identity};
use fate::sim::Sim;
use fate::{Failure, Fate, TcpListener, TcpStream};
use fate_tls::{Session, TlsClient, TlsClientBuilder, TlsError, TlsServer};
use std::cell::RefCell;
use std::rc::Rc;

/// Where a server listens on the host `server`.
pub const PORT: &str = "server:443";

/// A simulation with a server and a client, and somebody whom both believe.
pub struct Stage {
    pub sim: Sim,
    pub there: Fate,
    pub here: Fate,
    pub authority: Authority,
}

/// What became of the two sides; nothing of one that has not come to its end.
#[derive(Debug)]
pub struct Outcome<S, C> {
    pub server: Option<Result<S, Failure>>,
    pub client: Option<Result<C, Failure>>,
}

impl Stage {
    pub fn new() -> Stage {
        Stage::of_seed(1)
    }

    pub fn of_seed(seed: u64) -> Stage {
        let mut sim = Sim::new(seed);
        let (there, here) = (sim.host("server"), sim.host("client"));
        Stage { sim, there, here, authority: Authority::new("the Queen of Hearts") }
    }

    pub fn identity(&self) -> Identity {
        self.authority.vouch(&["server"])
    }

    pub fn server(&self) -> TlsServer {
        server_of(&self.identity())
    }

    pub fn client(&self) -> TlsClient {
        self.settings().build().unwrap()
    }

    /// A client's settings: whom it believes is set.
    pub fn settings(&self) -> TlsClientBuilder {
        TlsClient::builder().only_roots(&self.authority.pem)
    }

    pub fn listen(&self) -> TcpListener {
        self.there.listen_tcp("0.0.0.0:443").unwrap()
    }

    /// Begins a meeting of one server and one client. What became of them is in the outcome, once the simulation has run.
    pub fn begin<S: 'static, C: 'static>(
        &self,
        (server, client): (TlsServer, TlsClient),
        there: impl AsyncFnOnce(TcpStream, Session) -> Result<S, Failure> + 'static,
        here: impl AsyncFnOnce(TcpStream, Session) -> Result<C, Failure> + 'static,
    ) -> Rc<RefCell<Outcome<S, C>>> {
        let outcome = Rc::new(RefCell::new(Outcome { server: None, client: None }));
        let (listener, seen) = (self.listen(), outcome.clone());
        self.there.spawn(async move {
            let result = match server.accept(&listener).await {
                Ok((stream, session)) => there(stream, session).await,
                Err(failure) => Err(failure),
            };
            seen.borrow_mut().server = Some(result);
        });
        let (fate, seen) = (self.here.clone(), outcome.clone());
        self.here.spawn(async move {
            let result = match client.connect(&fate, PORT).await {
                Ok((stream, session)) => here(stream, session).await,
                Err(failure) => Err(failure),
            };
            seen.borrow_mut().client = Some(result);
        });
        outcome
    }

    /// A meeting to its end.
    pub fn meet<S: 'static, C: 'static>(
        &mut self,
        sides: (TlsServer, TlsClient),
        there: impl AsyncFnOnce(TcpStream, Session) -> Result<S, Failure> + 'static,
        here: impl AsyncFnOnce(TcpStream, Session) -> Result<C, Failure> + 'static,
    ) -> Outcome<S, C> {
        let outcome = self.begin(sides, there, here);
        self.sim.run().unwrap();
        outcome.replace(Outcome { server: None, client: None })
    }

    /// A meeting in which the two do no more than agree.
    pub fn agree(&mut self, server: TlsServer, client: TlsClient) -> Outcome<Session, Session> {
        self.meet((server, client), async |_, session| Ok(session), async |_, session| Ok(session))
    }
}

pub fn server_of(identity: &Identity) -> TlsServer {
    TlsServer::new(&identity.chain, &identity.key).unwrap()
}

impl<S: std::fmt::Debug, C: std::fmt::Debug> Outcome<S, C> {
    /// What both have come to, if both have.
    pub fn both(self) -> (S, C) {
        (self.server.expect("the server has ended").unwrap(), self.client.expect("the client has ended").unwrap())
    }

    /// What went wrong for both.
    pub fn errors(self) -> (TlsError, TlsError) {
        let (server, client) = (self.server.expect("the server has ended"), self.client.expect("the client has ended"));
        (error_of(&server.unwrap_err()), error_of(&client.unwrap_err()))
    }
}

/// The error of TLS in a failure.
pub fn error_of(failure: &Failure) -> TlsError {
    TlsError::find(failure.error()).unwrap_or_else(|| panic!("no error of TLS: {failure:?}")).clone()
}
