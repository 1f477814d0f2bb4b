//! A bound on alerts with the same name, so that one runaway rule cannot fill the memory.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use smol_str::SmolStr;

use crate::alert_book::AlertId;

/// At most so many alerts of a name are admitted; resolved ones make room.
#[derive(Debug)]
pub struct NameLimit {
    /// 0: no limit, and nothing is kept.
    alerts_max: usize,
    admitted: HashMap<SmolStr, Vec<AlertId>, FixedState>,
}

impl NameLimit {
    /// A limit of so many alerts per name, 0 for none.
    pub fn new(alerts_max: usize) -> Self {
        Self { alerts_max, admitted: HashMap::default() }
    }

    /// Whether one more alert of this name may come in. At the limit, one that `is_over` gives up its place.
    pub fn has_room(&mut self, name: &str, is_over: impl Fn(AlertId) -> bool) -> bool {
        if self.alerts_max == 0 {
            return true;
        }
        let Some(admitted) = self.admitted.get_mut(name).filter(|ids| ids.len() >= self.alerts_max) else {
            return true;
        };
        let over = admitted.iter().position(|id| is_over(*id));
        over.map(|at| admitted.swap_remove(at)).is_some()
    }

    /// Whether there are as many alerts of this name as allowed.
    pub fn is_full(&self, name: &str) -> bool {
        self.alerts_max > 0 && self.admitted.get(name).is_some_and(|ids| ids.len() >= self.alerts_max)
    }

    /// Counts an alert that came in.
    pub fn admit(&mut self, name: &str, id: AlertId) {
        if self.alerts_max > 0 {
            self.admitted.entry(SmolStr::new(name)).or_default().push(id);
        }
    }

    /// Counts an alert no more.
    pub fn release(&mut self, name: &str, id: AlertId) {
        if let Some(admitted) = self.admitted.get_mut(name) {
            admitted.retain(|admitted| *admitted != id);
            if admitted.is_empty() {
                self.admitted.remove(name);
            }
        }
    }
}
