//! The one HTTP client under every service. `object_store` signs requests and understands answers; what goes
//! over the wire is decided and noted here: no environment is read, no redirect followed, no thread made,
//! nothing sent twice, and each answer is kept as it came ([`Exchange`]).

use std::error::Error as _;
use std::fmt;
use std::net::ToSocketAddrs;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
    HttpService,
};
use object_store::{ClientConfigKey, ClientOptions};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::settings::Settings;
use crate::error::{Error, Result, Status};

/// How much of an error page is read.
const ERROR_BODY: usize = 64 << 10;

/// How long an idle connection is kept: between calls no thread drives it.
pub(super) const IDLE: Duration = Duration::from_secs(5);

/// Where a Unix system keeps the certificates it trusts, in the order in which they are tried.
const SYSTEM_ROOTS: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/ssl/cert.pem",
];

/// Why a request has no whole answer.
#[derive(Clone, Debug)]
pub(super) enum Loss {
    /// It was never sent: the name was not found, the connection refused, or it may not be. `is_final`: to
    /// try again is no use.
    NotSent { why: String, is_final: bool },
    /// It may have been carried out.
    Lost(String),
    /// The answer is longer than what was asked for can be.
    TooLong(u64),
}

/// What came of the last request to the service within one operation.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    /// The HTTP status, once there was one.
    pub status: Option<StatusCode>,
    /// The headers of the answer.
    pub headers: HeaderMap,
    /// The beginning of an error page; the whole answer where [`Asked::keep_body`].
    pub body: Bytes,
    /// Why there is no answer, or no whole one.
    pub loss: Option<Loss>,
    /// What a provider of credentials answered, if it refused.
    pub credentials: Option<String>,
    /// How many requests were sent to the service.
    pub requests: u64,
}

impl Answer {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// What an operation wants of its requests.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
    /// The answer's body is kept for the caller, and is no longer than this.
    pub keep_body: bool,
    /// The most bytes that the answer's body may have.
    pub most: u64,
    /// The request is only to be carried out if the key is free: a header that `object_store` cannot send.
    pub if_absent: bool,
}

/// One operation's requests and the last answer to them.
#[derive(Debug)]
pub(super) struct Exchange {
    asked: Asked,
    answer: Mutex<Answer>,
}

