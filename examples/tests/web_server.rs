//! `web_server` under virtual time.

mod visit;
#[expect(dead_code, reason = "it is visited, and its main is not run")]
#[path = "../web_server.rs"]
mod web_server;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use visit::{HERE, Visitor, visit};
use web_server::set_up;

/// A folder with a file in it.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(folder.join("deep")).unwrap();
    fs::write(folder.join("deep/poem.txt"), "You are old, Father William").unwrap();
    fs::write(folder.join("film"), vec![b'x'; 1_000_000]).unwrap();
    // There already if the test was run before.
    let _ = Command::new("mkfifo").arg(folder.join("pipe")).stderr(Stdio::null()).status();
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
                let mut bytes = vec![0; if line.starts_with("HEAD") { 0 } else { length }];
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
fn what_is_no_file_is_not_there() {
    ask(
        "odd",
        &[
            ("GET /files/pipe", "", "", 404, "", "no such file"),
            ("GET /files/film/in-it", "", "", 404, "", "no such file"),
            ("GET /files/a%00b", "", "", 404, "", "no such file"),
            ("GET /files/", "", "", 404, "", "no such file"),
        ],
    );
}

#[test]
fn who_asks_for_the_head_is_told_what_the_rest_would_be() {
    ask(
        "heads",
        &[
            ("HEAD /files/film", "", "", 200, "content-length: 1000000", ""),
            ("HEAD /files/film", "range: bytes=0-9\r\n", "", 206, "content-length: 10", ""),
            ("HEAD /files/none", "", "", 404, "", ""),
            ("HEAD /", "", "", 200, "content-type: text/html; charset=utf-8", ""),
            ("GET /files/deep/poem.txt", "", "", 200, "content-length: 27", "You are old"),
        ],
    );
}

#[test]
fn a_part_is_that_of_the_file_of_which_the_rest_is_known() {
    ask(
        "parts",
        &[
            (
                "GET /files/deep/poem.txt",
                "range: bytes=0-2\r\nif-range: \"other\"\r\n",
                "",
                200,
                "content-length: 27",
                "You",
            ),
            (
                "GET /files/deep/poem.txt",
                "if-modified-since: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
                "",
                200,
                "content-length: 27",
                "You",
            ),
            ("GET /files/deep/poem.txt", "if-modified-since: yesterday\r\n", "", 200, "content-length: 27", "You"),
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
            let (mut tag, mut date) = (None, None);
            while let Some(line) = visitor.hear_line().await.filter(|line| !line.is_empty()) {
                tag = line.strip_prefix("etag: ").map(str::to_string).or(tag);
                date = line.strip_prefix("last-modified: ").map(str::to_string).or(date);
            }
            visitor.hear("You are old, Father William").await;
            let (tag, date) = (tag.unwrap(), date.unwrap());
            for (header, status) in [
                (format!("if-none-match: {tag}"), "304 Not Modified"),
                (format!("if-modified-since: {date}"), "304 Not Modified"),
                (format!("range: bytes=0-2\r\nif-range: {tag}"), "206 Partial Content"),
            ] {
                visitor.say(&format!("GET /files/deep/poem.txt HTTP/1.1\r\nhost: x\r\n{header}\r\n\r\n")).await;
                assert_eq!(visitor.hear_line().await, Some(format!("HTTP/1.1 {status}")));
                while visitor.hear_line().await.is_some_and(|line| !line.is_empty()) {}
            }
        },
    );
    assert!(seen.faults.is_empty(), "{:?}", seen.faults);
}
