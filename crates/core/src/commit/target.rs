//! The dataset that is committed to.

use super::go_compat::Sightings;
use crate::context::Context;
use crate::history::{FirstCanonical, History, SlotKey};
use crate::layout::Layout;
use crate::manifest::FileFormat;
use crate::store::{Backend, Durability, Store};

/// The dataset that is committed to, and how.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// Where it is.
    pub store: &'a Store,
    /// Its id.
    pub dataset: &'a str,
    /// Where its objects lie.
    pub layout: Layout,
    /// What a commit must survive.
    pub durability: Durability,
    /// How data files are written, as a manifest without files says it, too.
    pub format: FileFormat,
    /// Of a volume: how long it is, if that was said.
    pub total_length: Option<u64>,
    /// The current Unix time in nanoseconds.
    pub clock: fn() -> i64,
    /// What was seen unchanged, on stores without a clock.
    pub sightings: &'a Sightings,
}

impl<'a> Target<'a> {
    /// What does the work.
    pub fn backend(&self) -> &'a dyn Backend {
        self.store.backend()
    }

    /// What identifies the slot of this parent.
    pub fn slot_key<'b>(&self, parent: Option<&'b str>) -> SlotKey<'b>
    where
        'a: 'b,
    {
        SlotKey { dataset: self.dataset, layout: self.layout, parent }
    }

    /// Reads the dataset's history for a call.
    pub fn history(&self, context: &'a Context) -> History<'a> {
        let first_canonical = FirstCanonical::default();
        History { store: self.store, dataset: self.dataset, layout: self.layout, context, first_canonical }
    }
}
