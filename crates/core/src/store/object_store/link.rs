//! How a call on the caller's thread gets its requests done: a runtime that this thread drives for as long as
//! it waits, in slices between which the call's deadline, cancel token and progress callback have their turn.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use object_store::path::Path;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

use super::answer::{Failure, Kind, failure};
use super::connect::Client;
use super::connector::{Answer, Asked, EXCHANGE, Exchange};
use super::reading::Parts;
use super::settings::Settings;
use crate::context::Context;
use crate::error::{Error, Result, Status};
use crate::id;
use crate::process::Process;
use crate::store::key;
use crate::store::location::Service;

/// How often a request that is not answered in time is tried.
const TIMEOUTS: u32 = 3;

/// A secret of fewer bytes is in many a text by chance.
const SHORTEST_SECRET: usize = 4;

/// A request: what it is for, how long it may take, and what is wanted of its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask<'a> {
    /// For messages, such as `read`.
    pub doing: &'static str,
    pub key: &'a str,
    pub limit: Duration,
    /// How much of that is over.
    pub waited: Duration,
    pub asked: Asked,
}

/// A request that runs while its caller does something else.
pub(super) struct Running<T> {
    handle: Option<JoinHandle<object_store::Result<T>>>,
    pub exchange: Arc<Exchange>,
    link: Link,
}

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        let Some(handle) = self.handle.take() else { return };
        if self.link.process.is_current() {
            handle.abort();
        } else {
            std::mem::forget(handle);
        }
    }
}

/// Why a request that was started has no answer; and the request, if it goes on.
type Unfinished<T> = (Failure, Option<Running<T>>);

/// A service, and the runtime for requests to it. Clones are the same.
#[derive(Clone)]
pub(super) struct Link {
    inner: Arc<Inner>,
    process: Process,
}

struct Inner {
    /// Taken at the end.
    runtime: Option<Runtime>,
    client: Client,
    settings: Settings,
    secrets: Vec<String>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // What a fork has copied stays: its sockets and locks are the other process's.
        if !self.process.is_current() {
            std::mem::forget(Arc::clone(&self.inner));
        }
    }
}

/// Why waiting for a request ended before it did.
enum Over {
    /// The call's deadline, cancel token or progress callback.
    Call(Error),
    /// The time for one request.
    Limit,
}

