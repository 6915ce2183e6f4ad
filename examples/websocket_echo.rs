//! A server that sends back what it is sent over a WebSocket.
//!
//! A WebSocket begins as a request of HTTP that asks for something else. The server says yes, gives the connection away, and has
//! nothing more to do with it: from then on it is in the hand of a task, and `async-tungstenite` speaks over it as over any other
//! stream with the traits of `futures-io`.
//!
//! `cargo run --example websocket_echo` serves on a port that is free. The page that is there speaks with it.

use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::handshake::server::create_response_with_body;
use async_tungstenite::tungstenite::protocol::Role;
use fate::Fate;
use fate_web::{Html, Incoming, Outgoing, Reply, Server, Serving, Upgraded};
use futures_lite::StreamExt;
use http::header::{CONNECTION, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{Request, Response, StatusCode};
use std::{env, io};

const PAGE: &str = "<!doctype html><title>echo</title><input autofocus><pre></pre><script>\
    const socket = new WebSocket(`ws://${location.host}/echo`), [input, pre] = document.body.children;\
    socket.onmessage = event => pre.append(event.data, '\\n');\
    input.onchange = () => { socket.send(input.value); input.value = '' };</script>";

fn answer(fate: &Fate, mut request: Request<Incoming>) -> fate::Result<Response<Outgoing>> {
    if request.uri().path() != "/echo" {
        return Html(PAGE).reply();
    }
    match create_response_with_body(&request, Outgoing::default) {
        Ok(response) => {
            let upgrade = fate_web::upgrade(&mut request);
            fate.spawn(async { echo(upgrade.await?).await })
                .and_then(|echoed| echoed)
                // Many go without a word, and some never knew the language.
                .add_errback(|failure| eprintln!("{failure}"));
            Ok(response)
        }
        Err(error) => {
            let response = Response::builder().status(StatusCode::UPGRADE_REQUIRED).header(CONNECTION, "upgrade");
            let response = response.header(UPGRADE, "websocket").header(SEC_WEBSOCKET_VERSION, "13");
            Ok(response.body(format!("{error}\n").into())?)
        }
    }
}

/// Sends back every message, until the other side has had enough. Pings are answered, and the end is agreed on, without us.
async fn echo(upgraded: Upgraded) -> fate::Result {
    let mut socket = WebSocketStream::from_raw_socket(upgraded, Role::Server, None).await;
    while let Some(message) = socket.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            socket.send(message).await?;
        }
    }
    Ok(())
}

/// Starts the server.
pub fn set_up(fate: &Fate, address: &str) -> io::Result<Serving> {
    let (here, listener) = (fate.clone(), fate.listen_tcp(address)?);
    Ok(Server::new().serve(fate, listener, move |request| {
        let response = answer(&here, request);
        async { response }
    }))
}

fn main() -> fate::Result {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".into());
    let fate = Fate::new()?;
    let serving = set_up(&fate, &address)?;
    println!("http://{}", serving.local_address());
    fate.run()
}
