//! STARTTLS: a conversation that begins in the open.

use crate::hand::{Hand, config};
use crate::stage::{PORT, Stage, error_of};
use fate::framing::{FrameProtocol, FrameTransport, Framed, Lines};
use fate_tls::TlsServer;
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use std::cell::RefCell;
use std::rc::Rc;

const LINES: Lines = Lines::new(100);

/// Notes what it hears, and goes over to TLS when it is told to.
struct Mail {
    server: TlsServer,
    heard: Rc<RefCell<Vec<String>>>,
}

impl FrameProtocol for Mail {
    fn frame_received(&mut self, transport: &FrameTransport<'_>, line: &[u8]) {
        let line = String::from_utf8_lossy(line).into_owned();
        match &line[..] {
            "STARTTLS" => {
                transport.send(b"220 go ahead");
                let heard = self.heard.clone();
                drop(self.server.wrap(transport.transport()).add_both(move |result| {
                    heard.borrow_mut().push(result.map_or_else(|_| "refused", |_| "agreed").to_string());
                }));
            }
            _ => {
                transport.send(format!("250 {line}").as_bytes());
            }
        }
        self.heard.borrow_mut().push(line);
    }
}

fn mail(stage: &Stage) -> Rc<RefCell<Vec<String>>> {
    let (server, heard) = (stage.server(), Rc::new(RefCell::new(Vec::new())));
    let kept = heard.clone();
    stage.listen().serve(move |_| Framed::new(LINES, Mail { server: server.clone(), heard: kept.clone() }));
    heard
}

/// N11, N12.
#[test]
fn a_conversation_goes_on_in_secret_from_the_next_byte_on() {
    let mut stage = Stage::new();
    let heard = mail(&stage);
    let (client, here, there) = (stage.client(), stage.here.clone(), stage.there.clone());
    stage.here.spawn(async move {
        let mut stream = here.connect_tcp(PORT).await?;
        stream.write_all(b"EHLO alice\nSTARTTLS\n").await?;
        assert_eq!(stream.read_line(80).await?.as_deref(), Some("250 EHLO alice"));
        assert_eq!(stream.read_line(80).await?.as_deref(), Some("220 go ahead"));
        let agreed = client.wrap(&stream, "server");
        stream.write_all(b"MAIL FROM:<alice>\n").await?;
        assert_eq!(agreed.await?.server_name(), Some("server"));
        assert_eq!(stream.read_line(80).await?.as_deref(), Some("250 MAIL FROM:<alice>"));
        stream.close().await?;
        stream.read_to_end(&mut Vec::new()).await?;
        there.shutdown();
        fate::Ok(())
    });
    stage.sim.run().unwrap();
    assert_eq!(*heard.borrow(), ["EHLO alice", "STARTTLS", "agreed", "MAIL FROM:<alice>"]);
}

/// N11: what somebody has slipped in behind the word is not taken for what was said in secret (CVE-2011-0411).
#[test]
fn what_is_slipped_in_behind_the_word_is_never_heard() {
    let mut stage = Stage::new();
    let heard = mail(&stage);
    let (here, there, client) = (stage.here.clone(), stage.there.clone(), stage.client());
    stage.here.spawn(async move {
        let mut stream = here.connect_tcp(PORT).await?;
        stream.write_all(b"STARTTLS\nRCPT TO:<knave>\n").await?;
        assert_eq!(stream.read_line(80).await?.as_deref(), Some("220 go ahead"));
        assert!(client.wrap(&stream, "server").await.is_err());
        here.sleep(std::time::Duration::from_secs(1)).await;
        there.shutdown();
        fate::Ok(())
    });
    stage.sim.run().unwrap();
    assert_eq!(*heard.borrow(), ["STARTTLS", "refused"]);
}

/// N11: nor on the side of the client.
#[test]
fn what_a_server_slips_in_behind_its_answer_is_never_read() {
    let mut stage = Stage::new();
    let (listener, client, here) = (stage.listen(), stage.client(), stage.here.clone());
    stage.there.spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        stream.read_line(80).await?;
        stream.write_all(b"220 go ahead\n250 I am your server\n").await?;
        stream.read_to_end(&mut Vec::new()).await?;
        fate::Ok(())
    });
    stage.here.spawn(async move {
        let mut stream = here.connect_tcp(PORT).await?;
        stream.write_all(b"STARTTLS\n").await?;
        stream.read_line(80).await?;
        // Whoever reads at once does not get it either.
        let agreed = client.wrap(&stream, "server");
        assert!(stream.read_line(80).await.is_err(), "nothing of it is there");
        assert!(crate::stage::error_of(&agreed.await.unwrap_err()).is_not_tls());
        fate::Ok(())
    });
    stage.sim.run().unwrap();
}

