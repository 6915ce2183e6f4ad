use super::scene::{Scene, about};
use fate::{Fate, HyperExecutor, TcpStream};
use fate_tls::{TlsClient, TlsServer};
use fate_web::{Incoming, Outgoing};
use futures_lite::stream;
use http::{Request, Response, Version};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use hyper::client::conn::http2;
use std::convert::Infallible;
use std::time::Duration;

/// Says by which version it was asked, and how much came with it.
async fn version(request: Request<Incoming>) -> fate::Result<Response<Outgoing>> {
    let version = format!("{:?}", request.version());
    let length = request.into_body().bytes().await?.len();
    Ok(Response::new(format!("{version} {length}").into()))
}

async fn begin(fate: &Fate, stream: TcpStream) -> fate::Result<http2::SendRequest<Full<Bytes>>> {
    let (sender, connection) = http2::handshake(HyperExecutor::new(fate), stream).await?;
    fate.spawn(connection).add_callback(drop);
    fate::Ok(sender)
}

/// W2: HTTP/2 is spoken with whoever begins with it, and many requests share a connection.
#[test]
fn http2_is_known_by_its_first_bytes() {
    let scene = Scene::new();
    let serving = scene.serve(scene.settings(), version);
    let errors = scene.speak(&serving, async |fate, stream| {
        let mut sender = begin(&fate, stream).await?;
        let mut responses = Vec::new();
        for number in 0..50 {
            let request = Request::post("http://server/").body(Full::new(vec![0; number * 1000].into()))?;
            responses.push(sender.send_request(request));
        }
        for (number, response) in responses.into_iter().enumerate() {
            let response = response.await?;
            assert!(response.headers().contains_key("date"));
            assert_eq!(response.into_body().collect().await?.to_bytes(), format!("HTTP/2.0 {}", number * 1000));
        }
        fate::Ok(())
    });
    assert!(errors.is_empty(), "{errors:?}");
}

/// W2: limits and deadlines are the same with HTTP/2: a body too long, one that does not come, and a connection that is idle.
#[test]
fn http2_has_the_same_limits() {
    let scene = Scene::new();
    let settings =
        scene.settings().body_limit(10).body_deadline(Duration::from_secs(5)).idle_deadline(Duration::from_secs(20));
    let serving = scene.serve(settings, version);
    let errors = scene.speak(&serving, async |fate, stream| {
        let (mut sender, connection) = http2::handshake(HyperExecutor::new(&fate), stream).await?;
        let (here, ended) = (fate.clone(), std::rc::Rc::new(std::cell::Cell::new(fate::Instant::NEVER)));
        let told = ended.clone();
        fate.spawn(connection).add_callback(move |_| told.set(here.now()));
        let long = Full::new(Bytes::from_static(b"hello world")).boxed_unsync();
        let response = sender.send_request(Request::post("http://server/").body(long)?).await?;
        assert_eq!(response.status(), 413);
        let never = StreamBody::new(stream::pending::<Result<Frame<Bytes>, Infallible>>());
        let (began, never) = (fate.now(), never.boxed_unsync());
        let response = sender.send_request(Request::post("http://server/").body(never)?).await?;
        assert_eq!(response.status(), 408);
        about(5, fate.now() - began);
        let began = fate.now();
        fate.sleep(Duration::from_secs(60)).await;
        about(20, ended.get() - began);
        fate::Ok(())
    });
    assert!(errors.is_empty(), "{errors:?}");
}

/// W2: with TLS the two sides agree on what they speak.
#[test]
fn what_is_spoken_is_agreed_on_with_tls() {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(["server".to_string()]).unwrap().self_signed(&key).unwrap().pem();
    for (offered, expected) in
        [(&["h2", "http/1.1"][..], Version::HTTP_2), (&["http/1.1"], Version::HTTP_11), (&[], Version::HTTP_11)]
    {
        let scene = Scene::new();
        let settings = scene.settings().tls(TlsServer::new(&certificate, key.serialize_pem()).unwrap());
        let serving = scene.serve(settings, version);
        let tls = TlsClient::builder().only_roots(&certificate).alpn(offered).build().unwrap();
        let errors = scene.speak(&serving, async move |fate, stream| {
            let session = tls.wrap(&stream, "server").await?;
            let is_http2 = session.alpn() == Some(b"h2");
            let request = Request::get("https://server/").header("host", "server");
            let body = if is_http2 {
                let mut sender = begin(&fate, stream).await?;
                sender.send_request(request.body(Full::default())?).await?.into_body().collect().await?
            } else {
                let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
                fate.spawn(connection).add_callback(drop);
                sender.send_request(request.body(Empty::<Bytes>::new())?).await?.into_body().collect().await?
            };
            assert_eq!(body.to_bytes(), format!("{expected:?} 0"));
            fate::Ok(())
        });
        assert!(errors.is_empty(), "{errors:?}");
    }
}

/// W2: who does not speak TLS where it is spoken is an error value, and alone with it.
#[test]
fn a_failed_handshake_is_an_error_value() {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(["server".to_string()]).unwrap().self_signed(&key).unwrap().pem();
    let scene = Scene::new();
    let settings = scene.settings().tls(TlsServer::new(&certificate, key.serialize_pem()).unwrap());
    let serving = scene.serve(settings, version);
    let errors = scene.speak(&serving, async move |fate, stream| {
        super::scene::say(&stream, "GET / HTTP/1.1\r\n\r\n").await?;
        about(0, super::scene::until_closed(&fate, &stream).await);
        fate::Ok(())
    });
    assert_eq!(errors, ["TLS was not agreed on"]);
}
