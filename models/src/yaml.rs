//! YAML as we write it: the same value gives the same text, and every reader of YAML 1.1 and 1.2 reads the same value.

use serde_json::Value;

/// Block YAML of a JSON value. Scalars are written as JSON, which is YAML, unless they are plain words.
pub fn block(value: &Value) -> String {
    indented(value, 0)
}

fn indented(value: &Value, indent: usize) -> String {
    let pad = "  ".repeat(indent);
    match value {
        Value::Object(map) if !map.is_empty() => map
            .iter()
            .map(|(key, value)| format!("{pad}{}:{}", scalar(&Value::String(key.clone())), nested(value, indent)))
            .collect(),
        Value::Array(list) if !list.is_empty() => list
            .iter()
            .map(|item| {
                let inner = indented(item, indent + 1);
                format!("{pad}- {}", inner.trim_start())
            })
            .collect(),
        other => format!("{pad}{}\n", scalar(other)),
    }
}

fn nested(value: &Value, indent: usize) -> String {
    match value {
        Value::Object(map) if !map.is_empty() => format!("\n{}", indented(value, indent + 1)),
        Value::Array(list) if !list.is_empty() => format!("\n{}", indented(value, indent + 1)),
        other => format!(" {}\n", scalar(other)),
    }
}

fn scalar(value: &Value) -> String {
    let Value::String(text) = value else { return value.to_string() };
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "~"];
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || " ._/-@=,()'".contains(c))
        && !text.ends_with(' ')
        && !words.contains(&text.to_lowercase().as_str());
    if plain { text.clone() } else { value.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn yaml_reads_back_as_what_was_written() {
        let value =
            json!({"a": [{"b": 1, "c": "x: y"}, [], "no", "2026-01-01"], "empty": {}, "t": "plain words", "n": null});
        let read: Value = serde_saphyr::from_str(&block(&value)).unwrap();
        assert_eq!(read, value);
    }
}