impl Link {
    /// A link that has made no request yet.
    ///
    /// # Errors
    /// `Io`: the system refuses what a runtime needs.
    pub fn new(client: Client, settings: Settings) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| {
            Error::new(Status::Io, format_args!("the runtime for requests cannot be made: {error}"))
        })?;
        let secrets = client.secrets(&settings);
        let inner = Inner { runtime: Some(runtime), client, settings, secrets };
        Ok(Link { inner: Arc::new(inner), process: Process::current() })
    }

    pub fn client(&self) -> &Client {
        &self.inner.client
    }

    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    pub fn service(&self) -> Service {
        self.inner.client.service
    }

    fn runtime(&self) -> &Runtime {
        match &self.inner.runtime {
            Some(runtime) => runtime,
            None => unreachable!("the runtime is taken when the last link is dropped"),
        }
    }

    /// The name of an object in the bucket.
    ///
    /// # Errors
    /// `InvalidPath`.
    pub fn path(&self, key: &str) -> Result<Path> {
        key::check(key)?;
        let name = format!("{}{key}", self.inner.client.prefix);
        match Path::parse(&name) {
            Ok(path) if path.as_ref() == name => Ok(path),
            _ => {
                let message = format!("invalid key {key:?}: an object store cannot name it");
                Err(Error::new(Status::InvalidPath, message).with_path(key))
            }
        }
    }

    /// Whether this is the process that opened it.
    pub fn is_own_process(&self) -> bool {
        self.process.is_current()
    }

    /// Fails where no request can be made: in a forked process, within a runtime.
    ///
    /// # Errors
    /// `Forked`, `State`.
    pub fn check(&self) -> Result<()> {
        self.process.check("a store in a bucket")?;
        if Handle::try_current().is_ok() {
            let message = "a store in a bucket cannot be used on a thread of a tokio runtime: use it on a thread of \
                           your own";
            return Err(Error::new(Status::State, message));
        }
        Ok(())
    }

    /// A failure without the secrets that this store was given.
    fn redacted(&self, what: &str, answer: &Answer, error: Error) -> Error {
        let secrets = &self.inner.secrets;
        if !secrets.iter().any(|secret| error.message().contains(secret.as_str())) {
            return error;
        }
        // One that short stands in any text by chance: what is left without it would say nothing.
        let text = if secrets.iter().any(|secret| secret.len() < SHORTEST_SECRET) {
            let answered =
                answer.status.map_or("no answer".to_owned(), |status| format!("HTTP {}", status.as_u16()));
            format!(
                "cannot {what}: {answered}; no more is shown, because the settings hold a secret of less than \
                 {SHORTEST_SECRET} bytes, which may stand in it"
            )
        } else {
            secrets
                .iter()
                .fold(error.message().to_owned(), |text, secret| text.replace(secret.as_str(), "***"))
        };
        Error::new(error.status(), text).with_action(error.action())
    }

    /// Drives a request until it is done, or may take no longer.
    fn wait<F: Future>(
        &self,
        context: &Context,
        ask: &Ask<'_>,
        mut future: Pin<&mut F>,
    ) -> std::result::Result<F::Output, Over> {
        let end = Instant::now() + ask.limit.saturating_sub(ask.waited);
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let step = context.longest_wait().map_or(left, |step| step.min(left));
            let slice = async { tokio::time::timeout(step, future.as_mut()).await };
            if let Ok(output) = self.runtime().block_on(slice) {
                return Ok(output);
            }
            context.check(ask.doing).map_err(Over::Call)?;
            if Instant::now() >= end {
                return Err(Over::Limit);
            }
        }
    }

    fn what(&self, ask: &Ask<'_>) -> String {
        format!("{} {}/{}", ask.doing, self.client().name(), ask.key)
    }

    fn conclude<T>(
        &self,
        ask: &Ask<'_>,
        exchange: &Exchange,
        waited: std::result::Result<object_store::Result<T>, Over>,
    ) -> std::result::Result<(T, Answer), Failure> {
        let answer = exchange.answer();
        let mut failure = match waited {
            Ok(Ok(value)) => return Ok((value, answer)),
            Ok(Err(error)) => failure(self.service(), &self.what(ask), answer, Some(&error.to_string())),
            Err(over) => {
                let (kind, error) = match over {
                    Over::Call(error) => (Kind::Cut, error),
                    Over::Limit => {
                        let time = ask.limit.as_millis();
                        let message = format!("cannot {}: no answer within {time} ms", self.what(ask));
                        (Kind::TimedOut, Error::new(Status::Io, message))
                    }
                };
                let kind = if answer.requests == 0 { Kind::Ended } else { kind };
                Failure { answer: Box::new(answer), ..Failure::new(kind, error) }
            }
        };
        failure.error = self.redacted(&self.what(ask), &failure.answer, failure.error).with_path(ask.key);
        Err(failure)
    }

    /// Makes one request, once.
    pub fn once<T>(
        &self,
        context: &Context,
        ask: Ask<'_>,
        request: impl Future<Output = object_store::Result<T>>,
    ) -> std::result::Result<(T, Answer), Failure> {
        self.check().map_err(|error| Failure::new(Kind::Ended, error))?;
        let exchange = Exchange::new(ask.asked);
        let scoped = pin!(EXCHANGE.scope(Arc::clone(&exchange), request));
        let waited = self.wait(context, &ask, scoped);
        self.conclude(&ask, &exchange, waited)
    }

    /// Makes a request that may be repeated, as often as the context says.
    pub fn repeated<T, F: Future<Output = object_store::Result<T>>>(
        &self,
        context: &Context,
        ask: Ask<'_>,
        mut request: impl FnMut() -> F,
    ) -> std::result::Result<(T, Answer), Failure> {
        let mut tries = Tries::default();
        loop {
            let failure = match self.once(context, ask, request()) {
                Ok(done) => return Ok(done),
                Err(failure) => failure,
            };
            tries.next(context, ask.doing, failure)?;
        }
    }

    /// Starts a request that goes on whenever a call waits for any.
    pub fn start<T: Send + 'static>(
        &self,
        asked: Asked,
        request: impl Future<Output = object_store::Result<T>> + Send + 'static,
    ) -> Running<T> {
        let exchange = Exchange::new(asked);
        let handle = self.runtime().spawn(EXCHANGE.scope(Arc::clone(&exchange), request));
        self.nudge();
        Running { handle: Some(handle), exchange, link: self.clone() }
    }

    /// Lets what was started do as much as it can without waiting.
    pub fn nudge(&self) {
        self.runtime().block_on(async {
            for _ in 0..4 {
                tokio::task::yield_now().await;
            }
        });
    }

    /// Waits for the next part of an answer that has begun; `None`: it has ended. After a failure of the
    /// call's own, which is [`Kind::Cut`], it goes on.
    pub fn next_part(
        &self,
        context: &Context,
        ask: &Ask<'_>,
        exchange: &Arc<Exchange>,
        parts: &mut Parts,
    ) -> std::result::Result<Option<Bytes>, Failure> {
        let scoped = pin!(EXCHANGE.scope(Arc::clone(exchange), parts.next()));
        let waited = match self.wait(context, ask, scoped) {
            Ok(None) => return Ok(None),
            Ok(Some(Ok(part))) => return Ok(Some(part)),
            Ok(Some(Err(error))) => Ok(Err(error)),
            Err(over) => Err(over),
        };
        self.conclude(ask, exchange, waited).map(|(part, _)| Some(part))
    }

    /// Waits for a request that was started.
    pub fn finish<T>(
        &self,
        context: &Context,
        ask: Ask<'_>,
        mut running: Running<T>,
    ) -> std::result::Result<(T, Answer), Unfinished<T>> {
        if let Err(error) = self.check() {
            return Err((Failure::new(Kind::Ended, error), Some(running)));
        }
        let Some(mut handle) = running.handle.take() else {
            let error = Error::new(Status::Internal, "a request was waited for twice");
            return Err((Failure::new(Kind::Refused, error), None));
        };
        let waited = match self.wait(context, &ask, Pin::new(&mut handle)) {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(join)) => Ok(Err(object_store::Error::JoinError { source: join })),
            Err(over) => {
                let is_call = matches!(over, Over::Call(_));
                running.handle = Some(handle);
                let failure = match self.conclude::<T>(&ask, &running.exchange, Err(over)) {
                    Err(failure) => failure,
                    Ok(_) => unreachable!("a request that was given up has no answer"),
                };
                // One that only the call had no more time for goes on.
                return Err((failure, is_call.then_some(running)));
            }
        };
        self.conclude(&ask, &running.exchange, waited).map_err(|failure| (failure, None))
    }
}

/// How often a request was tried.
#[derive(Debug, Default)]
pub(super) struct Tries {
    tries: u32,
    timeouts: u32,
}

impl Tries {
    /// Pauses before the next try, if there may be one.
    ///
    /// # Errors
    /// The failure, if there may be none.
    pub fn next(
        &mut self,
        context: &Context,
        doing: &str,
        failure: Failure,
    ) -> std::result::Result<(), Failure> {
        self.tries += 1;
        self.timeouts += u32::from(failure.kind == Kind::TimedOut);
        let retry = context.retry();
        if !failure.is_passing() || self.tries >= retry.attempts || self.timeouts >= TIMEOUTS {
            return Err(failure);
        }
        let pause = retry.pause(self.tries, id::fresh_random()).max(failure.retry_after.unwrap_or_default());
        match context.sleep(pause, doing) {
            Ok(()) => Ok(()),
            // Why it had to be tried again says more than that there was no time for it.
            Err(over) => {
                let error = over.context(format_args!("after {} tries ({})", self.tries, failure.error));
                Err(Failure { error, kind: Kind::Ended, ..failure })
            }
        }
    }
}
