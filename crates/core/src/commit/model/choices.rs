//! A person's decisions in the model: a writer that is told that the history needs repair chooses one of the
//! heads it was named, and goes on from there.

use super::super::go_compat::Repair;
use super::super::machine::{Goal, Machine, Reason};
use super::foreign::is_go;
use super::world::World;
use crate::history::{Id, Slot, SlotKind};

/// The decisions, in the world.
#[derive(Clone, Default, Hash, PartialEq, Eq)]
pub struct Choices {
    /// Of each writer, what it has been told to choose.
    pending: Vec<Option<Id>>,
    /// One has been begun.
    pub begun: bool,
    /// One has been carried out.
    pub made: bool,
}

impl Choices {
    pub fn new(writers: usize) -> Self {
        Choices { pending: vec![None; writers], ..Choices::default() }
    }

    /// For a fresh writer, alone.
    pub fn afterwards(&self) -> Self {
        Choices { pending: vec![None], ..self.clone() }
    }
}

impl World {
    /// The choice that this writer is to make next. It waits until the Go writer is done, as it has to.
    pub(super) fn begin_choice(&mut self, index: usize) -> Option<Option<Goal>> {
        let Some(id) = self.choices.pending[index].clone() else { return Some(None) };
        if self.is_go_coming() {
            return None;
        }
        self.choices.begun = true;
        Some(Some(Goal::Adopt { id }))
    }

    pub(super) fn has_choice(&self, index: usize) -> bool {
        self.choices.pending[index].is_some()
    }

    pub(super) fn forget_choice(&mut self, index: usize) {
        self.choices.pending[index] = None;
    }

    /// It was told these heads: one writer takes the first, another the last. What the slots decided is taken
    /// as the error says.
    pub(super) fn choose(&mut self, index: usize, reason: &Reason) {
        let Reason::NeedsRepair { repair, heads } = reason else { return };
        self.choices.pending[index] = match repair {
            Repair::NotTheEnd(end) => Some(end.clone()),
            // A file has to go: no choice helps.
            Repair::OtherParent(_) => None,
            _ if index.is_multiple_of(2) => heads.last().cloned(),
            _ => heads.first().cloned(),
        };
    }

    /// The choice was carried out.
    pub(super) fn chosen(&mut self, index: usize, machine: Option<&Machine>) -> Result<(), String> {
        let Some(Goal::Adopt { id }) = machine.map(Machine::goal) else {
            return Err("a commit ended as an adoption".into());
        };
        self.choices.pending[index] = None;
        self.choices.made = true;
        match self.path().iter().any(|(on, _)| on == id) {
            true => Ok(()),
            false => Err(format!("{id} is said to be adopted, and is not on the path")),
        }
    }

    /// After a choice something stays beside the path: what is committed then sorts above it.
    pub(super) fn judge_order(&self, slot: &Slot) -> Result<(), String> {
        if !self.choices.made || slot.kind != SlotKind::Commit {
            return Ok(());
        }
        match self.manifests.keys().find(|id| is_go(id) && **id > slot.child) {
            Some(id) => Err(format!("{} is committed after a choice, below {id}", slot.child)),
            None => Ok(()),
        }
    }
}
