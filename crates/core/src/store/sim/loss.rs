//! What a power cut may leave: of each file and directory, what was synced and any part of what was not.

use std::collections::BTreeMap;

use super::world::{DirNode, FileNode, Node, ROOT, World};
use super::{SimDisk, locked};

/// Counts through all sequences of choices, like the wheels of an odometer: `choose` answers 0 at every new
/// wheel, and `advance` turns the last wheel that can still turn.
#[derive(Clone, Debug, Default)]
pub(crate) struct Odometer {
    wheels: Vec<(usize, usize)>,
    at: usize,
}

impl Odometer {
    /// A number below `of`, which must not be 0.
    pub(crate) fn choose(&mut self, of: usize) -> usize {
        if self.at == self.wheels.len() {
            self.wheels.push((0, of));
        }
        let (now, size) = self.wheels[self.at];
        assert_eq!(size, of, "the choices are not the same when they are made again");
        self.at += 1;
        now
    }

    /// Goes on to the next sequence; `false` after the last one.
    pub(crate) fn advance(&mut self) -> bool {
        self.at = 0;
        while let Some((now, size)) = self.wheels.pop() {
            if now + 1 < size {
                self.wheels.push((now + 1, size));
                return true;
            }
        }
        false
    }
}

/// Choices from a seed, the same for the same seed.
pub(crate) fn seeded(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed;
    move |of| {
        // SplitMix64.
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % of as u64).unwrap_or(0)
    }
}

/// How much [`SimDisk::for_each_loss`] has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Coverage {
    pub(crate) states: usize,
    /// Whether these were all there are.
    pub(crate) exhaustive: bool,
}

impl SimDisk {
    /// The disk after a power cut, every process gone. `choice(n)` picks a number below `n` for each thing
    /// that is uncertain: for a name changed since its directory was synced, each of its meanings since then;
    /// for a file changed since it was synced, the synced bytes, half of the new ones, all of them, or all as
    /// zeros.
    pub(crate) fn power_loss(&self, choice: &mut dyn FnMut(usize) -> usize) -> SimDisk {
        let before = locked(&self.world);
        let mut after = World { nodes: BTreeMap::new(), locks: BTreeMap::new(), ..*before };
        let mut stack = vec![ROOT];
        while let Some(inode) = stack.pop() {
            if after.nodes.contains_key(&inode) {
                continue;
            }
            let node = match before.nodes.get(&inode) {
                Some(Node::File(file)) => Node::File(file_after(file, choice)),
                Some(Node::Dir(dir)) => {
                    let dir = dir_after(dir, choice);
                    stack.extend(dir.entries.values());
                    Node::Dir(dir)
                }
                None => continue,
            };
            after.nodes.insert(inode, node);
        }
        Self::from_world(after)
    }

    /// Hands `each` every state that a power cut now may leave; if there are more than `limit`, then that
    /// many of them in order, and as many again drawn from seeds.
    pub(crate) fn for_each_loss(&self, limit: usize, mut each: impl FnMut(SimDisk)) -> Coverage {
        let mut odometer = Odometer::default();
        for states in 1..=limit {
            each(self.power_loss(&mut |of| odometer.choose(of)));
            if !odometer.advance() {
                return Coverage { states, exhaustive: true };
            }
        }
        for seed in 0..limit as u64 {
            each(self.power_loss(&mut seeded(seed)));
        }
        Coverage { states: 2 * limit, exhaustive: false }
    }
}

fn file_after(file: &FileNode, choice: &mut dyn FnMut(usize) -> usize) -> FileNode {
    let mut states = vec![file.synced.clone()];
    let kept = if file.data.starts_with(&file.synced) { file.synced.len() } else { 0 };
    let half = kept + (file.data.len() - kept) / 2;
    let zeros = [&file.data[..kept], &vec![0; file.data.len() - kept]].concat();
    for state in [file.data[..half].to_vec(), file.data.clone(), zeros] {
        if !states.contains(&state) {
            states.push(state);
        }
    }
    let picked = if states.len() > 1 { choice(states.len()) } else { 0 };
    let data = states.swap_remove(picked);
    FileNode { synced: data.clone(), data, stuck: false, modified: file.modified }
}

fn dir_after(dir: &DirNode, choice: &mut dyn FnMut(usize) -> usize) -> DirNode {
    let mut entries = dir.synced.clone();
    for (name, values) in &dir.changes {
        let mut meanings = vec![dir.synced.get(name).copied()];
        for value in values {
            if !meanings.contains(value) {
                meanings.push(*value);
            }
        }
        let picked = if meanings.len() > 1 { choice(meanings.len()) } else { 0 };
        match meanings[picked] {
            Some(inode) => entries.insert(name.clone(), inode),
            None => entries.remove(name),
        };
    }
    DirNode { synced: entries.clone(), entries, ..DirNode::default() }
}
