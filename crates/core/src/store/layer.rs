//! What stands before a store and differs from it in a few operations: the probe, and stores of tests.

use std::time::Duration;

use super::cleanup::{Aged, RemovalLock, StaleUpload};
use super::{
    Backend, Capabilities, Durability, Head, Inspected, LockWait, Object, Put, StoreTime, Swap, Upload,
};
use crate::context::Context;
use crate::error::Result;

/// Defines [`Layer`], and [`Layered`] as a backend, by the operations that a layer may override.
macro_rules! operations {
    ($(fn $operation:ident(&self, $($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        /// What stands before a store: each operation goes through unless it is overridden. [`Layered`] makes
        /// a backend of it.
        pub trait Layer: Send + Sync {
            /// The store behind it.
            fn inner(&self) -> &dyn Backend;

            /// [`Backend::capabilities`].
            fn capabilities(&self) -> Capabilities {
                self.inner().capabilities()
            }

            $(
                #[doc = concat!("[`Backend::", stringify!($operation), "`].")]
                fn $operation(&self, $($argument: $type),*) -> $answer {
                    self.inner().$operation($($argument),*)
                }
            )*
        }

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

            $(
                fn $operation(&self, $($argument: $type),*) -> $answer {
                    self.0.$operation($($argument),*)
                }
            )*
        }
    };
}

/// The backend that a layer and the store behind it make.
pub struct Layered<L>(pub L);

operations! {
    fn upload(&self, context: &Context, key: &str, durability: Durability) -> Result<Box<dyn Upload>>;
    fn put_if_absent(&self, context: &Context, key: &str, data: &[u8], durability: Durability) -> Put;
    fn head(&self, context: &Context, key: &str) -> Result<Option<Head>>;
    fn open(&self, context: &Context, key: &str) -> Result<Option<Box<dyn Object>>>;
    fn get(&self, context: &Context, key: &str, limit: u64) -> Result<Option<Vec<u8>>>;
    fn list(
        &self, context: &Context, prefix: &str, start_after: Option<&str>, each: &mut dyn FnMut(&str) -> bool
    ) -> Result<()>;
    fn list_names(&self, context: &Context, prefix: &str, each: &mut dyn FnMut(&str) -> bool) -> Result<()>;
    fn delete(&self, context: &Context, key: &str) -> Result<()>;
    fn compare_and_swap(
        &self, context: &Context, key: &str, expected: &[u8], value: &[u8], durability: Durability, wait: LockWait
    ) -> Swap;
    fn age(&self, context: &Context, key: &str) -> Result<Option<Duration>>;
    fn inspect(&self, context: &Context, key: &str, time: &mut StoreTime) -> Result<Option<Inspected>>;
    fn list_aged(&self, context: &Context, prefix: &str, each: &mut dyn FnMut(&Aged<'_>) -> bool) -> Result<()>;
    fn lock_for_removal(&self, context: &Context, key: &str) -> Result<RemovalLock>;
    fn list_uploads(
        &self, context: &Context, prefix: &str, each: &mut dyn FnMut(&StaleUpload<'_>) -> bool
    ) -> Result<()>;
    fn abort_upload(&self, context: &Context, upload: &StaleUpload<'_>) -> Result<()>;
    fn check_folder(&self, context: &Context, prefix: &str) -> Result<()>;
    fn persist(&self, context: &Context, key: &str) -> Result<()>;
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
