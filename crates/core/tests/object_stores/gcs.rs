//! Google Cloud Storage, as a small server of these tests plays it: generations, and the XML requests PUT,
//! GET, HEAD, DELETE, list and multipart uploads. It stands for what is documented; the service itself was
//! not tried.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::sync::{Mutex, PoisonError};

use lode_core::context::CallOptions;
use lode_core::store::{Store, StoreOptions};

use crate::mini_http::{Request, Server, answer, unescaped};
use crate::{commits, large, rules};

#[derive(Clone)]
struct Stored {
    bytes: Vec<u8>,
    generation: u64,
}

/// An upload in parts.
struct Unfinished {
    key: String,
    parts: BTreeMap<usize, Vec<u8>>,
}

#[derive(Default)]
struct Bucket {
    objects: BTreeMap<String, Stored>,
    uploads: BTreeMap<String, Unfinished>,
    /// Generations are never used twice.
    changes: u64,
}

const DATE: &str = "Mon, 30 Nov 2026 12:00:00 GMT";

fn refused(stream: &mut TcpStream, status: u16, code: &str) -> bool {
    let body = format!("<?xml version='1.0'?><Error><Code>{code}</Code><Message>as told</Message></Error>");
    answer(stream, status, &[("date", DATE.to_owned())], body.as_bytes())
}

