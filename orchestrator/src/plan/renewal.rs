//! Which certificates of a slice are renewed by the next plan: those past two thirds of their life (SLICE.md).
//!
//! A slice's CA is not among them: devices hold its certificate, so a new one is an operator's decision.

use super::world::{Observed, World};
use adapters::local::{LIFE, NOT_AFTER, NOT_BEFORE};
use jiff::Timestamp;
use models::resource::{Resource, ResourceId, Seen};
use models::secret::Material;
use std::collections::BTreeSet;

pub fn due(world: &World) -> BTreeSet<ResourceId> {
    let certificates = world.recorded.iter().filter(|(_, recorded)| is_renewed(&recorded.resource));
    let late = |id: &ResourceId, recorded: Option<&Seen>| {
        let seen = match world.observed.get(id) {
            Some(Observed::Present(seen)) => Some(&**seen),
            Some(Observed::Absent | Observed::Unknown) | None => recorded,
        };
        seen.is_some_and(|seen| is_late(seen, world.now))
    };
    certificates.filter(|(id, recorded)| late(id, recorded.seen.as_ref())).map(|(id, _)| id.clone()).collect()
}

pub fn is_renewed(resource: &Resource) -> bool {
    match resource {
        Resource::Secret(spec) => matches!(spec.material, Material::Certificate { .. }),
        Resource::Object(_) | Resource::Readiness(_) | Resource::Hook(_) => false,
    }
}

/// Past two thirds of its life, by what its target said of it; or of a future that was taken back, and not good yet.
pub fn is_late(seen: &Seen, now: Timestamp) -> bool {
    let moment = |name: &str| seen.outputs.get(name).and_then(|text| text.parse::<Timestamp>().ok());
    let Some(end) = moment(NOT_AFTER) else { return false };
    // Records of before this was told are of certificates of that life.
    let start = moment(NOT_BEFORE).unwrap_or(end - LIFE);
    let (life, lived) = (end.duration_since(start), now.duration_since(start));
    lived.is_negative() || lived.as_millis() >= life.as_millis() * 2 / 3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(start: &str, end: &str) -> Seen {
        let outputs = [(NOT_BEFORE, start), (NOT_AFTER, end)].map(|(name, text)| (name.to_owned(), text.to_owned()));
        Seen { outputs: outputs.into(), ..Seen::default() }
    }

    #[test]
    fn a_certificate_is_late_from_two_thirds_of_its_life_on() {
        let year = seen("2026-01-01T00:00:00Z", "2026-12-28T00:00:00Z");
        assert!(!is_late(&year, "2026-08-28T00:00:00Z".parse().unwrap()));
        assert!(is_late(&year, "2026-08-30T00:00:00Z".parse().unwrap()));
        assert!(!is_late(&Seen::default(), Timestamp::MAX), "nothing is known of its life");
        let mut old = seen("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");
        old.outputs.remove(NOT_BEFORE);
        assert!(!is_late(&old, "2026-08-28T00:00:00Z".parse().unwrap()));
        assert!(is_late(&old, "2026-09-03T00:00:00Z".parse().unwrap()), "a record that tells its end only");
    }
    /// Made while the calendar was a year ahead: nobody accepts it until then, and the one that is made now is good.
    #[test]
    fn a_certificate_that_is_not_good_yet_is_late() {
        let ahead = seen("2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z");
        assert!(is_late(&ahead, "2026-01-01T00:00:00Z".parse().unwrap()));
        assert!(!is_late(&ahead, "2027-01-01T00:05:00Z".parse().unwrap()));
    }
}
