//! Who is not believed, and what is no TLS.

use crate::authority::{Authority, self_signed};
use crate::stage::{PORT, Stage, error_of, server_of};
use fate_tls::rustls::AlertDescription;
use fate_tls::{Phase, TlsClient, TlsError, TlsServer};
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use std::error::Error;
use std::time::Duration;

/// The errors of a server with a bad certificate, and of the client that refuses it.
fn refused(server: TlsServer) -> (TlsError, TlsError) {
    let mut stage = Stage::new();
    let client = stage.client();
    refused_on(&mut stage, server, client)
}

fn refused_on(stage: &mut Stage, server: TlsServer, client: TlsClient) -> (TlsError, TlsError) {
    let (there, here) = stage.agree(server, client).errors();
    assert!(here.is_bad_certificate() && here.rustls().is_some() && here.source().is_some());
    assert_eq!((there.phase(), here.phase()), (Phase::Handshake, Phase::Handshake));
    assert_eq!(here.peer().as_deref(), Some("server at 10.0.0.1:443"));
    assert!(there.is_refused(), "the alert arrives: {there:?}");
    (there, here)
}

/// N11.
#[test]
fn an_expired_certificate_is_told_as_such_to_both_sides() {
    let mut stage = Stage::new();
    let server = server_of(&stage.authority.vouch_in(1990..1999, &["server"]));
    let client = stage.client();
    let (there, here) = refused_on(&mut stage, server, client);
    assert!(here.is_expired() && !here.is_unknown_issuer() && !here.is_wrong_host());
    assert_eq!(there.alert(), Some(AlertDescription::CertificateExpired));
    assert_eq!(here.to_string(), "no TLS with server at 10.0.0.1:443: the certificate has expired");
}

/// N11, T11: it is the Fate's clock that decides.
#[test]
fn a_certificate_is_good_when_the_wall_clock_of_the_fate_says_so() {
    let mut stage = Stage::new();
    let server = server_of(&stage.authority.vouch_in(2001..2002, &["server"]));
    let client = stage.client();
    assert!(refused_on(&mut stage, server.clone(), client.clone()).1.is_not_yet_valid());
    stage.sim.step_forward("client", Duration::from_secs(367 * 24 * 3600));
    stage.agree(server.clone(), client.clone()).both();
    stage.sim.step_forward("client", Duration::from_secs(367 * 24 * 3600));
    assert!(refused_on(&mut stage, server, client.with_alpn(["new"])).1.is_expired());
}

/// N11.
#[test]
fn a_certificate_for_another_host_is_refused() {
    let mut stage = Stage::new();
    let server = server_of(&stage.authority.vouch(&["another"]));
    let client = stage.client();
    assert!(refused_on(&mut stage, server, client).1.is_wrong_host());
}

/// N11.
#[test]
fn a_certificate_of_an_unknown_issuer_or_of_itself_is_refused() {
    let private = Authority::new("the Duchess").vouch(&["server"]);
    for identity in [private, self_signed(&["server"])] {
        let (there, here) = refused(server_of(&identity));
        assert!(here.is_unknown_issuer(), "{here:?}");
        assert_eq!(there.alert(), Some(AlertDescription::UnknownCA));
    }
}

/// N11.
#[test]
fn one_that_vouches_for_itself_can_be_believed_by_name() {
    let mut stage = Stage::new();
    let identity = self_signed(&["server"]);
    let client = TlsClient::builder().only_roots(&identity.chain).build().unwrap();
    stage.agree(server_of(&identity), client).both();
}

/// N11.
#[test]
fn to_believe_everybody_takes_a_reason() {
    let mut stage = Stage::new();
    let believe = |reason: &str| TlsClient::builder().dangerous_believe_everybody_because(reason).build();
    assert!(believe(" ").is_err());
    let client = believe("the certificates of the Duchess's test bench expired in 1999").unwrap();
    let server = server_of(&Authority::new("the Duchess").vouch_in(1990..1999, &["another"]));
    stage.agree(server, client.clone()).both();
    assert!(format!("{:?}", client.config()).contains("test bench"));
}

/// N11: the error says that something else is spoken there.
#[test]
fn a_server_that_speaks_no_tls_is_told_as_such() {
    for greeting in ["220 mail.example ESMTP\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n"] {
        let mut stage = Stage::new();
        let (listener, client, here) = (stage.listen(), stage.client(), stage.here.clone());
        stage.there.spawn(async move {
            let (mut stream, _) = listener.accept().await?;
            stream.write_all(greeting.as_bytes()).await?;
            stream.read_to_end(&mut Vec::new()).await?;
            fate::Ok(())
        });
        stage.here.spawn(async move {
            let failure = client.connect(&here, PORT).await.unwrap_err();
            let error = error_of(&failure);
            assert!(error.is_not_tls(), "{error:?}");
            assert_eq!(error.to_string(), "no TLS with server at 10.0.0.1:443: what is spoken there is no TLS");
        });
        stage.sim.run().unwrap();
    }
}

