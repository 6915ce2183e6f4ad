//! nginx: TLS, HTTP/2, packed and slow pages, connections that are used again.

use crate::rig::{Peer, folder, free_port};
use fate::Fate;
use fate_tls::{TlsClient, TlsError};
use fate_web::{Client, ClientBuilder, Deadline, WebError, get_page};
use http::Version;
use std::fs;
use std::rc::Rc;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// An nginx with some pages.
pub struct Nginx {
    _peer: Peer,
    pub open: u16,
    pub secret: u16,
    certificate: String,
}

impl Nginx {
    pub fn start() -> Option<Nginx> {
        let (folder, open, secret) = (folder(), free_port(), free_port());
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
        fs::write(folder.join("certificate.pem"), certificate.pem()).unwrap();
        fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
        fs::create_dir(folder.join("pages")).unwrap();
        fs::write(folder.join("pages/long.txt"), long()).unwrap();
        fs::write(folder.join("pages/large.bin"), vec![7; 20 << 20]).unwrap();
        let settings = SETTINGS
            .replace("FOLDER", folder.to_str().unwrap())
            .replace("OPEN", &open.to_string())
            .replace("SECRET", &secret.to_string());
        let file = folder.join("nginx.conf");
        fs::write(&file, settings).unwrap();
        let arguments = ["-p", folder.to_str().unwrap(), "-e", "error.log", "-c", file.to_str().unwrap()];
        let peer = Peer::start("nginx", &arguments, &folder, secret)?;
        Some(Nginx { _peer: peer, open, secret, certificate: certificate.pem() })
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.open)
    }

    fn secret_url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.secret)
    }

    pub fn tls(&self) -> TlsClient {
        TlsClient::builder().only_roots(&self.certificate).build().unwrap()
    }

    fn builder(&self) -> ClientBuilder {
        Client::builder().tls(self.tls()).no_proxy()
    }
}

const SETTINGS: &str = "
    daemon off; master_process off; pid FOLDER/pid; worker_rlimit_nofile 1024;
    events {}
    http {
        access_log off; root FOLDER/pages;
        client_body_temp_path FOLDER/bodies; proxy_temp_path FOLDER/proxy; fastcgi_temp_path FOLDER/fastcgi;
        uwsgi_temp_path FOLDER/uwsgi; scgi_temp_path FOLDER/scgi;
        gzip on; gzip_types *; gzip_min_length 1; http2_max_concurrent_streams 8;
        server {
            listen 127.0.0.1:OPEN; listen 127.0.0.1:SECRET ssl http2;
            ssl_certificate certificate.pem; ssl_certificate_key key.pem;
            location /slow/ { alias FOLDER/pages/; gzip off; limit_rate 20k; }
            location /plain/ { alias FOLDER/pages/; gzip off; }
            location = /version { return 200 $server_protocol; }
            location = /connection { return 200 $connection; }
            location = /once { keepalive_timeout 0; return 200 $connection; }
            location = /old { return 301 /version; }
            location = /long_gone { return 410; }
        }
    }
";

fn long() -> String {
    (0..6_000).map(|number| format!("{number:9}\n")).collect()
}

/// Runs a task to its end.
fn run(task: impl AsyncFnOnce(Fate, Nginx) -> fate::Result) {
    let Some(nginx) = Nginx::start() else { return };
    let fate = Fate::new().unwrap();
    fate.run_until(task(fate.clone(), nginx)).unwrap();
}

async fn text(client: &Client, url: &str) -> fate::Result<String> {
    client.get(url).send().await?.ok()?.text().await
}

/// W1: and the run ends by itself, as soon as the pages are there.
#[test]
fn pages_of_nginx_arrive_whole_and_the_run_ends_with_them() {
    let Some(nginx) = Nginx::start() else { return };
    let (fate, begun) = (Fate::new().unwrap(), Instant::now());
    get_page(&fate, &nginx.url("/long.txt")).add_callback(|page| assert_eq!(page, long()));
    get_page(&fate, &nginx.url("/large.bin")).add_callback(|page| assert!(page == vec![7; 20 << 20]));
    get_page(&fate, &nginx.url("/nowhere")).add_both(|page| {
        let failure = page.unwrap_err();
        assert_eq!(failure.check::<WebError>().unwrap().status().unwrap(), 404);
    });
    fate.run().unwrap();
    assert!(begun.elapsed() < SECOND * 20, "it went on for {:?}", begun.elapsed());
}

