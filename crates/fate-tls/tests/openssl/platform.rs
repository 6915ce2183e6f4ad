//! Whom the platform believes: what SSL_CERT_FILE names, which is read by a process of its own.

use crate::authority::{Authority, Identity};
use crate::peer::Folder;
use fate::sim::Sim;
use fate_tls::{TlsClient, TlsError, TlsServer};
use std::cell::Cell;
use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::rc::Rc;

/// Names the folder to the process that is to believe what the platform does.
const FOLDER: &str = "FATE_TLS_FOLDER";

/// Whether a client believes a server.
fn believes(client: TlsClient, Identity { chain, key }: Identity) -> bool {
    let mut sim = Sim::new(1);
    let (here, there) = (sim.host("here"), sim.host("server"));
    let (server, listener) = (TlsServer::new(&chain, key).unwrap(), there.listen_tcp("0.0.0.0:443").unwrap());
    there.spawn(async move { server.accept(&listener).await.is_ok() });
    let result = Rc::new(Cell::new(None));
    let note = result.clone();
    here.clone().spawn(async move {
        match client.connect(&here, "server:443").await {
            Ok(_) => note.set(Some(true)),
            Err(failure) => {
                assert!(failure.check::<TlsError>().unwrap().is_unknown_issuer(), "{failure:?}");
                note.set(Some(false));
            }
        }
    });
    sim.run().unwrap();
    result.get().unwrap()
}

/// N11: and whom it does not believe is not believed.
#[test]
fn the_platform_is_believed_unless_told_otherwise() {
    if let Some(folder) = env::var_os(FOLDER) {
        return believe_the_platform(Path::new(&folder));
    }
    let folder = Folder::new();
    let name = "platform::the_platform_is_believed_unless_told_otherwise";
    for authority in ["authority.pem", "stranger.pem"] {
        folder.identity("server");
        folder.write("stranger.pem", &Authority::new("the Duchess").pem);
        folder.write("is-believed", if authority == "authority.pem" { "yes" } else { "no" });
        let mut child = Command::new(env::current_exe().unwrap());
        child.args(["--exact", name]).env(FOLDER, &folder.path);
        child.env("SSL_CERT_FILE", folder.path.join(authority)).env_remove("SSL_CERT_DIR");
        let output = child.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{authority}: {said}");
    }
}

/// In a process whose platform believes one authority.
fn believe_the_platform(folder: &Path) {
    let read = |name| fs::read_to_string(folder.join(name)).unwrap();
    let server = || Identity { chain: read("server.pem"), key: read("server.key") };
    let is_believed = read("is-believed") == "yes";
    assert_eq!(believes(TlsClient::new().unwrap(), server()), is_believed);
    let more = TlsClient::builder().roots(read("authority.pem")).build().unwrap();
    assert!(believes(more, server()));
    let other = TlsClient::builder().only_roots(read("stranger.pem")).build().unwrap();
    assert!(!believes(other, server()));
}
