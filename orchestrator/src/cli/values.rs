//! What flags may hold: durations, roles, ends, names. A wrong value is refused here, before anything is sent.

use super::error::Failed;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use models::Name;
use models::labels::Labels;
use models::problem::nearest;

const ROLES: [&str; 3] = ["viewer", "operator", "admin"];

/// `90`, `90s`, `5m`, `1h` in seconds.
pub(crate) fn seconds(text: &str) -> Result<u64, Failed> {
    let bad = |why: &str| {
        Failed::usage(format!("--timeout {text:?} {why}")).next("write a number with s, m or h, as --timeout 5m")
    };
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = match unit.trim() {
        "" | "s" => 1,
        "m" | "min" => 60,
        "h" => 3_600,
        _ => return Err(bad("is no duration")),
    };
    let number: u64 = number.parse().map_err(|_| bad("is no duration"))?;
    match number.checked_mul(unit) {
        Some(0) => Err(bad("would wait for nothing")),
        Some(seconds) if seconds <= 31_536_000 => Ok(seconds),
        _ => Err(bad("is more than a year")),
    }
}

pub(crate) fn role(text: &str) -> Result<&str, Failed> {
    if ROLES.contains(&text) {
        return Ok(text);
    }
    let next = match nearest(text, ROLES) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("take one of {}", ROLES.join(", ")),
    };
    Err(Failed::usage(format!("--role {text:?}: there is no such role")).next(next))
}

/// A moment, or the beginning of a day (UTC); it must be still to come.
pub(crate) fn end(text: &str, now: Timestamp) -> Result<Timestamp, Failed> {
    let day = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|day| day.timestamp());
    let next = "write a day or a moment that is to come, as --ends 2027-01-31 or --ends 2027-01-31T12:00:00Z";
    match text.parse::<Timestamp>().ok().or_else(day) {
        None => Err(Failed::usage(format!("--ends {text:?} is no day and no moment")).next(next)),
        Some(end) if end <= now => Err(Failed::usage(format!("--ends {text:?} is over already")).next(next)),
        Some(end) => Ok(end),
    }
}

/// For what is made: a name that breaks the rule is a wrong word, not something that is missing.
pub(crate) fn name(text: &str) -> Result<Name, Failed> {
    text.parse().map_err(|error: models::name::BadName| {
        let plain: String = text.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let plain = plain.trim_matches('-').parse::<Name>();
        let next = plain.map_or_else(|_| "take another name".to_owned(), |plain| format!("take {plain}, for example"));
        Failed::usage(error.to_string()).next(next)
    })
}

/// `name=value` of the flag that is named.
pub(crate) fn labels(pairs: &[String], flag: &str) -> Result<Labels, Failed> {
    let pair = |text: &String| match text.split_once('=') {
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => Err(Failed::usage(format!("{flag} {text:?}: a label has a name and a value"))
            .next(format!("write {flag} name=value, as {flag} {text}=VALUE"))),
    };
    pairs.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_take_units_and_a_plain_number_is_seconds() {
        for (text, seconds_of) in [("90", 90), ("90s", 90), ("5m", 300), ("2 h", 7_200)] {
            assert_eq!(seconds(text).unwrap(), seconds_of, "{text}");
        }
        for text in ["0", "0m", "", "m", "-1", "5 years", "99999999999999999999", "9999999h"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_end_is_a_day_or_a_moment_to_come() {
        let now: Timestamp = "2026-11-25T10:00:00Z".parse().unwrap();
        assert_eq!(end("2027-01-31", now).unwrap().to_string(), "2027-01-31T00:00:00Z");
        assert_eq!(end("2027-01-31T01:00:00+01:00", now).unwrap().to_string(), "2027-01-31T00:00:00Z");
        assert!(end("2026-11-25", now).unwrap_err().message.contains("over already"));
        assert!(end("yesterday", now).unwrap_err().message.contains("no moment"));
    }

    #[test]
    fn a_bad_name_gets_one_that_is_good() {
        assert_eq!(name("Bad_Name").unwrap_err().next, "take bad-name, for example");
    }
}
