//! A web server: a page with a form, what becomes of the form, and the files of a folder.
//!
//! A closure is given each request and answers it with whatever can be a reply: text, HTML, a status, a whole response. There is a
//! task for each request, and none waits for another. Files are read on threads, piece by piece as the other side takes
//! them: the loop never waits for a disk, and a film of gigabytes needs no more memory than a postcard.
//!
//! `cargo run --example web_server` serves this folder on a port that is free; give it another address and folder if you like.
//! ```console
//! $ curl -d name=Alice http://127.0.0.1:8080/greet
//! $ curl -r 0-99 http://127.0.0.1:8080/files/web_server.rs
//! ```

use fate::Fate;
use fate_web::{Html, Incoming, Outgoing, Reply, Server, ServerError, Serving};
use futures_lite::stream;
use http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, ETAG, LAST_MODIFIED, RANGE};
use http::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use httpdate::HttpDate;
use std::error::Error;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::ops::RangeInclusive;
use std::path::{Component, Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, rc::Rc};

const PAGE: &str = "<!doctype html><title>Fate</title><h1>Who are you?</h1>\
    <form method=post action=/greet><input name=name autofocus><button>says the caterpillar</button></form>";

/// So much of a file is read at once.
const PIECE: u64 = 64 * 1024;

async fn answer(fate: Fate, folder: Rc<Path>, request: Request<Incoming>) -> fate::Result<Response<Outgoing>> {
    let path = request.uri().path().to_string();
    match (request.method(), &path[..]) {
        (&Method::GET | &Method::HEAD, "/") => Html(PAGE).reply(),
        (&Method::POST, "/greet") => greet(request).await,
        (&Method::GET | &Method::HEAD, path) if path.starts_with("/files/") => {
            match within(&folder, &path["/files/".len()..]) {
                Some(path) => send(fate, path, &request).await,
                None => (StatusCode::NOT_FOUND, "that is not in here\n").reply(),
            }
        }
        _ => (StatusCode::NOT_FOUND, "there is no such page\n").reply(),
    }
}

/// A body that is too long, too slow or no text is an error, and `?` has the other side told which.
async fn greet(request: Request<Incoming>) -> fate::Result<Response<Outgoing>> {
    let form = request.into_body().text().await?;
    let mut fields = form_urlencoded::parse(form.as_bytes());
    match fields.find(|(key, _)| key == "name") {
        Some((_, name)) => format!("Hello, {name}!\n").reply(),
        None => (StatusCode::BAD_REQUEST, "you have not said who you are\n").reply(),
    }
}

/// A path that does not lead out of the folder. That of a link in there may: whoever can put one there can read what it leads to.
fn within(folder: &Path, path: &str) -> Option<PathBuf> {
    let path = percent_encoding::percent_decode_str(path).decode_utf8().ok()?;
    let is_inside = Path::new(&*path).components().all(|part| matches!(part, Component::Normal(_)));
    is_inside.then(|| folder.join(&*path))
}

/// Sends a file, or the part of it that was asked for; or says that it has not changed.
async fn send(fate: Fate, path: PathBuf, request: &Request<Incoming>) -> fate::Result<Response<Outgoing>> {
    let headers = request.headers();
    let (file, length, changed) = match fate.defer_to_thread(move || open(&path)).await? {
        Ok(opened) => opened,
        Err(error) => return refuse(error),
    };
    let tag = format!("\"{:x}-{length:x}\"", changed.duration_since(UNIX_EPOCH)?.as_nanos());
    let response = Response::builder().header(ETAG, &tag).header(LAST_MODIFIED, httpdate::fmt_http_date(changed));
    if is_known(headers, &tag, changed) {
        return Ok(response.status(StatusCode::NOT_MODIFIED).body(Outgoing::default())?);
    }
    // Who has a part of it wants the rest of that, and not of what has become of it since.
    let range = headers.get(RANGE).filter(|_| headers.get(IF_RANGE).is_none_or(|known| known == &tag[..]));
    let part = range.and_then(|range| range.to_str().ok()).and_then(|range| part(range, length));
    let response = match &part {
        None => response.header(ACCEPT_RANGES, "bytes"),
        Some(part) if part.is_empty() => {
            let response = response.header(CONTENT_RANGE, format!("bytes */{length}"));
            return Ok(response.status(StatusCode::RANGE_NOT_SATISFIABLE).body(Outgoing::default())?);
        }
        Some(part) => response
            .status(StatusCode::PARTIAL_CONTENT)
            .header(CONTENT_RANGE, format!("bytes {}-{}/{length}", part.start(), part.end())),
    };
    let (start, end) = part.map_or((0, length), |part| (*part.start(), part.end() + 1));
    let body = match *request.method() {
        Method::HEAD => Outgoing::default(),
        _ => Outgoing::pieces(pieces(fate, file, start, end)),
    };
    Ok(response.header(CONTENT_LENGTH, end - start).body(body)?)
}

