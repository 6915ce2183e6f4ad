//! What two sides agree upon.

use crate::authority::Authority;
use crate::stage::{Stage, server_of};
use fate_tls::rustls::{self, ProtocolVersion, pki_types::pem::PemObject};
use fate_tls::{Session, TlsClient, TlsServer};
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use std::sync::Arc;

/// N11.
#[test]
fn both_sides_learn_what_was_agreed_upon() {
    let mut stage = Stage::new();
    let server = stage.server().with_alpn(["http/1.1", "h2"]);
    let client = stage.settings().alpn(["h2", "http/1.1", "tea"]).build().unwrap();
    let (there, here) = stage.agree(server, client).both();
    for session in [&there, &here] {
        assert_eq!(session.alpn(), Some(&b"http/1.1"[..]), "what the server likes best");
        assert_eq!(session.server_name(), Some("server"));
        assert_eq!(session.protocol_version(), Some(ProtocolVersion::TLSv1_3));
        assert!(session.cipher_suite().is_some() && !session.was_resumed());
    }
    assert_eq!(here.peer_certificates().len(), 1);
    assert!(there.peer_certificates().is_empty(), "no client was asked for any");
}

/// N11.
#[test]
fn who_offers_no_protocol_is_served_and_who_offers_others_alone_is_refused() {
    let mut stage = Stage::new();
    let server = stage.server().with_alpn(["h2"]);
    let (there, here) = stage.agree(server.clone(), stage.client()).both();
    assert_eq!((there.alpn(), here.alpn()), (None, None));
    let (_, error) = stage.agree(server, stage.client().with_alpn(["tea"])).errors();
    assert_eq!(error.alert(), Some(rustls::AlertDescription::NoApplicationProtocol));
}

/// One after another, by one client.
fn sessions(stage: &mut Stage, server: &TlsServer, client: &TlsClient) -> Vec<(bool, bool)> {
    let exchange = |server: &TlsServer, client: &TlsClient, stage: &mut Stage| -> (Session, Session) {
        let there = async |mut stream: fate::TcpStream, session| {
            stream.write_all(b"tea").await?;
            Ok(session)
        };
        let here = async |mut stream: fate::TcpStream, session| {
            stream.read_to_end(&mut Vec::new()).await?;
            Ok(session)
        };
        stage.meet((server.clone(), client.clone()), there, here).both()
    };
    (0..3).map(|_| exchange(server, client, stage)).map(|(a, b)| (a.was_resumed(), b.was_resumed())).collect()
}

/// N11.
#[test]
fn sessions_are_resumed_unless_either_side_does_not_want_that() {
    let mut stage = Stage::new();
    let (server, client) = (stage.server(), stage.client());
    let both = (true, true);
    assert_eq!(sessions(&mut stage, &server, &client), [(false, false), both, both]);
    let forgetful = stage.settings().without_resumption().build().unwrap();
    assert_eq!(sessions(&mut stage, &server, &forgetful), [(false, false); 3]);
    let identity = stage.identity();
    let forgetful = TlsServer::builder().certificate(&identity.chain, &identity.key).without_resumption();
    let (forgetful, fresh) = (forgetful.build().unwrap(), stage.client());
    assert_eq!(sessions(&mut stage, &forgetful, &fresh), [(false, false); 3]);
}

/// N11: and the clock is the Fate's there as well, or what it shows would be expired.
#[test]
fn a_finished_configuration_is_taken_as_it_is() {
    let mut stage = Stage::new();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls::pki_types::CertificateDer::from_pem_slice(stage.authority.pem.as_bytes()).unwrap()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let server = server_of(&stage.authority.vouch_in(1999..2001, &["server"]));
    let server = TlsServer::from_config(server.config().clone());
    let client = TlsClient::from_config(config);
    let (there, here) = stage.agree(server.clone(), client.clone()).both();
    assert_eq!(there.protocol_version(), Some(ProtocolVersion::TLSv1_2));
    assert_eq!(here.protocol_version(), Some(ProtocolVersion::TLSv1_2));
    assert_eq!(sessions(&mut stage, &server, &client), [(true, true); 3]);
}

/// N11.
#[test]
fn of_several_certificates_a_client_is_shown_that_of_the_host_it_asks_for() {
    let mut stage = Stage::new();
    let [first, second] = ["hatter.example", "*.hare.example"].map(|name| stage.authority.vouch(&[name]));
    let server = TlsServer::builder()
        .certificate(&first.chain, &first.key)
        .certificate(&second.chain, &second.key)
        .build()
        .unwrap();
    for (name, is_found) in [("hatter.example", true), ("march.hare.example", true), ("dormouse.example", false)] {
        let (listener, server, client) = (stage.listen(), server.clone(), stage.client());
        stage.there.spawn(async move { server.accept(&listener).await.is_ok() });
        let here = stage.here.clone();
        stage.here.spawn(async move {
            let stream = here.connect_tcp("server:443").await.unwrap();
            let session = client.wrap(&stream, name).await;
            assert_eq!(session.is_ok(), is_found, "{name}");
        });
        stage.sim.run().unwrap();
    }
}

