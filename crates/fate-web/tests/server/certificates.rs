use super::frames::{DATA, attend, beginning, get};
use super::scene::{Scene, hear, say};
use fate::TcpStream;
use fate_tls::{TlsClient, TlsClientBuilder, TlsServer};
use fate_web::{Incoming, PeerCertificates};
use http::Request;
use rcgen::{CertificateParams, DnType, Issuer, KeyPair};
use std::cell::RefCell;
use std::rc::Rc;

/// Who vouches for others.
struct Authority(Issuer<'static, KeyPair>, String);

/// A certificate and its key, as PEM.
struct Identity(String, String);

impl Authority {
    fn new(name: &str) -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Authority(Issuer::new(params, key), pem)
    }

    fn vouch(&self, name: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([name.to_string()]).unwrap().signed_by(&key, &self.0).unwrap();
        Identity(certificate.pem(), key.serialize_pem())
    }
}

async fn told(stream: &TcpStream) -> fate::Result<String> {
    say(stream, "GET / HTTP/1.1\r\nhost: server\r\n\r\n").await?;
    Ok(hear(stream).await?.body)
}

async fn told_by_frame(stream: &TcpStream) -> fate::Result<String> {
    say(stream, [beginning(1000), get(1)].concat()).await?;
    loop {
        let seen = attend(stream).await?.ok_or("no response")?;
        if seen.kind == DATA {
            return Ok(String::from_utf8(seen.payload)?);
        }
    }
}

/// How many certificates the service is told of, by protocol; or what the server says of the error.
fn asked(tls: TlsServer, client: TlsClientBuilder, alpn: &[&str]) -> Result<String, Vec<String>> {
    let scene = Scene::new();
    let serving = scene.serve(scene.settings().tls(tls), async |request: Request<Incoming>| {
        let shown = request.extensions().get::<PeerCertificates>();
        shown.map_or("nobody".to_string(), |certificates| format!("{} certificates", certificates.0.len()))
    });
    let client = client.alpn(alpn).build().unwrap();
    let said = Rc::new(RefCell::new(String::new()));
    let note = said.clone();
    let errors = scene.speak(&serving, async move |_, stream| {
        let is_http2 = client.wrap(&stream, "server").await.is_ok_and(|session| session.alpn() == Some(b"h2"));
        let told = if is_http2 { told_by_frame(&stream).await } else { told(&stream).await };
        *note.borrow_mut() = told.unwrap_or_default();
        fate::Ok(())
    });
    if errors.is_empty() { Ok(said.take()) } else { Err(errors) }
}

/// W2: a server may ask for certificates: who has one is known to the service, who has none or a wrong one is not served, and an
/// error value.
#[test]
fn a_server_may_ask_who_is_there() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let Identity(chain, key) = ours.vouch("server");
    let server = TlsServer::builder().certificate(&chain, &key);
    let required = server.clone().client_roots(&ours.1).build().unwrap();
    let optional = server.clone().optional_client_roots(&ours.1).build().unwrap();
    let client = || TlsClient::builder().only_roots(&ours.1);
    let as_one_of = |authority: &Authority| {
        let Identity(chain, key) = authority.vouch("alice");
        client().identity(chain, key)
    };
    let refused = || Err(vec!["TLS was not agreed on".to_string()]);
    for alpn in [&["h2", "http/1.1"][..], &["http/1.1"], &[]] {
        for server in [&required, &optional] {
            assert_eq!(asked(server.clone(), as_one_of(&ours), alpn), Ok("1 certificates".into()));
            assert_eq!(asked(server.clone(), as_one_of(&theirs), alpn), refused());
        }
        assert_eq!(asked(required.clone(), client(), alpn), refused());
        assert_eq!(asked(optional.clone(), client(), alpn), Ok("nobody".into()));
        let unasked = server.clone().build().unwrap();
        assert_eq!(asked(unasked, as_one_of(&ours), alpn), Ok("nobody".into()));
    }
}

/// W2: who offers only what is not spoken here is not served.
#[test]
fn who_speaks_nothing_that_is_spoken_here_is_refused() {
    let ours = Authority::new("ours");
    let Identity(chain, key) = ours.vouch("server");
    let server = TlsServer::new(chain, key).unwrap();
    let client = TlsClient::builder().only_roots(&ours.1);
    assert_eq!(asked(server, client, &["spdy/3"]), Err(vec!["TLS was not agreed on".to_string()]));
}
