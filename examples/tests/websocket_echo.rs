//! `websocket_echo` under virtual time, with the client of the same library.

mod visit;
#[expect(dead_code, reason = "it is visited, and its main is not run")]
#[path = "../websocket_echo.rs"]
mod websocket_echo;

use async_tungstenite::client_async;
use async_tungstenite::tungstenite::Message;
use futures_lite::StreamExt;
use std::time::Duration;
use visit::{HERE, Visitor, visit};
use websocket_echo::set_up;

#[test]
fn messages_come_back_and_the_end_is_agreed_on() {
    let seen = visit(
        |fate| Ok(set_up(fate, HERE)?.local_addr().unwrap()),
        async |fate, address| {
            let stream = fate.connect_tcp(&address.to_string()).await.unwrap();
            let (mut socket, _) = client_async(format!("ws://{address}/echo"), stream).await.unwrap();
            for words in ["curiouser", "and", "curiouser"] {
                socket.send(Message::text(words)).await.unwrap();
                assert_eq!(socket.next().await.unwrap().unwrap(), Message::text(words));
                // No deadline of the server concerns it any more.
                fate.sleep(Duration::from_secs(600)).await;
            }
            let large = Message::binary(vec![1; 1_000_000]);
            socket.send(large.clone()).await.unwrap();
            assert_eq!(socket.next().await.unwrap().unwrap(), large);
            socket.close(None).await.unwrap();
            while let Some(Ok(message)) = socket.next().await {
                assert!(message.is_close());
            }
        },
    );
    assert!(seen.faults.is_empty() && seen.left.is_empty(), "{:?} {:?}", seen.faults, seen.left);
}

#[test]
fn who_speaks_no_websocket_is_told() {
    visit(
        |fate| Ok(set_up(fate, HERE)?.local_addr().unwrap()),
        async |fate, address| {
            let (key, version) = ("sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==", "sec-websocket-version: 13");
            let asking = "connection: upgrade\r\nupgrade: websocket";
            for words in [
                "GET /echo HTTP/1.1\r\nhost: x\r\n\r\n".to_string(),
                // What asks for nothing else is not given anything else.
                format!("GET /echo HTTP/1.1\r\nhost: x\r\n{key}\r\n{version}\r\n\r\n"),
                format!("POST /echo HTTP/1.1\r\nhost: x\r\n{key}\r\n{version}\r\n{asking}\r\n\r\n"),
                format!("GET /echo HTTP/1.1\r\nhost: x\r\n{key}\r\n{asking}\r\n\r\n"),
                format!("GET /echo HTTP/1.1\r\nhost: x\r\nsec-websocket-key: x\r\n{version}\r\n{asking}\r\n\r\n"),
            ] {
                let mut visitor = Visitor::new(&fate, address).await;
                visitor.say(&words).await;
                let line = visitor.hear_line().await;
                assert_eq!(line.as_deref(), Some("HTTP/1.1 426 Upgrade Required"), "{words}");
            }
        },
    );
}

/// E1: that somebody goes is no news to the program.
#[test]
fn who_goes_without_a_word_disturbs_nobody() {
    let seen = visit(
        |fate| Ok(set_up(fate, HERE)?.local_addr().unwrap()),
        async |fate, address| {
            let stream = fate.connect_tcp(&address.to_string()).await.unwrap();
            let (socket, _) = client_async(format!("ws://{address}/echo"), stream).await.unwrap();
            drop(socket);
        },
    );
    assert!(seen.faults.is_empty() && seen.left.is_empty(), "{:?} {:?}", seen.faults, seen.left);
}