fn described(stored: &Stored) -> Vec<(&'static str, String)> {
    vec![
        ("date", DATE.to_owned()),
        ("last-modified", DATE.to_owned()),
        ("etag", format!("\"etag of {}\"", stored.generation)),
        ("x-goog-generation", stored.generation.to_string()),
    ]
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

impl Bucket {
    fn put(&mut self, key: &str, bytes: Vec<u8>) -> Stored {
        self.changes += 1;
        let stored = Stored { bytes, generation: 1_000 + self.changes };
        self.objects.insert(key.to_owned(), stored.clone());
        stored
    }

    /// Pages of three names, so that most listings take several.
    fn list(&self, request: &Request) -> String {
        let prefix = request.parameter("prefix").unwrap_or_default();
        let delimiter = request.parameter("delimiter");
        let after = request.parameter("continuation-token").or_else(|| request.parameter("start-after"));
        let (mut body, mut last, mut count, mut is_cut) = (String::new(), String::new(), 0, false);
        for key in self.objects.keys().filter(|key| key.starts_with(&prefix)) {
            let folder =
                delimiter.as_ref().and_then(|delimiter| key[prefix.len()..].find(delimiter.as_str()));
            let name = match folder {
                Some(at) => &key[..prefix.len() + at + 1],
                None => key.as_str(),
            };
            if after.as_ref().is_some_and(|after| name <= after.as_str()) || name == last {
                continue;
            }
            if count == 3 {
                is_cut = true;
                break;
            }
            count += 1;
            last = name.to_owned();
            let (name, size) = (escaped(name), self.objects.get(key).map_or(0, |stored| stored.bytes.len()));
            body.push_str(&match folder {
                Some(_) => format!("<CommonPrefixes><Prefix>{name}</Prefix></CommonPrefixes>"),
                None => format!(
                    "<Contents><Key>{name}</Key><Size>{size}</Size><LastModified>2026-11-30T12:00:00.000Z\
                     </LastModified></Contents>"
                ),
            });
        }
        let next = if is_cut {
            format!("<NextContinuationToken>{}</NextContinuationToken>", escaped(&last))
        } else {
            String::new()
        };
        format!("<?xml version='1.0'?><ListBucketResult>{body}{next}</ListBucketResult>")
    }

    /// Pages of one upload each.
    fn list_uploads(&self, request: &Request) -> String {
        let prefix = request.parameter("prefix").unwrap_or_default();
        let after = request.parameter("upload-id-marker").unwrap_or_default();
        let mut found =
            self.uploads.iter().filter(|(id, upload)| upload.key.starts_with(&prefix) && **id > after);
        let mut body = "<?xml version='1.0'?><ListMultipartUploadsResult>".to_owned();
        if let Some((id, upload)) = found.next() {
            let (key, is_cut) = (escaped(&upload.key), found.next().is_some());
            body.push_str(&format!(
                "<NextKeyMarker>{key}</NextKeyMarker><NextUploadIdMarker>{id}</NextUploadIdMarker>\
                 <IsTruncated>{is_cut}</IsTruncated><Upload><Key>{key}</Key><UploadId>{id}</UploadId>\
                 <Initiated>2026-11-30T12:00:00.000Z</Initiated></Upload>"
            ));
        }
        body + "</ListMultipartUploadsResult>"
    }

    fn serve(&mut self, request: &Request, stream: &mut TcpStream) -> bool {
        let path = unescaped(request.path());
        let Some(rest) = path.strip_prefix("/tests") else { return refused(stream, 404, "NoSuchBucket") };
        let key = rest.trim_start_matches('/').to_owned();
        if key.is_empty() && request.parameter("uploads").is_some() {
            return answer(stream, 200, &[("date", DATE.to_owned())], self.list_uploads(request).as_bytes());
        }
        if key.is_empty() {
            return answer(stream, 200, &[("date", DATE.to_owned())], self.list(request).as_bytes());
        }
        let (upload, part) = (request.parameter("uploadId"), request.parameter("partNumber"));
        match (request.method.as_str(), upload, part) {
            ("POST", None, _) => {
                self.changes += 1;
                let id = format!("upload{}", self.changes);
                self.uploads.insert(id.clone(), Unfinished { key, parts: BTreeMap::new() });
                let body = format!(
                    "<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
                );
                answer(stream, 200, &[], body.as_bytes())
            }
            ("PUT", Some(id), Some(part)) => match self.uploads.get_mut(&id) {
                Some(Unfinished { parts, .. }) => {
                    parts.insert(part.parse().unwrap(), request.body.clone());
                    answer(stream, 200, &[("etag", format!("\"part {part}\""))], b"")
                }
                None => refused(stream, 404, "NoSuchUpload"),
            },
            ("POST", Some(id), _) => match self.uploads.remove(&id) {
                Some(Unfinished { parts, .. }) => {
                    let stored = self.put(&key, parts.into_values().flatten().collect());
                    let body = "<CompleteMultipartUploadResult><ETag>\"whole\"</ETag></CompleteMultipartUploadResult>";
                    answer(stream, 200, &described(&stored), body.as_bytes())
                }
                None => refused(stream, 404, "NoSuchUpload"),
            },
            ("DELETE", Some(id), _) => {
                self.uploads.remove(&id);
                answer(stream, 204, &[], b"")
            }
            ("PUT", None, _) => {
                let wanted =
                    request.header("x-goog-if-generation-match").map(|text| text.parse::<u64>().unwrap());
                let there = self.objects.get(&key).map_or(0, |stored| stored.generation);
                if wanted.is_some_and(|wanted| wanted != there) {
                    return refused(stream, 412, "PreconditionFailed");
                }
                let stored = self.put(&key, request.body.clone());
                answer(stream, 200, &described(&stored), b"")
            }
            ("DELETE", None, _) => match self.objects.remove(&key) {
                Some(_) => answer(stream, 204, &[], b""),
                None => refused(stream, 404, "NoSuchKey"),
            },
            (method, None, _) => match self.objects.get(&key) {
                Some(stored) => read(method, stored, request, stream),
                None if method == "HEAD" => answer(stream, 404, &[("content-length", "0".to_owned())], b""),
                None => refused(stream, 404, "NoSuchKey"),
            },
            _ => refused(stream, 400, "InvalidArgument"),
        }
    }
}

fn read(method: &str, stored: &Stored, request: &Request, stream: &mut TcpStream) -> bool {
    let mut headers = described(stored);
    let etag = headers[2].1.clone();
    if request.header("if-match").is_some_and(|wanted| wanted != etag) {
        return refused(stream, 412, "PreconditionFailed");
    }
    let size = stored.bytes.len();
    let Some(range) = request.header("range") else {
        headers.push(("content-length", size.to_string()));
        return answer(stream, 200, &headers, if method == "HEAD" { b"" } else { &stored.bytes });
    };
    let (start, end) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
    let (start, end): (usize, usize) = (start.parse().unwrap(), end.parse().unwrap());
    if start >= size {
        return refused(stream, 416, "InvalidRange");
    }
    let end = end.min(size - 1);
    headers.push(("content-range", format!("bytes {start}-{end}/{size}")));
    answer(stream, 206, &headers, &stored.bytes[start..=end])
}

fn server_at(port: u16) -> Server {
    let bucket: Mutex<Bucket> = Mutex::default();
    Server::at(port, move |request, stream| {
        bucket.lock().unwrap_or_else(PoisonError::into_inner).serve(request, stream)
    })
}

pub fn server() -> Server {
    server_at(0)
}

#[test]
fn a_server_for_programs_in_other_languages() {
    // Without the variable there is nothing to serve: a check of the C side starts it.
    let Ok(port) = std::env::var("LODE_TEST_GCS_PORT") else { return };
    server_at(port.parse().unwrap());
    loop {
        std::thread::park();
    }
}

pub fn store(endpoint: &str, more: &str) -> Store {
    let settings =
        format!(r#"{{"endpoint": "{endpoint}", "allow_http": true, "credentials": "anonymous"{more}}}"#);
    Store::open_url("gs://tests/a/prefix", &settings, StoreOptions::default()).unwrap()
}

#[test]
fn the_rules_hold_with_generations() {
    rules::hold(&store(&server().url(), ""));
}

#[test]
fn every_kind_of_commit_and_of_reading_works_with_generations() {
    let server = server();
    let other = format!("http://localhost:{}", server.address.port());
    commits::every_kind(&store(&server.url(), ""), &store(&other, ""));
}

#[test]
fn a_large_object_goes_in_parts_and_is_not_put_over_one_that_is_there() {
    large::goes_in_parts(&store(&server().url(), r#", "part_bytes": 5242880"#));
}

#[test]
fn a_bucket_that_is_missing_is_an_error_and_never_an_empty_store() {
    let settings =
        format!(r#"{{"endpoint": "{}", "allow_http": true, "credentials": "anonymous"}}"#, server().url());
    let store = Store::open_url("gs://missing", &settings, StoreOptions::default()).unwrap();
    let none = CallOptions::default();
    let answers = [store.get("k", &none).map(drop), store.exists("k", &none).map(drop)];
    for answer in answers.into_iter().chain([store.delete("k", &none), store.put("k", b"x", &none)]) {
        let error = answer.unwrap_err();
        assert_eq!(error.status(), lode_core::Status::Io, "{error}");
        assert!(error.message().contains("404") && error.message().contains("NoSuchBucket"), "{error}");
    }
    let error = store.list("", &none).map(drop).unwrap_err();
    assert!(error.message().contains("NoSuchBucket"), "{error}");
}