/// N11, E4.
#[test]
fn a_client_that_speaks_no_tls_is_told_as_such_and_gets_an_alert() {
    for words in ["GET / HTTP/1.1\r\nHost: server\r\n\r\n", "EHLO knave\r\n", "\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}"] {
        let mut stage = Stage::new();
        let (listener, server, here) = (stage.listen(), stage.server(), stage.here.clone());
        stage.there.spawn(async move {
            let failure = server.accept(&listener).await.unwrap_err();
            assert!(error_of(&failure).is_not_tls(), "{failure:?}");
        });
        stage.here.spawn(async move {
            let mut stream = here.connect_tcp(PORT).await.unwrap();
            stream.write_all(words.as_bytes()).await.unwrap();
            let mut alert = Vec::new();
            stream.read_to_end(&mut alert).await.unwrap();
            assert_eq!(alert[..1], [21], "an alert");
        });
        stage.sim.run().unwrap();
    }
}

/// N11: whoever goes on in spite of it does not speak in the open.
#[test]
fn what_cannot_be_the_name_of_a_host_fails_and_closes_the_connection() {
    let mut stage = Stage::new();
    let (listener, client, here) = (stage.listen(), stage.client(), stage.here.clone());
    stage.there.spawn(async move {
        let mut heard = Vec::new();
        listener.accept().await.unwrap().0.read_to_end(&mut heard).await.unwrap();
        assert!(heard.is_empty(), "{heard:?}");
    });
    stage.here.spawn(async move {
        let mut stream = here.connect_tcp(PORT).await.unwrap();
        let agreed = client.wrap(&stream, "no host");
        let written = stream.write_all(b"a secret").await;
        assert!(written.is_err(), "it is refused, and not sent in the open");
        assert!(agreed.await.unwrap_err().to_string().contains("\"no host\" cannot be the name of a host"));
    });
    stage.sim.run().unwrap();
}

/// N11, E4.
#[test]
fn what_is_given_to_build_from_is_checked_then() {
    let stage = Stage::new();
    let (identity, other) = (stage.identity(), stage.identity());
    let errors = [
        TlsServer::new("nonsense", &identity.key).unwrap_err(),
        TlsServer::new(&identity.chain, "nonsense").unwrap_err(),
        TlsServer::new(&identity.chain, &identity.chain).unwrap_err(),
        TlsServer::new(&identity.chain, &other.key).unwrap_err(),
        TlsServer::builder().build().unwrap_err(),
        TlsServer::builder().certificate(&identity.chain, &identity.key).client_roots("").build().unwrap_err(),
        TlsClient::builder().only_roots("-----BEGIN CERTIFICATE-----\n").build().unwrap_err(),
        stage.settings().identity(&identity.chain, &other.key).build().unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.phase(), Phase::Setup);
        assert!(error.to_string().starts_with("TLS cannot be set up: "), "{error}");
        assert_eq!(std::io::Error::from(error).kind(), std::io::ErrorKind::InvalidInput);
    }
}

/// N11: the words say what is wrong, and not only that something is.
#[test]
fn what_is_wrong_with_what_was_given_is_said_in_words() {
    let stage = Stage::new();
    let (identity, other) = (stage.identity(), stage.identity());
    let words = |error: TlsError| error.to_string().split_off("TLS cannot be set up: ".len());
    let of_server = |chain: &str, key: &str| words(TlsServer::new(chain, key).unwrap_err());
    assert_eq!(of_server(&identity.chain, &other.key), "the key is not that of the certificate");
    assert_eq!(
        words(stage.settings().identity(&identity.chain, &other.key).build().unwrap_err()),
        "the key is not that of the certificate"
    );
    let no_certificate = "there is no certificate in what was given, which is to be the text of a PEM file";
    for chain in ["", "nonsense", "/etc/ssl/cert.pem", &identity.key] {
        assert_eq!(of_server(chain, &identity.key), no_certificate);
    }
    let no_key = "there is no private key in what was given, which is to be the text of a PEM file";
    for key in ["", "nonsense", "/etc/ssl/key.pem", &identity.chain] {
        assert_eq!(of_server(&identity.chain, key), no_key);
    }
    let sealed = identity.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    assert_eq!(of_server(&identity.chain, &sealed), "the private key is sealed with a password: give it without");
    let cut = &identity.chain[..identity.chain.len() / 2];
    assert!(of_server(cut, &identity.key).starts_with("what was given is no text of certificates: "));
    let garbled = "-----BEGIN CERTIFICATE-----\ndGVh\n-----END CERTIFICATE-----\n";
    assert_eq!(of_server(garbled, &identity.key), "a certificate that was given cannot be read");
    let roots = TlsClient::builder().only_roots(garbled).build().unwrap_err();
    assert_eq!(words(roots), "a certificate that was given cannot be read");
    let garbled = "-----BEGIN PRIVATE KEY-----\ndGVh\n-----END PRIVATE KEY-----\n";
    assert!(
        of_server(&identity.chain, garbled).starts_with("the private key cannot be used: "),
        "{}",
        of_server(&identity.chain, garbled)
    );
}

