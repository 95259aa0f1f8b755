//! What is told of a failure: operation, bucket and key, the service's own words, and what to do.

use lode_core::context::CallOptions;
use lode_core::store::{Store, StoreOptions};
use lode_core::{Action, Status};

use crate::servers;

#[test]
fn wrong_credentials_are_denied_access_and_no_secret_is_shown() {
    let Some(server) = servers::minio() else { return };
    let none = CallOptions::default();
    for (id, secret) in [("stranger", "hidden-secret"), (servers::USER, "hidden-secret")] {
        let settings = format!(
            r#"{{"endpoint": "{}", "allow_http": true, "access_key_id": "{id}", "secret_access_key": "{secret}"}}"#,
            server.url()
        );
        let store = Store::open_url("s3://tests/p", &settings, StoreOptions::default()).unwrap();
        let listed = store.list("", &none).map(drop);
        let answers = [
            store.get("k", &none).map(drop),
            store.put("k", b"x", &none),
            store.compare_and_swap("k", b"", b"x", &none),
            store.delete("k", &none),
            store.exists("k", &none).map(drop),
            listed,
        ];
        for answer in answers {
            let error = answer.unwrap_err();
            assert_eq!((error.status(), error.action()), (Status::AccessDenied, Action::GiveUp), "{error}");
            assert!(
                error.message().contains("s3://tests/p") && error.message().contains("HTTP 403"),
                "{error}"
            );
            assert!(
                !error.message().contains("hidden-secret") && !format!("{error:?}").contains("hidden"),
                "{error}"
            );
            assert_eq!(error.errno(), None);
        }
    }
}

#[test]
fn a_missing_bucket_is_an_error_with_the_services_code_and_never_an_empty_store() {
    let Some(server) = servers::minio() else { return };
    let none = CallOptions::default();
    let settings = servers::s3_settings(&server.url(), "");
    let store = Store::open_url("s3://no-such-bucket", &settings, StoreOptions::default()).unwrap();
    let listed = store.list("", &none).map(drop);
    for answer in [
        store.get("k", &none).map(drop),
        store.exists("k", &none).map(drop),
        store.delete("k", &none),
        listed,
    ] {
        let error = answer.unwrap_err();
        assert_eq!(error.status(), Status::Io, "{error}");
        assert!(error.message().contains("NoSuchBucket"), "{error}");
    }
}

#[test]
fn a_service_that_is_not_there_is_an_error_that_may_pass() {
    let none = CallOptions::default();
    let refused = format!("http://127.0.0.1:{}", servers::free_port());
    for endpoint in [refused.as_str(), "http://no-such-host.invalid"] {
        let store = servers::s3_store(endpoint, "p", "");
        let limited = CallOptions { deadline: Some(std::time::Duration::from_secs(30)), ..none.clone() };
        let error = store.get("k", &limited).unwrap_err();
        assert!(matches!(error.status(), Status::Io), "{error}");
        assert_eq!(error.action(), Action::Retry, "{error}");
        assert!(error.message().contains("no connection"), "{error}");
    }
}

#[test]
fn what_a_web_console_left_in_the_bucket_is_passed_over() {
    let Some((store, prefix)) = servers::minio_store() else { return };
    let endpoint = servers::minio().unwrap().url();
    let none = CallOptions::default();
    store.put("datasets/events/x", b"x", &none).unwrap();
    for marker in ["datasets/", "datasets/events/"] {
        let put = servers::s3(&endpoint, &["put", "tests", &format!("{prefix}/{marker}")], b"");
        assert!(put.status.success(), "{}", String::from_utf8_lossy(&put.stderr));
    }
    for prefix in ["", "datasets/", "datasets/events/"] {
        let mut keys = store.list(prefix, &none).unwrap();
        let found: Vec<String> = std::iter::from_fn(|| keys.next().unwrap()).collect();
        assert_eq!(found, ["datasets/events/x"], "below {prefix:?}");
    }
}

#[test]
fn a_short_secret_is_never_shown_and_garbles_no_message() {
    use crate::mini_http::{Server, answer};
    // A service that repeats what it was given.
    let server = Server::start(|_, stream| {
        let page =
            "<Error><Code>AccessDenied</Code><Message>the key a1 of is wrong, not the-key</Message></Error>";
        answer(stream, 403, &[], page.as_bytes())
    });
    for (secret, shown) in [
        ("a1", "no more is shown"),
        ("the-key", "HTTP 403 AccessDenied: the key a1 of is wrong, not ***"),
        ("absent", "HTTP 403 AccessDenied: the key a1 of is wrong, not the-key"),
    ] {
        let settings = format!(
            r#"{{"endpoint": "{}", "allow_http": true, "access_key_id": "id", "secret_access_key": "{secret}"}}"#,
            server.url()
        );
        let store = Store::open_url("s3://tests/p", &settings, StoreOptions::default()).unwrap();
        let error = store.get("k", &CallOptions::default()).map(drop).unwrap_err();
        assert_eq!(error.status(), Status::AccessDenied, "{error}");
        assert!(error.message().contains(shown) && error.message().contains("HTTP 403"), "{secret}: {error}");
        assert!(error.message().contains("s3://tests/p/k") && !error.message().contains(secret), "{error}");
    }
}