/// N11.
#[test]
fn a_connection_is_wrapped_once() {
    let mut stage = Stage::new();
    let client = stage.client();
    let again = async move |mut stream: fate::TcpStream, _| {
        assert!(client.wrap(&stream, "server").await.is_err());
        stream.write_all(b"tea").await?;
        Ok(())
    };
    let reading = async |mut stream: fate::TcpStream, _| {
        let mut words = String::new();
        stream.read_to_string(&mut words).await?;
        Ok(words)
    };
    let sides = (stage.server(), stage.client());
    assert_eq!(stage.meet(sides, reading, again).both().0, "tea");
}

/// Says the word and the beginning of the agreement in one piece, as those do who know the answer. Hears the answer, and then
/// speaks in secret.
async fn hurry(mut hand: Hand) -> std::io::Result<()> {
    let words = [&b"EHLO alice\nSTARTTLS\n"[..], &hand.words()].concat();
    hand.stream.write_all(&words).await?;
    let mut line = None;
    while line.as_deref() != Some("220 go ahead") {
        line = hand.stream.read_line(80).await?;
    }
    hand.agree().await?;
    hand.tell(b"MAIL FROM:<alice>\n").await?;
    assert_eq!(hand.be_told(22).await?, b"250 MAIL FROM:<alice>\n");
    hand.tls.send_close_notify();
    hand.say().await?;
    while hand.hear().await? {}
    Ok(())
}

/// N11, N12.
#[test]
fn the_beginning_of_the_agreement_may_come_in_one_piece_with_the_word() {
    let mut stage = Stage::new();
    let (heard, config, here, there) = (mail(&stage), config(&stage), stage.here.clone(), stage.there.clone());
    stage.here.spawn(async move {
        hurry(Hand::new(config, here.connect_tcp(PORT).await.unwrap())).await.unwrap();
        there.shutdown();
    });
    stage.sim.run().unwrap();
    assert_eq!(*heard.borrow(), ["EHLO alice", "STARTTLS", "agreed", "MAIL FROM:<alice>"]);
}

/// N11: the same for one who reads lines from a stream.
#[test]
fn a_stream_takes_the_beginning_of_the_agreement_in_one_piece_with_the_word() {
    let mut stage = Stage::new();
    let (listener, server, config, here) = (stage.listen(), stage.server(), config(&stage), stage.here.clone());
    stage.there.spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        assert_eq!(stream.read_line(80).await?.as_deref(), Some("EHLO alice"));
        assert_eq!(stream.read_line(80).await?.as_deref(), Some("STARTTLS"));
        stream.write_all(b"220 go ahead\n").await?;
        server.wrap(&stream).await?;
        let line = stream.read_line(80).await?.unwrap_or_default();
        stream.write_all(format!("250 {line}\n").as_bytes()).await?;
        stream.read_to_end(&mut Vec::new()).await?;
        fate::Ok(())
    });
    stage.here.spawn(async move { hurry(Hand::new(config, here.connect_tcp(PORT).await.unwrap())).await.unwrap() });
    stage.sim.run().unwrap();
}

/// N11: nobody is waited for who has said already that no more comes.
#[test]
fn who_has_ended_before_the_agreement_is_not_waited_for() {
    for behind in [&b""[..], b"nonsense"] {
        let mut stage = Stage::new();
        let (listener, server, here, there) = (stage.listen(), stage.server(), stage.here.clone(), stage.there.clone());
        stage.there.spawn(async move {
            let (stream, _) = listener.accept().await?;
            assert_eq!(stream.read_line(80).await?.as_deref(), Some("STARTTLS"));
            stream.peer_closed().await;
            there.sleep(std::time::Duration::from_secs(1)).await;
            let began = there.now();
            let error = error_of(&server.wrap(&stream).await.unwrap_err());
            assert_eq!(there.now(), began, "at once");
            assert!(error.is_truncated() || !behind.is_empty(), "{error:?}");
            fate::Ok(())
        });
        stage.here.spawn(async move {
            let mut stream = here.connect_tcp(PORT).await?;
            stream.write_all(&[b"STARTTLS\n", behind].concat()).await?;
            stream.close().await?;
            stream.read_to_end(&mut Vec::new()).await?;
            fate::Ok(())
        });
        stage.sim.run().unwrap();
    }
}
