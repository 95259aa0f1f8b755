//! Runs the commit machine on a store: does what it asks, and tells it what came of it.

mod refusal;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Target;
use super::machine::{
    Action, Aging, Dated, Event, Goal, Knowledge, Machine, ManifestFacts, Outcome, Publication, PutAnswer,
    Read, Reason, SwapAnswer,
};
use crate::context::Context;
use crate::error::{Error, Result, Status};
use crate::history::{Decision, History, Id, Kind, MANIFEST_MAX, ManifestRead, Slot, copies, slot};
use crate::id::{self, Form, form};
use crate::layout::Layout;
use crate::limits;
use crate::manifest::Manifest;
use crate::manifest::producers::{self, Stamp};
use crate::store::{Backend, Durability, LockWait, LogLevel, Put, Swap};

/// A parent this far ahead of the clock is worth a warning.
const AHEAD: Duration = Duration::from_secs(24 * 60 * 60);

/// How many copies of a hive manifest are put without a look at the deadline.
const COPIES: usize = 16;

/// What is to be committed.
pub trait Content {
    /// Makes the data files durable; gives the id that they lie under and its time. Asked again after a commit
    /// that failed, it answers the same.
    ///
    /// # Errors
    /// Whatever went wrong; nothing is committed then.
    fn finish_data(&mut self) -> Result<Dated>;

    /// The manifest for this slot's child.
    ///
    /// # Errors
    /// `NoMemory`.
    fn manifest(&mut self, slot: &Slot) -> Result<Manifest>;
}

/// A commit that is decided.
pub struct Decided {
    /// The manifest's bytes.
    pub payload: Arc<Vec<u8>>,
    /// The snapshot.
    pub slot: Slot,
    /// How far it is published.
    pub publication: Publication,
}

/// How a commit ended that did not fail.
pub enum Ended {
    /// It is decided.
    Decided(Decided),
    /// It was committed before, as the head of this id tells.
    AlreadyCommitted(Id),
}

/// How a resolution ended.
pub enum Resolved {
    /// It is committed.
    Committed,
    /// It is not, and cannot be any more.
    Impossible,
}

/// A machine being run.
struct Driver<'a> {
    target: Target<'a>,
    context: &'a Context,
    /// What a request gets that must be made whatever the deadline says.
    unlimited: Context,
    content: Option<&'a mut dyn Content>,
    machine: Machine,
    /// The payload of our own attempt.
    own: Option<Decision>,
    /// The payload of the slot read last.
    seen: Option<Decision>,
    /// Why the last request failed.
    error: Option<Error>,
}

/// Commits `content`; learns into `knowledge`; leaves in `pending` what nobody knows the outcome of.
///
/// # Errors
/// Certainly not committed, but for `CommitUnknown`.
pub fn commit(
    target: Target<'_>,
    context: &Context,
    expected: Option<Option<Id>>,
    stamp: Option<Stamp>,
    content: &mut dyn Content,
    knowledge: &mut Knowledge,
    pending: &mut Option<Decision>,
) -> Result<Ended> {
    let goal = Goal::Commit { expected, stamp };
    let settled = pending.clone();
    let machine = match &settled {
        Some(pending) => {
            Machine::settle(goal, knowledge.clone(), target.retry.attempts, pending.slot.clone())
        }
        None => Machine::new(goal, knowledge.clone(), target.retry.attempts),
    };
    let mut driver = Driver::new(target, context, machine);
    driver.content = Some(content);
    driver.own = settled;
    let ended = driver.run();
    *knowledge = driver.machine.knowledge().clone();
    match ended {
        Ok(Outcome::Committed(slot, publication)) => {
            let payload = driver.own.take().map(|own| own.payload).unwrap_or_default();
            *pending = None;
            Ok(Ended::Decided(Decided { payload, slot, publication }))
        }
        Ok(Outcome::AlreadyCommitted(head)) => {
            *pending = None;
            Ok(Ended::AlreadyCommitted(head))
        }
        Ok(Outcome::Unknown(slot)) => {
            *pending = driver.own.take();
            Err(driver.unknown(&slot.child))
        }
        Ok(Outcome::NotCommitted(reason)) => {
            *pending = None;
            Err(driver.refusal(reason))
        }
        Ok(Outcome::Resolved | Outcome::Impossible | Outcome::Undecided | Outcome::Adopted) => {
            Err(Error::new(Status::Internal, "a commit ended as a resolution"))
        }
        Err(error) => {
            *pending = None;
            Err(error)
        }
    }
}

