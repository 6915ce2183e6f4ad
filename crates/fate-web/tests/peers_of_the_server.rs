//! W2: the server and clients that nobody here wrote. One that is not installed is left out, and that is said.

#[path = "client_peers/rig.rs"]
mod rig;

use fate::Fate;
use fate_tls::TlsServer;
use fate_web::{Incoming, Server, Serving};
use http::Request;
use rig::{Peer, folder, free_port};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

async fn answer(request: Request<Incoming>) -> fate::Result<String> {
    let (path, version) = (request.uri().path().to_string(), request.version());
    let body = request.into_body().bytes().await?;
    let sum = body.iter().fold(0u64, |sum, byte| sum.wrapping_mul(31).wrapping_add((*byte).into()));
    Ok(format!("{path} {version:?} {} {sum:x}\n", body.len()))
}

/// Runs a command for each of these rows of words, `{}` in them standing for the port, while a server answers; gives what they
/// print. Nothing if there is no such command.
fn run(settings: Server, program: &str, rows: &[&[&str]]) -> Option<Vec<String>> {
    if Command::new(program).arg("--version").output().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        println!("skipped: {program} is not installed");
        return None;
    }
    let fate = Fate::new().unwrap();
    let serving: Serving = settings.serve(&fate, fate.listen_tcp("127.0.0.1:0").unwrap(), answer);
    let port = serving.local_addr().unwrap().port().to_string();
    let printed = fate.run_until(async {
        let mut printed = Vec::new();
        for row in rows {
            let mut command = Command::new(program);
            command.args(row.iter().map(|word| word.replace("{}", &port)));
            let output = fate.output(command).await.unwrap();
            let words = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success(), "{row:?}: {words} {}", String::from_utf8_lossy(&output.stderr));
            printed.push(words);
        }
        printed
    });
    serving.stop();
    fate.run().unwrap();
    assert_eq!(serving.connections(), 0);
    Some(printed)
}

/// A file in the folder for such things.
fn file(name: &str, bytes: &[u8]) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_string()
}

/// TLS for `localhost`, and its certificate.
fn tls() -> (TlsServer, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(["localhost".to_string()]).unwrap().self_signed(&key).unwrap();
    let certificate = certificate.pem();
    (TlsServer::new(&certificate, key.serialize_pem()).unwrap(), certificate)
}

/// W2: curl speaks HTTP/1.1 with it, keeps its connection, and uploads; with a length, and in chunks after `100 Continue`.
#[test]
fn curl_speaks_http1() {
    let bytes: Vec<u8> = (0..5_000_000u32).map(|number| (number % 251) as u8).collect();
    let upload = file("http1", &bytes);
    let whole = format!("@{upload}");
    let rows: [&[&str]; 4] = [
        &["-sS", "http://127.0.0.1:{}/one", "http://127.0.0.1:{}/two", "-w", "%{num_connects}\n"],
        &["-sS", "--data-binary", &whole, "http://127.0.0.1:{}/whole"],
        &["-sS", "-T", &upload, "-H", "Transfer-Encoding: chunked", "http://127.0.0.1:{}/chunked"],
        &["-sS", "-I", "http://127.0.0.1:{}/head"],
    ];
    let Some(printed) = run(Server::new(), "curl", &rows) else { return };
    assert_eq!(printed[0], "/one HTTP/1.1 0 0\n1\n/two HTTP/1.1 0 0\n0\n");
    assert!(printed[1].starts_with("/whole HTTP/1.1 5000000 "), "{}", printed[1]);
    assert_eq!(printed[2].replace("chunked", "whole"), printed[1]);
    assert!(printed[3].starts_with("HTTP/1.1 200 OK") && printed[3].contains("content-length: 19"), "{}", printed[3]);
}

