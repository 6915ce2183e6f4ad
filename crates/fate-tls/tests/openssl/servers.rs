//! OpenSSL serves.

use crate::peer::{Folder, Server, with_openssl};
use fate::{Fate, TcpStream};
use fate_tls::rustls::ProtocolVersion;
use fate_tls::{Session, TlsClient, TlsClientBuilder, TlsError};
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};

fn settings(folder: &Folder) -> TlsClientBuilder {
    TlsClient::builder().only_roots(&folder.authority.pem)
}

async fn connect(fate: &Fate, client: &TlsClient, server: &Server) -> Result<(TcpStream, Session), TlsError> {
    let stream = fate.connect_tcp(&server.address()).await.unwrap();
    match client.wrap(&stream, "server").await {
        Ok(session) => Ok((stream, session)),
        Err(failure) => Err(failure.trap::<TlsError>().unwrap()),
    }
}

/// Has a line sent back from its end to its beginning, which is what the server does with lines.
async fn reverse(stream: &TcpStream, line: &str) {
    let mut writer = stream;
    writer.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    let reversed: String = line.chars().rev().collect();
    assert_eq!(stream.read_line(100_000).await.unwrap(), Some(reversed));
}

/// N11.
#[test]
fn a_client_agrees_with_it_resumes_and_says_when_it_ends() {
    with_openssl(async |fate, folder| {
        folder.identity("server");
        for (version, expected) in [("-tls1_2", ProtocolVersion::TLSv1_2), ("-tls1_3", ProtocolVersion::TLSv1_3)] {
            let server = Server::start(&folder, &format!("-rev -alpn h2,tea {version}"));
            let client = settings(&folder).alpn(["coffee", "tea"]).build().unwrap();
            for is_resumed in [false, true, true] {
                let (mut stream, session) = connect(&fate, &client, &server).await.unwrap();
                assert_eq!((session.alpn(), session.protocol_version()), (Some(&b"tea"[..]), Some(expected)));
                assert_eq!(session.was_resumed(), is_resumed, "{version}");
                reverse(&stream, "a man a plan a canal").await;
                reverse(&stream, &"x".repeat(10_000)).await;
                stream.close().await.unwrap();
                assert_eq!(stream.read_to_end(&mut Vec::new()).await.unwrap(), 0);
            }
        }
    });
}

/// N11.
#[test]
fn a_client_shows_it_who_it_is() {
    with_openssl(async |fate, folder| {
        folder.identity("server");
        let knave = folder.identity("knave");
        let server = Server::start(&folder, "-rev -CAfile authority.pem -Verify 1 -verify_return_error");
        let client = settings(&folder).identity(&knave.chain, &knave.key).build().unwrap();
        let (stream, _) = connect(&fate, &client, &server).await.unwrap();
        reverse(&stream, "it was the knave").await;
        // It serves one after another.
        drop(stream);
        let stranger = settings(&folder).build().unwrap();
        let (mut stream, _) = connect(&fate, &stranger, &server).await.unwrap();
        let error = stream.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert!(TlsError::find(&error).unwrap().is_refused(), "{error:?}");
    });
}

/// N11.
#[test]
fn a_client_refuses_it_when_it_is_somebody_else() {
    with_openssl(async |fate, folder| {
        folder.identity("server");
        let server = Server::start(&folder, "-rev");
        let stranger = crate::authority::Authority::new("the Duchess");
        let client = TlsClient::builder().only_roots(&stranger.pem).build().unwrap();
        assert!(connect(&fate, &client, &server).await.unwrap_err().is_unknown_issuer());
        let stream = fate.connect_tcp(&server.address()).await.unwrap();
        let failure = settings(&folder).build().unwrap().wrap(&stream, "knave").await.unwrap_err();
        assert!(failure.check::<TlsError>().unwrap().is_wrong_host());
        let (stream, _) = connect(&fate, &settings(&folder).build().unwrap(), &server).await.unwrap();
        reverse(&stream, "it has not been hurt").await;
    });
}

/// N11: its process is killed, and the kernel closes its connections, which is an end that it has not said.
#[test]
fn a_client_knows_when_it_is_gone_without_a_word() {
    with_openssl(async |fate, folder| {
        folder.identity("server");
        let mut server = Server::start(&folder, "-rev");
        let client = settings(&folder).build().unwrap();
        let (mut stream, _) = connect(&fate, &client, &server).await.unwrap();
        reverse(&stream, "tea").await;
        server.kill();
        let error = stream.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert!(TlsError::find(&error).unwrap().is_truncated(), "{error:?}");
    });
}
