//! How far the cluster's clock is from ours. An answer is dated to the second, and took its time: what is left between
//! the two is the uncertainty.

use super::Patient;
use crate::port::PortError;
use jiff::Timestamp;
use models::checkup::{Check, Finding};
use std::time::Duration;

/// Certificates and tokens begin to be refused.
const LARGE: i64 = 10_000;
const TOO_LARGE: i64 = 300_000;

pub(super) async fn check(patient: &Patient<'_>) -> Result<Check, PortError> {
    let asked = patient.now();
    let (headers, took) = patient.wire.headers("/version").await?;
    let date = headers.get("date").and_then(|value| value.to_str().ok());
    let theirs = date.and_then(|text| jiff::fmt::rfc2822::parse(text).ok()).map(|zoned| zoned.timestamp());
    Ok(match theirs {
        Some(theirs) => judged(asked, theirs, took),
        None => Check::new("clock", Finding::Unknown, "its answers carry no date"),
    })
}

fn judged(asked: Timestamp, theirs: Timestamp, took: Duration) -> Check {
    let took = i64::try_from(took.as_millis()).unwrap_or(i64::MAX);
    // It was written somewhere between the question and the answer, in some part of its second.
    let least = theirs.duration_since(asked).as_millis() as i64 - took;
    let most = theirs.duration_since(asked).as_millis() as i64 + 1_000;
    let (middle, spread) = ((least + most) / 2, (most - least) / 2);
    let way = if middle < 0 { "behind" } else { "ahead of" };
    let seconds = |ms: i64| format!("{}.{} s", ms / 1000, ms % 1000 / 100);
    let found = match least <= 0 && most >= 0 {
        true => format!("it agrees with ours within {}", seconds(spread)),
        false => {
            format!(
                "it is {} {way} ours (uncertain by {}; the answer took {took} ms)",
                seconds(middle.abs()),
                seconds(spread)
            )
        }
    };
    // What is surely apart, whatever the uncertainty.
    let sure = middle.abs() - spread;
    let next = "set the clock (NTP) on the cluster's machines and on this one";
    match sure {
        sure if sure >= TOO_LARGE => Check::new("clock", Finding::Failed, found).next(next),
        sure if sure >= LARGE => Check::new("clock", Finding::Warning, found).next(next),
        _ => Check::new("clock", Finding::Ok, found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(theirs: i64, took_ms: u64, expect: (Finding, &str)) {
        let at = |second| Timestamp::from_second(second).unwrap();
        let check = judged(at(1_000_000), at(1_000_000 + theirs), Duration::from_millis(took_ms));
        assert_eq!(check.state, expect.0, "{check:?}");
        assert!(check.found.contains(expect.1), "{check:?}");
    }

    #[test]
    fn a_difference_is_told_with_its_uncertainty() {
        check(0, 4, (Finding::Ok, "agrees with ours within 0.5 s"));
        check(2, 4_000, (Finding::Ok, "agrees with ours"));
        check(60, 100, (Finding::Warning, "60.4 s ahead of ours (uncertain by 0.5 s"));
        check(-3_600, 100, (Finding::Failed, "3599.5 s behind ours"));
        // It may as well be the way that is slow.
        check(15, 20_000, (Finding::Ok, "agrees"));
    }
}
