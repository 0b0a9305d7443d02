//! SenML packs in JSON (RFC 8428) to readings that stand alone. Pure: the time of arrival is passed in.
//! A pack is taken whole or not at all.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

/// The version that this reader knows (RFC 8428 4.4).
const VERSION: u64 = 10;
/// Times below this are relative to now (RFC 8428 4.5.3).
const ABSOLUTE_FROM: f64 = 268_435_456.0;
const MOST_RECORDS: usize = 10_000;
/// A base name and a base unit are repeated in every record: without a bound a small pack would fill the memory.
const LONGEST_NAME: usize = 256;
const LONGEST_UNIT: usize = 64;

/// One resolved record (RFC 8428 4.6).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    #[serde(rename = "n")]
    pub(crate) name: String,
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub(crate) unit: Option<String>,
    /// Seconds since 1970.
    #[serde(rename = "t")]
    pub(crate) time: f64,
    #[serde(flatten)]
    pub(crate) value: Value,
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub(crate) sum: Option<f64>,
}

/// What was measured; a record with a sum only has no value of its own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Value {
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub(crate) number: Option<f64>,
    #[serde(rename = "vs", default, skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
    #[serde(rename = "vb", default, skip_serializing_if = "Option::is_none")]
    pub(crate) flag: Option<bool>,
    #[serde(rename = "vd", default, skip_serializing_if = "Option::is_none")]
    pub(crate) data: Option<String>,
}

/// Why a pack was refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SenmlError {
    #[error("the pack is not a JSON array of records")]
    NotAPack,
    #[error("the pack has more than {MOST_RECORDS} records")]
    TooLong,
    #[error("record {0}: `{1}` has the wrong type")]
    WrongType(usize, String),
    #[error("record {0}: the field `{1}` must be understood and is not")]
    MustUnderstand(usize, String),
    #[error("record {0}: version {1} is not known")]
    Version(usize, u64),
    #[error("record {0}: `{1}` is not a name")]
    Name(usize, String),
    #[error("record {0}: the name has more than {LONGEST_NAME} bytes, or the unit more than {LONGEST_UNIT}")]
    TooLongForARecord(usize),
    #[error("record {0}: there must be exactly one value, or a sum")]
    Values(usize),
    #[error("record {0}: `{1}` and its base are together beyond any number")]
    Beyond(usize, &'static str),
}

#[derive(Default)]
struct Base {
    name: String,
    time: f64,
    unit: Option<String>,
    value: f64,
    sum: Option<f64>,
}

/// Resolves a pack; `now` is in seconds since 1970.
pub(crate) fn resolve(pack: &[u8], now: f64) -> Result<Vec<Record>, SenmlError> {
    let Ok(records) = serde_json::from_slice::<Vec<Map<String, Json>>>(pack) else {
        return Err(SenmlError::NotAPack);
    };
    if records.len() > MOST_RECORDS {
        return Err(SenmlError::TooLong);
    }
    let mut base = Base::default();
    let mut resolved = Vec::new();
    for (index, fields) in records.iter().enumerate() {
        let fields = Fields { index, fields };
        fields.check()?;
        base.update(&fields)?;
        if let Some(record) = base.record(&fields, now)? {
            resolved.push(record);
        }
    }
    Ok(resolved)
}

struct Fields<'a> {
    index: usize,
    fields: &'a Map<String, Json>,
}