/// Finds out whether `id` is committed, and makes it impossible if it is not.
///
/// # Errors
/// `CommitUnknown` if that stays unknown; what stands in the way of walking the history otherwise.
pub fn resolve(
    target: Target<'_>,
    context: &Context,
    id: &str,
    knowledge: &mut Knowledge,
) -> Result<Resolved> {
    let id = Id::from(id);
    let machine = Machine::new(Goal::Resolve { id: id.clone() }, knowledge.clone(), target.retry.attempts);
    let mut driver = Driver::new(target, context, machine);
    let ended = driver.run();
    *knowledge = driver.machine.knowledge().clone();
    match ended {
        Ok(Outcome::Resolved) => Ok(Resolved::Committed),
        Ok(Outcome::Impossible) => Ok(Resolved::Impossible),
        Ok(Outcome::NotCommitted(reason)) => Err(driver.refusal(reason)),
        Ok(_) => Err(driver.unknown(&id)),
        Err(error) if error.status() == Status::LayoutMismatch => Err(error),
        Err(error) => Err(error.with_status(Status::CommitUnknown).with_snapshot_id(&*id)),
    }
}

/// Accepts a manifest that can be read again.
fn check_length(bytes: u64, limit: u64) -> Result<()> {
    if bytes <= limit {
        return Ok(());
    }
    let message = format!(
        "the snapshot's manifest would have {bytes} bytes, more than the {limit} that are read: write fewer files \
         (partitions, or their statistics) or less metadata in one snapshot"
    );
    Err(Error::new(Status::InvalidArgument, message))
}

/// Makes the snapshot `id` the head, as the caller chose.
///
/// # Errors
/// `SnapshotNotFound`; `NeedsRepair` if the slots lead elsewhere for good; the store's. It may be repeated.
pub fn adopt(target: Target<'_>, context: &Context, id: &str, knowledge: &mut Knowledge) -> Result<()> {
    let goal = Goal::Adopt { id: Id::from(id) };
    let machine = Machine::new(goal, knowledge.clone(), target.retry.attempts);
    let mut driver = Driver::new(target, context, machine);
    let ended = driver.run();
    *knowledge = driver.machine.knowledge().clone();
    match ended? {
        Outcome::Adopted => Ok(()),
        Outcome::NotCommitted(reason) => Err(driver.refusal(reason)),
        Outcome::Undecided => Err(driver.refusal(Reason::Failed)),
        _ => Err(Error::new(Status::Internal, "an adoption ended as a commit")),
    }
}

/// The current Unix time in nanoseconds.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

impl<'a> Driver<'a> {
    fn new(target: Target<'a>, context: &'a Context, machine: Machine) -> Self {
        let unlimited = Context::default();
        Driver { target, context, unlimited, content: None, machine, own: None, seen: None, error: None }
    }

    fn run(&mut self) -> Result<Outcome> {
        let mut event = Event::Start;
        loop {
            let action = self.machine.step(event);
            if self.machine.may_stop() && !matches!(action, Action::Finish(_)) {
                self.context.check("committing").map_err(|error| self.named(error))?;
            }
            let is_own =
                |parent: &Option<Id>| self.own.as_ref().is_some_and(|own| own.slot.parent == *parent);
            let reads_own = matches!(&action, Action::ReadSlot(parent) if is_own(parent));
            event = match action {
                Action::Finish(outcome) => return Ok(outcome),
                action => {
                    let context = (!self.machine.is_in_doubt()).then_some(self.context);
                    let _governed = limits::govern(context);
                    self.perform(action)
                }
            };
            // Our slot's place is taken by one of another layout, for good: whatever became of our request, it is not
            // committed.
            if reads_own
                && event == Event::Slot(Read::Failed)
                && let Some(error) = self.error.take_if(|error| error.status() == Status::LayoutMismatch)
            {
                return Err(self.named(error));
            }
        }
    }

    fn perform(&mut self, action: Action) -> Event {
        match action {
            Action::ReadLatest => Event::Latest(self.read_latest()),
            Action::ListHead => Event::Listed(self.list_head()),
            Action::ReadManifest(id) => self.read_manifest_facts(&id),
            Action::ReadSlot(parent) => Event::Slot(self.read_slot(parent.as_deref())),
            Action::FindNamer(child) => Event::Namer(self.find_namer(&child)),
            Action::Survey => {
                let result = self.refuse_another_layout().and_then(|()| self.target.survey(self.context));
                Event::Surveyed(self.read(result.map(|survey| Some(Arc::new(survey)))))
            }
            Action::ReadAge(aging) => Event::Aged(self.read_age(&aging)),
            Action::PersistAdopted(ids) => Event::Persisted(self.persist_adopted(&ids)),
            Action::FinishData => self.finish_data(),
            Action::Draw => self.draw(),
            Action::PutSlot(slot) => Event::Put(self.put_slot(&slot)),
            Action::PutManifest(slot) => Event::Put(self.put_manifest(&slot)),
            Action::PersistSlot(parent) => self.persist_slot(parent.as_deref()),
            Action::PersistManifest(id) => Event::Persisted(self.persist_manifest(&id)),
            Action::PersistLatest => {
                let key = self.target.layout.latest_path(self.target.dataset);
                Event::Persisted(self.persist(&key))
            }
            Action::Swap { expected, value } => Event::Swapped(self.swap(expected.as_deref(), &value)),
            Action::Pause(tries) => Event::Paused { stop: !self.pause(tries) },
            Action::Finish(_) => unreachable!("the loop ends with it"),
        }
    }

