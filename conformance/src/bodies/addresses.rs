//! Addresses that anybody may have written.
//!
//! Whatever a text is, asking for it is answered: there is nobody at that address, in a world in which nobody listens, or it
//! is no address. What the standard library takes for a numeric address must be taken for the same one.

use fate::sim::Sim;
use fate::{Failure, Fate};
use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

/// Takes the bytes for an address, of a host or of a Unix socket, and asks for it.
///
/// # Panics
/// If a question has no answer, or a wrong one.
pub fn addresses_of_any_kind(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let mut sim = Sim::new(1);
    sim.forget_history();
    let fate = sim.host("here");
    sim.host("there");
    let answers = Rc::new(Cell::new(0));
    let answered = || {
        let answers = answers.clone();
        move || answers.set(answers.get() + 1)
    };
    ask_to_connect(&fate, &text, answered());
    ask_for_unix(&fate, &text, answered());
    ask_for_addresses(&fate, &text, answered());
    sim.run().expect("nobody fails");
    assert_eq!(answers.get(), 3, "every question about {text:?} is answered");
}

fn ask_to_connect(fate: &Fate, text: &str, answered: impl FnOnce() + 'static) {
    let is_address = text.parse::<SocketAddr>().is_ok();
    fate.connect_tcp(text).add_callback(drop).add_both(move |result| {
        let failure = result.expect_err("nobody listens");
        let is_no_address = failure.to_string().contains("is no host and port");
        assert!(!(is_address && is_no_address), "it is an address: {failure}");
        answered();
    });
}

fn ask_for_unix(fate: &Fate, text: &str, answered: impl FnOnce() + 'static) {
    fate.connect_unix(text).add_callback(drop).add_both(move |result| {
        assert!(result.is_err(), "nobody listens");
        answered();
    });
}

fn ask_for_addresses(fate: &Fate, text: &str, answered: impl FnOnce() + 'static) {
    let numeric: Option<IpAddr> = text.parse().ok();
    fate.resolve(text, 80).add_both(move |result: Result<Vec<SocketAddr>, Failure>| {
        if let Some(numeric) = numeric {
            assert_eq!(result.expect("it is numeric"), [SocketAddr::new(numeric, 80)]);
        }
        answered();
    });
}