fn open(path: &Path) -> io::Result<(File, u64, SystemTime)> {
    if !path.metadata()?.is_file() {
        // Not so much as opened: whoever opens a pipe waits until somebody writes into it.
        return Err(ErrorKind::NotFound.into());
    }
    let file = File::open(path)?;
    let about = file.metadata()?;
    Ok((file, about.len(), about.modified()?))
}

/// Whose fault it is that a file cannot be had.
fn refuse(error: io::Error) -> fate::Result<Response<Outgoing>> {
    use ErrorKind::{InvalidFilename, InvalidInput, NotADirectory, NotFound, PermissionDenied};
    match error.kind() {
        NotFound | NotADirectory | InvalidInput | InvalidFilename => {
            (StatusCode::NOT_FOUND, "there is no such file\n").reply()
        }
        PermissionDenied => (StatusCode::FORBIDDEN, "that is not for everybody\n").reply(),
        _ => Err(error.into()),
    }
}

/// Whether whoever asks has it as it is (RFC 9110, 13.2.2).
fn is_known(headers: &HeaderMap, tag: &str, changed: SystemTime) -> bool {
    match (headers.get(IF_NONE_MATCH), headers.get(IF_MODIFIED_SINCE)) {
        (Some(known), _) => known == tag,
        (None, Some(since)) => {
            let since = since.to_str().ok().and_then(|since| since.parse::<HttpDate>().ok());
            since.is_some_and(|since| HttpDate::from(changed) <= since)
        }
        (None, None) => false,
    }
}

/// What a `Range` asks for (RFC 9110, 14.1.2), if it is one part; an empty one cannot be had. What is not understood is no
/// range.
fn part(range: &str, length: u64) -> Option<RangeInclusive<u64>> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let end = length.saturating_sub(1);
    match (first.parse().ok(), last.parse::<u64>().ok()) {
        (Some(first), _) if first >= length => Some(RangeInclusive::new(1, 0)),
        (Some(first), Some(last)) if first <= last => Some(first..=last.min(end)),
        (Some(first), None) if last.is_empty() => Some(first..=end),
        (None, Some(last)) if first.is_empty() && last > 0 => Some(length.saturating_sub(last)..=end),
        _ => None,
    }
}

/// A file from one place to another. A thread has it while it reads, and nobody else reads meanwhile.
fn pieces(fate: Fate, file: File, start: u64, end: u64) -> impl stream::Stream<Item = fate::Result<fate::Bytes>> {
    stream::try_unfold((file, start), move |(mut file, at)| {
        let fate = fate.clone();
        async move {
            if at == end {
                return fate::Ok(None);
            }
            let reading = fate.defer_to_thread(move || {
                let mut piece = vec![0; PIECE.min(end - at) as usize];
                file.seek(SeekFrom::Start(at))?;
                file.read_exact(&mut piece)?;
                io::Result::Ok((file, piece))
            });
            let (file, piece) = reading.await??;
            let next = at + piece.len() as u64;
            Ok(Some((piece.into(), (file, next))))
        }
    })
}

/// Starts the server.
pub fn set_up(fate: &Fate, address: &str, folder: &Path) -> io::Result<Serving> {
    let (here, folder): (Fate, Rc<Path>) = (fate.clone(), folder.into());
    let server = Server::new().on_error(|_, error| complain(error));
    Ok(server.serve(fate, fate.listen_tcp(address)?, move |request| answer(here.clone(), folder.clone(), request)))
}

/// Says what went wrong, and why.
fn complain(error: &ServerError) {
    match error.source() {
        Some(cause) => eprintln!("{error}: {cause}"),
        None => eprintln!("{error}"),
    }
}

fn main() -> fate::Result {
    let mut words = env::args().skip(1);
    let address = words.next().unwrap_or_else(|| "127.0.0.1:0".into());
    let folder = words.next().unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let fate = Fate::new()?;
    let serving = set_up(&fate, &address, Path::new(&folder))?;
    println!("http://{}", serving.local_address());
    fate.run()
}
