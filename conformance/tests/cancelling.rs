//! A4 on each driver: every operation is cancelled at every point at which it waits, and no byte is lost.

use fate::{Bytes, Fate, TcpListener, TcpStream};
use fate_conformance::ground::Ground;
use fate_conformance::on_each_driver;
use fate_conformance::recorder::{Record, Recorder, connected, listening};
use fate_conformance::scissors::{Scissors, cut_everywhere};
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use std::io;
use std::time::Duration;

on_each_driver! {
    reads_lose_no_byte,
    exact_reads_lose_no_byte,
    lines_lose_no_byte,
    writes_lose_no_byte_and_repeat_none,
    shared_writes_are_taken_whole_or_not_at_all,
    flushing_and_closing_can_be_begun_again,
    accepting_loses_no_connection,
    connecting_leaves_nothing_behind,
    waiting_for_the_other_side_to_close_can_be_begun_again,
    pausing_at_any_point_keeps_the_order,
}

const MILLISECOND: Duration = Duration::from_millis(1);

/// What one side says in pieces with pauses in between, so that the other side has to wait.
const PIECES: [&[u8]; 5] = [b"Twin", b"kle, twinkle,\r\nlit", b"tle b", b"at!\nHow I wonder what you're ", b"at!\nUp"];

async fn pair(fate: &Fate) -> (TcpStream, TcpStream) {
    let listener = listening(fate);
    let client = connected(fate, listener.local_addr()).await;
    (client, listener.accept().await.unwrap().0)
}

/// Says all pieces, and closes.
async fn say(fate: &Fate, mut stream: &TcpStream) {
    for piece in PIECES {
        stream.write_all(piece).await.unwrap();
        stream.flush().await.unwrap();
        fate.sleep(MILLISECOND / 10).await;
    }
    stream.close().await.unwrap();
}

/// Holds a conversation between a speaker and a listener with a cut at every point of it.
fn hear(ground: &Ground, listen: impl AsyncFn(&TcpStream, &Scissors) -> Vec<u8>) {
    cut_everywhere(|scissors| {
        ground.another().run(async |fate| {
            let (client, server) = pair(fate).await;
            let (_, heard) = futures_lite::future::zip(say(fate, &client), listen(&server, scissors)).await;
            assert_eq!(String::from_utf8_lossy(&heard), String::from_utf8_lossy(&PIECES.concat()));
        });
    });
}

/// A4.
fn reads_lose_no_byte(ground: &Ground) {
    hear(ground, async |mut stream, scissors| {
        let (mut heard, mut bytes) = (Vec::new(), [0; 7]);
        loop {
            match scissors.retry(async || stream.read(&mut bytes).await.unwrap()).await {
                0 => return heard,
                count => heard.extend_from_slice(&bytes[..count]),
            }
        }
    });
}

/// A4.
fn exact_reads_lose_no_byte(ground: &Ground) {
    hear(ground, async |stream, scissors| {
        let (mut heard, whole) = (Vec::new(), PIECES.concat());
        for length in [10, 3, 1, whole.len() - 15] {
            let mut bytes = vec![0; length];
            scissors.retry(async || stream.read_exact(&mut bytes).await.unwrap()).await;
            heard.append(&mut bytes);
        }
        let error = scissors.retry(async || stream.read_exact(&mut [0; 2]).await.unwrap_err()).await;
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        let mut last = [0];
        stream.read_exact(&mut last).await.unwrap();
        heard.push(last[0]);
        heard
    });
}

/// A4.
fn lines_lose_no_byte(ground: &Ground) {
    hear(ground, async |stream, scissors| {
        let mut lines = Vec::new();
        while let Some(line) = scissors.retry(async || stream.read_line(40).await.unwrap()).await {
            lines.push(line);
        }
        assert_eq!(lines, ["Twinkle, twinkle,", "little bat!", "How I wonder what you're at!", "Up"]);
        PIECES.concat()
    });
}

/// A4.
fn writes_lose_no_byte_and_repeat_none(ground: &Ground) {
    cut_everywhere(|scissors| {
        ground.another().run(async |fate| {
            let (client, mut server) = pair(fate).await;
            let sent: Vec<u8> = (0..400_000_u32).map(|number| (number / 7) as u8).collect();
            let write = async {
                let (mut client, mut rest) = (&client, &sent[..]);
                while !rest.is_empty() {
                    let count = scissors.retry(async || client.write(rest).await.unwrap()).await;
                    rest = &rest[count..];
                }
                client.close().await.unwrap();
            };
            let mut heard = Vec::new();
            let read = async { server.read_to_end(&mut heard).await.unwrap() };
            futures_lite::future::zip(write, read).await;
            assert!(heard == sent, "{} of {} bytes, or others", heard.len(), sent.len());
        });
    });
}

