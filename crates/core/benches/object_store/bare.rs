//! The crate `object_store` alone, with a plain HTTP client: what a programmer would write by hand.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::BodyExt;
use object_store::aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
    HttpService,
};
use object_store::path::Path;
use object_store::{
    ClientOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, UpdateVersion,
    WriteMultipart,
};
use tokio::runtime::{Builder, Runtime};

/// The size of a part, as the library has it if nothing else is said.
const PART: usize = 8 << 20;

/// The size of a range, as the library reads them.
const RANGE: u64 = 4 << 20;

#[derive(Clone, Debug)]
struct Plain(reqwest::Client);

impl HttpConnector for Plain {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait::async_trait]
impl HttpService for Plain {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let mut sent = reqwest::Request::new(parts.method, parts.uri.to_string().parse().unwrap());
        *sent.headers_mut() = parts.headers;
        *sent.body_mut() = Some(reqwest::Body::wrap(body));
        let response =
            self.0.execute(sent).await.map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        let (parts, body) = http::Response::<reqwest::Body>::from(response).into_parts();
        let body = body.map_err(|error| HttpError::new(HttpErrorKind::Decode, error));
        Ok(http::Response::from_parts(parts, HttpResponseBody::new(body)))
    }
}

/// A prefix of a bucket.
pub struct Bucket {
    runtime: Runtime,
    store: AmazonS3,
    prefix: String,
}

impl Bucket {
    pub fn open(url: &str, settings: &str) -> Bucket {
        let settings: serde_json::Value = serde_json::from_str(settings).unwrap();
        let setting = |name: &str| settings[name].as_str().unwrap().to_owned();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .no_proxy()
            .http1_only()
            .tcp_nodelay(true)
            .tls_backend_preconfigured(tls)
            .build()
            .unwrap();
        let (bucket, prefix) = url.strip_prefix("s3://").unwrap().split_once('/').unwrap();
        let store = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_region("us-east-1")
            .with_endpoint(setting("endpoint"))
            .with_access_key_id(setting("access_key_id"))
            .with_secret_access_key(setting("secret_access_key"))
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_http_connector(Plain(client))
            .build()
            .unwrap();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        Bucket { runtime, store, prefix: prefix.to_owned() }
    }

    fn path(&self, key: &str) -> Path {
        Path::parse(format!("{}/{key}", self.prefix)).unwrap()
    }

    /// One object in parts, one of them in flight while the next is gathered.
    pub fn write(&self, data: &[u8]) {
        self.runtime.block_on(async {
            let upload = self.store.put_multipart(&self.path("bare")).await.unwrap();
            let mut writer = WriteMultipart::new_with_chunk_size(upload, PART);
            for piece in data.chunks(1 << 20) {
                writer.wait_for_capacity(1).await.unwrap();
                writer.write(piece);
            }
            writer.finish().await.unwrap();
        });
    }

    /// An object in ranges, one after the other; gives its size.
    pub fn read(&self, key: &str) -> usize {
        self.runtime.block_on(async {
            let path = self.path(key);
            let size = self.store.head(&path).await.unwrap().size;
            let mut read = 0;
            while (read as u64) < size {
                let start = read as u64;
                read += self.store.get_range(&path, start..(start + RANGE).min(size)).await.unwrap().len();
            }
            read
        })
    }

    /// The five requests of a small commit, one after the other; gives the nanoseconds that they took.
    pub fn commit(&self, number: usize) -> u128 {
        let latest = self.path("bare/latest");
        let begun = Instant::now();
        self.runtime.block_on(async {
            let there = match self.store.get(&latest).await {
                Ok(found) => {
                    let version = UpdateVersion { e_tag: found.meta.e_tag.clone(), version: None };
                    found.bytes().await.unwrap();
                    PutMode::Update(version)
                }
                Err(object_store::Error::NotFound { .. }) => PutMode::Create,
                Err(error) => panic!("{error}"),
            };
            // Their sizes are those of the library's objects.
            for (name, size) in [("data", 62), ("slot", 950), ("manifest", 750)] {
                let path = self.path(&format!("bare/{number}/{name}"));
                self.put(&path, size, PutMode::Create).await;
            }
            self.put(&latest, 36, there).await;
        });
        begun.elapsed().as_nanos()
    }

    async fn put(&self, path: &Path, size: usize, mode: PutMode) {
        let payload = PutPayload::from_bytes(Bytes::from(vec![b'x'; size]));
        self.store.put_opts(path, payload, PutOptions { mode, ..PutOptions::default() }).await.unwrap();
    }
}
