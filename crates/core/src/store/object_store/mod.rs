//! Objects in a bucket of S3 or a service that speaks its protocol, of Google Cloud Storage, or of Azure.
//!
//! The crate `object_store` signs requests and reads answers. What goes over the wire, and when it may be
//! sent again, is decided here: a conditional request is sent once, and what its answer does not prove is
//! answered as unknown. [`link`] drives requests on the caller's thread, [`connector`] is the HTTP client,
//! [`answer`] says what an answer proves. `docs/object-stores.md` is the page for users.

mod answer;
mod bucket_object;
mod connect;
mod connector;
mod link;
mod listing;
mod multipart;
mod reading;
mod settings;
mod staging;
mod swap;
#[cfg(test)]
mod tests;
mod upload;
mod uploads;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::StreamExt;
use object_store::list::PaginatedListOptions;
use object_store::{GetOptions, PutMode};
use twox_hash::XxHash3_128;

use self::answer::{Failure, Kind};
use self::bucket_object::BucketObject;
use self::connect::Client;
use self::connector::{Answer, Asked};
use self::link::{Ask, Link};
use self::listing::Listed;
use self::settings::Settings;
use self::swap::KnownVersions;
use self::upload::BucketUpload;
use super::cleanup::{Aged, StaleUpload};
use super::key::{self, folder, is_temporary};
use super::location::Service;
use super::{
    Backend, Capabilities, Durability, Head, Inspected, LockWait, Object, Put, StoreTime, Swap, Upload,
};
use crate::context::Context;
use crate::error::{Error, Result, Status};

/// The most bytes of an answer that says little.
const SHORT: u64 = 256 << 10;

/// The most bytes that a single put may have.
const SINGLE: usize = 64 << 20;

/// How many pages without a name that is new a listing may have, one after the other.
const EMPTY_PAGES: u32 = 100;

/// A store in a bucket. Clones are the same store.
#[derive(Clone)]
pub(super) struct BucketStore {
    link: Link,
    known: Arc<Known>,
}

/// What was learnt of the bucket.
#[derive(Default)]
struct Known {
    versions: KnownVersions,
    /// Whether the completion of an upload keeps its condition, once that was tried.
    completion: Mutex<Option<bool>>,
}

/// What a service tells of an object without its bytes.
struct Told {
    size: u64,
    e_tag: Option<String>,
    age: Option<Duration>,
}

