//! A server of many.

use crate::stage::{PORT, Stage};
use fate::{Port, Protocol, Transport};
use fate_tls::TlsClient;
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// Says who it has heard of, and echoes.
struct Greeting(String);

impl Protocol for Greeting {
    fn connection_made(&mut self, transport: &Transport) {
        transport.write(self.0.as_bytes());
    }

    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        transport.write(data);
    }
}

type Refused = Rc<RefCell<Vec<String>>>;

fn serve(stage: &Stage) -> (Port, Refused) {
    let refused = Refused::default();
    let told = refused.clone();
    let port = stage.server().with_alpn(["tea"]).serve_or(
        stage.listen(),
        |peer, session| Greeting(format!("{} {}\n", peer.ip(), session.server_name().unwrap_or_default())),
        move |_, error| told.borrow_mut().push(error.to_string()),
    );
    (port, refused)
}

/// Is served, and gives how long that took.
async fn visit(here: &fate::Fate, client: &TlsClient) -> fate::Result<Duration> {
    let begin = here.now();
    let (mut stream, session) = client.connect(here, PORT).await?;
    assert_eq!(stream.read_line(80).await?.as_deref(), Some("10.0.0.2 server"));
    assert_eq!(session.alpn(), Some(&b"tea"[..]));
    stream.write_all(b"more\n").await?;
    assert_eq!(stream.read_line(80).await?.as_deref(), Some("more"));
    Ok(here.now().duration_since(begin))
}

/// N11, N13.
#[test]
fn those_that_stall_hold_nobody_up_and_are_told_of_to_who_wants_to_know() {
    let mut stage = Stage::new();
    let (port, refused) = serve(&stage);
    let (client, here) = (stage.client().with_alpn(["tea"]), stage.here.clone());
    stage.here.spawn(async move {
        let mut silent = Vec::new();
        for _ in 0..20 {
            silent.push(here.connect_tcp(PORT).await?);
        }
        let mut strange = here.connect_tcp(PORT).await?;
        strange.write_all(b"GET / HTTP/1.1\r\n\r\n").await?;
        for _ in 0..5 {
            assert!(visit(&here, &client).await? < Duration::from_millis(100));
        }
        here.sleep(Duration::from_secs(11)).await;
        for stream in &mut silent {
            assert!(stream.read(&mut [0]).await.is_err(), "they are closed at the deadline");
        }
        port.stop();
        fate::Ok(())
    });
    stage.sim.run().unwrap();
    let refused = refused.borrow();
    assert_eq!(refused.len(), 21);
    assert!(refused[0].ends_with("what is spoken there is no TLS"), "{}", refused[0]);
    assert!(refused[1].ends_with("no agreement within 10s"), "{}", refused[1]);
}

/// N11, L3: once it is stopped nothing keeps the run going, and those who came before are served.
#[test]
fn stopping_closes_the_port_and_nothing_else() {
    let mut stage = Stage::new();
    let (port, _) = serve(&stage);
    let (client, here) = (stage.client().with_alpn(["tea"]), stage.here.clone());
    stage.here.spawn(async move {
        let (mut stream, _) = client.connect(&here, PORT).await?;
        assert_eq!(port.local_addr().unwrap().port(), 443);
        port.stop();
        here.sleep(Duration::from_millis(1)).await;
        assert!(client.connect(&here, PORT).await.is_err());
        stream.write_all(b"tea").await?;
        stream.close().await?;
        let mut all = String::new();
        stream.read_to_string(&mut all).await?;
        assert_eq!(all, "10.0.0.2 server\ntea");
        fate::Ok(())
    });
    stage.sim.run().unwrap();
    assert!(stage.sim.leaks().is_empty(), "{:?}", stage.sim.leaks());
}

/// N11, L2.
#[test]
fn a_shutdown_ends_those_that_have_agreed_and_those_that_have_not() {
    let mut stage = Stage::new();
    let (_, refused) = serve(&stage);
    let (client, here, there) = (stage.client().with_alpn(["tea"]), stage.here.clone(), stage.there.clone());
    stage.here.spawn(async move {
        let mut silent = here.connect_tcp(PORT).await?;
        let (mut stream, _) = client.connect(&here, PORT).await?;
        stream.read_line(80).await?;
        there.shutdown();
        assert_eq!(stream.read_to_end(&mut Vec::new()).await?, 0, "it is said that this is the end");
        assert!(!matches!(silent.read(&mut [0]).await, Ok(1..)));
        fate::Ok(())
    });
    stage.sim.run().unwrap();
    assert!(refused.borrow().len() <= 1);
}
