//! The commit protocol as a state machine without I/O: `step(event) -> action` (`docs/commit-protocol.md`,
//! section "Committing" and section "Resolving a commit"). Time, randomness and answers come in as events, so
//! that the model checker and production run the same function.
//!
//! The parts: [`head`] finds the snapshot to build on, [`decide`] puts the slot and learns whose it became,
//! [`publish`] makes a decided snapshot's manifest and the pointer follow, for ourselves or for another, and
//! [`adopt`] takes up what the Go library, which knows no slots, has written.

mod adopt;
mod decide;
mod head;
#[cfg(test)]
mod mutant;
mod publish;
mod survey;

use std::sync::Arc;

use crate::history::{Id, Kind, ParentLoop, Slot};
use crate::manifest::producers::{Producers, Stamp};
#[cfg(test)]
pub use mutant::Mutant;
use survey::{Adoption, Cause, Climb, Climbing, Placing, Subject};
pub use survey::{Aging, Repair, Survey, Surveyed};

/// An id with its time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Dated {
    /// The id.
    pub id: Id,
    /// In Unix nanoseconds.
    pub created_at: i64,
}

/// A snapshot that a new one can be built on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Head {
    /// Its id.
    pub id: Id,
    /// Its `created_at`, in Unix nanoseconds.
    pub created_at: i64,
    /// Who has committed what, up to it.
    pub producers: Arc<Producers>,
}

impl Slot {
    fn head(&self) -> Head {
        Head { id: self.child.clone(), created_at: self.created_at, producers: self.producers.clone() }
    }

    fn dated(&self) -> Dated {
        Dated { id: self.child.clone(), created_at: self.created_at }
    }
}

/// What the machine is to bring about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Goal {
    /// Commit a snapshot; with an expected parent (`Some(None)`: none yet), only onto that.
    Commit {
        /// The parent the caller expects.
        expected: Option<Option<Id>>,
        /// Whose commit it is, for it to happen once.
        stamp: Option<Stamp>,
    },
    /// Find out whether this snapshot is committed, and make it impossible if it is not.
    Resolve {
        /// The snapshot in doubt.
        id: Id,
    },
    /// Make this snapshot the head, as the caller chose: the exit of a history that needs a person's decision.
    Adopt {
        /// The chosen one.
        id: Id,
    },
}

/// What the handle knows from its earlier commits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Knowledge {
    /// The greatest head that it wrote or read to the end, and made durable.
    pub head: Option<Head>,
    /// It has seen the slot of `root`: the dataset's history is in slots.
    pub root: bool,
}

/// What to do next. The answer is the event of the same name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Read `latest`.
    ReadLatest,
    /// Find the greatest id whose manifest is there.
    ListHead,
    /// Read the manifest of this snapshot.
    ReadManifest(Id),
    /// Read the slot of this parent, and its payload.
    ReadSlot(Option<Id>),
    /// Find the slot that names this child: that of the greatest slot name below it.
    FindNamer(Id),
    /// List all slots and manifests, and read each manifest once.
    Survey,
    /// Say whether this object has stood unchanged for a minute, by the store's own clock.
    ReadAge(Aging),
    /// Sync what the Go library wrote: these snapshots' manifests and data.
    PersistAdopted(Vec<Id>),
    /// Make the data files durable.
    FinishData,
    /// Say the time, and draw randomness and a nonce.
    Draw,
    /// Put the slot, if absent.
    PutSlot(Slot),
    /// Put the manifest that the slot's payload is, if absent.
    PutManifest(Slot),
    /// Sync what another may have written: this slot (and its payload).
    PersistSlot(Option<Id>),
    /// Sync what another may have written: this manifest.
    PersistManifest(Id),
    /// Sync the directory of `latest`, which another has moved.
    PersistLatest,
    /// Replace the pointer's exact bytes; `None`: absent.
    Swap {
        /// The bytes that must be there.
        expected: Option<Vec<u8>>,
        /// The id to put there.
        value: Id,
    },
    /// Wait a little before try number `n` of the same request.
    Pause(u32),
    /// It is over.
    Finish(Outcome),
}

