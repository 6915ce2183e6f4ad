//! What may be wrong with a body, and bodies that come packed.

use crate::rig::{SECOND, World};
use fate_web::{Bytes, Client, WebError};

fn fetch(response: impl AsRef<[u8]> + 'static) -> Result<Bytes, WebError> {
    fetch_with(Client::builder(), response)
}

fn fetch_with(builder: fate_web::ClientBuilder, response: impl AsRef<[u8]> + 'static) -> Result<Bytes, WebError> {
    let world = World::new();
    let response = std::rc::Rc::new(response);
    world.serve(move |mut line| {
        let response = response.clone();
        async move {
            line.hear().await?;
            line.say((*response).as_ref()).await
        }
    });
    world.fetch(builder, "http://server/").0
}

fn packed(coding: &str, body: &[u8]) -> Vec<u8> {
    let mut response =
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
    response.extend_from_slice(body);
    response
}

/// W1: bad input is a typed error.
#[test]
fn what_is_not_http_is_told_as_such() {
    for nonsense in [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/3.7 200 OK\r\n\r\n",
        "HTTP/1.1 twohundred OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabcd",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nabcd",
    ] {
        let error = fetch(nonsense).unwrap_err();
        assert!(error.is_not_http(), "{nonsense:?}: {error:?}");
    }
}

#[test]
fn chunks_that_are_none_are_told_as_such() {
    for chunks in ["x\r\nabc\r\n0\r\n\r\n", "3\r\nabcd\r\n0\r\n\r\n", "fffffffffffffffff\r\nabc", "-1\r\nabc"] {
        let error = fetch(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}")).unwrap_err();
        assert!(error.is_not_http() && error.is_body(), "{chunks:?}: {error:?}");
    }
}

#[test]
fn a_header_without_end_is_too_long() {
    let mut header = String::from("HTTP/1.1 200 OK\r\n");
    for number in 0..100 {
        header += &format!("X-{number}: {}\r\n", "y".repeat(10_000));
    }
    let error = fetch(header.clone()).unwrap_err();
    assert!(error.is_too_long(), "{error:?}");
    let many: String = (0..10_000).map(|number| format!("X-{number}: y\r\n")).collect();
    let error = fetch(format!("HTTP/1.1 200 OK\r\n{many}\r\n")).unwrap_err();
    assert!(error.is_too_long(), "{error:?}");
}

/// W1: with chunks and a length both, the chunks count (RFC 9112, section 6.3), and the connection is not used again.
#[test]
fn chunks_go_before_a_length() {
    let both = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    assert_eq!(&fetch(both).unwrap()[..], b"abc");
}

#[test]
fn a_body_ends_with_the_connection_if_nothing_else_says_where() {
    assert_eq!(&fetch("HTTP/1.0 200 OK\r\n\r\nall of it").unwrap()[..], b"all of it");
    assert_eq!(&fetch("HTTP/1.1 204 No Content\r\n\r\n").unwrap()[..], b"");
}

/// W1: a bound on what is kept.
#[test]
fn a_body_that_is_longer_than_allowed_is_not_kept() {
    for response in [
        "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n",
    ] {
        let error = fetch_with(Client::builder().page_limit(10), response).unwrap_err();
        assert!(error.is_too_long() && error.is_body(), "{error:?}");
        assert_eq!(&fetch_with(Client::builder().page_limit(11), response).unwrap()[..], b"hello world");
    }
}

/// What is packed here.
const WORDS: &[u8] = b"twinkle, twinkle, little bat! how I wonder what you're at!";

