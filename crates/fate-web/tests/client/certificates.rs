//! Certificates of the client's own, for servers that want to know whom they speak with.

use crate::identity::{Identity, identity};
use crate::rig::{SECOND, World, page};
use fate_tls::rustls::AlertDescription;
use fate_tls::{TlsClient, TlsError, TlsServer};
use fate_web::{Bytes, Client, WebError};
use std::cell::RefCell;
use std::rc::Rc;

/// A world whose server speaks only with Alice.
fn looking_glass(server: &Identity, alice: &Identity, alpn: &[&str]) -> World {
    let world = World::new();
    let tls = TlsServer::builder().certificate(&server.certificate, &server.key).client_roots(&alice.certificate);
    let tls = tls.alpn(alpn).build().unwrap();
    world.serve_on(&world.server, 443, move |mut line| {
        let agreed = tls.wrap(&line.stream);
        async move {
            let session = agreed.await?;
            assert!(!session.peer_certificates().is_empty());
            while line.hear().await?.is_some() {
                line.answer("", "come in").await?;
            }
            Ok(())
        }
    });
    world
}

fn visit(mut world: World, tls: TlsClient) -> Result<Bytes, WebError> {
    let client = Client::builder().tls(tls).build(&world.here);
    let seen = Rc::new(RefCell::new(None));
    let note = seen.clone();
    world.here.spawn(async move {
        *note.borrow_mut() = Some(page(&client, "https://server/").await);
        client.close_idle();
    });
    world.sim.run_until(SECOND * 100).unwrap();
    assert_eq!(world.open.get(), 0);
    assert!(world.here.report().live.is_empty(), "{:?}", world.here.report().live);
    world.end();
    seen.take().expect("it comes to an end")
}

fn client_of(server: &Identity, who: Option<&Identity>) -> TlsClient {
    let builder = TlsClient::builder().only_roots(&server.certificate);
    let builder = match who {
        Some(who) => builder.identity(&who.certificate, &who.key),
        None => builder,
    };
    builder.build().unwrap()
}

/// W1, N11.
#[test]
fn a_client_that_has_a_certificate_is_let_in_where_one_is_required() {
    let (server, alice) = (Identity::good(), identity("alice", [1975, 4096]));
    let page = visit(looking_glass(&server, &alice, &["http/1.1"]), client_of(&server, Some(&alice)));
    assert_eq!(page.unwrap(), "come in");
}

/// W1, N11: with TLS 1.3 the server says so only after the client has agreed, when the request is on its way.
#[test]
fn a_client_without_the_certificate_that_is_required_is_told_what_the_server_said() {
    let (server, alice) = (Identity::good(), identity("alice", [1975, 4096]));
    let hatter = identity("hatter", [1975, 4096]);
    let late_alice = identity("alice", [1975, 1976]);
    for alpn in ["http/1.1", "h2"] {
        let why = |who: Option<&Identity>| {
            let world = looking_glass(&server, &alice, &[alpn]);
            let error = visit(world, client_of(&server, who)).unwrap_err();
            assert!(error.is_tls() && !error.is_timeout() && !error.is_not_http(), "{alpn}: {error:?}");
            TlsError::find(&error).unwrap_or_else(|| panic!("TLS says why: {error:?}")).alert()
        };
        assert_eq!(why(None), Some(AlertDescription::CertificateRequired));
        assert!(why(Some(&hatter)).is_some());
        assert!(why(Some(&late_alice)).is_some());
    }
}