/// What a listing meets.
enum Found<'a> {
    Object { key: &'a str, size: Option<u64>, age: Option<Duration> },
    Folder(&'a str),
}

impl BucketStore {
    /// A store below `prefix` in a bucket. No request is made.
    ///
    /// # Errors
    /// `InvalidArgument`, naming the setting and not its value; `NotFound`, `Io`.
    pub(super) fn open(service: Service, bucket: &str, prefix: &str, settings: &str) -> Result<Self> {
        let settings = Settings::parse(service, settings)?;
        let client = Client::new(service, bucket, prefix, &settings)?;
        Ok(BucketStore { link: Link::new(client, settings)?, known: Arc::default() })
    }

    /// A request without a body, whose answer is short.
    fn ask<'a>(&self, doing: &'static str, key: &'a str) -> Ask<'a> {
        self.link.ask(doing, key, 0)
    }

    /// What the service tells of an object; `None`: it is absent.
    fn head_of(&self, context: &Context, key: &str) -> Result<Option<Told>> {
        let link = &self.link;
        let path = link.path(key)?;
        let store = &link.client().store;
        let head = || {
            let options = GetOptions { head: true, ..GetOptions::default() };
            async { store.get_opts(&path, options).await.map(|result| result.meta) }
        };
        match link.repeated(context, self.ask("look up", key), head) {
            Ok((meta, answer)) => Ok(Some(Told { size: meta.size, e_tag: meta.e_tag, age: age_of(&answer) })),
            Err(failure) if failure.kind == Kind::Absent => Ok(None),
            // The answer to this request has no body that could say what is absent.
            Err(failure) if failure.answer.status == Some(http::StatusCode::NOT_FOUND) => {
                match link.first(context, key, 1) {
                    Ok(Some(piece)) => {
                        Ok(Some(Told { size: piece.size, e_tag: piece.version.e_tag, age: None }))
                    }
                    Ok(None) => Ok(None),
                    Err(failure) => Err(failure.error),
                }
            }
            Err(failure) => Err(failure.error),
        }
    }

    /// The hash of a whole object; `None`: it is absent.
    fn hash(&self, context: &Context, key: &str) -> Result<Option<u128>> {
        let Some(mut object) = self.open(context, key)? else { return Ok(None) };
        let (mut hasher, mut offset) = (XxHash3_128::new(), 0);
        let mut buffer = staging::reserved(1 << 20)?;
        buffer.resize(1 << 20, 0);
        loop {
            context.check("reading an object back")?;
            match object.read_at(context, offset, &mut buffer)? {
                0 => return Ok(Some(hasher.finish_128())),
                count => {
                    hasher.write(&buffer[..count]);
                    offset += count as u64;
                }
            }
        }
    }

    /// The service does not tell how old, or how large, an object is.
    fn ageless(&self, key: &str) -> Error {
        let message = format!(
            "the age of {key:?} in {} is not known: the answer lacks its size, its time or the service's",
            self.link.client().name()
        );
        Error::new(Status::Unsupported, message).with_path(key)
    }

    fn remove(&self, context: &Context, key: &str) -> Result<()> {
        let link = &self.link;
        let path = link.path(key)?;
        let store = &link.client().store;
        let delete = || {
            let paths = futures_util::stream::once(std::future::ready(Ok(path.clone()))).boxed();
            let mut deleted = store.delete_stream(paths);
            async move {
                match deleted.next().await {
                    Some(deleted) => deleted.map(drop),
                    None => Ok(()),
                }
            }
        };
        match link.repeated(context, self.ask("remove", key), delete) {
            Ok(_) => Ok(()),
            Err(failure) if failure.kind == Kind::Absent => Ok(()),
            // Azure answers for each object of a batch; the batch itself succeeded.
            Err(failure) if failure.is_absent_in_batch() => Ok(()),
            Err(failure) => Err(failure.error),
        }
    }

    fn known_completion(&self) -> Option<bool> {
        *self.known.completion.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn learn_completion(&self, is_kept: bool) {
        *self.known.completion.lock().unwrap_or_else(PoisonError::into_inner) = Some(is_kept);
    }

    /// One page of what is below a prefix of the bucket, and when the service wrote it.
    fn page(
        &self,
        context: &Context,
        prefix: &str,
        start_after: Option<&str>,
        is_flat: bool,
        token: Option<String>,
    ) -> Result<(listing::Page, Option<SystemTime>)> {
        let link = &self.link;
        let whole = format!("{}{prefix}", link.client().prefix);
        let after = start_after.map(|key| format!("{}{key}", link.client().prefix));
        let options = || PaginatedListOptions {
            offset: after.clone(),
            delimiter: (!is_flat).then_some("/".into()),
            max_keys: Some(listing::PAGE),
            page_token: token.clone(),
            ..PaginatedListOptions::default()
        };
        let prefix_given = (!whole.is_empty()).then_some(whole.as_str());
        let asked = Asked { keep_body: true, most: listing::MOST, if_absent: false };
        let ask = Ask { asked, ..self.ask("list", prefix) };
        let store = &link.client().store;
        let listed = link.repeated(context, ask, || async {
            // It refuses a whole page for a name that it does not like; the page is read here.
            match store.list_paginated(prefix_given, options()).await {
                Ok(_) => Ok(()),
                Err(error) => Err(error),
            }
        });
        let answer = match listed {
            Ok(((), answer)) => answer,
            Err(failure)
                if failure.answer.status == Some(http::StatusCode::OK) && failure.kind == Kind::Malformed =>
            {
                *failure.answer
            }
            Err(failure) => return Err(failure.error),
        };
        let page = listing::parse(&answer.body).map_err(|why| {
            let message = format!("cannot list {}/{prefix}: {why}", link.client().name());
            Error::new(Status::Io, message).with_path(prefix)
        })?;
        Ok((page, date_of(&answer)))
    }

    /// Calls `each` for what is on every page, objects and folders, without the store's own prefix.
    fn pages(
        &self,
        context: &Context,
        prefix: &str,
        start_after: Option<&str>,
        is_flat: bool,
        each: &mut dyn FnMut(Found<'_>) -> bool,
    ) -> Result<()> {
        let own = self.link.client().prefix.clone();
        let wrong = |why: &str| {
            let message = format!("cannot list {}/{prefix}: the service {why}", self.link.client().name());
            Error::new(Status::Io, message).with_path(prefix)
        };
        let (mut token, mut last, mut empty): (Option<String>, Option<String>, u32) = (None, None, 0);
        loop {
            context.check("listing an object store")?;
            let (page, now) = self.page(context, prefix, start_after, is_flat, token.clone())?;
            let is_empty = page.objects.is_empty() && page.prefixes.is_empty();
            for Listed { name, size, modified } in page.objects {
                if last.as_ref().is_some_and(|last| *last >= name) {
                    return Err(wrong("lists objects twice or out of order"));
                }
                let age = age_at(now, modified);
                if let Some(key) = name.strip_prefix(&own)
                    && !each(Found::Object { key, size, age })
                {
                    return Ok(());
                }
                last = Some(name);
            }
            for name in page.prefixes {
                if let Some(key) = name.strip_prefix(&own)
                    && !each(Found::Folder(key))
                {
                    return Ok(());
                }
            }
            empty = if is_empty { empty + 1 } else { 0 };
            match page.next {
                None => return Ok(()),
                next if next == token => return Err(wrong("gives the same page again and again")),
                _ if empty >= EMPTY_PAGES => return Err(wrong("gives page after page without a name")),
                next => token = next,
            }
        }
    }
}

fn time_of(answer: &Answer, name: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(answer.header(name)?).ok()
}

/// When the service answered, by its own clock.
fn date_of(answer: &Answer) -> Option<SystemTime> {
    time_of(answer, "date")
}

fn age_at(now: Option<SystemTime>, modified: Option<SystemTime>) -> Option<Duration> {
    Some(now?.duration_since(modified?).unwrap_or_default())
}

/// How long an object has stood unchanged when the service answered, by its own clock.
fn age_of(answer: &Answer) -> Option<Duration> {
    age_at(date_of(answer), time_of(answer, "last-modified"))
}

impl Failure {
    /// Whether an answer for many objects says of the only one that it is absent.
    fn is_absent_in_batch(&self) -> bool {
        self.kind == Kind::Malformed
            && self.answer.status == Some(http::StatusCode::ACCEPTED)
            && self.error.message().contains("not found")
    }

    /// Why a put or a swap did nothing, or may have done something.
    fn into_put(self) -> Put {
        match self.is_certain() {
            true => Put::Failed(self.error),
            false => Put::Unknown(self.error),
        }
    }
}

impl Backend for BucketStore {
    fn describe(&self) -> String {
        format!("object store {}", self.link.client().name())
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            is_ordered: true,
            has_clock: true,
            has_conditional_uploads: self.link.service() == Service::S3,
            is_remote: true,
            ..Capabilities::default()
        }
    }

    fn identity(&self) -> Option<String> {
        Some(self.link.client().identity().to_owned())
    }

    fn upload(&self, _context: &Context, key: &str, _durability: Durability) -> Result<Box<dyn Upload>> {
        Ok(Box::new(BucketUpload::new(self, key)?))
    }

    fn put_if_absent(&self, context: &Context, key: &str, data: &[u8], _durability: Durability) -> Put {
        if data.len() > SINGLE {
            let message = format!(
                "{key:?} has {} bytes, more than the {SINGLE} that are put into an object store in one step",
                data.len()
            );
            return Put::Failed(Error::new(Status::Unsupported, message).with_path(key));
        }
        let mut copy = match staging::reserved(data.len()) {
            Ok(copy) => copy,
            Err(error) => return Put::Failed(error.with_path(key)),
        };
        copy.extend_from_slice(data);
        let data = Bytes::from(copy);
        let mut tries = link::Tries::default();
        loop {
            let failure = match self.put(context, key, &data, PutMode::Create) {
                Ok(_) => {
                    context.written(data.len());
                    return Put::Done;
                }
                Err(failure) => failure,
            };
            match failure.kind {
                Kind::Precondition => return Put::Exists,
                Kind::NotSent => {
                    if let Err(failure) = tries.next(context, "put an object", failure) {
                        return Put::Failed(failure.error);
                    }
                }
                _ => return failure.into_put(),
            }
        }
    }

    fn head(&self, context: &Context, key: &str) -> Result<Option<Head>> {
        Ok(self.head_of(context, key)?.map(|told| Head { size: told.size }))
    }

    fn open(&self, context: &Context, key: &str) -> Result<Option<Box<dyn Object>>> {
        let path = self.link.path(key)?;
        let piece = self.link.first(context, key, reading::FIRST).map_err(|failure| failure.error)?;
        Ok(piece.map(|piece| -> Box<dyn Object> {
            Box::new(BucketObject::new(self.link.clone(), key, path, piece))
        }))
    }

    fn get(&self, context: &Context, key: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        let piece = self.link.whole(context, key, limit).map_err(|failure| failure.error)?;
        self.learn_version(key, piece.as_ref());
        Ok(piece.map(|piece| piece.bytes))
    }

    fn list(
        &self,
        context: &Context,
        prefix: &str,
        start_after: Option<&str>,
        each: &mut dyn FnMut(&str) -> bool,
    ) -> Result<()> {
        let prefix = folder(prefix)?;
        self.link.check()?;
        // One below the prefix is passed by the prefix itself.
        let after = start_after.filter(|after| *after > prefix.as_str());
        self.pages(context, &prefix, after, true, &mut |found| {
            let Found::Object { key, .. } = found else { return true };
            let name = key.rsplit('/').next().unwrap_or_default();
            let is_hidden = !key.starts_with(&prefix) || is_temporary(name) || key::check(key).is_err();
            // A service may ignore where it is to begin.
            is_hidden || start_after.is_some_and(|after| key <= after) || each(key)
        })
    }

    fn list_names(&self, context: &Context, prefix: &str, each: &mut dyn FnMut(&str) -> bool) -> Result<()> {
        let prefix = folder(prefix)?;
        self.link.check()?;
        self.pages(context, &prefix, None, false, &mut |found| {
            let (key, is_folder) = match found {
                Found::Object { key, .. } => (key, false),
                Found::Folder(key) => (key, true),
            };
            let Some(name) = key.strip_prefix(&prefix) else { return true };
            let name = name.strip_suffix('/').unwrap_or(name);
            let is_hidden =
                key::check(name).is_err() || name.contains('/') || (!is_folder && is_temporary(name));
            is_hidden || each(name)
        })
    }

    fn delete(&self, context: &Context, key: &str) -> Result<()> {
        self.forget_version(key);
        self.remove(context, key)
    }

    fn compare_and_swap(
        &self,
        context: &Context,
        key: &str,
        expected: &[u8],
        value: &[u8],
        _durability: Durability,
        _wait: LockWait,
    ) -> Swap {
        self.swap(context, key, expected, value)
    }

    fn age(&self, context: &Context, key: &str) -> Result<Option<Duration>> {
        Ok(self.inspect(context, key, &mut StoreTime::default())?.and_then(|inspected| inspected.age))
    }

    fn inspect(&self, context: &Context, key: &str, _time: &mut StoreTime) -> Result<Option<Inspected>> {
        let Some(told) = self.head_of(context, key)? else { return Ok(None) };
        let age = told.age.ok_or_else(|| self.ageless(key))?;
        Ok(Some(Inspected { size: told.size, age: Some(age) }))
    }

    fn list_aged(
        &self,
        context: &Context,
        prefix: &str,
        each: &mut dyn FnMut(&Aged<'_>) -> bool,
    ) -> Result<()> {
        let prefix = folder(prefix)?;
        self.link.check()?;
        let mut verdict = Ok(());
        self.pages(context, &prefix, None, true, &mut |found| {
            let Found::Object { key, size, age } = found else { return true };
            if !key.starts_with(&prefix) || key::check(key).is_err() {
                return true;
            }
            match (size, age) {
                (Some(size), Some(age)) => each(&Aged { key, size, age }),
                _ => {
                    verdict = Err(self.ageless(key));
                    false
                }
            }
        })?;
        verdict
    }

    fn list_uploads(
        &self,
        context: &Context,
        prefix: &str,
        each: &mut dyn FnMut(&StaleUpload<'_>) -> bool,
    ) -> Result<()> {
        self.uploads(context, &folder(prefix)?, each)
    }

    fn abort_upload(&self, context: &Context, upload: &StaleUpload<'_>) -> Result<()> {
        self.abort_begun(context, upload.key, upload.id)
    }
}