/// An answer, or the beginning.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// Begin.
    Start,
    /// The bytes of `latest`.
    Latest(Read<Vec<u8>>),
    /// The greatest id listed.
    Listed(Read<Id>),
    /// The manifest's parent and time.
    Manifest(Read<ManifestFacts>),
    /// The slot.
    Slot(Read<Slot>),
    /// The manifest is there, but only its beginning: its Go writer has left, or is leaving, it so.
    ManifestTorn,
    /// The slot that names the child.
    Namer(Read<Slot>),
    /// All slots and manifests.
    Surveyed(Read<Arc<Survey>>),
    /// Whether the object is old.
    Aged(Read<bool>),
    /// There is no slot to be synced.
    SlotAbsent,
    /// The data are durable, under this id's name.
    DataFinished(Id, i64),
    /// The data could not be made durable.
    DataFailed,
    /// Time and randomness.
    Drawn {
        /// Unix nanoseconds.
        now: i64,
        /// For the id.
        random: u64,
        /// For the slot.
        nonce: u128,
    },
    /// How a put ended.
    Put(PutAnswer),
    /// Whether the sync succeeded.
    Persisted(bool),
    /// How the swap ended.
    Swapped(SwapAnswer),
    /// The pause is over; `stop`: the deadline has passed, or the call is cancelled.
    Paused {
        /// Do not try again.
        stop: bool,
    },
}

/// What a read found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Read<T> {
    /// This.
    Found(T),
    /// That there is nothing.
    Absent,
    /// Nothing: it failed.
    Failed,
}

/// What the machine needs of a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ManifestFacts {
    /// The parent.
    pub parent: Option<Id>,
    /// Its time.
    pub created_at: i64,
    /// Who has committed what, up to it; `None`: the Go library wrote it, and it does not say.
    pub producers: Option<Arc<Producers>>,
}

/// How a put-if-absent of a slot or manifest ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PutAnswer {
    /// There, and durable.
    Done,
    /// The key was taken (a manifest: by equal bytes).
    Exists,
    /// A manifest only: the key was taken by other bytes.
    Differs,
    /// Certainly not there through this request.
    Failed,
    /// Nobody knows.
    Unknown,
    /// There, but a sync failed: this process must never call it durable.
    Doubtful,
}

/// How a swap of `latest` ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SwapAnswer {
    /// Swapped, durably.
    Done,
    /// It held these bytes.
    Mismatch(Option<Vec<u8>>),
    /// Certainly not swapped: locked by another, or refused.
    Failed,
    /// Nobody knows.
    Unknown,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Our slot decided; how far it is published.
    Committed(Slot, Publication),
    /// The producer's sequence is committed already, as this head tells.
    AlreadyCommitted(Id),
    /// Certainly not committed.
    NotCommitted(Reason),
    /// This slot may or may not have been decided.
    Unknown(Slot),
    /// Resolve: the snapshot in doubt is committed.
    Resolved,
    /// Resolve: it is not, and cannot be any more.
    Impossible,
    /// Resolve: it is still unknown.
    Undecided,
    /// Adopt: the chosen snapshot is the head.
    Adopted,
}

/// How far a decided snapshot is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Publication {
    /// Manifest and pointer are there.
    Published,
    /// One of them is not; the next writer sees to it.
    Unpublished,
    /// The pointer is in the hands of a writer that ignores the slots.
    BesideForeign,
}

/// Why nothing was committed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A request failed; the driver knows the error.
    Failed,
    /// The head is not the expected parent, but this.
    Conflict(Option<Id>),
    /// The history needs a person's decision between these heads.
    NeedsRepair {
        /// Why.
        repair: Repair,
        /// The heads, the one that the pointer or the scan gave first.
        heads: Vec<Id>,
    },
    /// A Go writer is between its pointer to this snapshot and its manifest, or died there less than a minute ago.
    Busy(Id),
    /// The history kept changing while it was looked at.
    Restless,
    /// Adopt: there is no such snapshot.
    NotFound(Id),
    /// This id is named by the pointer, but there is no such manifest, and no slot names it.
    Missing(Id),
    /// The manifest of this id is not the one that its slot decided.
    Differs(Id),
    /// No id can be made that sorts above this one.
    Unorderable(Id),
    /// The producer's sequence is below those that are remembered; the highest is this.
    SequenceTooOld(u64),
}