/// A text in each way that it may come, by the other half of the crate that unpacks it.
fn all_ways(text: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let pack = |encoder: &mut dyn compression_codecs::EncodeV2| {
        use compression_codecs::core::util::{PartialBuffer, WriteBuffer};
        let (mut input, mut packed) = (PartialBuffer::new(text), Vec::new());
        let mut piece = vec![0; 1 << 16];
        loop {
            let mut out = WriteBuffer::new_initialized(&mut piece);
            let is_done = if input.unwritten().is_empty() {
                encoder.finish(&mut out).unwrap()
            } else {
                encoder.encode(&mut input, &mut out).unwrap();
                false
            };
            packed.extend_from_slice(out.written());
            if is_done {
                return packed;
            }
        }
    };
    let flate2 = || compression_codecs::core::Level::Default.into();
    use compression_codecs::{BrotliEncoder, DeflateEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder};
    let brotli = compression_codecs::brotli::params::EncoderParams::default();
    vec![
        ("gzip", pack(&mut GzipEncoder::new(flate2()))),
        ("deflate", pack(&mut ZlibEncoder::new(flate2()))),
        ("deflate", pack(&mut DeflateEncoder::new(flate2()))),
        ("br", pack(&mut BrotliEncoder::new(brotli))),
        ("zstd", pack(&mut ZstdEncoder::new(1))),
    ]
}

/// W1.
#[test]
fn a_packed_body_is_unpacked_whichever_way_it_was_packed() {
    let long: Vec<u8> = (0..300_000_u32).flat_map(|number| (number / 7).to_le_bytes()).collect();
    for text in [WORDS, &long, b""] {
        for (coding, body) in all_ways(text) {
            let page = fetch(packed(coding, &body)).unwrap_or_else(|error| panic!("{coding}: {error:?}"));
            assert!(page == text, "{coding}: {} bytes of {}", page.len(), text.len());
        }
    }
}

