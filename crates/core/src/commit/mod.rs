//! The commit protocol (`docs/commit-protocol.md`): how a snapshot becomes visible, durable and the one
//! successor of its parent. [`machine`] decides what to do next and knows nothing of bytes, clocks or stores;
//! [`driver`] does it on a store, reading by [`lookup`]; [`slot`] is the object that decides a commit, as
//! bytes.

pub(crate) mod adopt;
pub(crate) mod driver;
mod hive;
pub(crate) mod lookup;
pub(crate) mod machine;
pub(crate) mod producers;
pub(crate) mod slot;

#[cfg(test)]
mod model;
