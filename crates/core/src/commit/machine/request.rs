//! What the machine asks for: each request is a type, with the type of its answer and the states, by phase,
//! that wait for that answer. A state travels inside its [`Ask`] and can be resumed by an answer of the right
//! type alone.

mod answers;
mod reads;
mod writes;

use std::fmt::Debug;
use std::hash::Hash;

use super::{Conclusion, Machine};
pub use answers::*;
pub use reads::*;
pub use writes::*;

/// A request that the machine makes.
pub trait Request: Sized {
    /// What answers it.
    type Answer;
    /// The states that wait for the answer.
    type State: Clone + Debug + Eq + Hash;
    /// The variant of [`Pending`].
    const PENDING: fn(Ask<Self>) -> Pending;

    /// Goes on from `state`.
    fn resume(machine: &mut Machine, state: Self::State, answer: Self::Answer) -> Pending;
}

/// A request with the state that waits for its answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ask<Q: Request> {
    /// What is asked for.
    pub request: Q,
    state: Q::State,
}

impl<Q: Request> Ask<Q> {
    /// Gives the answer to the machine that asked.
    pub fn answer(self, machine: &mut Machine, answer: Q::Answer) -> Pending {
        Q::resume(machine, self.state, answer)
    }
}

impl Machine {
    /// Waits in `state` for the answer to `request`.
    pub(in crate::commit) fn ask<Q: Request>(&mut self, request: Q, state: Q::State) -> Pending {
        Q::PENDING(Ask { request, state })
    }
}

/// What the machine waits for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pending {
    /// See [`ReadLatest`].
    ReadLatest(Ask<ReadLatest>),
    /// See [`ListHead`].
    ListHead(Ask<ListHead>),
    /// See [`ReadManifest`].
    ReadManifest(Ask<ReadManifest>),
    /// See [`ReadSlot`].
    ReadSlot(Ask<ReadSlot>),
    /// See [`FindSlotNaming`].
    FindSlotNaming(Ask<FindSlotNaming>),
    /// See [`CheckHead`].
    CheckHead(Ask<CheckHead>),
    /// See [`ReadSurvey`].
    ReadSurvey(Ask<ReadSurvey>),
    /// See [`ReadAge`].
    ReadAge(Ask<ReadAge>),
    /// See [`PersistAdopted`].
    PersistAdopted(Ask<PersistAdopted>),
    /// See [`FinishData`].
    FinishData(Ask<FinishData>),
    /// See [`CheckParts`].
    CheckParts(Ask<CheckParts>),
    /// See [`Draw`].
    Draw(Ask<Draw>),
    /// See [`PutSlot`].
    PutSlot(Ask<PutSlot>),
    /// See [`PutManifest`].
    PutManifest(Ask<PutManifest>),
    /// See [`PersistSlot`].
    PersistSlot(Ask<PersistSlot>),
    /// See [`PersistManifest`].
    PersistManifest(Ask<PersistManifest>),
    /// See [`PersistLatest`].
    PersistLatest(Ask<PersistLatest>),
    /// See [`SwapLatest`].
    SwapLatest(Ask<SwapLatest>),
    /// See [`Pause`].
    Pause(Ask<Pause>),
    /// It is over.
    Finished(Conclusion),
}
