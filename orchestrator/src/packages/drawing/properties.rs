//! The values of a chart become configurable properties, by their paths. Of a secret only the path is told.

use super::report::Gap;
use super::sheet::Sheet;
use super::{map, plain};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sol005::descriptor::{Property, Vnfd};

/// A text of a Secret that is shorter says little: only the same whole text is taken for it.
const TELLING: usize = 8;
/// A default that is longer is a document, which travels in the chart.
const LONGEST: usize = 4_096;

pub(super) fn draw(sheet: &mut Sheet<'_>, vnfd: &mut Vnfd, values: &Value) {
    let secrets = contents(sheet);
    let mut leaves = Vec::new();
    walk(values, &mut Vec::new(), &mut leaves);
    for (path, value) in leaves {
        let name = joined(&path);
        let kept_back = if is_empty(value) {
            None
        } else if path.iter().any(|word| is_secretive(word)) || holds_secret(value, &secrets) {
            Some("it is, or may be, a secret: its name alone is told")
        } else if value.to_string().len() > LONGEST {
            Some("it is a document; the chart holds it")
        } else {
            None
        };
        if let Some(why) = kept_back {
            sheet.values.push(Gap { what: name.clone(), why: why.into() });
        }
        vnfd.properties.push(Property { path: name, default: kept_back.is_none().then(|| value.clone()) });
    }
}

/// Everything in the Secrets that the chart makes, hooks included.
fn contents(sheet: &Sheet<'_>) -> Vec<String> {
    let secrets = sheet.things.iter().filter(|thing| thing.kind() == "Secret");
    let mut found = Vec::new();
    for thing in secrets {
        found.extend(map(thing.object, "/stringData").map(|(_, value)| plain(value)));
        let data = map(thing.object, "/data").filter_map(|(_, value)| STANDARD.decode(plain(value).trim()).ok());
        found.extend(data.filter_map(|bytes| String::from_utf8(bytes).ok()));
    }
    found.retain(|text| !text.trim().is_empty());
    found
}

/// Leaves: scalars, lists as a whole, and maps with nothing in them.
fn walk<'v>(value: &'v Value, path: &mut Vec<&'v str>, found: &mut Vec<(Vec<&'v str>, &'v Value)>) {
    match value {
        Value::Object(map) if !map.is_empty() || path.is_empty() => {
            // Below a subchart stands once more what stands above.
            let top = path.is_empty();
            for (key, value) in map.iter().filter(|(key, _)| top || *key != "global") {
                path.push(key);
                walk(value, path, found);
                path.pop();
            }
        }
        leaf => found.push((path.clone(), leaf)),
    }
}

/// As Helm writes a path: a dot inside a name has a backslash before it.
pub(in crate::packages) fn joined(path: &[&str]) -> String {
    path.iter().map(|word| word.replace('\\', "\\\\").replace('.', "\\.")).collect::<Vec<_>>().join(".")
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => true,
        Value::Number(_) => false,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

/// Whether a name says that it holds a secret, rather than that it names one.
pub(super) fn is_secretive(word: &str) -> bool {
    let word: String = word.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    let names_one =
        ["secretname", "existingsecret", "secretref", "pullsecrets", "pullsecret", "secretkeyref", "secrets"];
    let holds = [
        "password",
        "passwd",
        "passphrase",
        "secret",
        "token",
        "apikey",
        "privatekey",
        "accesskey",
        "credential",
        "authkey",
        "encryptionkey",
        "signingkey",
    ];
    let about = ["secretsmanager", "tokenexpir", "tokenttl", "serviceaccounttoken", "automount"];
    let names_one = names_one.iter().any(|name| word.ends_with(name)) || word.starts_with("existingsecret");
    !names_one && !about.iter().any(|name| word.contains(name)) && holds.iter().any(|name| word.contains(name))
}

fn holds_secret(value: &Value, secrets: &[String]) -> bool {
    match value {
        Value::Object(map) => {
            let named = map.get("name").and_then(Value::as_str).is_some_and(is_secretive) && map.contains_key("value");
            named
                || map
                    .iter()
                    .any(|(key, value)| (is_secretive(key) && !is_empty(value)) || holds_secret(value, secrets))
        }
        Value::Array(list) => list.iter().any(|value| holds_secret(value, secrets)),
        Value::String(text) => {
            let text = text.trim();
            let in_one = |secret: &String| secret.trim() == text || (text.len() >= TELLING && secret.contains(text));
            !text.is_empty() && (text.contains("PRIVATE KEY-----") || secrets.iter().any(in_one))
        }
        Value::Number(number) => secrets.iter().any(|secret| secret.trim() == number.to_string()),
        Value::Null | Value::Bool(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_holds_a_secret_is_told_from_one_that_names_it() {
        for word in [
            "password",
            "rootPassword",
            "MYSQL_PASSWORD",
            "apiKey",
            "api_key",
            "authToken",
            "clientSecret",
            "privateKey",
        ] {
            assert!(is_secretive(word), "{word}");
        }
        for word in [
            "existingSecret",
            "existingSecretPasswordKey",
            "imagePullSecrets",
            "secretName",
            "tag",
            "automountServiceAccountToken",
        ] {
            assert!(!is_secretive(word), "{word}");
        }
    }

    #[test]
    fn a_path_is_written_as_helm_reads_it() {
        assert_eq!(joined(&["nodeSelector", "kubernetes.io/arch"]), r"nodeSelector.kubernetes\.io/arch");
    }
}
