//! What stands before a store and differs from it in a few operations: the probe, and stores of tests.

use std::time::Duration;

use super::cleanup::{Aged, RemovalLock, StaleUpload};
use super::{
    Backend, Capabilities, Durability, Head, Inspected, LockWait, Object, Put, StoreTime, Swap, Upload,
};
use crate::context::Context;
use crate::error::Result;

/// What stands before a store: each operation goes through unless it is overridden. [`Layered`] makes a
/// backend of it.
pub trait Layer: Send + Sync {
    /// The store behind it.
    fn inner(&self) -> &dyn Backend;

    /// [`Backend::capabilities`].
    fn capabilities(&self) -> Capabilities {
        self.inner().capabilities()
    }

    /// [`Backend::upload`].
    fn upload(&self, context: &Context, key: &str, durability: Durability) -> Result<Box<dyn Upload>> {
        self.inner().upload(context, key, durability)
    }

    /// [`Backend::put_if_absent`].
    fn put_if_absent(&self, context: &Context, key: &str, data: &[u8], durability: Durability) -> Put {
        self.inner().put_if_absent(context, key, data, durability)
    }

    /// [`Backend::head`].
    fn head(&self, context: &Context, key: &str) -> Result<Option<Head>> {
        self.inner().head(context, key)
    }

    /// [`Backend::open`].
    fn open(&self, context: &Context, key: &str) -> Result<Option<Box<dyn Object>>> {
        self.inner().open(context, key)
    }

    /// [`Backend::get`].
    fn get(&self, context: &Context, key: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        self.inner().get(context, key, limit)
    }

    /// [`Backend::list`].
    fn list(
        &self,
        context: &Context,
        prefix: &str,
        start_after: Option<&str>,
        each: &mut dyn FnMut(&str) -> bool,
    ) -> Result<()> {
        self.inner().list(context, prefix, start_after, each)
    }

    /// [`Backend::list_names`].
    fn list_names(&self, context: &Context, prefix: &str, each: &mut dyn FnMut(&str) -> bool) -> Result<()> {
        self.inner().list_names(context, prefix, each)
    }

    /// [`Backend::delete`].
    fn delete(&self, context: &Context, key: &str) -> Result<()> {
        self.inner().delete(context, key)
    }

    /// [`Backend::compare_and_swap`].
    fn compare_and_swap(
        &self,
        context: &Context,
        key: &str,
        expected: &[u8],
        value: &[u8],
        durability: Durability,
        wait: LockWait,
    ) -> Swap {
        self.inner().compare_and_swap(context, key, expected, value, durability, wait)
    }

    /// [`Backend::age`].
    fn age(&self, context: &Context, key: &str) -> Result<Option<Duration>> {
        self.inner().age(context, key)
    }

    /// [`Backend::inspect`].
    fn inspect(&self, context: &Context, key: &str, time: &mut StoreTime) -> Result<Option<Inspected>> {
        self.inner().inspect(context, key, time)
    }