/// N11.
#[test]
fn clients_show_who_they_are_where_they_are_asked() {
    let mut stage = Stage::new();
    let identity = stage.identity();
    let knave = stage.authority.vouch(&["knave"]);
    let stranger = Authority::new("the Duchess").vouch(&["knave"]);
    let server = || TlsServer::builder().certificate(&identity.chain, &identity.key);
    let required = server().client_roots(&stage.authority.pem).build().unwrap();
    let optional = server().optional_client_roots(&stage.authority.pem).build().unwrap();
    let showing = |identity: &crate::authority::Identity, stage: &Stage| {
        stage.settings().identity(&identity.chain, &identity.key).build().unwrap()
    };
    for server in [&required, &optional] {
        let client = showing(&knave, &stage);
        let (there, _) = stage.agree(server.clone(), client).both();
        assert_eq!(there.peer_certificates().len(), 1);
        let client = showing(&stranger, &stage);
        let refused = stage.agree(server.clone(), client).server.unwrap().unwrap_err();
        assert!(crate::stage::error_of(&refused).is_unknown_issuer());
    }
    let client = stage.client();
    let (there, _) = stage.agree(optional, client).both();
    assert!(there.peer_certificates().is_empty());
    // By version 1.3 a client is done before the server has looked: it is told when it reads.
    let read = async |mut stream: fate::TcpStream, _| Ok(stream.read_to_end(&mut Vec::new()).await?);
    let client = stage.client();
    let (there, here) = stage.meet((required, client), async |_, _| Ok(()), read).errors();
    assert!(there.is_bad_certificate(), "{there:?}");
    assert_eq!(here.alert(), Some(rustls::AlertDescription::CertificateRequired));
    assert_eq!(here.phase(), fate_tls::Phase::Session);
}

/// N11, N10.
#[test]
fn it_is_spoken_over_unix_sockets_and_with_hosts_that_have_an_address_alone() {
    let mut stage = Stage::new();
    let server = server_of(&stage.authority.vouch(&["10.0.0.1", "the-rabbit-hole"]));
    let (listener, other) = (stage.listen(), server.clone());
    stage.there.spawn(async move { other.accept(&listener).await.is_ok() });
    let (client, here) = (stage.client(), stage.here.clone());
    stage.here.spawn(async move {
        let (_, session) = client.connect(&here, "10.0.0.1:443").await?;
        assert_eq!(session.server_name(), Some("10.0.0.1"));
        fate::Ok(())
    });
    stage.sim.run().unwrap();
    let (listener, there) = (stage.there.listen_unix("@tea").unwrap(), stage.there.clone());
    stage.there.spawn(async move {
        let stream = listener.accept().await?;
        server.wrap(&stream).await?;
        (&stream).write_all(b"more tea\n").await?;
        fate::Ok(())
    });
    let client = stage.client();
    stage.there.spawn(async move {
        let stream = there.connect_unix("@tea").await?;
        client.wrap(&stream, "the-rabbit-hole").await?;
        assert_eq!(stream.read_line(80).await?.as_deref(), Some("more tea"));
        fate::Ok(())
    });
    stage.sim.run().unwrap();
}

/// N11, V1.
#[test]
fn one_seed_has_one_history_though_the_keys_differ() {
    let history = || {
        let mut stage = Stage::of_seed(7);
        stage.sim.link("client", "server").loss(0.1);
        let (server, client) = (stage.server(), stage.client());
        sessions(&mut stage, &server, &client);
        stage.sim.history()
    };
    assert_eq!(history(), history());
}

/// N11, T11: what was remembered of a session is good for hours by the clock of the Fate.
#[test]
fn a_session_is_forgotten_after_a_day() {
    let mut stage = Stage::new();
    let (server, client) = (stage.server(), stage.client());
    assert_eq!(sessions(&mut stage, &server, &client)[2], (true, true));
    stage.sim.step_forward("client", std::time::Duration::from_secs(3600));
    assert_eq!(sessions(&mut stage, &server, &client)[0], (true, true));
    stage.sim.step_forward("client", std::time::Duration::from_secs(24 * 3600));
    assert_eq!(sessions(&mut stage, &server, &client)[0], (false, false));
}

/// N11, L1: several Fates on several threads can share them.
#[test]
fn clients_and_servers_and_errors_go_to_any_thread() {
    fn is_free<T: Send + Sync + Clone + 'static>(_: &T) {}
    let stage = Stage::new();
    is_free(&stage.client());
    is_free(&stage.server());
    is_free(&TlsServer::builder().build().unwrap_err());
}