impl Fields<'_> {
    fn wrong(&self, label: &str) -> SenmlError {
        SenmlError::WrongType(self.index, label.to_owned())
    }

    fn number(&self, label: &str) -> Result<Option<f64>, SenmlError> {
        let number = |value: &Json| value.as_f64().ok_or_else(|| self.wrong(label));
        self.fields.get(label).map(number).transpose()
    }

    fn text(&self, label: &str) -> Result<Option<String>, SenmlError> {
        let text = |value: &Json| value.as_str().map(str::to_owned).ok_or_else(|| self.wrong(label));
        self.fields.get(label).map(text).transpose()
    }

    fn flag(&self, label: &str) -> Result<Option<bool>, SenmlError> {
        let flag = |value: &Json| value.as_bool().ok_or_else(|| self.wrong(label));
        self.fields.get(label).map(flag).transpose()
    }

    /// Unknown fields are passed over unless their name ends in `_` (RFC 8428 4.4).
    fn check(&self) -> Result<(), SenmlError> {
        if let Some(label) = self.fields.keys().find(|label| label.ends_with('_')) {
            return Err(SenmlError::MustUnderstand(self.index, label.clone()));
        }
        match self.fields.get("bver").map(Json::as_u64) {
            None => Ok(()),
            Some(Some(version)) if version <= VERSION => Ok(()),
            Some(Some(version)) => Err(SenmlError::Version(self.index, version)),
            Some(None) => Err(self.wrong("bver")),
        }
    }
}

impl Base {
    /// Base fields hold from their record on.
    fn update(&mut self, fields: &Fields<'_>) -> Result<(), SenmlError> {
        if let Some(name) = fields.text("bn")? {
            self.name = name;
        }
        if let Some(time) = fields.number("bt")? {
            self.time = time;
        }
        if let Some(unit) = fields.text("bu")? {
            self.unit = Some(unit);
        }
        if let Some(value) = fields.number("bv")? {
            self.value = value;
        }
        if let Some(sum) = fields.number("bs")? {
            self.sum = Some(sum);
        }
        Ok(())
    }

    /// A record that holds base fields only gives none.
    fn record(&self, fields: &Fields<'_>, now: f64) -> Result<Option<Record>, SenmlError> {
        let value = Value {
            number: fields.number("v")?.map(|value| value + self.value),
            text: fields.text("vs")?,
            flag: fields.flag("vb")?,
            data: fields.text("vd")?,
        };
        let own_sum = fields.number("s")?;
        let own_name = fields.text("n")?;
        let sum = own_sum.map(|sum| sum + self.sum.unwrap_or_default());
        let values = [value.number.is_some(), value.text.is_some(), value.flag.is_some(), value.data.is_some()];
        match values.into_iter().filter(|there| *there).count() {
            0 if sum.is_none() && own_name.is_none() && fields.fields.keys().all(|label| label.starts_with('b')) => {
                return Ok(None);
            }
            0 if sum.is_none() => return Err(SenmlError::Values(fields.index)),
            0 | 1 => {}
            _ => return Err(SenmlError::Values(fields.index)),
        }
        let unit = fields.text("u")?.or_else(|| self.unit.clone());
        let own_name = own_name.unwrap_or_default();
        if self.name.len() + own_name.len() > LONGEST_NAME
            || unit.as_ref().is_some_and(|unit| unit.len() > LONGEST_UNIT)
        {
            return Err(SenmlError::TooLongForARecord(fields.index));
        }
        let name = format!("{}{own_name}", self.name);
        if !is_name(&name) {
            return Err(SenmlError::Name(fields.index, name));
        }
        let time = self.time + fields.number("t")?.unwrap_or_default();
        let time = if time < ABSOLUTE_FROM { now + time } else { time };
        // What is no number to JSON could not be read again.
        let numbers = [("t", Some(time)), ("v", value.number), ("s", sum)];
        if let Some((label, _)) = numbers.into_iter().find(|(_, number)| number.is_some_and(|n| !n.is_finite())) {
            return Err(SenmlError::Beyond(fields.index, label));
        }
        Ok(Some(Record { name, unit, time, value, sum }))
    }
}

