//! What a writer expects to find before it writes. It must never be weaker in the transaction than it was when it was
//! checked: a transaction that it was added to is refused where somebody else wrote in between.

use super::{Key, Revision, StoreError, Txn};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Expect {
    #[default]
    Anything,
    /// The object is there, at whatever revision.
    Exists,
    Absent,
    /// The object is at one of these.
    At(Vec<Revision>),
}

impl Expect {
    pub fn holds(&self, found: Option<Revision>) -> bool {
        match self {
            Self::Anything => true,
            Self::Exists => found.is_some(),
            Self::Absent => found.is_none(),
            Self::At(revisions) => found.is_some_and(|found| revisions.contains(&found)),
        }
    }

    /// A conflict where it does not hold.
    pub fn check(&self, key: &Key, found: Option<Revision>) -> Result<(), StoreError> {
        if self.holds(found) { Ok(()) } else { Err(StoreError::Conflict { key: key.clone(), found }) }
    }

    /// Checks, and makes the transaction depend on what was found.
    pub fn bind(&self, txn: Txn, (key, found): (&Key, Option<Revision>)) -> Result<Txn, StoreError> {
        self.check(key, found)?;
        Ok(match (self, found) {
            (Self::Anything, _) => txn,
            (Self::Exists, _) => txn.exists(key.clone()),
            (Self::Absent | Self::At(_), Some(rev)) => txn.at(key.clone(), rev),
            (Self::Absent | Self::At(_), None) => txn.absent(key.clone()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Kind;

    #[test]
    fn what_is_expected_holds_or_not() {
        let (one, two) = (Some(Revision(1)), Some(Revision(2)));
        let at = Expect::At(vec![Revision(1)]);
        for (expect, found, holds) in [
            (&Expect::Anything, None, true),
            (&Expect::Exists, None, false),
            (&Expect::Exists, two, true),
            (&Expect::Absent, None, true),
            (&Expect::Absent, one, false),
            (&at, one, true),
            (&at, two, false),
            (&at, None, false),
            (&Expect::At(vec![]), one, false),
        ] {
            assert_eq!(expect.holds(found), holds, "{expect:?} {found:?}");
        }
    }

    #[test]
    fn a_transaction_depends_on_the_revision_that_was_found() {
        let key = Key::new(Kind::Slice, "acme", "x");
        let at = Expect::At(vec![Revision(1)]);
        let bound = at.bind(Txn::new(), (&key, Some(Revision(1)))).unwrap();
        assert_eq!(bound, Txn::new().at(key.clone(), Revision(1)));
        let error = at.bind(Txn::new(), (&key, Some(Revision(2)))).unwrap_err();
        assert!(matches!(error, StoreError::Conflict { found: Some(Revision(2)), .. }), "{error}");
    }
}
