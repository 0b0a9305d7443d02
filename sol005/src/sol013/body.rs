//! A body against the schema of its data type: every attribute that is unknown, missing or of another type is told with its
//! path, all at once. What passes is read by serde, which then has nothing left to say.

use models::Problem;
use models::problem::nearest;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// More problems than a person reads are counted.
const MOST: usize = 50;

pub fn read<T: DeserializeOwned + JsonSchema>(text: &str) -> Result<T, Vec<Problem>> {
    let whole = |message: String| vec![Problem::at("", message)];
    let value: Value = serde_json::from_str(text).map_err(|error| whole(format!("the body is no JSON: {error}")))?;
    let mut settings = SchemaSettings::draft2020_12().for_deserialize();
    settings.inline_subschemas = true;
    let schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    let mut problems = Vec::new();
    judge((&value, ""), &schema, &mut problems);
    if let Some(more) = problems.len().checked_sub(MOST).filter(|more| *more > 0) {
        problems.truncate(MOST);
        problems.push(Problem::at("", format!("and {more} more")));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    serde_json::from_value(value).map_err(|error| whole(error.to_string()))
}

fn judge((value, path): (&Value, &str), schema: &Value, problems: &mut Vec<Problem>) {
    let alternatives: Vec<&Value> = schema["anyOf"].as_array().into_iter().flatten().collect();
    let schema = match alternatives.iter().find(|one| one["type"] != "null") {
        Some(_) if value.is_null() => return,
        Some(inner) => *inner,
        None => schema,
    };
    if let Some(words) = schema["enum"].as_array() {
        if !words.contains(value) {
            let known: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
            let near = value.as_str().and_then(|word| nearest(word, known.iter().copied()));
            let mend = near
                .map_or_else(|| format!("write one of {}", known.join(", ")), |near| format!("did you mean {near}?"));
            problems.push(Problem::at(path, format!("{} is none of its values", short(value))).mend(mend));
        }
        return;
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => return,
    };
    if !kinds.iter().any(|kind| is(value, kind)) {
        let wanted: Vec<&str> = kinds.iter().filter(|kind| **kind != "null").map(|kind| called(kind)).collect();
        let message = format!("{} stands where {} is wanted", short(value), wanted.join(" or "));
        problems.push(Problem::at(path, message).mend(format!("write {}", wanted.join(" or "))));
        return;
    }
    match value {
        Value::Object(map) => judge_map((map, path), schema, problems),
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                judge((item, &format!("{path}[{at}]")), &schema["items"], problems);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn judge_map((map, path): (&serde_json::Map<String, Value>, &str), schema: &Value, problems: &mut Vec<Problem>) {
    let Some(known) = schema["properties"].as_object() else { return };
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for (name, value) in map {
        match known.get(name) {
            Some(inner) => judge((value, &below(name)), inner, problems),
            None => {
                let names = || known.keys().map(String::as_str);
                let mend = match nearest(name, names()) {
                    Some(near) => format!("did you mean {near}?"),
                    None => format!("there are {}", names().collect::<Vec<_>>().join(", ")),
                };
                problems.push(Problem::at(below(name), "there is no such attribute").mend(mend));
            }
        }
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !map.contains_key(name) {
            problems.push(Problem::at(below(name), "is missing").mend(format!("say {name}")));
        }
    }
}

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "null" => value.is_null(),
        _ => true,
    }
}

fn called(kind: &str) -> &str {
    match kind {
        "string" => "a text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "object" => "a structure",
        "array" => "a list",
        other => other,
    }
}

fn short(value: &Value) -> String {
    match value {
        Value::Object(_) => "a structure".into(),
        Value::Array(_) => "a list".into(),
        other => other.to_string().chars().take(60).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase")]
    struct Thing {
        nsd_id: String,
        level: Option<u32>,
        kind: Option<Kind>,
        parts: Option<Vec<Part>>,
        pairs: Option<serde_json::Map<String, Value>>,
    }

    #[derive(Debug, PartialEq, Deserialize, JsonSchema)]
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    enum Kind {
        ScaleOut,
        ScaleIn,
    }

    #[derive(Debug, PartialEq, Deserialize, JsonSchema)]
    struct Part {
        id: String,
    }

    #[test]
    fn all_that_is_wrong_is_told_with_its_path() {
        let check = |text: &str, wanted: &[&str]| {
            let told: Vec<String> = match read::<Thing>(text) {
                Ok(_) => vec![],
                Err(problems) => problems.iter().map(Problem::to_string).collect(),
            };
            assert_eq!(told, wanted, "{text}");
        };
        check(r#"{"nsdId": "a", "level": 3, "kind": "SCALE_IN", "parts": [{"id": "x"}], "pairs": {"any": 1}}"#, &[]);
        check(r#"{"nsdId": "a", "level": null, "kind": null}"#, &[]);
        check("{", &["the body is no JSON: EOF while parsing an object at line 1 column 1"]);
        check("[]", &["a list stands where a structure is wanted; write a structure"]);
        check(
            r#"{"nsdID": "a", "level": "3", "kind": "SCALE_UP", "parts": [{"id": 1}, {}]}"#,
            &[
                "nsdID: there is no such attribute; did you mean nsdId?",
                "level: \"3\" stands where a whole number is wanted; write a whole number",
                "kind: \"SCALE_UP\" is none of its values; did you mean SCALE_OUT?",
                "parts[0].id: 1 stands where a text is wanted; write a text",
                "parts[1].id: is missing; say id",
                "nsdId: is missing; say nsdId",
            ],
        );
    }
}