/// W1.
#[test]
fn nginx_packs_and_the_client_unpacks() {
    run(async |fate, nginx| {
        let left = nginx.builder().leave_packed().header_of_all("accept-encoding", "gzip").build(&fate);
        let response = left.get(&nginx.url("/long.txt")).send().await?;
        assert_eq!(response.headers()["content-encoding"], "gzip");
        assert_eq!(response.bytes().await?[..2], [0x1f, 0x8b]);
        let response = nginx.builder().build(&fate).get(&nginx.url("/long.txt")).send().await?;
        assert!(!response.headers().contains_key("content-encoding"));
        assert_eq!(response.text().await?, long());
        Ok(())
    });
}

/// W1.
#[test]
fn nginx_speaks_http_2_where_it_is_agreed_upon_and_one_connection_is_enough() {
    run(async |fate, nginx| {
        let client = nginx.builder().build(&fate);
        let pages = (0..50).map(|_| client.get(&nginx.secret_url("/connection")).send());
        let texts = pages.map(|page| page.and_then(|response| response.text())).collect::<Vec<_>>();
        let connections = fate.gather_results(texts).await?;
        assert!(connections.iter().all(|connection| *connection == connections[0]), "{connections:?}");
        assert_eq!(text(&client, &nginx.secret_url("/version")).await?, "HTTP/2.0");
        assert_eq!(client.get(&nginx.secret_url("/version")).send().await?.version(), Version::HTTP_2);
        assert_eq!(text(&client, &nginx.secret_url("/long.txt")).await?, long());
        let large = client.get(&nginx.secret_url("/plain/large.bin")).send().await?.bytes().await?;
        assert!(large == vec![7; 20 << 20]);
        assert_eq!(text(&client, &nginx.url("/version")).await?, "HTTP/1.1");
        let one = nginx.builder().http1_only().build(&fate);
        assert_eq!(text(&one, &nginx.secret_url("/version")).await?, "HTTP/1.1");
        assert_eq!(text(&one, &nginx.secret_url("/long.txt")).await?, long());
        Ok(())
    });
}

/// W1.
#[test]
fn connections_to_nginx_are_used_again_unless_it_closes_them() {
    run(async |fate, nginx| {
        let client = nginx.builder().build(&fate);
        let first = text(&client, &nginx.url("/connection")).await?;
        assert_eq!(text(&client, &nginx.url("/connection")).await?, first);
        let response = client.get(&nginx.url("/old")).send().await?;
        assert_eq!((response.url(), response.text().await?.as_str()), (nginx.url("/version"), "HTTP/1.1"));
        assert_eq!(text(&client, &nginx.url("/once")).await?, first);
        assert_ne!(text(&client, &nginx.url("/connection")).await?, first);
        Ok(())
    });
}

/// W1: a page that takes seconds holds nothing up.
#[test]
fn a_slow_page_is_received_while_others_come_and_go() {
    run(async |fate, nginx| {
        let client = nginx.builder().idle(SECOND * 10).build(&fate);
        let (begun, seen) = (Instant::now(), Rc::new(std::cell::Cell::new(0)));
        let slow = client.get(&nginx.url("/slow/long.txt")).send().and_then(|response| response.text());
        let (others, count, url) = (client.clone(), seen.clone(), nginx.url("/version"));
        let clock = fate.every(SECOND / 10, move |_, _| {
            let count = count.clone();
            others.get(&url).send().add_callback(move |_| count.set(count.get() + 1))
        });
        assert_eq!(slow.await?, long());
        clock.stop();
        assert!(begun.elapsed() > SECOND && seen.get() > 5, "{:?}, {} others", begun.elapsed(), seen.get());
        let hurried = nginx.builder().total(SECOND / 2).build(&fate);
        let response = hurried.get(&nginx.url("/slow/long.txt")).send().await?;
        let failure = response.text().await.unwrap_err();
        assert_eq!(failure.check::<WebError>().unwrap().deadline(), Some(Deadline::Total));
        Ok(())
    });
}

/// W1, N11.
#[test]
fn nginx_is_not_believed_by_another_name_or_without_a_reason() {
    run(async |fate, nginx| {
        let client = nginx.builder().build(&fate);
        let why = async |client: &Client, url: &str| {
            let failure = client.get(url).send().await.unwrap_err();
            let error = failure.trap::<WebError>().unwrap();
            assert!(error.is_tls(), "{error:?}");
            TlsError::find(&error).unwrap().clone()
        };
        assert!(why(&client, &format!("https://127.0.0.1:{}/", nginx.secret)).await.is_wrong_host());
        let usual = Client::builder().no_proxy().build(&fate);
        assert!(why(&usual, &nginx.secret_url("/")).await.is_bad_certificate());
        Ok(())
    });
}