    /// [`Backend::list_aged`].
    fn list_aged(
        &self,
        context: &Context,
        prefix: &str,
        each: &mut dyn FnMut(&Aged<'_>) -> bool,
    ) -> Result<()> {
        self.inner().list_aged(context, prefix, each)
    }

    /// [`Backend::lock_for_removal`].
    fn lock_for_removal(&self, context: &Context, key: &str) -> Result<RemovalLock> {
        self.inner().lock_for_removal(context, key)
    }

    /// [`Backend::list_uploads`].
    fn list_uploads(
        &self,
        context: &Context,
        prefix: &str,
        each: &mut dyn FnMut(&StaleUpload<'_>) -> bool,
    ) -> Result<()> {
        self.inner().list_uploads(context, prefix, each)
    }

    /// [`Backend::abort_upload`].
    fn abort_upload(&self, context: &Context, upload: &StaleUpload<'_>) -> Result<()> {
        self.inner().abort_upload(context, upload)
    }

    /// [`Backend::check_folder`].
    fn check_folder(&self, context: &Context, prefix: &str) -> Result<()> {
        self.inner().check_folder(context, prefix)
    }

    /// [`Backend::persist`].
    fn persist(&self, context: &Context, key: &str) -> Result<()> {
        self.inner().persist(context, key)
    }
}

/// The backend that a layer and the store behind it make.
pub struct Layered<L>(pub L);

impl<L: Layer> Backend for Layered<L> {
    fn describe(&self) -> String {
        self.0.inner().describe()
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn location(&self, key: &str) -> Option<String> {
        self.0.inner().location(key)
    }

    fn upload(&self, context: &Context, key: &str, durability: Durability) -> Result<Box<dyn Upload>> {
        self.0.upload(context, key, durability)
    }

    fn put_if_absent(&self, context: &Context, key: &str, data: &[u8], durability: Durability) -> Put {
        self.0.put_if_absent(context, key, data, durability)
    }

    fn head(&self, context: &Context, key: &str) -> Result<Option<Head>> {
        self.0.head(context, key)
    }

    fn open(&self, context: &Context, key: &str) -> Result<Option<Box<dyn Object>>> {
        self.0.open(context, key)
    }

    fn get(&self, context: &Context, key: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        self.0.get(context, key, limit)
    }

    fn list(
        &self,
        context: &Context,
        prefix: &str,
        start_after: Option<&str>,
        each: &mut dyn FnMut(&str) -> bool,
    ) -> Result<()> {
        self.0.list(context, prefix, start_after, each)
    }

    fn list_names(&self, context: &Context, prefix: &str, each: &mut dyn FnMut(&str) -> bool) -> Result<()> {
        self.0.list_names(context, prefix, each)
    }

    fn delete(&self, context: &Context, key: &str) -> Result<()> {
        self.0.delete(context, key)
    }

    fn compare_and_swap(
        &self,
        context: &Context,
        key: &str,
        expected: &[u8],
        value: &[u8],
        durability: Durability,
        wait: LockWait,
    ) -> Swap {
        self.0.compare_and_swap(context, key, expected, value, durability, wait)
    }

    fn age(&self, context: &Context, key: &str) -> Result<Option<Duration>> {
        self.0.age(context, key)
    }

    fn inspect(&self, context: &Context, key: &str, time: &mut StoreTime) -> Result<Option<Inspected>> {
        self.0.inspect(context, key, time)
    }

    fn list_aged(
        &self,
        context: &Context,
        prefix: &str,
        each: &mut dyn FnMut(&Aged<'_>) -> bool,
    ) -> Result<()> {
        self.0.list_aged(context, prefix, each)
    }

    fn lock_for_removal(&self, context: &Context, key: &str) -> Result<RemovalLock> {
        self.0.lock_for_removal(context, key)
    }

    fn list_uploads(
        &self,
        context: &Context,
        prefix: &str,
        each: &mut dyn FnMut(&StaleUpload<'_>) -> bool,
    ) -> Result<()> {
        self.0.list_uploads(context, prefix, each)
    }

    fn abort_upload(&self, context: &Context, upload: &StaleUpload<'_>) -> Result<()> {
        self.0.abort_upload(context, upload)
    }

    fn check_folder(&self, context: &Context, prefix: &str) -> Result<()> {
        self.0.check_folder(context, prefix)
    }

    fn persist(&self, context: &Context, key: &str) -> Result<()> {
        self.0.persist(context, key)
    }
}

/// A store of which nothing may be asked: every operation is a failed test.
#[cfg(test)]
pub(crate) struct Refusing;

#[cfg(test)]
impl Backend for Refusing {
    fn describe(&self) -> String {
        "a store that must not be asked".to_owned()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    fn upload(&self, _context: &Context, key: &str, _durability: Durability) -> Result<Box<dyn Upload>> {
        panic!("{key} is written")
    }

    fn head(&self, _context: &Context, key: &str) -> Result<Option<Head>> {
        panic!("{key} is asked for")
    }

    fn open(&self, _context: &Context, key: &str) -> Result<Option<Box<dyn Object>>> {
        panic!("{key} is opened")
    }

    fn get(&self, _context: &Context, key: &str, _limit: u64) -> Result<Option<Vec<u8>>> {
        panic!("{key} is read")
    }

    fn list(
        &self,
        _context: &Context,
        prefix: &str,
        _start_after: Option<&str>,
        _each: &mut dyn FnMut(&str) -> bool,
    ) -> Result<()> {
        panic!("{prefix} is listed")
    }

    fn list_names(
        &self,
        _context: &Context,
        prefix: &str,
        _each: &mut dyn FnMut(&str) -> bool,
    ) -> Result<()> {
        panic!("{prefix} is listed")
    }

    fn delete(&self, _context: &Context, key: &str) -> Result<()> {
        panic!("{key} is deleted")
    }

    fn compare_and_swap(
        &self,
        _context: &Context,
        key: &str,
        _expected: &[u8],
        _value: &[u8],
        _durability: Durability,
        _wait: LockWait,
    ) -> Swap {
        panic!("{key} is swapped")
    }

    fn persist(&self, _context: &Context, key: &str) -> Result<()> {
        panic!("{key} is persisted")
    }
}
