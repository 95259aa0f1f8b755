//! What a commit of blocks puts into its manifest: the parent's blocks and the new ones, merged again at
//! every parent.

use std::sync::Arc;

use super::block::{Origin, VolumeBlock};
use super::{Volume, algorithm, space_of};
use crate::checksum::Checksum;
use crate::commit::driver::Content;
use crate::commit::machine::Dated;
use crate::context::Context;
use crate::dataset::{STAGED_MAX, buffer, fresh_home};
use crate::error::{Error, Result, Status};
use crate::history::{Decision, History, Id, Slot};
use crate::layout::Layout;
use crate::manifest::{AddressSpace, Block, BlockTable, FileFormat, Manifest, ManifestKey, Metadata, Sum};
use crate::store::StoreTime;

/// How many bytes are read at once to check a block.
const PIECE: usize = 256 << 10;

/// A block that is to be committed.
#[derive(Clone)]
pub(super) struct New {
    pub block: Block,
    /// When it was staged, by the clock of [`crate::dataset::Dataset::boot_time`].
    pub staged: i128,
}

/// The content of a commit of blocks.
pub(super) struct Blocks<'a> {
    pub volume: &'a Volume,
    pub context: &'a Context,
    pub metadata: &'a Metadata,
    /// What is to be committed, sorted.
    pub new: Vec<New>,
    pub home: Option<Dated>,
    /// What the new blocks were merged into last, and those that were left.
    pub merged: Option<Merged>,
    /// The manifest that was made last.
    pub manifest: Option<Manifest>,
}

/// New blocks merged into a parent's.
pub(super) struct Merged {
    parent: Option<Id>,
    space: AddressSpace,
    checksum: Checksum,
    /// When the oldest block that the parent does not have was staged.
    oldest: Option<i128>,
}

/// Checks blocks before the history is read; gives them sorted, each once.
pub(super) fn accept(volume: &Volume, given: &[&VolumeBlock], context: &Context) -> Result<Vec<New>> {
    if given.is_empty() {
        return Err(Error::new(
            Status::InvalidArgument,
            "a commit names at least one block, and there is none",
        ));
    }
    let mut new: Vec<New> = Vec::new();
    new.try_reserve_exact(given.len())
        .map_err(|_| Error::new(Status::NoMemory, format_args!("no memory for {} blocks", given.len())))?;
    let mut time = StoreTime::default();
    for (number, block) in given.iter().enumerate() {
        context.check("checking blocks")?;
        let staged = &*block.inner;
        if staged.volume != volume.id() {
            let message =
                format!("block {number} ({}) belongs to the volume {:?}", staged.path, staged.volume);
            return Err(Error::new(Status::InvalidArgument, message).with_path(&staged.path));
        }
        let staged_at = match staged.origin {
            Origin::Here(moment) => moment,
            Origin::Elsewhere => {
                let checked = check_elsewhere(volume, &staged.block, &staged.path, context, &mut time);
                checked.map_err(|error| error.context(format_args!("block {number}")))?
            }
        };
        new.push(New { block: staged.block.clone(), staged: staged_at });
    }
    new.sort_by_key(|new| (new.block.offset, new.block.length));
    new.dedup_by(|a, b| a.block == b.block);
    for pair in new.windows(2) {
        let (first, second) = (&pair[0].block, &pair[1].block);
        if first.end() > second.offset {
            return Err(overlap(first, "is given, too", second));
        }
    }
    Ok(new)
}

#[cold]
fn overlap(one: &Block, of_one: &str, other: &Block) -> Error {
    let range = |block: &Block| format!("[{}, {})", block.offset, block.end());
    let message = format!(
        "the block {} overlaps {}, which {of_one}: a range is written once; stage what is missing, by the snapshot's gaps",
        range(other),
        range(one)
    );
    Error::new(Status::OverlappingBlocks, message).with_offset(other.offset)
}

/// A block that this process has not seen go in is read whole; gives when it was staged.
fn check_elsewhere(
    volume: &Volume,
    block: &Block,
    path: &str,
    context: &Context,
    time: &mut StoreTime,
) -> Result<i128> {
    let backend = volume.dataset.store().backend();
    let Some(found) = backend.inspect(context, path, time)? else {
        let message = format!(
            "{path} is not there: it was removed by clean-up, or belongs to another store; stage its range again"
        );
        return Err(Error::new(Status::NotFound, message).with_path(path));
    };
    if found.size != block.length {
        let message = format!("{path} has {} bytes, expected {}", found.size, block.length);
        return Err(Error::new(Status::Corrupt, message).with_path(path));
    }
    let found_sum = hash(volume, block, path, block.sum.checksum(), context)?;
    if found_sum != block.sum && block.sum.checksum().is_some() {
        let message = format!(
            "{path} has the checksum {}, expected {}",
            found_sum.text().unwrap_or_default(),
            block.sum.text().unwrap_or_default()
        );
        return Err(Error::new(Status::Corrupt, message).with_path(path));
    }
    if volume.dataset.syncs() {
        backend.persist(context, path)?;
    }
    let age = found.age.map_or(0, |age| i128::try_from(age.as_nanos()).unwrap_or(i128::MAX));
    Ok(volume.dataset.boot_time().saturating_sub(age))
}

