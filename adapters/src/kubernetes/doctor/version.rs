//! Whether this version of Kubernetes is one that Sliceway works with.

use super::Patient;
use crate::kubernetes::seen::text;
use crate::port::PortError;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use models::checkup::{Check, Finding};
use models::removed::minor;

/// Discovery is read in the form that this version made stable.
const OLDEST: u32 = 30;
const DAYS_OF_TWO_YEARS: i64 = 731;

/// When each minor version came out.
const CAME_OUT: &[(u32, Date)] = &[
    (30, date(2024, 4, 17)),
    (31, date(2024, 8, 13)),
    (32, date(2024, 12, 11)),
    (33, date(2025, 4, 23)),
    (34, date(2025, 8, 27)),
    (35, date(2025, 12, 17)),
    (36, date(2026, 4, 22)),
];

pub(super) async fn check(patient: &Patient<'_>) -> Result<Check, PortError> {
    let answer = patient.wire.get("/version").await?;
    let version = patient.wire.ok(answer, &patient.wire.itself("/version"))?;
    let version = text(&version, "/gitVersion");
    Ok(judged(version, patient.question.now.to_zoned(TimeZone::UTC).date()))
}

fn judged(version: &str, today: Date) -> Check {
    let check = |state, words: String| Check::new("version", state, format!("{version}{words}"));
    let newest = CAME_OUT.iter().map(|(minor, _)| *minor).max().unwrap_or(OLDEST);
    let Some(minor) = minor(version) else {
        return check(Finding::Unknown, " is no version of Kubernetes that is known here".into());
    };
    if minor < OLDEST {
        let next = format!("upgrade it to 1.{OLDEST} or newer");
        return check(Finding::Failed, format!(" is older than 1.{OLDEST}, the oldest that works")).next(next);
    }
    let Some((_, came_out)) = CAME_OUT.iter().find(|(known, _)| *known == minor) else {
        let words = format!(" is newer than what this Sliceway was made for (1.{newest})");
        return check(Finding::Warning, words).next("look for a newer Sliceway");
    };
    let days = (today - *came_out).get_days();
    match i64::from(days) > DAYS_OF_TWO_YEARS {
        true => check(Finding::Warning, format!(" came out on {came_out}, more than two years ago"))
            .next("upgrade it: nobody mends it any more"),
        false => check(Finding::Ok, format!(" came out on {came_out}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_judged_by_its_age() {
        for (version, today, expect) in [
            ("v1.36.3", date(2026, 11, 29), Finding::Ok),
            ("v1.36.3", date(2028, 5, 1), Finding::Warning),
            ("v1.31.0+k3s1", date(2026, 11, 29), Finding::Warning),
            ("v1.29.9", date(2026, 11, 29), Finding::Failed),
            ("v1.99.0", date(2026, 11, 29), Finding::Warning),
            ("strange", date(2026, 11, 29), Finding::Unknown),
        ] {
            let check = judged(version, today);
            assert_eq!(check.state, expect, "{check:?}");
            assert_eq!(check.next.is_empty(), matches!(expect, Finding::Ok | Finding::Unknown), "{check:?}");
        }
    }
}