/// W2: curl speaks HTTP/2 with it, by prior knowledge and as agreed on with TLS.
#[test]
fn curl_speaks_http2() {
    let bytes = vec![b'x'; 3_000_000];
    let whole = format!("@{}", file("http2", &bytes));
    let knowing: [&[&str]; 2] = [
        &["-sS", "--http2-prior-knowledge", "http://127.0.0.1:{}/one"],
        &["-sS", "--http2-prior-knowledge", "--data-binary", &whole, "http://127.0.0.1:{}/whole"],
    ];
    let Some(printed) = run(Server::new(), "curl", &knowing) else { return };
    assert_eq!(printed[0], "/one HTTP/2.0 0 0\n");
    assert!(printed[1].starts_with("/whole HTTP/2.0 3000000 "), "{}", printed[1]);

    let (tls, certificate) = tls();
    let root = file("root.pem", certificate.as_bytes());
    let agreed: [&[&str]; 3] = [
        &["-sS", "--cacert", &root, "--resolve", "localhost:{}:127.0.0.1", "https://localhost:{}/"],
        &["-sS", "--http1.1", "--cacert", &root, "--resolve", "localhost:{}:127.0.0.1", "https://localhost:{}/"],
        &["-sS", "--http1.0", "--cacert", &root, "--resolve", "localhost:{}:127.0.0.1", "https://localhost:{}/"],
    ];
    let printed = run(Server::new().tls(tls), "curl", &agreed).unwrap();
    assert_eq!(printed, ["/ HTTP/2.0 0 0\n", "/ HTTP/1.1 0 0\n", "/ HTTP/1.0 0 0\n"]);
}

/// W2: what curl asks through a proxy is answered: by whole addresses, and in a tunnel.
#[test]
fn curl_asks_through_a_proxy() {
    let (place, port) = (folder(), free_port());
    let settings = place.join("tinyproxy.conf");
    fs::write(&settings, format!("Port {port}\nListen 127.0.0.1\nViaProxyName \"looking-glass\"\n")).unwrap();
    let words = ["-d", "-c", settings.to_str().unwrap()];
    let Some(_proxy) = Peer::start("tinyproxy", &words, &place, port) else { return };
    let (proxy, (tls, certificate)) = (format!("http://127.0.0.1:{port}"), tls());
    let root = file("proxied.pem", certificate.as_bytes());
    let open = ["-sS", "-x", &proxy, "http://127.0.0.1:{}/one", "http://127.0.0.1:{}/two"];
    let Some(printed) = run(Server::new(), "curl", &[&open]) else { return };
    assert_eq!(printed, ["/one HTTP/1.1 0 0\n/two HTTP/1.1 0 0\n"]);
    let secret = ["-sS", "-x", &proxy, "--cacert", &root, "https://localhost:{}/"];
    let old = [&secret[..], &["--http1.1"]].concat();
    let printed = run(Server::new().tls(tls), "curl", &[&secret, &old]).unwrap();
    assert_eq!(printed, ["/ HTTP/2.0 0 0\n", "/ HTTP/1.1 0 0\n"]);
}

/// W2: what is refused is told to curl, before it has sent it all.
#[test]
fn curl_is_told_what_is_too_long() {
    let whole = format!("@{}", file("long", &vec![b'x'; 3_000_000]));
    let asking = ["-sS", "-w", "%{http_code}", "--data-binary", &whole, "http://127.0.0.1:{}/"];
    // Asked to, it does not wait to be told whether to send it, but sends.
    let at_once = [&asking[..5], &["-H", "Expect:", "http://127.0.0.1:{}/"]].concat();
    let Some(printed) = run(Server::new().body_limit(1000), "curl", &[&asking, &at_once]) else { return };
    assert_eq!(printed, ["413", "413"]);
}

/// W2: h2load has all of its requests answered, in streams and in rows, with TLS and without.
#[test]
fn h2load_gets_all_that_it_asks_for() {
    let rows: [&[&str]; 2] = [
        &["-n", "20000", "-c", "20", "-m", "50", "http://127.0.0.1:{}/"],
        &["--h1", "-n", "20000", "-c", "20", "-m", "16", "http://127.0.0.1:{}/"],
    ];
    let Some(mut printed) = run(Server::new(), "h2load", &rows) else { return };
    let secret: [&[&str]; 2] = [
        &["-n", "20000", "-c", "20", "-m", "50", "https://127.0.0.1:{}/"],
        &["--h1", "-n", "20000", "-c", "20", "-m", "16", "https://127.0.0.1:{}/"],
    ];
    printed.extend(run(Server::new().tls(tls().0), "h2load", &secret).unwrap());
    for words in printed {
        assert!(words.contains("20000 succeeded, 0 failed, 0 errored"), "{words}");
    }
}
