//! Layers that a viewer does not show (optional content).

use std::collections::HashSet;

use hayro_syntax::object::{Array, Dict, MaybeRef, Name, ObjRef, Object};

/// The layers that are off.
#[derive(Default)]
pub(super) struct Layers {
    off: HashSet<ObjRef>,
}

impl Layers {
    /// From the document's catalog.
    pub(super) fn of(catalog: &Dict<'_>) -> Self {
        let read = || {
            let properties = catalog.get::<Dict<'_>>("OCProperties")?;
            let config = properties.get::<Dict<'_>>("D")?;
            let all_off = config.get::<Name<'_>>("BaseState").is_some_and(|state| state.as_ref() == b"OFF");
            let mut off = if all_off { references(&properties, "OCGs") } else { HashSet::new() };
            for shown in references(&config, "ON") {
                off.remove(&shown);
            }
            off.extend(references(&config, "OFF"));
            Some(off)
        };
        Self { off: read().unwrap_or_default() }
    }

    /// Whether what `holder` names under `key`, a layer or a choice among layers, is hidden.
    pub(super) fn hides(&self, holder: &Dict<'_>, key: &str) -> bool {
        if self.off.is_empty() {
            return false;
        }
        if holder.get_ref(key).is_some_and(|layer| self.off.contains(&layer)) {
            return true;
        }
        let Some(choice) = holder.get::<Dict<'_>>(key) else { return false };
        let mut members = references(&choice, "OCGs");
        members.extend(choice.get_ref("OCGs"));
        let off = |layer: &ObjRef| self.off.contains(layer);
        match choice.get::<Name<'_>>("P").as_deref() {
            _ if members.is_empty() => false,
            Some(b"AllOn") => members.iter().any(off),
            Some(b"AnyOff") => !members.iter().any(off),
            Some(b"AllOff") => !members.iter().all(off),
            _ => members.iter().all(off),
        }
    }
}

fn references(dict: &Dict<'_>, key: &str) -> HashSet<ObjRef> {
    let items = dict.get::<Array<'_>>(key).unwrap_or_default();
    items.raw_iter().filter_map(|item: MaybeRef<Object<'_>>| item.as_obj_ref()).collect()
}
