//! A router of axum, as it is, on a Fate.
//!
//! axum is a router of requests and leaves to others where they come from, so it runs here as on its usual runtime: its
//! paths, its extractors, its own kinds of errors. It asks that handlers are `Send`, though here none of them ever leaves the thread;
//! what belongs to the Fate, and the Fate itself, go to them in a box that is: see [`Fate::keep_home`].
//!
//! `cargo run --example axum_on_fate` serves on a port that is free.
//! ```console
//! $ curl http://127.0.0.1:8080/wait/3
//! some seconds later: 3
//! $ curl -d 'guest=Alice' http://127.0.0.1:8080/table
//! ```

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Form, Router};
use fate::{Fate, Homebound};
use fate_web::{Server, Serving};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;
use std::{env, io};

/// What all handlers share. There is one thread, so there is nothing to lock.
#[derive(Clone)]
struct Party(Homebound<std::rc::Rc<Shared>>);

struct Shared {
    fate: Fate,
    guests: RefCell<Vec<String>>,
}

/// Waits, and holds nobody up. A sleep of the Fate is not `Send`, so it is awaited in its box.
async fn wait(Path(seconds): Path<u64>, State(party): State<Party>) -> String {
    let fate = &party.0.fate;
    fate.keep_home(fate.sleep(Duration::from_secs(seconds))).await;
    format!("some seconds later: {seconds}\n")
}

async fn sit_down(State(party): State<Party>, Form(form): Form<BTreeMap<String, String>>) -> String {
    let mut guests = party.0.guests.borrow_mut();
    guests.extend(form.get("guest").cloned());
    format!("at the table: {}\n", guests.join(", "))
}

/// Starts the server.
pub fn set_up(fate: &Fate, address: &str) -> io::Result<Serving> {
    let shared = Shared { fate: fate.clone(), guests: RefCell::default() };
    let router = Router::new()
        .route("/", get(async || "Why is a raven like a writing desk?\n"))
        .route("/wait/{seconds}", get(wait))
        .route("/table", post(sit_down))
        .with_state(Party(fate.keep_home(shared.into())));
    Ok(Server::new().serve_service(fate, fate.listen_tcp(address)?, router))
}

fn main() -> fate::Result {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".into());
    let fate = Fate::new()?;
    let serving = set_up(&fate, &address)?;
    println!("http://{}", serving.local_address());
    fate.run()
}