#[test]
fn a_packed_body_may_come_byte_by_byte() {
    for (coding, body) in all_ways(WORDS) {
        let world = World::new();
        world.serve(move |mut line| {
            let body = body.clone();
            async move {
                line.hear().await?;
                line.say(format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\n\r\n")).await?;
                for byte in body {
                    line.say([byte]).await?;
                    line.fate.sleep(std::time::Duration::from_millis(1)).await;
                }
                Ok(())
            }
        });
        assert_eq!(world.fetch(Client::builder(), "http://server/").0.unwrap(), WORDS, "{coding}");
    }
}

#[test]
fn packed_bodies_one_after_another_are_one() {
    for (coding, body) in all_ways(WORDS).into_iter().filter(|(coding, _)| ["gzip", "zstd"].contains(coding)) {
        assert_eq!(fetch(packed(coding, &[&body[..], &body[..]].concat())).unwrap(), [WORDS, WORDS].concat());
    }
}

#[test]
fn a_packed_body_that_is_cut_off_or_spoilt_is_told_as_such() {
    for (coding, body) in all_ways(WORDS) {
        let error = fetch(packed(coding, &body[..body.len() - 3])).unwrap_err();
        assert!(error.is_decode() && error.is_body(), "{coding}: {error:?}");
        let error = fetch(packed(coding, b"this was never packed, whatever the header says")).unwrap_err();
        assert!(error.is_decode(), "{coding}: {error:?}");
    }
}

/// W1: bombs.
#[test]
fn a_few_bytes_that_unpack_to_very_many_are_refused_at_the_bound() {
    for (coding, body) in all_ways(&vec![0; 8 << 20]) {
        assert!(body.len() < 100_000, "{coding}: {}", body.len());
        let builder = || Client::builder().page_limit(usize::MAX).unpacked_limit(1 << 20);
        let error = fetch_with(builder(), packed(coding, &body)).unwrap_err();
        assert!(error.is_too_long() && error.is_body(), "{coding}: {error:?}");
        let error = fetch_with(Client::builder().page_limit(1 << 20), packed(coding, &body)).unwrap_err();
        assert!(error.is_too_long(), "{coding}: {error:?}");
    }
}

#[test]
fn a_body_is_left_packed_if_that_is_wanted_or_nobody_knows_the_way() {
    let (coding, body) = all_ways(WORDS).remove(0);
    assert_eq!(fetch_with(Client::builder().leave_packed(), packed(coding, &body)).unwrap(), body);
    assert_eq!(&fetch(packed("rot13", b"gjvaxyr")).unwrap()[..], b"gjvaxyr");
    assert_eq!(&fetch(packed("identity", b"twinkle")).unwrap()[..], b"twinkle");
}

/// W1: RFC 9112, 6.3: what contradicts itself is not guessed at, for two who guess differently can be led astray.
#[test]
fn lengths_and_chunks_that_contradict_each_other_are_refused() {
    for headers in [
        "Content-Length: 3, 4\r\n",
        "Content-Length: 3\r\nContent-Length: +3\r\n",
        "Content-Length: 0x3\r\n",
        "Content-Length: 3 \r\nContent-Length: 03a\r\n",
        "Content-Length:\r\n",
        "Content-Length : 3\r\n",
        "Transfer-Encoding : chunked\r\n",
    ] {
        let error = fetch(format!("HTTP/1.1 200 OK\r\n{headers}\r\n3\r\nabc\r\n0\r\n\r\n")).unwrap_err();
        assert!(error.is_not_http(), "{headers:?}: {error:?}");
    }
    // The same twice is no contradiction.
    assert_eq!(&fetch("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc").unwrap()[..], b"abc");
}

/// W1: RFC 9112, 5: what is no header is not taken for one.
#[test]
fn headers_that_are_none_are_refused() {
    for header in ["X: a\0b", " X: y", "X\u{e9}: y", "X y: z", ": y", "X: a\rb", "\tX: y"] {
        let error = fetch(format!("HTTP/1.1 200 OK\r\nA: b\r\n{header}\r\nContent-Length: 0\r\n\r\n")).unwrap_err();
        assert!(error.is_not_http(), "{header:?}: {error:?}");
    }
}

/// W1: wherever it is cut off.
#[test]
fn a_response_that_is_cut_off_at_any_byte_is_no_response() {
    let whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n";
    for length in 0..whole.len() {
        let error = fetch(&whole[..length]).unwrap_err();
        assert!(error.is_interrupted() && !error.is_timeout(), "after {length} bytes: {error:?}");
    }
    assert_eq!(&fetch(&whole[..]).unwrap()[..], b"abc");
}

/// W1: neither what is said of a chunk, nor what is said after the last, can go on for ever.
#[test]
fn what_is_said_beside_a_body_is_bounded() {
    for endless in [
        format!("3;{}", "x".repeat(1_000_000)),
        format!("0\r\n{}", "X: y\r\n".repeat(100_000)),
        format!("0\r\nX: {}", "y".repeat(1_000_000)),
    ] {
        let (world, start) = (World::new(), endless[..20].to_owned());
        world.serve(move |mut line| {
            let endless = endless.clone();
            async move {
                line.hear().await?;
                line.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await?;
                line.say(endless).await?;
                line.linger().await
            }
        });
        let (page, at) = world.fetch(Client::builder(), "http://server/");
        let error = page.unwrap_err();
        assert!(error.is_body() && (error.is_not_http() || error.is_too_long()), "{start}: {error:?}");
        assert!(at < SECOND, "it was waited for");
    }
}

/// W1: bombs that come a little at a time.
#[test]
fn a_bomb_that_drips_is_refused_at_the_bound_as_well() {
    for (coding, body) in all_ways(&vec![0; 8 << 20]) {
        let world = World::new();
        world.serve(move |mut line| {
            let body = body.clone();
            async move {
                line.hear().await?;
                line.say(format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\n\r\n")).await?;
                for piece in body.chunks(body.len().div_ceil(64)) {
                    line.say(piece).await?;
                    line.fate.sleep(SECOND).await;
                }
                Ok(())
            }
        });
        let (page, at) =
            world.fetch(Client::builder().unpacked_limit(1 << 20).page_limit(usize::MAX), "http://server/");
        let error = page.unwrap_err();
        assert!(error.is_too_long() && error.is_body(), "{coding}: {error:?}");
        // Not even the rest of it is waited for. (Brotli says it only at its end.)
        assert!(at < SECOND * 32 || coding == "br", "{coding}: {at:?}");
    }
}