/// A4.
fn shared_writes_are_taken_whole_or_not_at_all(ground: &Ground) {
    cut_everywhere(|scissors| {
        ground.another().run(async |fate| {
            let (client, mut server) = pair(fate).await;
            let page = Bytes::from(vec![7; 90_000]);
            let write = async {
                for _ in 0..4 {
                    scissors.retry(async || client.write_bytes(page.clone()).await.unwrap()).await;
                }
                let mut client = &client;
                client.close().await.unwrap();
            };
            let mut heard = Vec::new();
            let read = async { server.read_to_end(&mut heard).await.unwrap() };
            futures_lite::future::zip(write, read).await;
            assert_eq!(heard.len(), 360_000);
        });
    });
}

/// A4.
fn flushing_and_closing_can_be_begun_again(ground: &Ground) {
    cut_everywhere(|scissors| {
        ground.another().run(async |fate| {
            let (client, mut server) = pair(fate).await;
            let write = async {
                let mut client = &client;
                client.write_all(&[1; 60_000]).await.unwrap();
                scissors.retry(async || client.flush().await.unwrap()).await;
                client.write_all(&[1; 60_000]).await.unwrap();
                scissors.retry(async || client.close().await.unwrap()).await;
            };
            let mut heard = Vec::new();
            let read = async { server.read_to_end(&mut heard).await.unwrap() };
            futures_lite::future::zip(write, read).await;
            assert_eq!(heard.len(), 120_000);
        });
    });
}

async fn greet(listener: &TcpListener, scissors: &Scissors, greeting: &[u8]) {
    let (mut stream, _) = scissors.retry(async || listener.accept().await.unwrap()).await;
    stream.write_all(greeting).await.unwrap();
}

/// A4.
fn accepting_loses_no_connection(ground: &Ground) {
    cut_everywhere(|scissors| {
        ground.another().run(async |fate| {
            let listener = listening(fate);
            let address = listener.local_addr();
            let accept = async {
                for number in 0..3 {
                    greet(&listener, scissors, &[number]).await;
                }
            };
            let connect = async {
                let mut heard = Vec::new();
                for _ in 0..3 {
                    fate.sleep(MILLISECOND / 10).await;
                    let mut stream = connected(fate, address).await;
                    stream.read_to_end(&mut heard).await.unwrap();
                }
                assert_eq!(heard, [0, 1, 2]);
            };
            futures_lite::future::zip(accept, connect).await;
        });
    });
}

/// A4, N7.
fn connecting_leaves_nothing_behind(ground: &Ground) {
    cut_everywhere(|scissors| {
        ground.another().run(async |fate| {
            let listener = listening(fate);
            let address = listener.local_addr().to_string();
            let record = Record::default();
            let kept = record.clone();
            listener.serve(move |_| Recorder::new(&kept));
            let mut stream = scissors.retry(async || fate.connect_tcp(&address).await.unwrap()).await;
            stream.write_all(b"here I am").await.unwrap();
            while record.bytes() != b"here I am" {
                fate.sleep(MILLISECOND / 10).await;
            }
            drop(stream);
            while record.count("lost") < record.count("made") {
                fate.sleep(MILLISECOND / 10).await;
            }
        });
    });
}

/// A4, N4.
fn waiting_for_the_other_side_to_close_can_be_begun_again(ground: &Ground) {
    hear(ground, async |mut stream, scissors| {
        scissors.retry(async || stream.peer_closed().await).await;
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).await.unwrap();
        heard
    });
}

/// A4, N5: what a driver had taken when it was told to stop is delivered, in order.
fn pausing_at_any_point_keeps_the_order(ground: &Ground) {
    for pause_after in 0..6 {
        let record = Record::default();
        let mut pieces = 0;
        record.on_each(move |word, transport, _| {
            if word == "data" {
                pieces += 1;
                if pieces > pause_after {
                    transport.pause_reading();
                    let again = transport.clone();
                    transport.fate().get_fuse(MILLISECOND / 20).set_handler(move |_| again.resume_reading());
                }
            }
        });
        ground.another().run(async |fate| {
            let (client, server) = pair(fate).await;
            server.drive(Recorder::new(&record));
            say(fate, &client).await;
            record.wait_for(fate, "lost").await;
        });
        assert_eq!(String::from_utf8_lossy(&record.bytes()), String::from_utf8_lossy(&PIECES.concat()));
    }
}
