//! What is not seen from outside: keys, and threads that cannot make requests.

use super::BucketStore;
use crate::context::Context;
use crate::error::{Error, Status};
use crate::store::location::Service;
use crate::store::{Backend, Durability, LockWait, Put, Swap};

/// A store that no request of these tests reaches.
fn store() -> BucketStore {
    let settings = r#"{"endpoint": "http://127.0.0.1:9", "allow_http": true, "credentials": "anonymous"}"#;
    BucketStore::open(Service::S3, "bucket", "a/prefix", settings).unwrap()
}

#[test]
fn an_objects_name_is_prefix_and_key_byte_for_byte() {
    let store = store();
    for key in ["day=a%20b/x", "a~b", "a*b?c#d", "\u{fc}/\u{1f600}", "a b", "a+b&c=d", "..a", "a..", "%"] {
        assert_eq!(store.link.path(key).unwrap().as_ref(), format!("a/prefix/{key}"));
    }
    for key in ["", "/a", "a/", "a//b", ".", "a/../b", "a\0b"] {
        assert_eq!(store.link.path(key).unwrap_err().status(), Status::InvalidPath, "{key:?}");
    }
}

#[test]
fn on_a_thread_of_a_runtime_every_call_is_refused() {
    let store = store();
    let context = Context::unlimited();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let refused = |error: Error| {
        assert_eq!(error.status(), Status::State, "{error}");
        assert!(error.message().contains("tokio runtime"), "{error}");
    };
    runtime.block_on(async {
        refused(store.get(context, "k", 1).unwrap_err());
        refused(store.open(context, "k").map(drop).unwrap_err());
        refused(store.head(context, "k").unwrap_err());
        refused(store.delete(context, "k").unwrap_err());
        refused(store.age(context, "k").unwrap_err());
        refused(store.list(context, "", None, &mut |_| true).unwrap_err());
        refused(store.list_names(context, "", &mut |_| true).unwrap_err());
        refused(store.upload(context, "k", Durability::Full).map(drop).unwrap_err());
        let put = store.put_if_absent(context, "k", b"x", Durability::Full);
        let Put::Failed(error) = put else { panic!("{put:?}") };
        refused(error);
        let swap = store.compare_and_swap(context, "k", b"", b"x", Durability::Full, LockWait::Attempts);
        let Swap::Failed(error) = swap else { panic!("{swap:?}") };
        refused(error);
        // It may be dropped anywhere.
        drop(store);
    });
}
