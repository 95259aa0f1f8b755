//! Uploads in several requests that were begun and never completed: no listing of objects shows them, and
//! `object_store` can neither list them nor sign what lists them, so both are done here. Azure has none: it
//! removes blocks that were never committed by itself.

use std::time::SystemTime;

use http::Method;
use object_store::aws::{AwsAuthorizer, AwsCredentialProvider};
use object_store::client::{HttpRequest, HttpRequestBody, HttpService};
use object_store::gcp::GcpCredentialProvider;
use url::form_urlencoded::byte_serialize;

use super::answer::{Kind, code};
use super::connector::{Asked, Connector};
use super::link::Ask;
use super::listing::{self, UploadPage};
use super::{BucketStore, EMPTY_PAGES, age_at, date_of};
use crate::context::Context;
use crate::error::{Error, Result, Status};
use crate::store::cleanup::StaleUpload;
use crate::store::key;

/// How a request to the service is signed.
pub(super) enum Signer {
    Aws {
        credentials: AwsCredentialProvider,
        region: String,
    },
    Gcp(GcpCredentialProvider),
    /// Requests are not signed.
    Nothing,
}

/// What asks for the uploads of a bucket.
pub(super) struct UploadLister {
    pub connector: Connector,
    /// The bucket's own URL.
    pub bucket: String,
    pub signer: Signer,
}

fn unmade(error: impl std::error::Error + Send + Sync + 'static) -> object_store::Error {
    object_store::Error::Generic { store: "uploads", source: Box::new(error) }
}

impl UploadLister {
    /// Asks for a page; what is answered is in the exchange.
    async fn page(&self, prefix: &str, after: Option<&(String, String)>) -> object_store::Result<()> {
        let mut url = format!("{}?uploads=&max-uploads={}", self.bucket, listing::PAGE);
        let mut add = |name: &str, value: &str| {
            if !value.is_empty() {
                // A space as it is signed, not as forms have it.
                let value: String = byte_serialize(value.as_bytes()).collect();
                url.push_str(&format!("&{name}={}", value.replace('+', "%20")));
            }
        };
        add("prefix", prefix);
        if let Some((name, id)) = after {
            add("key-marker", name);
            add("upload-id-marker", id);
        }
        let request = http::Request::builder().method(Method::GET).uri(url).body(HttpRequestBody::empty());
        let mut request = request.map_err(unmade)?;
        self.sign(&mut request).await?;
        self.connector.call(request).await.map(drop).map_err(unmade)
    }

    async fn sign(&self, request: &mut HttpRequest) -> object_store::Result<()> {
        match &self.signer {
            Signer::Aws { credentials, region } => {
                let credential = credentials.get_credential().await?;
                AwsAuthorizer::new(&credential, "s3", region).try_authorize(request, None)
            }
            Signer::Gcp(credentials) => {
                let credential = credentials.get_credential().await?;
                let bearer = http::HeaderValue::from_str(&format!("Bearer {}", credential.bearer));
                let mut bearer = bearer.map_err(unmade)?;
                bearer.set_sensitive(true);
                request.headers_mut().insert(http::header::AUTHORIZATION, bearer);
                Ok(())
            }
            Signer::Nothing => Ok(()),
        }
    }
}

impl BucketStore {
    /// Calls `each` for every upload below a prefix that has begun, until it answers `false`.
    pub(super) fn uploads(
        &self,
        context: &Context,
        prefix: &str,
        each: &mut dyn FnMut(&StaleUpload<'_>) -> bool,
    ) -> Result<()> {
        self.link.check()?;
        let client = self.link.client();
        let Some(lister) = &client.uploads else { return Ok(()) };
        let wrong = |why: &str| {
            let message = format!("cannot list the uploads of {}/{prefix}: {why}", client.name());
            Error::new(Status::Io, message).with_path(prefix)
        };
        let whole = format!("{}{prefix}", client.prefix);
        let mut asked_for = whole.as_str();
        let (mut after, mut empty): (Option<(String, String)>, u32) = (None, 0);
        loop {
            context.check("listing the uploads of an object store")?;
            let (page, now, is_by_name) =
                self.upload_page(context, lister, prefix, asked_for, after.as_ref())?;
            if is_by_name && !asked_for.is_empty() {
                asked_for = "";
                continue;
            }
            empty = if page.uploads.is_empty() { empty + 1 } else { 0 };
            for upload in page.uploads {
                let Some(key) = upload.name.strip_prefix(&client.prefix) else { continue };
                if !key.starts_with(prefix) || key::check(key).is_err() {
                    continue;
                }
                let Some(age) = age_at(now, upload.begun) else {
                    return Err(wrong("the service does not tell how old they are"));
                };
                if !each(&StaleUpload { key, id: &upload.id, size: 0, age }) {
                    return Ok(());
                }
            }
            match page.next {
                None => return Ok(()),
                next if next == after => {
                    return Err(wrong("the service gives the same page again and again"));
                }
                _ if empty >= EMPTY_PAGES => {
                    return Err(wrong("the service gives page after page without an upload"));
                }
                next => after = next,
            }
        }
    }

    /// A page, when the service wrote it, and whether it lists the uploads of one name where a prefix is
    /// given.
    fn upload_page(
        &self,
        context: &Context,
        lister: &UploadLister,
        prefix: &str,
        whole: &str,
        after: Option<&(String, String)>,
    ) -> Result<(UploadPage, Option<SystemTime>, bool)> {
        let asked = Asked { keep_body: true, most: listing::MOST, if_absent: false };
        let ask = Ask { asked, ..self.link.ask("list the uploads of", prefix, 0) };
        let listed = self.link.repeated(context, ask, || lister.page(whole, after));
        let ((), answer) = listed.map_err(|failure| failure.error)?;
        let page = listing::parse_uploads(&answer.body).map_err(|why| {
            let name = self.link.client().name();
            let message = format!("cannot list the uploads of {name}/{prefix}: {why}");
            Error::new(Status::Io, message).with_path(prefix)
        })?;
        let is_by_name = answer.header("server").is_some_and(|server| server.starts_with("MinIO"));
        Ok((page, date_of(&answer), is_by_name))
    }

    /// Gives up an upload that has begun; one that is gone is none to give up.
    pub(super) fn abort_begun(&self, context: &Context, key: &str, id: &str) -> Result<()> {
        let link = &self.link;
        let path = link.path(key)?;
        let (id, store) = (id.to_owned(), &link.client().store);
        let ask = link.ask("abort the upload of", key, 0);
        match link.repeated(context, ask, || store.abort_multipart(&path, &id)) {
            Ok(_) => Ok(()),
            Err(failure) if failure.kind == Kind::Absent => Ok(()),
            Err(failure) if code(&failure.answer).as_deref() == Some("NoSuchUpload") => Ok(()),
            Err(failure) => Err(failure.error),
        }
    }
}