/// Reads a block's object, which must have the block's length; gives its checksum.
pub(super) fn hash(
    volume: &Volume,
    block: &Block,
    path: &str,
    checksum: Option<Checksum>,
    context: &Context,
) -> Result<Sum> {
    let corrupt =
        |what: String| Error::new(Status::Corrupt, format_args!("the block {path} {what}")).with_path(path);
    let object = volume.dataset.store().backend().open(context, path)?;
    let mut object = object.ok_or_else(|| corrupt("is missing".into()))?;
    if object.size() != block.length {
        return Err(corrupt(format!("has {} bytes, expected {}", object.size(), block.length)));
    }
    let mut hasher = checksum.and_then(Checksum::hasher);
    let mut room = buffer(PIECE)?;
    let mut at = 0;
    while at < block.length {
        context.check("checking a block")?;
        let most = usize::try_from(block.length - at).unwrap_or(usize::MAX).min(PIECE);
        let read = object.read_at(context, at, &mut room[..most]).map_err(|error| error.with_path(path))?;
        if read == 0 {
            return Err(corrupt(format!("ends at byte {at}, expected {}", block.length)));
        }
        if let Some(hasher) = &mut hasher {
            hasher.update(&room[..read]);
        }
        context.read(read);
        at += read as u64;
    }
    Ok(hasher.map_or(Sum::None, |hasher| Sum::from_text(&hasher.finish())))
}

impl Blocks<'_> {
    /// Merges the new blocks into those of this parent.
    fn merge(&mut self, parent: Option<(&Id, &Manifest)>) -> Result<()> {
        let options = self.volume.options();
        let (space, checksum) = match parent {
            Some((_, manifest)) => {
                let space = space_of(manifest.address_space.as_ref())?;
                self.volume.check_length(space.total_length)?;
                (space.clone(), algorithm(manifest.checksum_algorithm.as_deref())?)
            }
            None => {
                let Some(total_length) = options.total_length else {
                    let message =
                        "the volume has no snapshot yet: open it with its total_length for the first commit";
                    return Err(Error::new(Status::InvalidArgument, message));
                };
                (AddressSpace { total_length, blocks: Arc::default() }, options.checksum)
            }
        };
        let mut merged = Merge { old: space.blocks.as_slice(), out: Vec::new(), added: 0, oldest: None };
        merged
            .out
            .try_reserve_exact(space.blocks.len() + self.new.len())
            .map_err(|_| Error::new(Status::NoMemory, "no memory for the blocks of a volume"))?;
        let of_parent = parent.map(|(id, _)| format!("the snapshot {id} has")).unwrap_or_default();
        for number in 0..self.new.len() {
            let New { block, .. } = &self.new[number];
            self.volume.check_range(block.offset, block.length, Some(space.total_length), "a block")?;
            self.rehash(number, checksum)?;
            merged.add(&self.new[number], &of_parent)?;
        }
        merged.out.extend_from_slice(merged.old);
        let count = merged.out.len() as u64;
        if count > options.max_blocks && merged.added > 0 {
            let message = format!(
                "the snapshot would have {count} blocks, more than max_blocks, {}: stage longer blocks, or allow more",
                options.max_blocks
            );
            return Err(Error::new(Status::VolumeTooFragmented, message));
        }
        let blocks = Arc::new(BlockTable::from_sorted(merged.out));
        self.merged = Some(Merged {
            parent: parent.map(|(id, _)| id.clone()),
            space: AddressSpace { blocks, ..space },
            checksum,
            oldest: merged.oldest,
        });
        Ok(())
    }

    /// A manifest names one algorithm: a block that was hashed by another is read again.
    fn rehash(&mut self, number: usize, checksum: Checksum) -> Result<()> {
        let wanted = (checksum != Checksum::None).then_some(checksum);
        let block = &self.new[number].block;
        if block.sum.checksum() == wanted {
            return Ok(());
        }
        let path = block.path(self.volume.id());
        let sum = match wanted {
            None => Sum::None,
            Some(_) => hash(self.volume, block, &path, wanted, self.context)?,
        };
        self.new[number].block.sum = sum;
        Ok(())
    }

    /// The manifest of this snapshot: the one that the handle knows, the decision that was read, or what is
    /// stored.
    fn parent(&self, history: History<'_>, id: &Id, seen: Option<&Decision>) -> Result<Manifest> {
        if let Some(known) = self.volume.known_head(id) {
            return Ok(known.manifest().clone());
        }
        if let Some(seen) = seen.filter(|seen| seen.slot.child == *id && seen.slot.has_own_payload()) {
            let path = history.layout.manifest_path(history.dataset, id);
            let key = ManifestKey {
                layout: history.layout,
                dataset_id: history.dataset,
                snapshot_id: id,
                path: &path,
            };
            return Manifest::parse(history.context, &seen.payload, key);
        }
        history.whole_manifest(id)?.map(|stored| stored.manifest).ok_or_else(|| {
            let path = history.layout.manifest_path(history.dataset, id);
            let message = format!("the manifest {path} of the head is missing");
            Error::new(Status::Corrupt, message).with_path(path).with_snapshot_id(&**id)
        })
    }
}

