//! OpenSSL is the client.

use crate::peer::{Folder, run_client, with_openssl};
use fate::framing::{FrameProtocol, FrameTransport, Framed, Lines};
use fate::{Fate, TcpListener};
use fate_tls::{Session, TlsServer, TlsServerBuilder};
use futures_lite::io::AsyncWriteExt;
use std::cell::RefCell;
use std::net::Ipv4Addr;
use std::rc::Rc;

fn settings(folder: &Folder) -> TlsServerBuilder {
    let identity = folder.identity("server");
    TlsServer::builder().certificate(&identity.chain, &identity.key)
}

fn listen(fate: &Fate) -> TcpListener {
    fate.listen_tcp((Ipv4Addr::LOCALHOST, 0)).unwrap()
}

/// Answers one line and closes. Gives what was agreed.
async fn answer(server: &TlsServer, listener: &TcpListener) -> fate::Result<Session> {
    let (mut stream, session) = server.accept(listener).await?;
    let line = stream.read_line(100).await?.unwrap_or_default();
    stream.write_all(format!("{line}, said Alice\n").as_bytes()).await?;
    Ok(session)
}

/// N11.
#[test]
fn it_agrees_with_a_server_and_resumes() {
    with_openssl(async |fate, folder| {
        let server = settings(&folder).alpn(["h2", "tea"]).build().unwrap();
        let listener = listen(&fate);
        for (version, name) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
            for (session, kind) in [("-sess_out", "New"), ("-sess_in", "Reused")] {
                let words = format!("{version} -alpn tea -verify_return_error -verify_hostname server {session} saved");
                let asking = run_client(&fate, &folder, listener.local_addr(), &words, "curiouser\n");
                let (said, agreed) = futures_lite::future::zip(asking, answer(&server, &listener)).await;
                let agreed = agreed.unwrap();
                assert_eq!((agreed.alpn(), agreed.server_name()), (Some(&b"tea"[..]), Some("server")));
                assert_eq!(agreed.was_resumed(), kind == "Reused", "{said}");
                assert!(said.contains("curiouser, said Alice"), "{said}");
                assert!(said.contains(&format!("{kind}, {name}")) && said.contains("ALPN protocol: tea"), "{said}");
                assert!(!said.contains("unexpected eof"), "the end is said: {said}");
            }
        }
    });
}

/// N11.
#[test]
fn it_shows_a_server_who_it_is_or_is_refused() {
    with_openssl(async |fate, folder| {
        let server = settings(&folder).client_roots(&folder.authority.pem).build().unwrap();
        folder.identity("knave");
        let listener = listen(&fate);
        for words in ["-cert knave.pem -key knave.key", ""] {
            let asking = run_client(&fate, &folder, listener.local_addr(), words, "it was I\n");
            let (said, agreed) = futures_lite::future::zip(asking, answer(&server, &listener)).await;
            match agreed {
                Ok(agreed) => assert!(!agreed.peer_certificates().is_empty()),
                Err(failure) => {
                    assert!(failure.check::<fate_tls::TlsError>().unwrap().is_bad_certificate(), "{failure:?}");
                    assert!(said.contains("certificate required"), "{said}");
                }
            }
        }
    });
}

/// N11.
#[test]
fn it_refuses_a_server_that_it_does_not_know_and_that_hears_why() {
    with_openssl(async |fate, folder| {
        let unknown = crate::authority::self_signed(&["server"]);
        let server = TlsServer::new(&unknown.chain, &unknown.key).unwrap();
        let listener = listen(&fate);
        let asking = run_client(&fate, &folder, listener.local_addr(), "-verify_return_error", "");
        let (_, agreed) = futures_lite::future::zip(asking, answer(&server, &listener)).await;
        let error = agreed.unwrap_err().trap::<fate_tls::TlsError>().unwrap();
        assert_eq!(error.alert(), Some(fate_tls::rustls::AlertDescription::UnknownCA));
        assert!(error.peer().unwrap().starts_with("127.0.0.1:"));
    });
}

/// As much of a mail server as it takes to go over to TLS.
struct Mail(TlsServer, Rc<RefCell<Vec<String>>>);

impl FrameProtocol for Mail {
    fn connection_made(&mut self, transport: &FrameTransport<'_>) {
        transport.send(b"220 mail.example ESMTP");
    }

    fn frame_received(&mut self, transport: &FrameTransport<'_>, line: &[u8]) {
        let line = String::from_utf8_lossy(line).into_owned();
        match line.split(' ').next().unwrap_or_default() {
            "EHLO" => {
                transport.send(b"250-mail.example");
                transport.send(b"250 STARTTLS");
            }
            "STARTTLS" => {
                transport.send(b"220 go ahead");
                let heard = self.1.clone();
                drop(self.0.wrap(transport.transport()).add_callback(move |_| heard.borrow_mut().push("!".into())));
            }
            _ => {
                transport.send(b"221 good day");
                transport.lose_connection();
            }
        }
        self.1.borrow_mut().push(line);
    }
}

/// N11, N12.
#[test]
fn it_goes_over_to_tls_in_mid_stream() {
    with_openssl(async |fate, folder| {
        let (server, heard) = (settings(&folder).build().unwrap(), Rc::new(RefCell::new(Vec::new())));
        let (listener, kept) = (listen(&fate), heard.clone());
        let address = listener.local_addr();
        let port = listener.serve(move |_| Framed::new(Lines::new(200), Mail(server.clone(), kept.clone())));
        let said = run_client(&fate, &folder, address, "-starttls smtp -name alice -crlf", "quit now\n").await;
        port.stop();
        assert!(said.contains("221 good day") && said.contains("Verify return code: 0"), "{said}");
        assert_eq!(*heard.borrow(), ["EHLO alice", "STARTTLS", "!", "quit now"]);
    });
}
