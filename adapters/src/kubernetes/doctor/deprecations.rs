//! What slices on the cluster use, and this version of Kubernetes does not serve, or the next ones will not: by what
//! Kubernetes announced, and by what the server itself warns of.

use super::{Patient, listed};
use crate::kubernetes::catalog::Catalog;
use crate::port::PortError;
use models::checkup::{Check, Finding, Used};
use models::removed::{self, Removed};
use std::collections::BTreeMap;

/// How many minor versions ahead are told.
const AHEAD: u32 = 3;
const NAME: &str = "deprecations";

pub(super) async fn check(patient: &Patient<'_>) -> Result<Check, PortError> {
    let mut by_kind: BTreeMap<&str, Vec<&Used>> = BTreeMap::new();
    for used in &patient.question.used {
        by_kind.entry(&used.kind).or_default().push(used);
    }
    if by_kind.is_empty() {
        return Ok(Check::new(NAME, Finding::Ok, "no slice stands here: nothing to compare"));
    }
    let answer = patient.wire.get("/version").await?;
    let version = patient.wire.ok(answer, &patient.wire.itself("/version"))?;
    let minor = removed::minor(version.get("gitVersion").and_then(|text| text.as_str()).unwrap_or(""));
    let catalog = patient.catalog()?;
    let (mut state, mut details) = (Finding::Ok, Vec::new());
    for (kind, users) in &by_kind {
        let warning = warned(patient, catalog, kind).await;
        let Some((found, words)) = judged(kind, (catalog.serves(kind), minor), warning.as_deref()) else { continue };
        let names: Vec<String> = users.iter().map(|used| used.by.clone()).collect();
        details.push(format!("{words}; used by {}", listed(&names)));
        state = state.max(found);
    }
    let found = match state {
        Finding::Ok => format!("{} kinds in use are served and stay", by_kind.len()),
        _ => format!("{} of {} kinds in use", details.len(), by_kind.len()),
    };
    let check = Check::new(NAME, state, found).details(details);
    Ok(if state == Finding::Ok {
        check
    } else {
        check.next("take newer versions of these charts: sliceway apply -f FILE --upgrade NAME")
    })
}

/// What the server says when its objects of this kind are asked for.
async fn warned(patient: &Patient<'_>, catalog: &Catalog, kind: &str) -> Option<String> {
    let path = catalog.collection(kind)?;
    let (headers, _) = patient.wire.headers(&format!("{path}?limit=1")).await.ok()?;
    // `299 - "text"`
    let text = headers.get("warning")?.to_str().ok()?;
    Some(text.split_once('"')?.1.trim_end_matches('"').to_owned())
}

fn judged(kind: &str, (served, minor): (bool, Option<u32>), warning: Option<&str>) -> Option<(Finding, String)> {
    let known = removed::of(kind);
    let instead = known.map(|removed| removed.instead).filter(|text| !text.is_empty());
    let instead = instead.map(|kind| format!("; {kind} takes its place")).unwrap_or_default();
    if !served {
        let since = known.and_then(|removed| removed.in_minor).map(|minor| format!(" since 1.{minor}"));
        return Some((Finding::Failed, format!("{kind} is not served{}{instead}", since.unwrap_or_default())));
    }
    match (known, minor) {
        (Some(Removed { in_minor: Some(gone), .. }), Some(minor)) if *gone <= minor + AHEAD => {
            Some((Finding::Warning, format!("{kind} ends with 1.{gone}{instead}")))
        }
        _ => match (warning, known) {
            (Some(words), _) => Some((Finding::Warning, format!("{kind}: the server warns: {words}"))),
            (None, Some(_)) => Some((Finding::Warning, format!("{kind} is deprecated, no end is announced{instead}"))),
            (None, None) => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_served_fails_and_what_ends_soon_warns() {
        let check = |kind, served, minor, warning| judged(kind, (served, Some(minor)), warning);
        let (state, words) = check("batch/v1beta1/CronJob", false, 36, None).unwrap();
        assert_eq!(
            (state, words.as_str()),
            (Finding::Failed, "batch/v1beta1/CronJob is not served since 1.25; batch/v1/CronJob takes its place")
        );
        let (state, words) = check("batch/v1beta1/CronJob", true, 23, None).unwrap();
        assert!(state == Finding::Warning && words.contains("ends with 1.25"), "{words}");
        let (state, words) = check("dev.test/v1/Gear", false, 36, None).unwrap();
        assert_eq!((state, words.as_str()), (Finding::Failed, "dev.test/v1/Gear is not served"));
        assert_eq!(check("dev.test/v1/Gear", true, 36, Some("old")).unwrap().0, Finding::Warning);
        assert_eq!(check("apps/v1/Deployment", true, 36, None), None);
    }
}
