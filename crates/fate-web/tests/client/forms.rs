//! JSON and forms, and what is none (with the feature `json`).

use crate::rig::{SECOND, World, header, web};
use fate_web::{Client, ClientBuilder, WebError};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

type Party = BTreeMap<String, u32>;

fn fetch(builder: ClientBuilder, headers: &'static str, body: &'static [u8]) -> Result<Party, WebError> {
    let mut world = World::new();
    world.serve(move |mut line| async move {
        line.hear().await?;
        line.answer(headers, body).await
    });
    let (client, seen) = (builder.build(&world.here), Rc::new(RefCell::new(None)));
    let note = seen.clone();
    let party = client.get("http://server/party").send().and_then(|response| response.json::<Party>());
    party.add_both(move |party| *note.borrow_mut() = Some(party.map_err(web)));
    world.sim.run_until(SECOND * 100).unwrap();
    client.close_idle();
    assert!(world.here.report().live.is_empty(), "{:?}", world.here.report().live);
    world.end();
    seen.take().expect("everything comes to an end")
}

/// W1.
#[test]
fn json_is_read_whatever_the_header_says_of_it() {
    for headers in ["Content-Type: application/json\r\n", "Content-Type: text/plain; charset=latin1\r\n", ""] {
        let party = fetch(Client::builder(), headers, b" {\"guests\": 3}\r\n").unwrap();
        assert_eq!(party["guests"], 3, "{headers:?}");
    }
}

/// W1: bad input is a typed error, and names where it came from, and why.
#[test]
fn what_is_no_json_of_this_kind_is_told_as_such() {
    for text in [
        &b""[..],
        b"{\"guests\":3",
        b"{\"guests\":3} and the dormouse",
        b"{\"guests\":\"three\"}",
        b"{\"guests\":-1}",
        b"{\"guests\":4294967296}",
        b"[3]",
        b"null",
        b"{'guests':3}",
        b"{\"guests\":NaN}",
        b"{\"gu\xffsts\":3}",
        b"\xef\xbb\xbf{\"guests\":3}",
        b"<html>404</html>",
        &[b'['; 100_000],
    ] {
        let error = fetch(Client::builder(), "", text).unwrap_err();
        let start = String::from_utf8_lossy(&text[..text.len().min(20)]);
        assert!(error.is_decode() && error.is_body(), "{start}: {error:?}");
        assert_eq!(error.url(), "http://server/party");
        let cause = std::error::Error::source(&error).expect("why");
        assert!(cause.downcast_ref::<serde_json::Error>().is_some(), "{start}: {cause:?}");
    }
}

#[test]
fn json_that_is_longer_than_allowed_is_not_kept() {
    let error = fetch(Client::builder().page_limit(11), "", b"{\"guests\":3}").unwrap_err();
    assert!(error.is_too_long() && !error.is_decode(), "{error:?}");
    assert!(fetch(Client::builder().page_limit(12), "", b"{\"guests\":3}").is_ok());
}

#[test]
fn json_that_is_cut_off_on_the_way_is_told_as_interrupted() {
    let mut world = World::new();
    world.serve(|mut line| async move {
        line.hear().await?;
        line.say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"guests\":3}").await
    });
    let party = Client::new(&world.here).get("http://server/").send().and_then(|response| response.json::<Party>());
    party.add_both(|party| {
        let error = web(party.unwrap_err());
        assert!(error.is_interrupted() && error.is_body() && !error.is_decode(), "{error:?}");
    });
    world.sim.run_until(SECOND).unwrap();
    world.end();
}

/// What the server is told, and as what.
fn told(make: impl FnOnce(&Client) -> fate_web::Request) -> Result<(String, Option<String>), WebError> {
    let mut world = World::new();
    let heard = Rc::new(RefCell::new(String::new()));
    let note = heard.clone();
    world.serve(move |mut line| {
        let note = note.clone();
        async move {
            let asked = line.hear().await?.unwrap();
            let length = header(&asked, "content-length").map_or(0, |length| length.parse().unwrap());
            *note.borrow_mut() = String::from_utf8(line.hear_body(length).await?)?;
            line.answer("", "").await
        }
    });
    let client = Client::new(&world.here);
    let outcome = Rc::new(RefCell::new(None));
    let note = outcome.clone();
    make(&client).send().add_both(move |response| *note.borrow_mut() = Some(response.map(drop).map_err(web)));
    world.sim.run_until(SECOND).unwrap();
    client.close_idle();
    let of_type = world.asked.borrow().first().and_then(|asked| header(asked, "content-type").map(str::to_owned));
    world.end();
    outcome.take().expect("everything comes to an end")?;
    Ok((heard.take(), of_type))
}

/// W1: as the URL standard has it, section 5.2.
#[test]
fn odd_characters_in_a_form_are_sent_so_that_they_cannot_be_taken_for_its_own() {
    let odd = [
        ("a&b", "c=d"),
        ("plus+", "space "),
        ("percent%41", "#?/"),
        ("line", "\r\n\0"),
        ("cats", "猫🐈"),
        ("", "~*-._"),
    ];
    let (text, of_type) = told(|client| client.post("http://server/").form(&odd)).unwrap();
    assert_eq!(
        text,
        "a%26b=c%3Dd&plus%2B=space+&percent%2541=%23%3F%2F&line=%0D%0A%00&cats=%E7%8C%AB%F0%9F%90%88&=%7E*-._"
    );
    assert_eq!(of_type.as_deref(), Some("application/x-www-form-urlencoded"));
}

#[test]
fn what_is_in_a_body_is_said_unless_that_was_said_before() {
    let tea = [("tea", 2)];
    let (text, of_type) = told(|client| client.post("http://server/").json(&tea)).unwrap();
    assert_eq!((&text[..], of_type.as_deref()), ("[[\"tea\",2]]", Some("application/json")));
    let own = |client: &Client| client.post("http://server/").header("content-type", "text/tea").form(&tea);
    assert_eq!(told(own).unwrap(), ("tea=2".into(), Some("text/tea".into())));
}

/// W1: what cannot be said is told before anything is sent.
#[test]
fn a_value_that_cannot_be_said_in_json_or_a_form_is_unfit() {
    let nested = BTreeMap::from([("cups", vec![1, 2])]);
    let error = told(|client| client.post("http://server/").form(&nested)).unwrap_err();
    assert!(error.is_unfit(), "{error:?}");
    let odd_keys = BTreeMap::from([(vec![1, 2], "cups")]);
    let error = told(|client| client.post("http://server/").json(&odd_keys)).unwrap_err();
    assert!(error.is_unfit(), "{error:?}");
}
