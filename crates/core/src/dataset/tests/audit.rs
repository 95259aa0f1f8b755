//! The auditor: walks a history from its first slot and checks all that the protocol promises
//! (`docs/commit-protocol.md`, section "How it is verified").

use super::*;
use crate::history::{Decision, SlotKind};
use crate::id::{Form, form};
use crate::manifest::Manifest;

/// The ids on the path, the first one first; or what is wrong with the history.
pub(super) fn audit(store: &Store, acknowledged: &[String]) -> std::result::Result<Vec<String>, String> {
    audit_as(store, Layout::Default, acknowledged)
}

/// The same for a dataset of this layout.
pub(super) fn audit_as(
    store: &Store,
    layout: Layout,
    acknowledged: &[String],
) -> std::result::Result<Vec<String>, String> {
    let dataset = open_as(store, layout);
    let unlimited = Context::default();
    let history = dataset.history(&unlimited);
    let text = |error: Error| format!("{error:?}");
    let mut path: Vec<String> = Vec::new();
    let (mut unpublished, mut slots) = (None, 0);
    while let Some(decision) = history.slot(path.last().map(String::as_str)).map_err(text)? {
        let child = decision.slot.child.to_string();
        if path.contains(&child) {
            return Err(format!("the slots go round to {child} again"));
        }
        if decision.slot.kind == SlotKind::Adopt {
            // It stands for its child and all of the child's ancestors.
            let (begin, parent) = (path.len(), path.last().cloned());
            let mut next = Some(child);
            while let Some(id) = next.filter(|id| Some(id) != parent.as_ref()) {
                let stored = history.whole_manifest(&id).map_err(text)?;
                let stored = stored.ok_or_else(|| format!("the adopted {id} is gone"))?;
                next = stored.manifest.parent_snapshot_id.clone();
                let snapshot = dataset.snapshot_of(stored);
                read_all(&dataset, &snapshot, ReadOptions::default()).map_err(text)?;
                path.push(id);
            }
            path[begin..].reverse();
            slots += 1;
            continue;
        }
        slots += 1;
        if let Some(unpublished) = unpublished {
            return Err(format!("{child} is built on {unpublished}, which has no manifest"));
        }
        let form = form(&child);
        let placed = matches!(form, Form::Ours { .. })
            || decision.slot.kind == SlotKind::Noop && matches!(form, Form::Go { .. });
        if path.last().is_some_and(|parent| *parent >= child) || !placed {
            return Err(format!("{child} does not sort after its parent"));
        }
        match history.whole_manifest(&child).map_err(text)? {
            Some(stored) if stored.bytes != *decision.payload && matches!(form, Form::Ours { .. }) => {
                return Err(format!("the manifest of {child} is not what its slot holds"));
            }
            Some(stored) => {
                audit_copies(store, &stored.manifest, &decision)?;
                let snapshot = dataset.snapshot_of(stored);
                match snapshot.manifest().codec {
                    Some(_) => read_all(&dataset, &snapshot, ReadOptions::default()).map(|_| ()),
                    None => dataset
                        .read_blob(&snapshot, ReadOptions::default())
                        .and_then(|mut reader| blobs::stream(&mut reader, 1 << 20).map(|_| ())),
                }
                .map_err(text)?;
            }
            None => unpublished = Some(child.clone()),
        }
        path.push(child);
    }
    for id in history.listed_ids().map_err(text)? {
        // What the Go library wrote is in the slots when the next commit of ours is.
        let foreign = matches!(form(&id), Form::Go { .. });
        if !path.contains(&id) && !foreign && history.whole_manifest(&id).map_err(text)?.is_some() {
            return Err(format!("the manifest of {id} is there, but no slot names it"));
        }
    }
    let listed =
        keys(store).into_iter().filter(|key| key.contains("/_commits/") && !key.ends_with(".payload"));
    if listed.count() != slots {
        return Err("a slot is not on the path from the root".into());
    }
    if let Some(pointer) = history.latest().map_err(text)? {
        let pointer = String::from_utf8_lossy(&pointer).into_owned();
        if !path.contains(&pointer) && !matches!(form(&pointer), Form::Go { .. }) {
            return Err(format!("the pointer names {pointer}, which is not on the path"));
        }
    }
    if let Some(id) = acknowledged.iter().find(|id| !path.contains(id)) {
        return Err(format!("{id} was acknowledged, and is not on the path"));
    }
    Ok(path)
}

/// A manifest that is there has all its copies beside it.
fn audit_copies(store: &Store, manifest: &Manifest, decision: &Decision) -> std::result::Result<(), String> {
    let mut copies: Vec<String> = manifest
        .files
        .iter()
        .filter_map(|file| file.path.split_once("/partitions/")?.1.split_once("/segments/"))
        .map(|(partition, _)| {
            format!("datasets/events/partitions/{partition}/segments/{}/manifest.json", manifest.snapshot_id)
        })
        .collect();
    copies.dedup();
    for copy in copies {
        let wanted = decision.slot.kind == SlotKind::Commit;
        match store.backend().get(Context::unlimited(), &copy, 1 << 30) {
            Ok(Some(bytes)) if wanted && bytes == *decision.payload => {}
            Ok(None) if !wanted => {}
            Ok(_) => return Err(format!("{copy} is not the slot's payload, or missing")),
            Err(error) => return Err(format!("{error:?}")),
        }
    }
    Ok(())
}
