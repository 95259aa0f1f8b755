//! Runs the commit machine on a store: carries out its requests, and gives it the answers.

mod persisting;
mod putting;
mod reading;
mod refusal;
mod staged;

use std::sync::Arc;
use std::time::Duration;

use super::Target;
use super::machine::{
    Conclusion, Dated, Drawn, Goal, Knowledge, Machine, PartsAnswer, PauseAnswer, Pending, Publication,
    Reason, SwapAnswer,
};
use crate::context::Context;
use crate::error::{Error, Result, Status};
use crate::history::{Decision, History, Id, Slot};
use crate::id::{self, TIME_END};
use crate::manifest::Manifest;
use crate::store::known_heads::KnownHead;
use crate::store::{Backend, Hold, LockWait, LogLevel, Swap};

/// A parent this far ahead of the clock is worth a warning.
const AHEAD: Duration = Duration::from_secs(24 * 60 * 60);

/// What is to be committed.
pub trait Content {
    /// Makes the data files durable; gives the id that they lie under and its time. Asked again after a
    /// commit that failed, it answers the same.
    ///
    /// # Errors
    /// What went wrong; nothing is committed then.
    fn finish_data(&mut self) -> Result<Dated>;

    /// The manifest for this slot's child.
    ///
    /// # Errors
    /// `NoMemory`.
    fn manifest(&mut self, slot: &Slot) -> Result<Manifest>;

    /// The snapshot, from `head` back, that names one of the parts that are to be committed, if there is one.
    /// `seen` is a decision that was read already, perhaps the head's.
    ///
    /// # Errors
    /// What stands in the way of reading the history.
    fn committed_part(
        &mut self,
        history: History<'_>,
        head: &Id,
        seen: Option<&Decision>,
    ) -> Result<Option<Id>> {
        let _ = (history, head, seen);
        Ok(None)
    }

    /// Fails if the data was staged so long ago that clean-up may have removed it. Asked before each slot.
    ///
    /// # Errors
    /// `StagedTooOld`.
    fn check_age(&self) -> Result<()> {
        Ok(())
    }
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
    content: Option<&'a mut dyn Content>,
    machine: Machine,
    /// The payload of our own attempt.
    own: Option<Decision>,
    /// The keys of the copies of our own manifest, with the nonce of its slot, once it was made.
    own_copies: Option<(u128, Vec<String>)>,
    /// Keeps clean-up away from the payload object of our attempt.
    payload_hold: Option<Box<dyn Hold>>,
    /// What is written ahead of our attempt's decision.
    staged: Option<staged::Staged>,
    /// The payload of the slot read last.
    seen: Option<Decision>,
    /// The SHA-256 of the manifest read last.
    digest: Option<(Id, [u8; 32])>,
    /// Why the last request failed.
    error: Option<Error>,
}