/// Two sorted lists of blocks becoming one.
struct Merge<'a> {
    /// What is left of the parent's.
    old: &'a [Block],
    out: Vec<Block>,
    added: u64,
    oldest: Option<i128>,
}

impl Merge<'_> {
    fn add(&mut self, new: &New, of_parent: &str) -> Result<()> {
        let New { block, staged } = new;
        while let Some((first, rest)) =
            self.old.split_first().filter(|(first, _)| first.end() <= block.offset)
        {
            self.out.push(first.clone());
            self.old = rest;
        }
        match self.old.first() {
            // The parent has this range with these bytes, perhaps from another writer, under another path.
            Some(first)
                if (first.offset, first.length) == (block.offset, block.length) && is_same(first, block) =>
            {
                Ok(())
            }
            Some(first) if first.offset < block.end() => Err(overlap(first, of_parent, block)),
            _ => {
                self.out.push(block.clone());
                self.added += 1;
                self.oldest = Some(self.oldest.map_or(*staged, |oldest| oldest.min(*staged)));
                Ok(())
            }
        }
    }
}

/// Whether two blocks of one range are one: the same object, or objects with the same checksum.
fn is_same(one: &Block, other: &Block) -> bool {
    one.sum == other.sum && (one.tail == other.tail || one.sum.checksum().is_some())
}

impl Content for Blocks<'_> {
    fn finish_data(&mut self) -> Result<Dated> {
        Ok(self.home.get_or_insert_with(|| fresh_home(&self.volume.dataset)).clone())
    }

    /// The head, if it has all of the blocks.
    fn committed_part(
        &mut self,
        history: History<'_>,
        head: &Id,
        seen: Option<&Decision>,
    ) -> Result<Option<Id>> {
        let parent = self.parent(history, head, seen)?;
        self.merge(Some((head, &parent)))?;
        Ok(self.merged.as_ref().is_some_and(|merged| merged.oldest.is_none()).then(|| head.clone()))
    }

    fn manifest(&mut self, slot: &Slot) -> Result<Manifest> {
        if self.merged.as_ref().is_none_or(|merged| merged.parent != slot.parent) {
            if slot.parent.is_some() {
                return Err(Error::new(
                    Status::Internal,
                    "a volume's manifest was asked for before its blocks were merged",
                ));
            }
            self.merge(None)?;
        }
        let Some(merged) = &self.merged else {
            return Err(Error::new(Status::Internal, "a volume's manifest without blocks"));
        };
        let format = FileFormat { checksum: merged.checksum, ..FileFormat::default() };
        let mut manifest = Manifest {
            metadata: self.metadata.clone(),
            parent_snapshot_id: slot.parent.as_deref().map(str::to_owned),
            address_space: Some(merged.space.clone()),
            ..Manifest::new(Layout::Volume, self.volume.id(), &slot.child, slot.created_at, format)
        };
        manifest.set_producers(&slot.producers);
        self.manifest = Some(manifest.clone());
        Ok(manifest)
    }

    fn check_age(&self) -> Result<()> {
        let oldest = match &self.merged {
            Some(merged) => merged.oldest,
            None => self.new.iter().map(|new| new.staged).min(),
        };
        let Some(oldest) = oldest else { return Ok(()) };
        let age = self.volume.dataset.boot_time().saturating_sub(oldest);
        if age <= i128::try_from(STAGED_MAX.as_nanos()).unwrap_or(i128::MAX) {
            return Ok(());
        }
        let message = format!(
            "a block of it was staged {} hours ago, and what is older than 24 hours is not committed any more, because \
             clean-up may have removed it: stage its range again. Nothing is committed",
            age / 3_600_000_000_000
        );
        Err(Error::new(Status::StagedTooOld, message))
    }
}
