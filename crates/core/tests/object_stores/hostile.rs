//! Servers that misbehave: a clear error within the deadline, in bounded memory, and no wrong answer.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lode_core::context::CallOptions;
use lode_core::store::Store;
use lode_core::{Error, Status};

use crate::mini_http::{Server, answer};
use crate::servers::{self, SECRET};

fn store(server: &Server) -> Store {
    servers::s3_store(&server.url(), "p", r#""request_timeout_ms": 300"#)
}

fn limited() -> CallOptions {
    CallOptions { deadline: Some(Duration::from_secs(20)), ..CallOptions::default() }
}

#[track_caller]
fn says(error: &Error, fragment: &str) {
    assert!(error.message().contains(fragment), "{error}");
    assert!(!error.message().contains(SECRET), "{error}");
    assert!(error.message().len() < 2_000, "an error of {} bytes", error.message().len());
}

fn listing(names: &[String], next: &str) -> Vec<u8> {
    let names: String = names.iter().map(|name| format!("<Contents><Key>{name}</Key></Contents>")).collect();
    format!(
        "<ListBucketResult>{names}<NextContinuationToken>{next}</NextContinuationToken></ListBucketResult>"
    )
    .into_bytes()
}

#[test]
fn a_listing_without_an_end_ends() {
    let pages = Arc::new(AtomicU64::new(0));
    for (names, next, why) in [
        (vec!["p/a".to_owned()], "same", "twice or out of order"),
        (Vec::new(), "same", "same page again"),
        (Vec::new(), "fresh", "page after page"),
    ] {
        let pages = Arc::clone(&pages);
        let server = Server::start(move |_, stream| {
            let page = pages.fetch_add(1, Ordering::Relaxed);
            let next = if next == "fresh" { format!("fresh {page}") } else { next.to_owned() };
            answer(stream, 200, &[], &listing(&names, &next))
        });
        says(&drained(&store(&server), &limited()), why);
    }
    // One that goes on with names that are new each time ends with the call.
    let server = Server::start(move |_, stream| {
        let page = pages.fetch_add(1, Ordering::Relaxed);
        answer(stream, 200, &[], &listing(&[format!("p/{page:020}")], &page.to_string()))
    });
    let short = CallOptions { deadline: Some(Duration::from_millis(200)), ..CallOptions::default() };
    let error = drained(&store(&server), &short);
    assert_eq!(error.status(), Status::Deadline, "{error}");
}

fn drained(store: &Store, call: &CallOptions) -> Error {
    let mut keys = match store.list("", call) {
        Ok(keys) => keys,
        Err(error) => return error,
    };
    loop {
        match keys.next() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("a listing that is none ended well"),
            Err(error) => return error,
        }
    }
}

#[test]
fn a_listing_that_is_none_or_is_cut_off_is_an_error_and_never_an_empty_one() {
    for body in [&b"<html>Welcome</html>"[..], b"", b"<ListBucketResult><Contents><Key>p/a</Key>"] {
        let server = Server::start(move |_, stream| answer(stream, 200, &[], body));
        says(&drained(&store(&server), &limited()), "cannot list s3://tests/p/");
    }
}

#[test]
fn a_wrong_range_or_a_wrong_length_is_an_error() {
    let head = |range: &str| vec![("etag", "\"e\"".to_owned()), ("content-range", range.to_owned())];
    for (range, length, body) in [
        ("bytes 5-9/10", 5, 5_usize),
        ("bytes 0-9/20", 10, 10),
        ("nonsense", 10, 10),
        // More than was asked for, and less than was promised.
        ("bytes 0-262143/262144", 300_000, 300_000),
        ("bytes 0-9/10", 10, 4),
    ] {
        let headers = head(range);
        let server = Server::start(move |_, stream| {
            let mut headers = headers.clone();
            headers.push(("content-length", length.to_string()));
            answer(stream, 206, &headers, &vec![b'x'; body]) && body == length
        });
        let error = store(&server).get("k", &limited()).unwrap_err();
        assert_eq!(error.status(), Status::Io, "{range}: {error}");
        says(&error, "cannot read s3://tests/p/k");
    }
}

