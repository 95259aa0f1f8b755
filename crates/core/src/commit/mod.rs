//! The commit protocol (`docs/commit-protocol.md`): how a snapshot becomes visible, durable and the one
//! successor of its parent. [`machine`] decides what to do next and does not depend on bytes, clocks or
//! stores; [`driver`] does it on a store; [`go_compat`] holds what exists for the Go library alone.

pub(crate) mod driver;
pub(crate) mod go_compat;
pub(crate) mod machine;
mod target;

#[cfg(test)]
mod model;

pub(crate) use target::Target;