/// Commits `content` as `goal`, a commit, says; learns into `knowledge`; leaves in `pending` the attempt
/// whose outcome is unknown.
///
/// # Errors
/// Certainly not committed, but for `CommitUnknown`.
pub fn commit(
    target: Target<'_>,
    context: &Context,
    goal: Goal,
    content: &mut dyn Content,
    knowledge: &mut Knowledge,
    pending: &mut Option<Decision>,
) -> Result<Ended> {
    check_clock(target)?;
    let repeated = pending.clone();
    let machine = match &repeated {
        Some(pending) => {
            Machine::repeating(goal, knowledge.clone(), context.retry().attempts, pending.slot.clone())
        }
        None => Machine::new(goal, knowledge.clone(), context.retry().attempts),
    };
    let mut driver = Driver::new(target, context, machine);
    driver.content = Some(content);
    driver.own = repeated;
    let ended = driver.run();
    *knowledge = driver.machine.knowledge().clone();
    match ended {
        Ok(Conclusion::Committed(slot, publication)) => {
            let payload = driver.own.take().map(|own| own.payload).unwrap_or_default();
            *pending = None;
            driver.remember(&slot);
            if publication == Publication::Unpublished {
                driver.warn_unpublished(&slot.child);
            }
            Ok(Ended::Decided(Decided { payload, slot, publication }))
        }
        Ok(Conclusion::AlreadyCommitted(head)) => {
            *pending = None;
            Ok(Ended::AlreadyCommitted(head))
        }
        Ok(Conclusion::Unknown(slot)) => {
            *pending = driver.own.take();
            Err(driver.unknown(&slot.child))
        }
        Ok(Conclusion::NotCommitted(reason)) => {
            *pending = None;
            Err(driver.refusal(reason))
        }
        Ok(Conclusion::Detached(slot)) => {
            *pending = None;
            Err(driver.detached(&slot))
        }
        Ok(Conclusion::Resolved | Conclusion::Impossible | Conclusion::Undecided | Conclusion::Adopted) => {
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
    let machine = Machine::new(Goal::Resolve { id: id.clone() }, knowledge.clone(), context.retry().attempts);
    let mut driver = Driver::new(target, context, machine);
    let ended = driver.run();
    *knowledge = driver.machine.knowledge().clone();
    match ended {
        Ok(Conclusion::Resolved) => Ok(Resolved::Committed),
        Ok(Conclusion::Impossible) => Ok(Resolved::Impossible),
        Ok(Conclusion::NotCommitted(reason)) => Err(driver.refusal(reason)),
        Ok(_) => Err(driver.unknown(&id)),
        Err(error) if error.status() == Status::LayoutMismatch => Err(error),
        Err(error) => Err(error.with_status(Status::CommitUnknown).with_snapshot_id(&*id)),
    }
}

/// Makes the snapshot `id` the head, as the caller chose.
///
/// # Errors
/// `SnapshotNotFound`; `NeedsRepair` if the slots lead elsewhere for good; the store's. It may be repeated.
pub fn adopt(target: Target<'_>, context: &Context, id: &str, knowledge: &mut Knowledge) -> Result<()> {
    let goal = Goal::Adopt { id: Id::from(id) };
    let machine = Machine::new(goal, knowledge.clone(), context.retry().attempts);
    let mut driver = Driver::new(target, context, machine);
    let ended = driver.run();
    *knowledge = driver.machine.knowledge().clone();
    // The choice may lie behind what was known.
    target.store.known_heads().forget(&target.layout.known_as(target.dataset));
    match ended? {
        Conclusion::Adopted => Ok(()),
        Conclusion::NotCommitted(reason) => Err(driver.refusal(reason)),
        Conclusion::Undecided => Err(driver.refusal(Reason::Failed)),
        _ => Err(Error::new(Status::Internal, "an adoption ended as a commit")),
    }
}

/// Refuses to commit at a time that ids cannot hold.
///
/// # Errors
/// `Unsupported`.
pub fn check_clock(target: Target<'_>) -> Result<()> {
    match (target.clock)() < TIME_END {
        true => Ok(()),
        false => Err(clock_too_late().context(format_args!("dataset {:?}", target.dataset))),
    }
}

fn clock_too_late() -> Error {
    let message = "this machine's clock is beyond the year 2261, where snapshot ids end: set the clock";
    Error::new(Status::Unsupported, message)
}

impl<'a> Driver<'a> {
    fn new(target: Target<'a>, context: &'a Context, machine: Machine) -> Self {
        Driver {
            target,
            context,
            content: None,
            machine,
            own: None,
            own_copies: None,
            payload_hold: None,
            staged: None,
            seen: None,
            digest: None,
            error: None,
        }
    }

    fn run(&mut self) -> Result<Conclusion> {
        let mut pending = self.machine.start();
        loop {
            if let Pending::Finished(outcome) = pending {
                return Ok(outcome);
            }
            if self.machine.may_stop() {
                self.context.check("committing").map_err(|error| self.named(error))?;
            }
            let reads_own = matches!((&pending, &self.own), (Pending::ReadSlot(ask), Some(own))
                if own.slot.parent == ask.request.0);
            let answered = self.perform(pending);
            // Our slot's place is taken by one of another layout, for good: our request is not committed.
            if reads_own
                && let Some(error) = self.error.take_if(|error| error.status() == Status::LayoutMismatch)
            {
                return Err(self.named(error));
            }
            pending = answered;
        }
    }

    /// Makes the request, and gives the machine its answer.
    fn perform(&mut self, pending: Pending) -> Pending {
        macro_rules! answer {
            ($ask:ident, $answer:expr) => {{
                let answer = $answer;
                $ask.answer(&mut self.machine, answer)
            }};
        }
        match pending {
            Pending::ReadLatest(ask) => answer!(ask, self.read_latest()),
            Pending::ListHead(ask) => answer!(ask, self.list_head()),
            Pending::ReadManifest(ask) => answer!(ask, self.read_manifest(&ask.request.0)),
            Pending::ReadSlot(ask) => answer!(ask, self.read_slot(ask.request.0.as_deref())),
            Pending::FindSlotNaming(ask) => answer!(ask, self.find_slot_naming(&ask.request.0)),
            Pending::CheckHead(ask) => answer!(ask, self.check_head(&ask.request)),
            Pending::ReadSurvey(ask) => answer!(ask, self.read_survey()),
            Pending::ReadAge(ask) => answer!(ask, self.read_age(&ask.request.0)),
            Pending::PersistAdopted(ask) => answer!(ask, self.persist_adopted(&ask.request.0)),
            Pending::FinishData(ask) => answer!(ask, self.finish_data()),
            Pending::CheckParts(ask) => answer!(ask, self.check_parts(&ask.request.0)),
            Pending::Draw(ask) => answer!(ask, self.draw()),
            Pending::PutSlot(ask) => answer!(ask, self.put_slot(&ask.request.0)),
            Pending::PutManifest(ask) => answer!(ask, self.put_manifest(&ask.request.0)),
            Pending::PersistSlot(ask) => answer!(ask, self.persist_slot(ask.request.0.as_deref())),
            Pending::PersistManifest(ask) => answer!(ask, self.persist_manifest(&ask.request.0)),
            Pending::PersistLatest(ask) => answer!(ask, self.persist_latest()),
            Pending::SwapLatest(ask) => {
                answer!(ask, self.swap(ask.request.expected.as_deref(), &ask.request.value))
            }
            Pending::Pause(ask) => answer!(ask, self.pause(ask.request.0)),
            Pending::Finished(outcome) => Pending::Finished(outcome),
        }
    }

    /// The context of requests: one that asks what became of a request in doubt ignores the deadline.
    fn request_context(&self) -> &'a Context {
        if self.machine.is_in_doubt() { Context::unlimited() } else { self.context }
    }

    fn history(&self) -> History<'_> {
        self.target.history(self.request_context())
    }

    fn backend(&self) -> &dyn Backend {
        self.target.backend()
    }

    fn finish_data(&mut self) -> Option<Dated> {
        // Where nothing of the layout is found, the place may be another's.
        if self.machine.head().is_none()
            && let Err(error) = self.refuse_another_layout()
        {
            self.error = Some(error);
            return None;
        }
        match self.content.as_mut()?.finish_data() {
            Ok(id) => Some(id),
            Err(error) => {
                self.error = Some(error);
                None
            }
        }
    }

    fn check_parts(&mut self, head: &Id) -> PartsAnswer {
        let history = self.target.history(self.context);
        let Some(content) = self.content.as_mut() else { return PartsAnswer::New };
        match content.committed_part(history, head, self.seen.as_ref()) {
            Ok(None) => PartsAnswer::New,
            Ok(Some(id)) => PartsAnswer::Committed(id),
            Err(error) => {
                self.error = Some(error);
                PartsAnswer::Failed
            }
        }
    }

    /// Default and hive datasets would lie in the same place, and see nothing of each other.
    fn refuse_another_layout(&self) -> Result<()> {
        self.history().refuse_another_layout()
    }

    fn draw(&self) -> Drawn {
        let now = (self.target.clock)();
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
        Drawn { now, random: id::fresh_random(), nonce: id::fresh_nonce() }
    }

    fn swap(&mut self, expected: Option<&[u8]>, value: &str) -> SwapAnswer {
        let key = self.target.layout.latest_path(self.target.dataset);
        // Another's pointer can be left to the next writer: it must not cost our own commit its time.
        let is_own = self.own.as_ref().is_some_and(|own| *own.slot.child == *value);
        let is_help = matches!(self.machine.goal(), Goal::Commit { .. }) && !is_own;
        let wait = if is_help { LockWait::Attempts } else { LockWait::Deadline };
        let durability = self.target.durability;
        let expected = expected.unwrap_or_default();
        let prepared = if is_own { self.prepared_swap() } else { None };
        let context = self.request_context();
        let swap = match prepared {
            Some(mut prepared) => {
                let swap = prepared.finish(context, expected, wait);
                // It may be tried again, against what is there.
                if matches!(swap, Swap::Mismatch(_) | Swap::Busy(_)) {
                    self.keep_prepared(prepared);
                }
                swap
            }
            None => {
                let value = value.as_bytes();
                self.backend().compare_and_swap(context, &key, expected, value, durability, wait)
            }
        };
        match swap {
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

    /// Waits before the next try.
    fn pause(&mut self, tries: u32) -> PauseAnswer {
        let time = self.context.retry().pause(tries, id::fresh_random());
        match self.context.sleep(time, "waiting for an answer") {
            Ok(()) => PauseAnswer::GoOn,
            Err(error) => {
                self.error.get_or_insert(error);
                PauseAnswer::Stop
            }
        }
    }

    /// Readers in this process are given the snapshot from now on, wherever the pointer is.
    fn remember(&self, slot: &Slot) {
        let head =
            KnownHead { parent: slot.parent.as_deref().map(str::to_owned), id: slot.child.to_string() };
        let known_as = self.target.layout.known_as(self.target.dataset);
        self.target.store.known_heads().learn(&known_as, head);
    }

    fn warn_unpublished(&self, id: &str) {
        let cause = self.error.as_ref().map_or("no answer", |error| error.message());
        let message = format!(
            "dataset {:?}: the snapshot {id} is committed, but not published yet ({cause}): until the next commit \
             publishes it, other processes read the snapshot before it",
            self.target.dataset
        );
        self.target.store.log(LogLevel::Warning, &message);
    }

    fn named(&self, error: Error) -> Error {
        error.context(format_args!("dataset {:?}", self.target.dataset))
    }
}
