//! `web_server` under virtual time.

mod visit;
#[expect(dead_code, reason = "it is visited, and its main is not run")]
#[path = "../web_server.rs"]
mod web_server;

use std::fs;
use std::path::{Path, PathBuf};
use visit::{HERE, Visitor, visit};
use web_server::set_up;

/// A folder with a file in it.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(folder.join("deep")).unwrap();
    fs::write(folder.join("deep/poem.txt"), "You are old, Father William").unwrap();
    fs::write(folder.join("film"), vec![b'x'; 1_000_000]).unwrap();
    folder
}

/// What is asked, with what headers and body, and the status, a header and the body that are answered.
fn ask(name: &'static str, questions: &'static [(&str, &str, &str, u16, &str, &str)]) {
    let seen = visit(
        |fate| Ok(set_up(fate, HERE, &folder(name))?.local_addr().unwrap()),
        move |fate, address| async move {
            let mut visitor = Visitor::new(&fate, address).await;
            for (line, headers, body, status, header, answer) in questions {
                let length = body.len();
                visitor
                    .say(&format!("{line} HTTP/1.1\r\nhost: x\r\n{headers}content-length: {length}\r\n\r\n{body}"))
                    .await;
                let first = visitor.hear_line().await.unwrap();
                assert!(first.starts_with(&format!("HTTP/1.1 {status}")), "{line}: {first}");
                let (mut heard, mut length) = (Vec::new(), 0);
                while let Some(line) = visitor.hear_line().await.filter(|line| !line.is_empty()) {
                    length = line.strip_prefix("content-length: ").map_or(length, |length| length.parse().unwrap());
                    heard.push(line);
                }
                assert!(header.is_empty() || heard.iter().any(|line| line == header), "{line}: {heard:?}");
                let mut bytes = vec![0; length];
                visitor.0.read_exact(&mut bytes).await.unwrap();
                assert!(String::from_utf8(bytes).unwrap().contains(answer), "{line}");
            }
        },
    );
    assert!(seen.faults.is_empty() && seen.left.is_empty(), "{:?} {:?}", seen.faults, seen.left);
}

#[test]
fn the_form_is_answered() {
    ask(
        "form",
        &[
            ("GET /", "", "", 200, "content-type: text/html; charset=utf-8", "action=/greet"),
            ("POST /greet", "", "name=Alice+%26+co", 200, "", "Hello, Alice & co!"),
            ("POST /greet", "", "title=Queen", 400, "", "who you are"),
            ("POST /greet", "", "\u{0}", 400, "", ""),
            ("GET /nowhere", "", "", 404, "", ""),
        ],
    );
}

#[test]
fn files_come_whole_and_in_parts() {
    ask(
        "files",
        &[
            ("GET /files/deep/poem.txt", "", "", 200, "accept-ranges: bytes", "You are old, Father William"),
            ("GET /files/film", "", "", 200, "content-length: 1000000", "xxx"),
            ("GET /files/deep/poem.txt", "range: bytes=0-2\r\n", "", 206, "content-range: bytes 0-2/27", "You"),
            ("GET /files/deep/poem.txt", "range: bytes=-7\r\n", "", 206, "content-length: 7", "William"),
            ("GET /files/deep/poem.txt", "range: bytes=20-\r\n", "", 206, "content-length: 7", "William"),
            ("GET /files/deep/poem.txt", "range: bytes=20-9999\r\n", "", 206, "content-length: 7", "William"),
            ("GET /files/deep/poem.txt", "range: bytes=27-\r\n", "", 416, "content-range: bytes */27", ""),
            ("GET /files/deep/poem.txt", "range: lines=1-2\r\n", "", 200, "content-length: 27", "William"),
            ("GET /files/deep", "", "", 404, "", ""),
            ("GET /files/none", "", "", 404, "", ""),
        ],
    );
}

#[test]
fn no_path_leads_out_of_the_folder() {
    ask(
        "paths",
        &[
            ("GET /files/../Cargo.toml", "", "", 404, "", "not in here"),
            ("GET /files/%2e%2e/Cargo.toml", "", "", 404, "", "not in here"),
            ("GET /files//etc/passwd", "", "", 404, "", "not in here"),
            ("GET /files/deep/%2fetc/passwd", "", "", 404, "", ""),
        ],
    );
}

#[test]
fn what_has_not_changed_is_not_sent_again() {
    let seen = visit(
        |fate| Ok(set_up(fate, HERE, &folder("tags"))?.local_addr().unwrap()),
        async |fate, address| {
            let mut visitor = Visitor::new(&fate, address).await;
            visitor.say("GET /files/deep/poem.txt HTTP/1.1\r\nhost: x\r\n\r\n").await;
            let mut tag = None;
            while let Some(line) = visitor.hear_line().await.filter(|line| !line.is_empty()) {
                tag = line.strip_prefix("etag: ").map(str::to_string).or(tag);
            }
            visitor.hear("You are old, Father William").await;
            let tag = tag.unwrap();
            visitor.say(&format!("GET /files/deep/poem.txt HTTP/1.1\r\nhost: x\r\nif-none-match: {tag}\r\n\r\n")).await;
            assert_eq!(visitor.hear_line().await.as_deref(), Some("HTTP/1.1 304 Not Modified"));
        },
    );
    assert!(seen.faults.is_empty(), "{:?}", seen.faults);
}
