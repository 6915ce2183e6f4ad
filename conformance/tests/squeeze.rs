//! N6 on each real driver: a server that has hardly any descriptors, in a process of its own.

#![cfg(any(target_os = "linux", target_os = "android"))]

use fate::{Fate, Protocol, Transport, Verdict};
use fate_conformance::ground::Ground;
use fate_conformance::on_each_real_driver;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::cell::{Cell, RefCell};
use std::env;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command};
use std::rc::Rc;
use std::time::Duration;

on_each_real_driver! {
    two_hundred_clients_are_served_with_sixty_four_descriptors,
}

const CLIENTS: usize = 200;
const DESCRIPTORS: u64 = 64;

/// Set in the process that has few descriptors.
const ALONE: &str = "FATE_CONFORMANCE_ALONE";

/// Set in the process of the clients, to where they are to go.
const SERVER: &str = "FATE_CONFORMANCE_SERVER";

/// This program again, with only this test.
fn again(ground: &Ground, variable: &str, value: &str) -> Command {
    let test = format!("{}::two_hundred_clients_are_served_with_sixty_four_descriptors", ground.driver_name());
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", &test, "--nocapture", "--test-threads=1"]).env(variable, value);
    command
}

/// N6: the listener pauses below a reserve, goes on when one is closed, says so once, and serves everybody in the end.
fn two_hundred_clients_are_served_with_sixty_four_descriptors(ground: &Ground) {
    if let Ok(server) = env::var(SERVER) {
        return be_clients(server.parse().unwrap());
    }
    if env::var_os(ALONE).is_some() {
        return serve(ground);
    }
    let output = again(ground, ALONE, "1").output().unwrap();
    let words = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && words.contains("1 passed"), "{words}");
}

/// All connect at once; then one after another says something, hears it, and leaves.
fn be_clients(server: SocketAddr) {
    let mut clients: Vec<TcpStream> = (0..CLIENTS).map(|_| TcpStream::connect(server).unwrap()).collect();
    for (number, client) in clients.drain(..).enumerate() {
        let (mut client, question) = (client, format!("client {number}"));
        client.write_all(question.as_bytes()).unwrap();
        let mut answer = vec![0; question.len()];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(answer, question.as_bytes());
    }
}

#[derive(Default)]
struct Tally {
    served: Cell<usize>,
    at_once: Cell<usize>,
    most: Cell<usize>,
}

struct Echo(Rc<Tally>);

impl Protocol for Echo {
    fn connection_made(&mut self, _: &Transport) {
        self.0.at_once.set(self.0.at_once.get() + 1);
        self.0.most.set(self.0.most.get().max(self.0.at_once.get()));
    }

    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        transport.write(data);
    }

    fn connection_lost(&mut self, transport: &Transport, _: fate::Reason) {
        self.0.at_once.set(self.0.at_once.get() - 1);
        self.0.served.set(self.0.served.get() + 1);
        if self.0.served.get() == CLIENTS {
            transport.fate().shutdown();
        }
    }
}

fn serve(ground: &Ground) {
    let (complaints, tally) = (Rc::new(RefCell::new(Vec::new())), Rc::new(Tally::default()));
    let heard = complaints.clone();
    let settings = Fate::builder().on_fault(move |_, fault| {
        heard.borrow_mut().push(fault.to_string());
        Verdict::GoOn
    });
    let fate = ground.fate_with(settings);
    let listener = fate.listen_tcp("127.0.0.1:0").unwrap();
    let mut clients: Child = again(ground, SERVER, &listener.local_addr().to_string()).spawn().unwrap();
    let limit = Rlimit { current: Some(DESCRIPTORS), ..getrlimit(Resource::Nofile) };
    setrlimit(Resource::Nofile, limit).unwrap();
    let count = tally.clone();
    listener.serve(move |_| Echo(count.clone()));
    // A server that hangs is a failure, not a test that hangs.
    fate.get_fuse(Duration::from_secs(60)).set_handler(|fate| fate.shutdown());
    fate.run().unwrap();
    assert_eq!(tally.served.get(), CLIENTS);
    assert!(clients.wait().unwrap().success());
    assert!(tally.most.get() < DESCRIPTORS as usize, "{} at once", tally.most.get());
    assert_eq!(complaints.borrow().len(), 1, "{:?}", complaints.borrow());
    // It sleeps in the squeeze: what it does is bounded by what happens.
    assert!(fate.report().turns < 20 * CLIENTS as u64, "{} turns", fate.report().turns);
}
