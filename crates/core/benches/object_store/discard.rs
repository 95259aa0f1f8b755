//! As much of S3 as commits need, by a server that keeps small objects and no part of large ones: what it
//! costs to send much is measured without a disk.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::TcpStream;
use std::sync::{Mutex, PoisonError};

use crate::mini_http::{Request, Server, answer, unescaped};

#[derive(Default)]
struct Bucket {
    /// Objects by name, with their versions.
    objects: BTreeMap<String, (Vec<u8>, u64)>,
    /// Versions and uploads are numbered.
    changes: u64,
}

fn refused(stream: &mut TcpStream, status: u16, code: &str) -> bool {
    answer(stream, status, &[], format!("<Error><Code>{code}</Code></Error>").as_bytes())
}

impl Bucket {
    fn put(&mut self, key: String, bytes: Vec<u8>) -> String {
        self.changes += 1;
        self.objects.insert(key, (bytes, self.changes));
        format!("\"{}\"", self.changes)
    }

    fn serve(&mut self, request: &Request, stream: &mut TcpStream) -> bool {
        let key = unescaped(request.path()).trim_start_matches('/').to_owned();
        let there = self.objects.get(&key).map(|(bytes, version)| (bytes.clone(), format!("\"{version}\"")));
        let is_taken = request.header("if-none-match").is_some() && there.is_some();
        let is_other = request
            .header("if-match")
            .is_some_and(|wanted| there.as_ref().is_none_or(|(_, version)| version != wanted));
        let is_upload = request.target.contains("uploadId=");
        match request.method.as_str() {
            "POST" if !is_upload => {
                let body = "<InitiateMultipartUploadResult><UploadId>upload</UploadId></InitiateMultipartUploadResult>";
                answer(stream, 200, &[], body.as_bytes())
            }
            "PUT" if is_upload => answer(stream, 200, &[("etag", "\"part\"".to_owned())], b""),
            "DELETE" if is_upload => answer(stream, 204, &[], b""),
            _ if is_taken || is_other => refused(stream, 412, "PreconditionFailed"),
            "POST" => {
                let e_tag = self.put(key, Vec::new());
                let body = format!(
                    "<CompleteMultipartUploadResult><ETag>{e_tag}</ETag></CompleteMultipartUploadResult>"
                );
                answer(stream, 200, &[], body.as_bytes())
            }
            "PUT" => {
                let e_tag = self.put(key, request.body.clone());
                answer(stream, 200, &[("etag", e_tag)], b"")
            }
            "DELETE" => {
                self.objects.remove(&key);
                answer(stream, 204, &[], b"")
            }
            "GET" if request.target.contains("list-type") => {
                answer(stream, 200, &[], b"<ListBucketResult></ListBucketResult>")
            }
            method => match there {
                None => refused(stream, 404, "NoSuchKey"),
                Some((bytes, e_tag)) => {
                    let size = bytes.len();
                    let headers = [
                        ("etag", e_tag),
                        ("content-length", size.to_string()),
                        ("content-range", format!("bytes 0-{}/{size}", size.saturating_sub(1))),
                        ("last-modified", "Mon, 30 Nov 2026 12:00:00 GMT".to_owned()),
                    ];
                    match (method, request.header("range")) {
                        ("HEAD", _) => answer(stream, 200, &headers, b""),
                        (_, Some(_)) if size == 0 => refused(stream, 416, "InvalidRange"),
                        (_, Some(_)) => answer(stream, 206, &headers, &bytes),
                        _ => answer(stream, 200, &headers, &bytes),
                    }
                }
            },
        }
    }
}

/// Serves until standard input ends.
pub fn serve() {
    let bucket: Mutex<Bucket> = Mutex::default();
    let server = Server::start(move |request, stream| {
        bucket.lock().unwrap_or_else(PoisonError::into_inner).serve(request, stream)
    });
    println!("{}", server.url());
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}
