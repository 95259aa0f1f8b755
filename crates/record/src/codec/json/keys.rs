//! The keys of the document before, which the next one most often has again, in the same order.
//!
//! Where a key ends depends on its bytes, and all that follows waits for it. A key that equals one that was
//! checked before needs no look at its bytes, and the processor goes on at once on the guess that it does.

use std::collections::TryReserveError;

/// Keys remembered: a power of two.
const PLACES: usize = 128;

/// Places from those of an object to those of the objects in it; what overlaps is remembered less well.
const PLACES_PER_LEVEL: usize = 32;

/// With more keys than this that were not as remembered, documents are too different to remember anything.
const MOST_MISSES: u32 = 12;

/// How many documents are left alone then.
const PAUSE: u32 = 63;

/// The longest text remembered.
const LONGEST: usize = 32;

/// A key's text, from its opening quote to its colon: ASCII, and known to be valid.
#[derive(Clone, Copy, Debug, Default)]
struct Key {
    text: [u128; 2],
    /// Its length in bytes; 0: none is remembered.
    length: usize,
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
        keys.resize(PLACES, Key::default());
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

    /// The length of the key, with its colon, that `rest` begins with, if it is the one remembered for this
    /// place; else 0.
    #[inline(always)]
    pub(super) fn known(&mut self, rest: &[u8]) -> usize {
        if self.pause > 0 {
            return 0;
        }
        let key = &self.keys[self.place % PLACES];
        self.place += 1;
        let Some(chunk) = rest.first_chunk::<LONGEST>() else {
            return 0;
        };
        let masks = MASKS[key.length % MASKS.len()];
        let [low, high] = halves(chunk);
        let difference = (low ^ key.text[0]) & masks[0] | (high ^ key.text[1]) & masks[1];
        if difference == 0 { key.length } else { 0 }
    }

    /// Remembers a valid key for the place that [`Keys::known`] was asked about last.
    #[inline(always)]
    pub(super) fn remember(&mut self, text: &[u8]) {
        if self.pause > 0 || text.len() > LONGEST || !text.is_ascii() {
            return;
        }
        self.misses += 1;
        let mut padded = [0; LONGEST];
        padded[..text.len()].copy_from_slice(text);
        self.keys[(self.place - 1) % PLACES] = Key { text: halves(&padded), length: text.len() };
    }
}

/// Which bits count, by the key's length; a power of two of them, so that any index can be made a valid one.
const MASKS: [[u128; 2]; (LONGEST + 1).next_power_of_two()] = {
    let mut masks = [[0; 2]; (LONGEST + 1).next_power_of_two()];
    let mut length = 1;
    while length <= LONGEST {
        masks[length] = if length <= 16 {
            [u128::MAX >> (128 - 8 * length), 0]
        } else {
            [u128::MAX, u128::MAX >> (256 - 8 * length)]
        };
        length += 1;
    }
    masks
};

fn halves(bytes: &[u8; LONGEST]) -> [u128; 2] {
    let (low, high) = bytes.split_at(16);
    [low, high].map(|half| u128::from_le_bytes(half.try_into().unwrap_or_default()))
}