/// N11: and so do those of two that cannot agree.
#[test]
fn why_two_cannot_agree_is_said_in_words() {
    let mut stage = Stage::new();
    let identity = stage.identity();
    let server = TlsServer::builder().certificate(&identity.chain, &identity.key);
    let client = stage.client();
    let asking = server.clone().client_roots(&stage.authority.pem).build().unwrap();
    let read = async |mut stream: fate::TcpStream, _| Ok(stream.read_to_end(&mut Vec::new()).await?);
    let (there, here) = stage.meet((asking, client), async |_, _| Ok(()), read).errors();
    assert!(there.to_string().ends_with("no certificate was shown"), "{there}");
    assert!(here.to_string().ends_with("the other side refuses: CertificateRequired"), "{here}");
    let (there, here) = {
        let client = stage.client().with_alpn(["tea"]);
        stage.agree(server.clone().alpn(["h2"]).build().unwrap(), client).errors()
    };
    assert!(there.to_string().ends_with("there is no protocol that both sides speak"), "{there}");
    assert!(here.to_string().ends_with("the other side refuses: NoApplicationProtocol"), "{here}");
    let provider = std::sync::Arc::new(fate_tls::rustls::crypto::ring::default_provider());
    let config = fate_tls::rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&fate_tls::rustls::version::TLS12])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(server.build().unwrap().config().cert_resolver.clone());
    let old = TlsServer::from_config(config);
    let client = crate::hand::config(&stage);
    let (there, here) = stage.agree(old, TlsClient::from_config(client)).errors();
    assert!(there.to_string().ends_with("the two sides have too little in common to agree"), "{there}");
    assert!(here.to_string().ends_with("the other side refuses: ProtocolVersion"), "{here}");
}

/// N11: it is the server's clock there.
#[test]
fn an_expired_certificate_of_a_client_is_refused() {
    let mut stage = Stage::new();
    let identity = stage.identity();
    let server = TlsServer::builder().certificate(&identity.chain, &identity.key).client_roots(&stage.authority.pem);
    let knave = stage.authority.vouch_in(1990..1999, &["knave"]);
    let client = stage.settings().identity(&knave.chain, &knave.key).build().unwrap();
    let read = async |mut stream: fate::TcpStream, _| Ok(stream.read_to_end(&mut Vec::new()).await?);
    let (there, here) = stage.meet((server.build().unwrap(), client), async |_, _| Ok(()), read).errors();
    assert!(there.is_expired() && there.phase() == Phase::Handshake, "{there:?}");
    assert_eq!(here.alert(), Some(AlertDescription::CertificateExpired));
}

/// N11: also one that has written and closed, and waits for nothing but that this is sent.
#[test]
fn who_has_closed_before_the_agreement_says_why_it_refuses() {
    let mut stage = Stage::new();
    let (listener, server) = (stage.listen(), server_of(&self_signed(&["server"])));
    let (client, here, told) = (stage.client(), stage.here.clone(), std::rc::Rc::new(std::cell::Cell::new(None)));
    let seen = told.clone();
    stage.there.spawn(async move {
        let failure = server.accept(&listener).await.unwrap_err();
        seen.set(error_of(&failure).alert());
    });
    stage.here.spawn(async move {
        let mut stream = here.connect_tcp(PORT).await.unwrap();
        let agreed = client.wrap(&stream, "server");
        stream.write_all(b"a secret").await.unwrap();
        drop(stream);
        assert!(error_of(&agreed.await.unwrap_err()).is_unknown_issuer());
    });
    stage.sim.run().unwrap();
    assert_eq!(told.take(), Some(AlertDescription::UnknownCA));
}

/// N11: a server has certificates, but none whose signature the client can check.
#[test]
fn a_client_that_can_check_no_certificate_has_too_little_in_common() {
    use fate_tls::rustls::{ClientConfig, RootCertStore, SignatureScheme, crypto::ring::default_provider};
    let mut stage = Stage::new();
    let mut provider = default_provider();
    let known = &mut provider.signature_verification_algorithms;
    let is_checked = |scheme: &SignatureScheme| *scheme == SignatureScheme::RSA_PSS_SHA256;
    known.mapping = known.mapping.iter().filter(|(scheme, _)| is_checked(scheme)).copied().collect::<Vec<_>>().leak();
    let config = ClientConfig::builder_with_provider(provider.into()).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    let server = stage.server();
    let (there, here) = stage.agree(server, TlsClient::from_config(config)).errors();
    assert!(there.to_string().ends_with("the two sides have too little in common to agree"), "{there}");
    assert_eq!(here.alert(), Some(AlertDescription::HandshakeFailure));
}