/// One commit, or one resolution, under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Machine {
    goal: Goal,
    attempts: u32,
    knowledge: Knowledge,
    state: State,
    /// The pointer's bytes as last seen; `None`: absent.
    pointer: Option<Vec<u8>>,
    /// What the new snapshot is built on; `None`: it is the first.
    head: Option<Head>,
    /// The id drawn for it.
    id: Option<Dated>,
    /// The attempt under way, or the last.
    slot: Option<Slot>,
    /// The attempt was sent, and nobody knows yet.
    open: bool,
    /// Requests of the same kind in a row.
    tries: u32,
    /// How often the search for the head began again.
    restarts: u32,
    /// How often a Go writer was waited for.
    waits: u32,
    /// Adopt: the choice has its slot.
    adopted: bool,
    /// Adopt: a snapshot that is no ancestor of the choice, and must not sort above what is built on that.
    above: Option<Id>,
    /// The walk along the slots so far.
    parent_loop: ParentLoop,
    #[cfg(test)]
    mutant: Option<Mutant>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State {
    Begin,
    // Finding the head.
    Latest,
    Listed,
    Root(Id),
    HeadManifest(Id),
    HeadNamer { id: Id, facts: Option<ManifestFacts>, torn: bool },
    HeadSlotPersisted { head: Head, parent: Option<Id> },
    HeadManifestPersisted(Head),
    HeadPointed,
    HeadPointPaused,
    StepOn,
    // Taking up what the Go library wrote.
    Surveyed(Subject),
    SurveyPointer(Subject, Arc<Survey>),
    DanglingAge { id: Id, torn: bool, survey: Arc<Survey> },
    DanglingManifest { id: Id, torn: bool, survey: Arc<Survey> },
    BusyPaused(Id),
    GoneNamer { adoption: Box<Adoption>, chain: Vec<Id> },
    Anchor { adoption: Box<Adoption>, at: Option<Id>, chain: Vec<Id> },
    Faster { refusal: Reason },
    AdoptedPersisted(Box<Adoption>, Option<Id>),
    PlaceDraw(Box<Placing>),
    PlacePut(Box<Placing>),
    PlaceRead(Box<Placing>),
    PlacePaused(Box<Placing>, bool),
    PlacePersisted(Box<Placing>),
    Floor { slot: Slot, facts: ManifestFacts },
    AdoptedManifest(Slot),
    Climb(Climb),
    Standing(Job),
    StandingAge(Job),
    End { choice: Id, end: Slot, repeats: bool },
    ChoiceNamer(Id),
    ChoiceSwapped { chosen: Id, above: Option<Id> },
    ChoicePointerPersisted { chosen: Id, above: Option<Id> },
    ChoiceManifest(Id),
    // Deciding.
    Data,
    Draw,
    Put,
    ReadBack,
    ReadBackPersisted,
    PausedBeforePut,
    PausedBeforeRead,
    // Publishing a decided snapshot.
    SlotPersisted(Job),
    ManifestPut(Job),
    ManifestPersisted(Job),
    Swapped(Job),
    SwapPaused(Job),
    SwapReread(Job),
    Beyond(Job),
    PointerNamer(Job),
    LatestPersisted(Job),
    // Resolving.
    Wanted,
    WantedNamer,
    WantedSlotPersisted,
    WantedManifestPersisted,
    Over,
}

/// A decided snapshot being published.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Job {
    slot: Slot,
    then: Then,
}

/// What comes after the publishing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Then {
    /// It was ours: acknowledge.
    Acknowledge,
    /// Our noop sealed the head: walk on.
    Sealed,
    /// It was another's: build on it.
    Decide,
    /// It was another's: look for its successor.
    StepOn,
    /// The head itself was not published: go on from it.
    HeadFound,
    /// It repeats what the caller chose: the pointer is to name it.
    Chosen,
    /// It was in the way: look for the head again.
    Restart,
    /// It was the snapshot to resolve.
    Wanted,
}

