//! Iterators over what a store holds: one step at a time, each within the deadline that was given for it.

use crate::context::{CallOptions, Context};
use crate::error::{Error, Result};

/// What an iterator runs on.
pub trait Steps: Send {
    /// What it gives.
    type Item;

    /// Says what it is doing, for messages about a deadline.
    fn doing(&self) -> &'static str;

    /// The next item; `None` at the end. Not called again after the end or a failure.
    ///
    /// # Errors
    /// The store's failure; `Deadline`, `Cancelled` and `Aborted` by way of `context`.
    fn next(&mut self, context: &Context) -> Result<Option<Self::Item>>;
}

/// Gives items one by one, in bounded memory. It belongs to one thread at a time.
///
/// The deadline that it was made with holds anew for each step, from that step's start; the cancel token
/// holds for all of them.
pub struct Iter<T> {
    steps: Box<dyn Steps<Item = T>>,
    options: CallOptions,
    end: Option<Result<()>>,
}

/// Keys, or other names: ids of datasets, partitions.
pub type Keys = Iter<String>;

impl<T> Iter<T> {
    /// An iterator over these steps, each within the limits that `options` set.
    pub fn new(steps: impl Steps<Item = T> + 'static, options: &CallOptions) -> Self {
        Iter { steps: Box::new(steps), options: options.clone(), end: None }
    }

    /// The next; `None` at the end.
    ///
    /// # Errors
    /// `Deadline`, `Cancelled`, `Aborted`; the store's failure; what is wrong with a stored object. A failure
    /// stays.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<T>> {
        if let Some(end) = &self.end {
            return end.clone().map(|()| None);
        }
        let context = Context::start(&self.options);
        let next = context.check(self.steps.doing()).and_then(|()| self.steps.next(&context));
        match &next {
            Ok(Some(_)) => {}
            Ok(None) => self.end = Some(Ok(())),
            Err(error) => self.end = Some(Err(error.clone())),
        }
        next
    }
}

/// A context's verdict from within a listing, which can only be told to stop.
pub(crate) struct Watch<'a> {
    context: &'a Context,
    doing: &'static str,
    stopped: Option<Error>,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(context: &'a Context, doing: &'static str) -> Self {
        Watch { context, doing, stopped: None }
    }

    /// Whether the listing may go on.
    pub(crate) fn goes_on(&mut self) -> bool {
        match self.context.step(self.doing) {
            Ok(()) => true,
            Err(error) => {
                self.stopped = Some(error);
                false
            }
        }
    }

    /// What stopped the listing, if this did.
    ///
    /// # Errors
    /// `Deadline`, `Cancelled`, `Aborted`.
    pub(crate) fn verdict(self) -> Result<()> {
        self.stopped.map_or(Ok(()), Err)
    }
}
