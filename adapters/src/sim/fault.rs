//! Faults that a test plans for a simulated cluster. It must never decide anything by chance.

use crate::port::PortError;

/// A verb of the port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    Apply,
    Remove,
    Observe,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Nothing happened.
    Before,
    /// It happened, and the caller does not learn of it.
    After,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    Error(PortError),
    /// No answer until the call's deadline.
    Hang,
}

/// The `nth` call of `verb` (from 1) to a resource whose id contains `matching` fails, and `times - 1` after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub verb: Word,
    pub matching: String,
    pub nth: u32,
    pub when: When,
    pub trouble: Trouble,
    pub times: u32,
}

impl Fault {
    /// The next matching call fails once.
    pub fn once(verb: Word, matching: &str, (when, trouble): (When, Trouble)) -> Self {
        Self { verb, matching: matching.to_owned(), nth: 1, when, trouble, times: 1 }
    }
}

#[derive(Default)]
pub(super) struct Faults {
    planned: Vec<(Fault, u32)>,
    pub(super) calls: u64,
}

impl Faults {
    pub(super) fn plan(&mut self, fault: Fault) {
        self.planned.push((fault, 0));
    }

    /// Counts the call in every fault that it matches; the first one that is due strikes.
    pub(super) fn due(&mut self, verb: Word, id: &str) -> Option<(When, Trouble)> {
        self.calls += 1;
        let mut due = None;
        for (fault, met) in &mut self.planned {
            if fault.verb != verb || !id.contains(&fault.matching) {
                continue;
            }
            *met += 1;
            let last = fault.nth.saturating_add(fault.times);
            if due.is_none() && (fault.nth..last).contains(met) {
                due = Some((fault.when, fault.trouble.clone()));
            }
        }
        due
    }
}