    fn history(&self) -> History<'_> {
        let context = if self.machine.is_in_doubt() { &self.unlimited } else { self.context };
        self.target.history(context)
    }

    fn backend(&self) -> &dyn Backend {
        self.target.backend()
    }

    fn read<T>(&mut self, result: Result<Option<T>>) -> Read<T> {
        match result {
            Ok(Some(found)) => Read::Found(found),
            Ok(None) => Read::Absent,
            Err(error) => {
                self.error = Some(error);
                Read::Failed
            }
        }
    }

    fn read_latest(&mut self) -> Read<Vec<u8>> {
        let result = self.history().latest();
        self.read(result)
    }

    fn list_head(&mut self) -> Read<Id> {
        let result = self.history().greatest_manifest();
        self.read(result.map(|id| id.map(Id::from)))
    }

    fn read_manifest_facts(&mut self, id: &str) -> Event {
        let result = self.history().manifest(id).and_then(|read| {
            let manifest = match read {
                ManifestRead::Absent => return Ok(Some(None)),
                ManifestRead::Torn => return Ok(None),
                ManifestRead::Whole(stored) => stored.manifest,
            };
            let tells =
                matches!(form(id), Form::Ours { .. }) || manifest.metadata.value(producers::KEY).is_some();
            Ok(Some(Some(ManifestFacts {
                parent: manifest.parent_snapshot_id.as_deref().map(Id::from),
                created_at: manifest.created_at,
                producers: if tells { Some(Arc::new(manifest.producers()?)) } else { None },
            })))
        });
        match result {
            Ok(None) => Event::ManifestTorn,
            Ok(Some(facts)) => Event::Manifest(self.read(Ok(facts))),
            Err(error) => Event::Manifest(self.read(Err(error))),
        }
    }

    fn read_age(&mut self, aging: &Aging) -> Read<bool> {
        let key = match aging {
            Aging::Latest => self.target.layout.latest_path(self.target.dataset),
            Aging::Manifest(id) => self.target.layout.manifest_path(self.target.dataset, id),
        };
        let result = self.target.is_old(&key);
        self.read(result)
    }

    fn persist_adopted(&mut self, ids: &[Id]) -> bool {
        if self.target.durability == Durability::Process || !self.backend().persists() {
            return true;
        }
        match self.target.persist_adopted(ids, self.context) {
            Ok(()) => true,
            Err(error) => {
                self.error = Some(error);
                false
            }
        }
    }

    fn read_slot(&mut self, parent: Option<&str>) -> Read<Slot> {
        let result = self.history().slot(parent);
        self.see(result)
    }

    /// Keeps the payload that was read: it may have to be published.
    fn see(&mut self, result: Result<Option<Decision>>) -> Read<Slot> {
        if let Ok(Some(decision)) = &result {
            self.seen = Some(decision.clone());
        }
        self.read(result.map(|found| found.map(|decision| decision.slot)))
    }

    fn find_namer(&mut self, child: &str) -> Read<Slot> {
        let result = self.history().slot_naming(child);
        self.see(result)
    }

    fn finish_data(&mut self) -> Event {
        // Where nothing of the layout is found, the place may be another's.
        if self.machine.head().is_none()
            && let Err(error) = self.refuse_another_layout()
        {
            self.error = Some(error);
            return Event::DataFailed;
        }
        let Some(content) = &mut self.content else { return Event::DataFailed };
        match content.finish_data() {
            Ok(head) => Event::DataFinished(head.id, head.created_at),
            Err(error) => {
                self.error = Some(error);
                Event::DataFailed
            }
        }
    }

    /// Default and hive datasets would lie in the same place, and see nothing of each other.
    fn refuse_another_layout(&self) -> Result<()> {
        self.history().refuse_another_layout()
    }

    fn draw(&self) -> Event {
        let now = now();
        if let Some(head) = self.machine.head()
            && head.created_at.saturating_sub(now) > i64::try_from(AHEAD.as_nanos()).unwrap_or(i64::MAX)
        {
            let message = format!(
                "dataset {:?}: the snapshot {} is dated more than 24 h ahead of this machine's clock; new snapshots \
                 will be dated after it. Check the clocks of all writers",
                self.target.dataset, head.id
            );
            self.target.store.log(LogLevel::Warning, &message);
        }
        Event::Drawn { now, random: id::fresh_random(), nonce: id::fresh_nonce() }
    }

    /// The bytes that this slot decides.
    fn payload(&mut self, slot: &Slot) -> Result<Arc<Vec<u8>>> {
        if slot.kind == Kind::Adopt {
            return Ok(Arc::default());
        }
        for known in [&self.own, &self.seen].into_iter().flatten() {
            if known.slot.nonce == slot.nonce {
                return Ok(known.payload.clone());
            }
        }
        let manifest = match (slot.kind, &mut self.content) {
            (Kind::Commit, Some(content)) => content.manifest(slot)?,
            _ if slot.parent.is_none() => self.target.empty_manifest(slot),
            _ => {
                let parent = slot.parent.as_deref().unwrap_or_default();
                let missing =
                    || Error::new(Status::Corrupt, format_args!("the manifest of {parent} is missing"));
                let stored = self.history().whole_manifest(parent)?.ok_or_else(missing)?;
                let mut noop = stored.manifest.noop_of(&slot.child, parent, slot.created_at);
                // The Go library's own do not carry the map.
                noop.set_producers(&slot.producers);
                noop
            }
        };
        let payload = Arc::new(manifest.encode());
        check_length(payload.len() as u64, MANIFEST_MAX)
            .map_err(|error| error.with_snapshot_id(&*slot.child))?;
        self.own = Some(Decision { slot: slot.clone(), payload: payload.clone() });
        Ok(payload)
    }

    fn put_slot(&mut self, slot: &Slot) -> PutAnswer {
        let payload = match self.payload(slot) {
            Ok(payload) => payload,
            Err(error) => {
                self.error = Some(error);
                return PutAnswer::Failed;
            }
        };
        let slot_key = self.target.slot_key(slot.parent.as_deref());
        if let Some(key) = slot::payload_key(slot_key, slot, &payload) {
            let put = self.backend().put_if_absent(&key, &payload, self.target.durability);
            // Taken: by an earlier try of this very attempt, since the nonce is in the name.
            match self.answer(put) {
                PutAnswer::Done | PutAnswer::Exists => {}
                _ => return PutAnswer::Failed,
            }
        }
        let bytes = slot::encode(slot_key, slot, &payload);
        let key = slot_key.path();
        let put = self.backend().put_if_absent(&key, &bytes, self.target.durability);
        self.answer(put)
    }

    fn put_manifest(&mut self, slot: &Slot) -> PutAnswer {
        let payload = match self.payload(slot) {
            Ok(payload) => payload,
            Err(error) => {
                self.error = Some(error);
                return PutAnswer::Failed;
            }
        };
        let key = self.target.layout.manifest_path(self.target.dataset, &slot.child);
        match self.put_copies(slot, &payload, &key) {
            PutAnswer::Done => self.put_bytes(&key, &payload),
            answer => answer,
        }
    }

    /// Puts the copies of a hive snapshot's manifest, all of them before the canonical one: whoever sees that one sees
    /// the others, too. A noop has the files of its parent, and no copies.
    fn put_copies(&mut self, slot: &Slot, payload: &[u8], canonical: &str) -> PutAnswer {
        if self.target.layout != Layout::Hive || slot.kind != Kind::Commit {
            return PutAnswer::Done;
        }
        let manifest = match Manifest::parse(payload, self.target.dataset, &slot.child, canonical) {
            Ok(manifest) => manifest,
            Err(error) => {
                self.error = Some(error);
                return PutAnswer::Failed;
            }
        };
        for (number, key) in copies(self.target.layout, self.target.dataset, &manifest).iter().enumerate() {
            // A few are put whatever the time, as any manifest is; thousands are left to the next writer.
            if number >= COPIES
                && let Err(error) = self.context.check("publishing the copies of a manifest")
            {
                self.error = Some(error);
                return PutAnswer::Failed;
            }
            match self.put_bytes(key, payload) {
                PutAnswer::Done => {}
                // A writer that died before us may have left it in the cache.
                PutAnswer::Exists if self.persist(key) => {}
                PutAnswer::Exists => return PutAnswer::Failed,
                answer => return answer,
            }
        }
        PutAnswer::Done
    }

    /// Puts a manifest, or a copy of one.
    fn put_bytes(&mut self, key: &str, payload: &[u8]) -> PutAnswer {
        let put = self.backend().put_if_absent(key, payload, self.target.durability);
        match self.answer(put) {
            PutAnswer::Exists => match self.backend().get(key, MANIFEST_MAX) {
                Ok(Some(there)) if there == *payload => PutAnswer::Exists,
                Ok(Some(_)) => PutAnswer::Differs,
                Ok(None) => PutAnswer::Unknown,
                Err(error) => {
                    self.error = Some(error);
                    PutAnswer::Unknown
                }
            },
            answer => answer,
        }
    }

    fn answer(&mut self, put: Put) -> PutAnswer {
        let (answer, error) = match put {
            Put::Done => return PutAnswer::Done,
            Put::Exists => return PutAnswer::Exists,
            Put::Failed(error) => (PutAnswer::Failed, error),
            Put::Unknown(error) => (PutAnswer::Unknown, error),
            Put::Doubtful(error) => (PutAnswer::Doubtful, error),
        };
        self.error = Some(error);
        answer
    }

    fn persist_slot(&mut self, parent: Option<&str>) -> Event {
        if self.target.durability == Durability::Process || !self.backend().persists() {
            return Event::Persisted(true);
        }
        let slot_key = self.target.slot_key(parent);
        let key = slot_key.path();
        let seen = self.seen.as_ref().filter(|seen| seen.slot.parent.as_deref() == parent).cloned();
        let found = match seen {
            Some(seen) => Ok(Some(seen)),
            None => self.history().slot(parent),
        };
        let payload_key = match found {
            Ok(Some(found)) => slot::payload_key(slot_key, &found.slot, &found.payload),
            Ok(None) => {
                let message = format!("the slot {key} is missing, but its child is there");
                self.error = Some(Error::new(Status::Corrupt, message).with_path(key));
                return Event::SlotAbsent;
            }
            Err(error) => {
                self.error = Some(error);
                return Event::Persisted(false);
            }
        };
        let persisted = payload_key.is_none_or(|payload| self.persist(&payload)) && self.persist(&key);
        Event::Persisted(persisted)
    }

    fn persist_manifest(&mut self, id: &str) -> bool {
        match self.history().manifest_key(id) {
            Ok(key) => self.persist(&key),
            Err(error) => {
                self.error = Some(error);
                false
            }
        }
    }

    fn persist(&mut self, key: &str) -> bool {
        if self.target.durability == Durability::Process || !self.backend().persists() {
            return true;
        }
        match self.backend().persist(key) {
            Ok(()) => true,
            Err(error) => {
                self.error = Some(error);
                false
            }
        }
    }

    fn swap(&mut self, expected: Option<&[u8]>, value: &str) -> SwapAnswer {
        let key = self.target.layout.latest_path(self.target.dataset);
        // Another's pointer can be left to whoever comes next: it must not cost our own commit its time.
        let is_own = self.own.as_ref().is_some_and(|own| *own.slot.child == *value);
        let is_help = matches!(self.machine.goal(), Goal::Commit { .. }) && !is_own;
        let wait = LockWait { context: self.context, patient: !is_help, retry: self.target.retry };
        let expected = expected.unwrap_or_default();
        match self.backend().compare_and_swap(&key, expected, value.as_bytes(), self.target.durability, &wait)
        {
            Swap::Done => SwapAnswer::Done,
            Swap::Mismatch(current) => SwapAnswer::Mismatch(current),
            Swap::Busy(error) | Swap::Failed(error) => {
                self.error = Some(error);
                SwapAnswer::Failed
            }
            Swap::Unknown(error) => {
                self.error = Some(error);
                SwapAnswer::Unknown
            }
        }
    }

    /// Waits before the next try; whether there may be one.
    fn pause(&mut self, tries: u32) -> bool {
        let time = self.target.retry.pause(tries, id::fresh_random());
        match self.context.sleep(time, "waiting for an answer") {
            Ok(()) => true,
            Err(error) => {
                self.error.get_or_insert(error);
                false
            }
        }
    }

    fn named(&self, error: Error) -> Error {
        error.context(format_args!("dataset {:?}", self.target.dataset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_that_nobody_could_read_is_not_committed() {
        assert!(check_length(MANIFEST_MAX, MANIFEST_MAX).is_ok());
        let error = check_length(11, 10).unwrap_err();
        assert_eq!(error.status(), Status::InvalidArgument);
        assert!(error.message().contains("would have 11 bytes, more than the 10"), "{error}");
    }
}