impl Exchange {
    pub fn new(asked: Asked) -> Arc<Self> {
        Arc::new(Exchange { asked, answer: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, Answer> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer so far.
    pub fn answer(&self) -> Answer {
        self.lock().clone()
    }
}

tokio::task_local! {
    /// The exchange of the operation that is being polled.
    pub(super) static EXCHANGE: Arc<Exchange>;
}

/// Makes the clients of `object_store` use ours.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    wire: Arc<Wire>,
    /// Whether a request may go over a connection without TLS.
    allow_http: bool,
}

struct Wire {
    client: reqwest::Client,
    /// Host and port of the service: what goes elsewhere is for credentials.
    authority: String,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl Connector {
    /// A client for the service at this host and port.
    ///
    /// # Errors
    /// `InvalidArgument`, `NotFound`, `Io`: the certificates cannot be had, or the proxy is none.
    pub fn new(settings: &Settings, authority: String) -> Result<Self> {
        let mut builder = reqwest::Client::builder()
            .no_proxy()
            .dns_resolver(SystemResolver)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .http1_only()
            .referer(false)
            .tcp_nodelay(true)
            .connect_timeout(settings.connect_timeout)
            .pool_idle_timeout(IDLE)
            .user_agent(concat!("lode/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(tls(settings)?);
        if let Some(url) = &settings.proxy_url {
            let proxy = reqwest::Proxy::all(url).map_err(|_| {
                let what = "the setting \"proxy_url\" of a store is not the URL of a proxy";
                Error::new(Status::InvalidArgument, what)
            })?;
            builder = builder.proxy(proxy);
        }
        let client = builder.build().map_err(|error| {
            let what = format_args!("the HTTP client cannot be made: {}", chain(&error.without_url()));
            Error::new(Status::Io, what)
        })?;
        Ok(Connector { wire: Arc::new(Wire { client, authority }), allow_http: settings.allow_http })
    }
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        // Containers and instances hand credentials out on addresses of the machine's own, without TLS.
        let is_local =
            options.get_config_value(&ClientConfigKey::AllowHttp).is_some_and(|value| value == "true");
        Ok(HttpClient::new(Connector { allow_http: self.allow_http || is_local, ..self.clone() }))
    }
}

/// An error with all that it comes from, one after the other.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = error.source();
    }
    text
}

/// What is left of an error once the exchange has its facts.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Told(String);

fn failed(kind: HttpErrorKind, text: String) -> HttpError {
    HttpError::new(kind, Told(text))
}

impl Wire {
    async fn send(
        &self,
        request: HttpRequest,
        allow_http: bool,
        exchange: &Arc<Exchange>,
    ) -> std::result::Result<HttpResponse, HttpError> {
        let is_service =
            request.uri().authority().is_some_and(|authority| authority.as_str() == self.authority);
        let place = request.uri().host().unwrap_or_default().to_owned();
        if !allow_http && request.uri().scheme() != Some(&http::uri::Scheme::HTTPS) {
            let why = format!(
                "not sent: {place} is reached by http:, over which anybody can read and change what is sent; set \
                 \"allow_http\": true to send it all the same"
            );
            let mut answer = exchange.lock();
            if is_service {
                answer.loss = Some(Loss::NotSent { why: why.clone(), is_final: true });
            } else {
                answer.credentials = Some(why.clone());
            }
            return Err(failed(HttpErrorKind::Connect, why));
        }
        let (parts, body) = request.into_parts();
        let url = reqwest::Url::parse(&parts.uri.to_string())
            .map_err(|error| failed(HttpErrorKind::Unknown, error.to_string()))?;
        let mut sent = reqwest::Request::new(parts.method, url);
        *sent.headers_mut() = parts.headers;
        if exchange.asked.if_absent && is_service {
            sent.headers_mut().insert(http::header::IF_NONE_MATCH, HeaderValue::from_static("*"));
        }
        *sent.body_mut() = Some(reqwest::Body::wrap(body));
        if is_service {
            let mut answer = exchange.lock();
            let requests = answer.requests + 1;
            *answer = Answer { requests, ..Answer::default() };
        }
        let response = match self.client.execute(sent).await {
            Ok(response) => response,
            Err(error) => {
                let (is_connect, is_unmade) = (error.is_connect(), error.is_builder());
                let error = error.without_url();
                let why = chain(&error);
                if !is_service {
                    exchange.lock().credentials = Some(format!("{place}: {why}"));
                } else if is_connect {
                    let is_final = is_final(&error);
                    let why = format!("no connection: {why}");
                    exchange.lock().loss = Some(Loss::NotSent { why, is_final });
                } else if is_unmade {
                    let why = format!("not sent: {why}");
                    exchange.lock().loss = Some(Loss::NotSent { why, is_final: true });
                } else {
                    exchange.lock().loss = Some(Loss::Lost(why.clone()));
                }
                let kind = if is_connect { HttpErrorKind::Connect } else { HttpErrorKind::Interrupted };
                return Err(failed(kind, why));
            }
        };
        let (parts, body) = http::Response::<reqwest::Body>::from(response).into_parts();
        let is_success = parts.status.is_success();
        if is_service {
            let mut answer = exchange.lock();
            answer.status = Some(parts.status);
            answer.headers = parts.headers.clone();
        } else if !is_success {
            exchange.lock().credentials = Some(format!("{place}: HTTP {}", parts.status.as_u16()));
        }
        if !is_success {
            let page = beginning(body).await;
            if is_service {
                exchange.lock().body = page.clone();
            }
            return Ok(http::Response::from_parts(parts, page.into()));
        }
        // Credentials are short.
        let most = if is_service { exchange.asked.most } else { 1 << 20 };
        let noted = Arc::clone(exchange);
        let limit = usize::try_from(most).unwrap_or(usize::MAX);
        let body =
            Limited::new(body, limit).map_err(move |error: Box<dyn std::error::Error + Send + Sync>| {
                let is_long = error.downcast_ref::<LengthLimitError>().is_some();
                let why = chain(&*error);
                let loss = if is_long { Loss::TooLong(most) } else { Loss::Lost(why.clone()) };
                if is_service {
                    noted.lock().loss = Some(loss);
                }
                failed(HttpErrorKind::Decode, why)
            });
        let body = HttpResponseBody::new(body);
        if is_service && exchange.asked.keep_body {
            let whole = body.bytes().await?;
            exchange.lock().body = whole.clone();
            return Ok(http::Response::from_parts(parts, whole.into()));
        }
        Ok(http::Response::from_parts(parts, body))
    }
}

#[async_trait::async_trait]
impl HttpService for Connector {
    async fn call(&self, request: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
        let exchange = EXCHANGE.try_with(Arc::clone).unwrap_or_else(|_| Exchange::new(Asked::default()));
        self.wire.send(request, self.allow_http, &exchange).await
    }
}

/// As much of an error page as says what is wrong.
async fn beginning(mut body: reqwest::Body) -> Bytes {
    let mut page = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        if let Ok(data) = frame.into_data() {
            let room = ERROR_BODY - page.len();
            page.extend_from_slice(&data[..data.len().min(room)]);
            if page.len() == ERROR_BODY {
                break;
            }
        }
    }
    page.into()
}

/// Whether a connection that failed will fail again: the other side is not the one it should be.
fn is_final(error: &reqwest::Error) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = error.source();
    while let Some(error) = next {
        if error.is::<rustls::Error>() {
            return true;
        }
        next = match error.downcast_ref::<std::io::Error>() {
            // Its source would be that of what it holds.
            Some(io) => io.get_ref().map(|inner| inner as &(dyn std::error::Error + 'static)),
            None => error.source(),
        };
    }
    false
}

/// Asks the system for addresses, on the thread that makes the request: the usual ways start another one.
struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // The port is the connector's to set.
            let addresses: Vec<_> = (name.as_str(), 0).to_socket_addrs()?.collect();
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}

/// TLS with the certificates that are trusted: those of the settings, or else the system's.
fn tls(settings: &Settings) -> Result<rustls::ClientConfig> {
    let roots = roots(settings)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(Status::Internal, format_args!("TLS cannot be set up: {error}")))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn roots(settings: &Settings) -> Result<rustls::RootCertStore> {
    let mut roots = rustls::RootCertStore::empty();
    let file = match &settings.ca_file {
        Some(file) => file.as_str(),
        // Without any, each certificate is refused; no TLS may be wanted.
        None => match SYSTEM_ROOTS.into_iter().find(|file| Path::new(file).exists()) {
            Some(file) => file,
            None => return Ok(roots),
        },
    };
    let unreadable = |why: String| {
        let message = format!("the certificates in {file:?} cannot be read: {why}");
        let status = if Path::new(file).exists() { Status::InvalidArgument } else { Status::NotFound };
        Error::new(status, message).with_path(file)
    };
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| unreadable(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
        match roots.add(certificate) {
            Ok(()) => {}
            // The system's are many, and one that is odd is of no use to anybody.
            Err(_) if settings.ca_file.is_none() => {}
            Err(error) => return Err(unreadable(error.to_string())),
        }
    }
    if roots.is_empty() {
        return Err(unreadable("there is none in it, in PEM".to_owned()));
    }
    Ok(roots)
}

/// The names of headers in which services number their answers.
pub(super) const REQUEST_IDS: [HeaderName; 3] = [
    HeaderName::from_static("x-amz-request-id"),
    HeaderName::from_static("x-ms-request-id"),
    HeaderName::from_static("x-guploader-uploadid"),
];
