//! Faults that tests seed into the machine.

/// Seeded faults, each of which the model checker must catch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mutant {
    /// Another's slot is stepped over, not published.
    NoHelping,
    /// The manifest goes out before the slot is decided.
    ManifestBeforeSlot,
    /// A taken key means that another has won.
    ExistsMeansLost,
    /// An unknown answer is reported as a failure.
    UnknownMeansFailed,
    /// A head that the handle remembers is built on although the pointer lies behind it.
    MemoryNotChecked,
    /// The id need not be above the parent's.
    IdBelowParent,
    /// A head that was listed is built on although no pointer leads to it.
    HeadNotPointedAt,
    /// A known id is kept although the head has passed it.
    StaleIdKept,
    /// The pointer may go back.
    PointerBackwards,
    /// The pointer is moved before the manifest is there.
    PointerBeforeManifest,
    /// A lost slot is tried again with a new nonce, without reading it.
    FreshNonceOnResend,
    /// Resolve says no without sealing.
    ResolveWithoutSeal,
    /// A refusal counts although an earlier try may have arrived.
    RefusalAfterOpenMeansFailed,
    /// The deadline ends a commit as failed although its slot is in flight.
    DeadlineMeansFailed,
    /// A handle builds on its snapshot although it could not publish it.
    UnpublishedIsKnown,
    /// A publication that failed is reported as complete.
    UnpublishedMeansPublished,
    /// The map of producers is checked before the data only, not at each rebase.
    ProducersNotCheckedAtRebase,
    /// A new snapshot's map is not built on its parent's.
    ProducersNotCarried,
    /// The parts are checked before the first attempt only, not at each rebase.
    PartsNotCheckedAtRebase,
    /// The parts are searched for in the head only, not in the snapshots before it.
    PartsCheckedInHeadOnly,
    /// Clean-up reads what is named before it lists what is there.
    NamedReadBeforeListed,
    /// Clean-up removes what is as old as what may still be committed.
    MinAgeOfStaging,
    /// Data are committed however long ago they were staged.
    OldPartsCommitted,
    /// The ranges of a volume's new blocks are not compared with those of the parent.
    RangesNotCompared,
    /// A head is adopted although the history forks.
    ForkNotChecked,
    /// A head is adopted although a greater snapshot is there.
    PointerBelowAdopted,
    /// The pointer is not read again after the survey.
    PointerNotReadAgain,
    /// A dangling pointer is filled at once.
    NoopWithoutWaiting,
    /// The pointer to a Go writer's snapshot that was not adopted is overwritten.
    ForeignPointerOverwritten,
    /// A slot of the kind `adopt` is stepped over like another's commit.
    AdoptedNotRead,
    /// A parent of ours that a Go writer built on is taken for gone, though it is only not published yet.
    DecidedTakenForGone,
    /// A choice of ours is built on at once, even if others sort above it.
    NothingAboveTheChoice,
    /// The producers of a Go head are taken for none.
    ProducersNotSought,
}
