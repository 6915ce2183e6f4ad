//! Those who fetch. Each has fifty who ask one after another for their share of the pages, by an address that is a text and
//! with the same headers, and checks every one.

use crate::{AT_ONCE, ROUNDS, cpu_time};
use fate::Fate;
use fate_web::Client;
use http::{Request, header};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client as LegacyClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::io;

fn check(got: usize, length: usize) -> io::Result<()> {
    if got == length { Ok(()) } else { Err(io::Error::other(format!("a page of {got} bytes"))) }
}

/// The CPU time of the last round, in nanoseconds.
pub fn fate(url: &str, length: usize) -> io::Result<u64> {
    let fate = Fate::new()?;
    let client = Client::builder().connections_per_host(AT_ONCE).no_proxy().build(&fate);
    let mut spent = 0;
    for pages in ROUNDS {
        let before = cpu_time();
        let askers = (0..AT_ONCE).map(|_| {
            let (client, url) = (client.clone(), url.to_owned());
            let asking = fate.spawn(async move {
                for _ in 0..pages / AT_ONCE {
                    let page = client.get(&url).page().await?;
                    check(page.len(), length)?;
                }
                fate::Ok(())
            });
            asking.and_then(|asked| asked)
        });
        let all = fate.gather_results(askers.collect::<Vec<_>>());
        fate.run_until(all.into_future()).map_err(|failure| io::Error::other(failure.to_string()))?;
        spent = cpu_time() - before;
    }
    Ok(spent)
}

/// The same of hyper-util's client.
pub fn tokio(url: &str, length: usize) -> io::Result<u64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: LegacyClient<_, Empty<bytes::Bytes>> =
        LegacyClient::builder(TokioExecutor::new()).pool_max_idle_per_host(AT_ONCE).build(connector);
    let mut spent = 0;
    for pages in ROUNDS {
        let before = cpu_time();
        runtime.block_on(async {
            let askers: Vec<_> = (0..AT_ONCE)
                .map(|_| {
                    let (client, url) = (client.clone(), url.to_owned());
                    tokio::spawn(async move {
                        for _ in 0..pages / AT_ONCE {
                            let response = client.request(request(&url)?).await.map_err(io::Error::other)?;
                            let page = response.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
                            check(page.len(), length)?;
                        }
                        io::Result::Ok(())
                    })
                })
                .collect();
            for asker in askers {
                asker.await.map_err(io::Error::other)??;
            }
            io::Result::Ok(())
        })?;
        spent = cpu_time() - before;
    }
    Ok(spent)
}

/// What Fate's client says without being told to.
fn request(url: &str) -> io::Result<Request<Empty<bytes::Bytes>>> {
    let request = Request::get(url)
        .header(header::ACCEPT, "*/*")
        .header(header::ACCEPT_ENCODING, "gzip, br, zstd, deflate")
        .header(header::USER_AGENT, "fate-web/0.1.0");
    request.body(Empty::new()).map_err(io::Error::other)
}