/// RFC 8428 4.5.1: the characters of a resolved name, and that it begins with a letter or digit.
fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-:./_".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: f64 = 1_700_000_000.0;

    fn resolved(pack: &str) -> Vec<Record> {
        resolve(pack.as_bytes(), NOW).unwrap()
    }

    fn refused(pack: &str) -> SenmlError {
        resolve(pack.as_bytes(), NOW).unwrap_err()
    }

    #[test]
    fn base_name_time_and_unit_hold_for_the_records_after_them() {
        // RFC 8428 5.1.3, shortened.
        let records = resolved(
            r#"[{"bn":"urn:dev:ow:10e2073a0108006:","bt":1.276020076001e+09,"bu":"A","bver":5,"n":"voltage","u":"V","v":120.1},
                {"n":"current","t":-5,"v":1.2},{"n":"current","v":1.7}]"#,
        );
        assert_eq!(records[0].name, "urn:dev:ow:10e2073a0108006:voltage");
        assert_eq!(records[0].unit.as_deref(), Some("V"));
        assert_eq!((records[1].unit.as_deref(), records[1].time), (Some("A"), 1_276_020_071.001));
        assert_eq!(records[2].time, 1_276_020_076.001);
    }

    #[test]
    fn a_time_of_less_than_two_to_the_28_is_relative_to_now() {
        assert_eq!(
            resolved(r#"[{"n":"a","v":1},{"n":"a","t":-60,"v":2}]"#).iter().map(|r| r.time).collect::<Vec<_>>(),
            [NOW, NOW - 60.0]
        );
    }

    #[test]
    fn base_values_and_sums_are_added() {
        let records = resolved(r#"[{"bv":20,"bs":100,"n":"a","v":1.5,"s":3}]"#);
        assert_eq!((records[0].value.number, records[0].sum), (Some(21.5), Some(103.0)));
    }

    #[test]
    fn text_flag_and_data_are_values_too() {
        let records = resolved(r#"[{"n":"a","vs":"open"},{"n":"b","vb":false},{"n":"c","vd":"aGk"}]"#);
        assert_eq!(records[0].value.text.as_deref(), Some("open"));
        assert_eq!(records[1].value.flag, Some(false));
        assert_eq!(records[2].value.data.as_deref(), Some("aGk"));
    }

    #[test]
    fn a_record_of_base_fields_only_is_no_reading() {
        assert_eq!(resolved(r#"[{"bn":"dev/"},{"n":"a","v":1}]"#).len(), 1);
    }

    #[test]
    fn what_a_pack_may_not_hold_is_refused_with_its_place() {
        assert_eq!(refused("{}"), SenmlError::NotAPack);
        assert_eq!(refused(r#"[{"n":"a"}]"#), SenmlError::Values(0));
        assert_eq!(refused(r#"[{"n":"a","v":1,"vb":true}]"#), SenmlError::Values(0));
        assert_eq!(refused(r#"[{"n":"a","v":1},{"n":"a","v":"1"}]"#), SenmlError::WrongType(1, "v".into()));
        assert_eq!(refused(r#"[{"n":"a","v":1,"x_":1}]"#), SenmlError::MustUnderstand(0, "x_".into()));
        assert_eq!(refused(r#"[{"bver":11,"n":"a","v":1}]"#), SenmlError::Version(0, 11));
        assert_eq!(refused(r#"[{"n":"-a","v":1}]"#), SenmlError::Name(0, "-a".into()));
        let long = format!(r#"[{{"bn":"{}","v":1}}]"#, "a".repeat(257));
        assert_eq!(refused(&long), SenmlError::TooLongForARecord(0));
        let long = format!(r#"[{{"bn":"a","bu":"{}","v":1}}]"#, "u".repeat(65));
        assert_eq!(refused(&long), SenmlError::TooLongForARecord(0));
        assert_eq!(refused(r#"[{"v":1}]"#), SenmlError::Name(0, String::new()));
        assert_eq!(refused(r#"[{"n":"a","bv":1.7e308,"v":1.7e308}]"#), SenmlError::Beyond(0, "v"));
        assert_eq!(refused(r#"[{"n":"a","v":1,"bt":1.7e308,"t":1.7e308}]"#), SenmlError::Beyond(0, "t"));
    }
}
