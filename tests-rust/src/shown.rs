//! Which cases were shown: one that passes on no host shows nothing.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::conformance::{cases, Case};

/// The cases that passed somewhere.
#[derive(Debug, Default)]
pub struct Shown(Mutex<BTreeSet<&'static str>>);

impl Shown {
    /// Notes that a case passed on some host.
    pub fn passed(&self, case: &'static Case) {
        let mut passed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        passed.insert(case.id);
    }

    /// The cases that passed nowhere, but for those that only hosts of another kind can show.
    pub fn nowhere(&self, elsewhere: &[&str]) -> Vec<&'static str> {
        let passed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ids = cases().map(|case| case.id);
        ids.filter(|id| !passed.contains(id) && !elsewhere.contains(id))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would fail if a case could be skipped on every host, and nobody told.
    #[test]
    fn what_passes_nowhere_is_named() {
        let shown = Shown::default();
        cases()
            .filter(|case| !["A9", "F1"].contains(&case.id))
            .for_each(|case| shown.passed(case));
        assert_eq!(shown.nowhere(&["F1"]), ["A9"]);
    }
}
