//! tinyproxy, before an nginx.

use crate::nginx::Nginx;
use crate::rig::{Peer, folder, free_port};
use fate::Fate;
use fate_web::{Client, WebError};
use std::fs;

const SETTINGS: &str = "
Port PORT
Listen 127.0.0.1
Timeout 60
MaxClients 50
BasicAuth Alice rabbit
ViaProxyName \"looking-glass\"
";

fn start() -> Option<(Peer, u16)> {
    let (folder, port) = (folder(), free_port());
    let file = folder.join("tinyproxy.conf");
    fs::write(&file, SETTINGS.replace("PORT", &port.to_string())).unwrap();
    Some((Peer::start("tinyproxy", &["-d", "-c", file.to_str().unwrap()], &folder, port)?, port))
}

/// W1: plain pages by their whole address, and secret ones by CONNECT, with HTTP/2 inside.
#[test]
fn pages_come_through_tinyproxy_if_it_is_told_who_asks() {
    let (Some(nginx), Some((_proxy, port))) = (Nginx::start(), start()) else { return };
    let fate = Fate::new().unwrap();
    let through = |who: &str| {
        let proxy = format!("http://{who}127.0.0.1:{port}");
        Client::builder().tls(nginx.tls()).proxy(&proxy).build(&fate)
    };
    let open = format!("http://127.0.0.1:{}/version", nginx.open);
    let secret = format!("https://localhost:{}/version", nginx.secret);
    fate.run_until(async {
        let client = through("Alice:rabbit@");
        for _ in 0..2 {
            let response = client.get(&open).send().await?;
            assert!(response.headers()["via"].to_str()?.contains("looking-glass"), "{:?}", response.headers());
            assert!(response.text().await?.starts_with("HTTP/1."));
            let response = client.get(&secret).send().await?;
            assert!(!response.headers().contains_key("via"));
            assert_eq!(response.text().await?, "HTTP/2.0");
        }
        let stranger = through("");
        assert_eq!(stranger.get(&open).send().await?.status(), 407);
        let failure = stranger.get(&secret).send().await.unwrap_err();
        assert!(failure.check::<WebError>().unwrap().is_proxy(), "{failure:?}");
        fate::Ok(())
    })
    .unwrap();
}