#[test]
fn an_object_that_changes_between_two_ranges_is_not_read_as_one() {
    let requests = AtomicU64::new(0);
    let size = 1 << 20;
    let server = Server::start(move |request, stream| {
        let first = requests.fetch_add(1, Ordering::Relaxed) == 0;
        if !first && request.header("if-match") == Some("\"one\"") {
            return answer(stream, 412, &[], b"<Error><Code>PreconditionFailed</Code></Error>");
        }
        let end = (256 << 10) - 1;
        let headers = [("etag", "\"one\"".to_owned()), ("content-range", format!("bytes 0-{end}/{size}"))];
        answer(stream, 206, &headers, &vec![b'x'; 256 << 10])
    });
    let error = store(&server).get("k", &limited()).unwrap_err();
    assert_eq!(error.status(), Status::Corrupt, "{error}");
    says(&error, "it was replaced");
}

#[test]
fn an_error_page_without_an_end_is_read_in_part() {
    let server = Server::start(move |_, stream| {
        let _ = stream.write_all(
            b"HTTP/1.1 403 No\r\ncontent-length: 10000000000\r\n\r\n<Error><Code>AccessDenied</Code>",
        );
        // Until the other side has enough.
        while stream.write_all(&[b'x'; 65_536]).is_ok() {}
        false
    });
    let error = store(&server).get("k", &limited()).unwrap_err();
    assert_eq!(error.status(), Status::AccessDenied, "{error}");
    says(&error, "HTTP 403 AccessDenied");
}

#[test]
fn a_redirection_is_told_and_never_followed() {
    let visits = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&visits);
    let elsewhere = Server::start(move |_, stream| {
        counted.fetch_add(1, Ordering::Relaxed);
        answer(stream, 200, &[], b"")
    });
    for status in [301, 302, 307, 308] {
        let place = format!("{}/tests/p/k", elsewhere.url());
        let server =
            Server::start(move |_, stream| answer(stream, status, &[("location", place.clone())], b""));
        let store = store(&server);
        for answer in [store.get("k", &limited()).map(drop), store.put("k2", b"x", &limited())] {
            says(&answer.unwrap_err(), "redirections are not followed");
        }
    }
    assert_eq!(visits.load(Ordering::Relaxed), 0, "a request went elsewhere");
}

#[test]
fn a_server_that_answers_byte_by_byte_or_never_is_given_up() {
    let server = Server::start(move |request, stream| {
        if request.path().ends_with("/never") {
            // Until the other side gives up.
            let mut nothing = [0; 1];
            return std::io::Read::read(stream, &mut nothing).is_ok_and(|read| read > 0);
        }
        let _ = stream.write_all(
            b"HTTP/1.1 206 Slow\r\ncontent-length: 10\r\ncontent-range: bytes 0-9/10\r\netag: \"e\"\r\n\r\nx",
        );
        let mut nothing = [0; 1];
        std::io::Read::read(stream, &mut nothing).is_ok_and(|read| read > 0)
    });
    for key in ["slow", "never"] {
        let error = store(&server).get(key, &limited()).unwrap_err();
        assert_eq!(error.status(), Status::Io, "{error}");
        says(&error, "no answer within 300 ms");
        let short = CallOptions { deadline: Some(Duration::from_millis(50)), ..CallOptions::default() };
        let error = store(&server).get(key, &short).unwrap_err();
        assert_eq!(error.status(), Status::Deadline, "{error}");
        let token = lode_core::context::CancelToken::new();
        let cancel = CallOptions { cancel: Some(token.clone()), ..CallOptions::default() };
        let error = std::thread::scope(|scope| {
            let store = store(&server);
            let call = scope.spawn(move || store.get(key, &cancel).unwrap_err());
            token.cancel();
            call.join().unwrap()
        });
        assert_eq!(error.status(), Status::Cancelled, "{error}");
    }
}

#[test]
fn a_server_that_repeats_the_secret_has_it_struck_out() {
    let body = format!("<Error><Code>SignatureDoesNotMatch</Code><Message>it was {SECRET}</Message></Error>");
    let server = Server::start(move |_, stream| answer(stream, 403, &[], body.as_bytes()));
    let error = store(&server).get("k", &limited()).unwrap_err();
    assert_eq!(error.status(), Status::AccessDenied);
    says(&error, "SignatureDoesNotMatch: it was ***");
}
