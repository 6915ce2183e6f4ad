//! Names of hosts, good ones and bad ones.

use crate::stage::{PORT, Stage, error_of, server_of};
use fate_tls::{Phase, Session};
use futures_lite::io::AsyncReadExt;

/// What comes of asking a server, whose certificate is for these names, for a host of that name.
fn ask(names: &[&str], name: &str) -> Result<Session, fate_tls::TlsError> {
    let mut stage = Stage::new();
    let (listener, client, here) = (stage.listen(), stage.client(), stage.here.clone());
    let server = server_of(&stage.authority.vouch(names));
    stage.there.spawn(async move { server.accept(&listener).await.is_ok() });
    let (name, outcome) = (name.to_string(), std::rc::Rc::new(std::cell::OnceCell::new()));
    let seen = outcome.clone();
    stage.here.spawn(async move {
        let mut stream = here.connect_tcp(PORT).await.unwrap();
        let agreed = client.wrap(&stream, &name).await;
        if agreed.is_err() {
            assert!(!matches!(stream.read(&mut [0]).await, Ok(1..)), "nothing more is heard");
        }
        assert!(seen.set(agreed.map_err(|failure| error_of(&failure))).is_ok());
    });
    stage.sim.run().unwrap();
    std::rc::Rc::into_inner(outcome).unwrap().into_inner().expect("it has ended")
}

/// N11, E4.
#[test]
fn what_is_no_name_is_told_as_such() {
    let long = "x".repeat(300);
    let label = format!("{}.example", "x".repeat(64));
    for name in [
        "",
        " ",
        "no host",
        ".",
        "..",
        "a..b",
        "-",
        "b\u{fc}cher.example",
        "nul\0.example",
        "server:443",
        "[::1",
        &long,
        &label,
    ] {
        let error = ask(&["server"], name).expect_err(name);
        assert_eq!(error.phase(), Phase::Handshake, "{name:?}");
        assert!(error.to_string().ends_with(&format!("{name:?} cannot be the name of a host")), "{error}");
    }
}

/// N11.
#[test]
fn a_name_is_that_of_the_host_however_it_is_written() {
    for name in ["server.example", "SERVER.Example", "server.example."] {
        let session = ask(&["server.example"], name).expect(name);
        assert_eq!(session.server_name(), Some(name));
    }
    for address in ["::1", "[::1]", "0:0:0:0:0:0:0:1"] {
        ask(&["::1"], address).expect(address);
    }
}

/// N11: a name that looks like an address is none, nor the other way round.
#[test]
fn an_address_is_looked_for_among_addresses() {
    assert!(ask(&["server"], "10.0.0.1").unwrap_err().is_wrong_host());
    assert!(ask(&["10.0.0.2"], "10.0.0.1").unwrap_err().is_wrong_host());
    assert!(ask(&["10.0.0.1"], "server").unwrap_err().is_wrong_host());
    assert!(ask(&["*.example"], "a.b.example").unwrap_err().is_wrong_host());
    assert!(ask(&["*.example"], "example").unwrap_err().is_wrong_host());
}
