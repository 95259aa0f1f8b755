//! A reader of this library in the model: it looks for the newest snapshot over and over, and is never given
//! one that is older than what it was given before.

use super::world::{Step, World};
use crate::history::Id;

/// Where it is.
#[derive(Clone, Default, Hash, PartialEq, Eq)]
enum LookState {
    /// About to read the pointer.
    #[default]
    Pointer,
    /// There was none: about to list.
    List,
    /// It has listed: about to see whether there is a pointer by now.
    Again { found: Option<Id> },
}

/// The reader.
#[derive(Clone, Default, Hash, PartialEq, Eq)]
pub struct Look {
    /// How often it looks, still.
    left: u8,
    place: LookState,
    last: Option<Id>,
}

impl Look {
    pub fn new(looks: u8) -> Self {
        Look { left: looks, ..Look::default() }
    }

    /// It looks no more. A writer that is refused the pointer commits all the same, so that before there is a
    /// pointer a reader may be given what is listed, and then what a slower writer's pointer names.
    pub fn end(&mut self) {
        *self = Look::default();
    }
}

impl World {
    pub(super) fn look_steps(&self, steps: &mut Vec<Step>) {
        if self.look.left == 0 {
            return;
        }
        let pointed = self.latest.as_deref().and_then(|raw| std::str::from_utf8(raw).ok()).map(Id::from);
        let mut next = self.clone();
        let (label, result) = match (&self.look.place, pointed) {
            (LookState::Pointer, Some(id)) => (format!("a reader is pointed to {id}"), next.given(Some(id))),
            (LookState::Pointer, None) => {
                next.look.place = LookState::List;
                ("a reader finds no pointer".into(), Ok(()))
            }
            (LookState::List, _) => {
                let found = self.manifests.keys().next_back().cloned();
                let label = format!("the reader lists {found:?}");
                next.look.place = LookState::Again { found };
                (label, Ok(()))
            }
            (LookState::Again { .. }, Some(id)) => {
                next.look.place = LookState::Pointer;
                (format!("the reader finds that there is a pointer by now, to {id}"), Ok(()))
            }
            (LookState::Again { found }, None) => {
                (format!("the reader is given {found:?}, which it listed"), next.given(found.clone()))
            }
        };
        steps.push((label, result.map(|()| next)));
    }

    /// The reader is given this as the newest snapshot.
    fn given(&mut self, id: Option<Id>) -> Result<(), String> {
        let path = self.path();
        let place = |id: &Id| path.iter().position(|(on, _)| on == id);
        let (last, now) = (self.look.last.as_ref().map(place), id.as_ref().map(place));
        if now == Some(None) {
            return Err(format!("a reader is given {id:?}, which is not decided"));
        }
        if now < last {
            return Err(format!("a reader is given {id:?} after {:?}", self.look.last));
        }
        self.look = Look { left: self.look.left - 1, place: LookState::Pointer, last: id };
        Ok(())
    }
}