impl Machine {
    /// A machine for `goal`, for a handle that knows `knowledge`; each request is tried `attempts` times.
    pub fn new(goal: Goal, knowledge: Knowledge, attempts: u32) -> Self {
        Machine {
            goal,
            attempts: attempts.max(1),
            knowledge,
            state: State::Begin,
            pointer: None,
            head: None,
            id: None,
            slot: None,
            open: false,
            tries: 0,
            restarts: 0,
            waits: 0,
            adopted: false,
            above: None,
            parent_loop: ParentLoop::default(),
            #[cfg(test)]
            mutant: None,
        }
    }

    /// The same, to settle a slot first whose outcome was left unknown.
    pub fn settle(goal: Goal, knowledge: Knowledge, attempts: u32, slot: Slot) -> Self {
        let mut machine = Self::new(goal, knowledge, attempts);
        machine.id = Some(slot.dated());
        machine.slot = Some(slot);
        machine.open = true;
        machine
    }

    #[cfg(test)]
    pub fn with_mutant(mut self, mutant: Option<Mutant>) -> Self {
        self.mutant = mutant;
        self
    }

    #[cfg(test)]
    fn mutated(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// What the handle knows now.
    pub fn knowledge(&self) -> &Knowledge {
        &self.knowledge
    }

    /// What the new snapshot is built on.
    pub fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    /// What it is to bring about.
    pub fn goal(&self) -> &Goal {
        &self.goal
    }

    /// The attempt under way, or the last.
    #[cfg(test)]
    pub fn attempt(&self) -> Option<&Slot> {
        self.slot.as_ref()
    }

    /// Whether the call may end here as certainly not committed: no slot of ours is on its way or decided.
    pub fn may_stop(&self) -> bool {
        if self.open {
            return false;
        }
        let job = match &self.state {
            State::SlotPersisted(job)
            | State::ManifestPut(job)
            | State::ManifestPersisted(job)
            | State::Swapped(job)
            | State::SwapPaused(job)
            | State::SwapReread(job)
            | State::Beyond(job)
            | State::PointerNamer(job)
            | State::LatestPersisted(job) => job,
            State::ReadBack | State::ReadBackPersisted | State::PausedBeforePut | State::PausedBeforeRead => {
                return false;
            }
            _ => return true,
        };
        !matches!(job.then, Then::Acknowledge | Then::Sealed)
    }

    /// Whether our slot may be there without our knowing: to find out, one more look is due, whatever the deadline.
    pub fn is_in_doubt(&self) -> bool {
        let reading = matches!(
            self.state,
            State::ReadBack | State::ReadBackPersisted | State::PausedBeforePut | State::PausedBeforeRead
        );
        self.open || reading
    }

    /// Takes the answer to the last action and gives the next.
    ///
    /// # Panics
    /// If the event is no answer to the last action: a bug in the driver.
    pub fn step(&mut self, event: Event) -> Action {
        let state = std::mem::replace(&mut self.state, State::Over);
        let event = match (&state, event) {
            (State::HeadSlotPersisted { .. }, event) => event,
            (_, Event::SlotAbsent) => Event::Persisted(false),
            (_, event) => event,
        };
        match (state, event) {
            (State::Begin, Event::Start) => self.begin(),
            (State::Latest, Event::Latest(read)) => self.on_latest(read),
            (State::Listed, Event::Listed(read)) => self.on_listed(read),
            (State::Root(id), Event::Slot(read)) => self.on_root(id, read),
            (State::HeadManifest(id), Event::Manifest(read)) => self.on_head_manifest(id, read),
            (State::HeadManifest(id), Event::ManifestTorn) => self.find_namer(id, None, true),
            (State::HeadNamer { id, facts, torn }, Event::Namer(read)) => {
                self.on_head_namer(id, facts, torn, read)
            }
            (State::HeadSlotPersisted { head, .. }, Event::Persisted(ok)) => {
                self.on_head_slot_persisted(head, ok)
            }
            (State::HeadSlotPersisted { head, parent }, Event::SlotAbsent) => {
                self.on_head_slot_absent(head, parent)
            }
            (State::HeadManifestPersisted(head), Event::Persisted(ok)) => self.on_head_persisted(head, ok),
            (State::StepOn, Event::Slot(read)) => self.on_step_on(read),
            (State::Data, Event::DataFinished(id, created_at)) => {
                self.id = Some(Dated { id, created_at });
                self.decide()
            }
            (State::Data, Event::DataFailed) => self.fail(),
            (State::Draw, Event::Drawn { now, random, nonce }) => self.on_drawn(now, random, nonce),
            (State::Put, Event::Put(answer)) => self.on_slot_put(answer),
            (State::ReadBack, Event::Slot(read)) => self.on_read_back(read),
            (State::ReadBackPersisted, Event::Persisted(ok)) => self.on_read_back_persisted(ok),
            (State::PausedBeforePut, Event::Paused { stop }) => self.on_paused(stop, true),
            (State::PausedBeforeRead, Event::Paused { stop }) => self.on_paused(stop, false),
            (State::HeadPointed, Event::Swapped(answer)) => self.on_head_pointed(answer),
            (State::HeadPointPaused, Event::Paused { stop }) => self.on_head_point_paused(stop),
            (State::SlotPersisted(job), Event::Persisted(ok)) => self.on_slot_persisted(job, ok),
            (State::ManifestPut(job), Event::Put(answer)) => self.on_manifest_put(job, answer),
            (State::ManifestPersisted(job), Event::Persisted(ok)) => self.on_manifest_persisted(job, ok),
            (State::Swapped(job), Event::Swapped(answer)) => self.on_swapped(job, answer),
            (State::SwapPaused(job), Event::Paused { stop }) => self.on_swap_paused(job, stop),
            (State::SwapReread(job), Event::Latest(read)) => self.on_pointer_reread(job, read),
            (State::Beyond(job), Event::Slot(read)) => self.on_beyond(job, read),
            (State::PointerNamer(job), Event::Namer(read)) => self.on_pointer_namer(job, read),
            (State::LatestPersisted(job), Event::Persisted(ok)) => self.on_latest_persisted(job, ok),
            (State::Wanted, Event::Manifest(read)) => self.on_wanted(read),
            (State::WantedNamer, Event::Namer(read)) => self.on_wanted_namer(read),
            (State::WantedSlotPersisted, Event::Persisted(ok)) => self.on_wanted_slot_persisted(ok),
            (State::WantedManifestPersisted, Event::Persisted(ok)) => self.on_wanted_persisted(ok),
            (state, event) => self.step_adopting(state, event),
        }
    }

    fn begin(&mut self) -> Action {
        if let Some(slot) = &self.slot {
            let parent = slot.parent.clone();
            return self.go(State::ReadBack, Action::ReadSlot(parent));
        }
        self.go(State::Latest, Action::ReadLatest)
    }

    fn go(&mut self, state: State, action: Action) -> Action {
        self.state = state;
        action
    }

    fn finish(&mut self, outcome: Outcome) -> Action {
        self.state = State::Over;
        Action::Finish(outcome)
    }

    /// Ends without a commit of ours: certainly not committed, or, when resolving, still in doubt.
    fn refuse(&mut self, reason: Reason) -> Action {
        match self.goal {
            Goal::Commit { .. } => self.finish(Outcome::NotCommitted(reason)),
            Goal::Resolve { .. } if reason == Reason::Failed => self.finish(Outcome::Undecided),
            Goal::Resolve { .. } | Goal::Adopt { .. } => self.finish(Outcome::NotCommitted(reason)),
        }
    }

    fn fail(&mut self) -> Action {
        self.refuse(Reason::Failed)
    }

    /// The history has changed: begins again, unless it never stops.
    fn again(&mut self) -> Action {
        self.restarts += 1;
        if self.restarts > 4 * self.attempts {
            return self.refuse(Reason::Restless);
        }
        self.parent_loop.clear();
        self.go(State::Latest, Action::ReadLatest)
    }

    /// The handle knows this head from now on.
    fn learn(&mut self, head: &Head) {
        self.knowledge.root = true;
        if self.knowledge.head.as_ref().is_none_or(|known| known.id < head.id) {
            self.knowledge.head = Some(head.clone());
        }
    }
}
