//! The keys of the document before, which the next one most often repeats in the same order, with the same
//! separators and white space around them.
//!
//! Where a key ends depends on its bytes, and all that follows waits for it. A key that equals one that was
//! checked before need not be scanned, and the processor goes on at once on the guess that it does.

use std::collections::TryReserveError;

use super::block::{self, Text};

/// Keys remembered: a power of two.
const PLACES: usize = 128;

/// Places from those of an object to those of the objects in it; what overlaps is remembered less well.
const PLACES_PER_LEVEL: usize = 32;

/// With more keys than this that were not as remembered, documents are too different to remember anything.
const MOST_MISSES: u32 = 12;

/// How many documents are left alone then.
const PAUSE: u32 = 63;

/// Bytes that are compared with a remembered text, which is shorter.
pub(super) const LOOK: usize = 2 * block::LEN;

/// What comes before a value: the text from the separator (`{` or `,`) before its key to the first byte of
/// the value. It is ASCII without line breaks, and known to be valid.
#[derive(Clone, Copy, Debug)]
struct Key {
    text: Text,
    /// Its length in bytes; 0: none is remembered.
    length: usize,
    /// Which of the wanted keys it is (see [`super::wanted`]); 0: none.
    mark: u8,
}

/// Keys by their place in the document.
#[derive(Debug)]
pub(super) struct Keys {
    keys: Box<[Key; PLACES]>,
    place: usize,
    misses: u32,
    /// Documents still to be left alone; 0: none.
    pause: u32,
}

impl Keys {
    pub(super) fn new() -> Result<Self, TryReserveError> {
        let mut keys = Vec::new();
        keys.try_reserve_exact(PLACES)?;
        keys.resize(PLACES, Key { text: Text::new(&[0; LOOK], 0), length: 0, mark: 0 });
        let keys = keys.into_boxed_slice().try_into().expect("as many as places");
        Ok(Keys { keys, place: 0, misses: 0, pause: 0 })
    }

    /// Begins a document.
    #[inline(always)]
    pub(super) fn begin(&mut self) {
        self.pause = if self.misses > MOST_MISSES { PAUSE } else { self.pause.saturating_sub(1) };
        self.misses = 0;
    }

    /// Begins an object that is `depth` levels deep: objects of one array find the keys of the one before.
    #[inline(always)]
    pub(super) fn enter_object(&mut self, depth: usize) {
        self.place = depth * PLACES_PER_LEVEL;
    }

    /// The length of the text that `ahead` begins with, if it is the one remembered for this place, else 0;
    /// and its key's mark.
    #[inline(always)]
    pub(super) fn known(&mut self, ahead: &[u8; LOOK]) -> (usize, u8) {
        if self.pause > 0 {
            return (0, 0);
        }
        let key = &self.keys[self.place % PLACES];
        self.place += 1;
        if key.text.begins(ahead) { (key.length % LOOK, key.mark) } else { (0, 0) }
    }

    /// Whether keys are remembered now.
    #[inline(always)]
    pub(super) fn remembers(&self) -> bool {
        self.pause == 0
    }

    /// Remembers a valid text, whose key has this mark, for the place that [`Keys::known`] was asked about
    /// last.
    pub(super) fn remember(&mut self, text: &[u8], mark: u8) {
        if text.len() >= LOOK || !text.is_ascii() {
            return;
        }
        self.misses += 1;
        let mut padded = [0; LOOK];
        padded[..text.len()].copy_from_slice(text);
        let key = Key { text: Text::new(&padded, text.len()), length: text.len(), mark };
        self.keys[(self.place - 1) % PLACES] = key;
    }
}
