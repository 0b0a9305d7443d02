//! Helm's own record of a release: the Secret in which its command line finds what was deployed, and reading one.
//!
//! `data.release` is the base64 of the base64 of the gzip of the release's JSON; labels repeat what lists select by. A
//! Secret holds one MiB: of a release that is larger the manifest is left out, with a word in its place, and where that
//! is not enough the chart's values. A record must never be the reason that a release fails.

use crate::port::PortError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use models::resource::{ReleaseRecord, Seen};
use models::slice::Adopted;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

pub const TYPE: &str = "helm.sh/release.v1";

/// Of the release's text, so that the Secret with its labels stays under one MiB.
const LARGEST: usize = 1_000_000;
/// What a record that was not written by us may unpack to.
const LARGEST_UNPACKED: u64 = 64 << 20;

/// The Secret's name: `sh.helm.release.v1.gw-1a2b3c4d.v2`.
pub fn secret_name(release: &str, revision: u32) -> String {
    format!("sh.helm.release.v1.{release}.v{revision}")
}

/// The manifest of the Secret. What was deployed when is told by the record, by what stands there, or is now.
pub(crate) fn manifest(record: &ReleaseRecord, release: &[u8], seen: Option<&Seen>) -> Result<Value, PortError> {
    let broken = || PortError::Sealed { cause: format!("blob {} holds no release", record.digest) };
    let release: Value = serde_json::from_slice(release).map_err(|_| broken())?;
    let mut release = Some(release).filter(Value::is_object).ok_or_else(broken)?;
    let told = |key: &str| seen.and_then(|seen| seen.outputs.get(key)).cloned();
    let now = Timestamp::now();
    let deployed = record.deployed.clone().or_else(|| told(DEPLOYED)).unwrap_or_else(|| now.to_string());
    let first = record.first.clone().or_else(|| told(FIRST)).unwrap_or_else(|| deployed.clone());
    let status = record.status.as_str();
    release["version"] = json!(record.revision);
    for (key, value) in [("first_deployed", &*first), ("last_deployed", &*deployed), ("status", status)] {
        release["info"][key] = json!(value);
    }
    if release["info"]["description"].as_str().unwrap_or_default().is_empty() {
        let done = if record.revision == 1 { "Install complete" } else { "Upgrade complete" };
        release["info"]["description"] = json!(done);
    }
    let text = fitting(&mut release).map_err(|error| PortError::Sealed { cause: error.to_string() })?;
    let labels = json!({
        "name": record.name, "owner": "helm", "status": status, "version": record.revision.to_string(),
    });
    let metadata = json!({"labels": labels});
    Ok(json!({"type": TYPE, "metadata": metadata, "data": {"release": STANDARD.encode(text)}}))
}

/// The packed text, with as much of the release as fits.
fn fitting(release: &mut Value) -> std::io::Result<String> {
    let mut text = packed(release)?;
    for (pointer, instead) in [
        (
            "/manifest",
            json!("# The manifest does not fit into one Secret; sliceway knows it: sliceway describe slice\n"),
        ),
        ("/chart/values", json!({})),
        ("/hooks", json!([])),
        ("/config", json!({})),
        ("/info/notes", json!("")),
        ("/chart/schema", Value::Null),
    ] {
        if text.len() <= LARGEST {
            break;
        }
        if let Some(value) = release.pointer_mut(pointer) {
            *value = instead;
            text = packed(release)?;
        }
    }
    Ok(text)
}

fn packed(release: &Value) -> std::io::Result<String> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(release.to_string().as_bytes())?;
    Ok(STANDARD.encode(gzip.finish()?))
}

/// One revision of a release, as its Secret's labels tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelmRevision {
    pub release: String,
    pub revision: u32,
    /// Helm's word: `deployed`, `superseded`, `failed`, `pending-upgrade`, …
    pub status: String,
    /// What it consists of in its namespace, kind (`apps/v1/Deployment`) and name; told only where Helm itself wrote it.
    pub objects: Vec<(String, String)>,
}

impl HelmRevision {
    /// `None`: the Secret is no record of a release.
    pub(crate) fn of(secret: &Value) -> Option<Self> {
        let word = |key: &str| secret.pointer("/metadata/labels")?.get(key)?.as_str();
        let (release, status) = (word("name")?.to_owned(), word("status")?.to_owned());
        Some(Self { release, revision: word("version")?.parse().ok()?, status, objects: vec![] })
    }
}

/// The objects of a release that Helm wrote, as its manifest names them: kind, name, and a namespace where it says one.
pub(crate) fn objects(release: &Value) -> Vec<(String, String, Option<String>)> {
    let manifest = release.get("manifest").and_then(Value::as_str).unwrap_or_default();
    let of = |document: &str| {
        let object: Value = serde_saphyr::from_str(document).ok()?;
        let word = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let kind = format!("{}/{}", word("/apiVersion")?, word("/kind")?);
        Some((kind, word("/metadata/name")?, word("/metadata/namespace")))
    };
    format!("\n{manifest}").split("\n---").filter_map(of).collect()
}

/// Whether an object is a release's that was taken over: its record, what it made, and the hooks beside it, which say
/// no more than that they are hooks.
pub fn is_adopted(adopted: &Adopted, object: &Value) -> bool {
    let word = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    let namespace = word("/metadata/namespace").unwrap_or_default();
    if word("/type") == Some(TYPE) {
        return adopted.is_release((namespace, word("/metadata/labels/name").unwrap_or_default()));
    }
    let mark = |key: &str| word(&format!("/metadata/annotations/{}", key.replace('/', "~1")));
    let made = (mark("meta.helm.sh/release-namespace"), mark("meta.helm.sh/release-name"));
    match made {
        (Some(home), Some(release)) => adopted.is_release((home, release)),
        _ => namespace == adopted.namespace && mark("helm.sh/hook").is_some(),
    }
}

/// Selects the records of releases in a list of Secrets.
pub(crate) const SELECTOR: &str = "labelSelector=owner%3Dhelm";

const DEPLOYED: &str = "deployed";
const FIRST: &str = "first";

/// What a live Secret says of its release: when it was deployed, its status, its own words. Nothing where it is none.
pub(crate) fn outputs(secret: &Value) -> BTreeMap<String, String> {
    let mut outputs = BTreeMap::new();
    let Some(release) = read(secret) else { return outputs };
    let words = [
        (DEPLOYED, "/info/last_deployed"),
        (FIRST, "/info/first_deployed"),
        ("status", "/info/status"),
        ("description", "/info/description"),
    ];
    for (key, pointer) in words {
        if let Some(word) = release.pointer(pointer).and_then(Value::as_str) {
            outputs.insert(key.to_owned(), word.to_owned());
        }
    }
    outputs
}

/// The release in a Secret; `None` where there is none that can be read.
pub fn read(secret: &Value) -> Option<Value> {
    if secret.get("type")?.as_str()? != TYPE {
        return None;
    }
    let inner = STANDARD.decode(secret.pointer("/data/release")?.as_str()?).ok()?;
    let packed = STANDARD.decode(inner).ok()?;
    let mut text = Vec::new();
    GzDecoder::new(packed.as_slice()).take(LARGEST_UNPACKED).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use models::resource::ReleaseStatus;

    fn record() -> ReleaseRecord {
        let (digest, name) = ("sha256:0".to_owned(), "gw-1".to_owned());
        ReleaseRecord { digest, name, revision: 2, status: ReleaseStatus::Deployed, first: None, deployed: None }
    }

    #[test]
    fn what_is_written_is_read_and_times_stay() {
        let release = json!({"name": "gw-1", "info": {"notes": "n"}, "manifest": "---\n"}).to_string();
        let secret = manifest(&record(), release.as_bytes(), None).unwrap();
        assert_eq!(secret["metadata"]["labels"]["version"], "2");
        let first = outputs(&secret);
        assert_eq!(first["status"], "deployed");
        let seen = Seen { outputs: first.clone(), ..Seen::default() };
        let again = manifest(&record(), release.as_bytes(), Some(&seen)).unwrap();
        assert_eq!(outputs(&again), first);
        assert_eq!(read(&again).unwrap()["manifest"], "---\n");
    }

    #[test]
    fn the_objects_of_a_release_are_read_from_its_manifest() {
        let manifest = "---\n# Source: a/templates/a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata: {x: \"a\\n---\"}\n\
                        ---\n# Source: nothing\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b, namespace: other}\n";
        let found = objects(&json!({"manifest": manifest}));
        let other = Some("other".to_owned());
        assert_eq!(
            found,
            [("v1/ConfigMap".into(), "a".into(), None), ("apps/v1/Deployment".into(), "b".into(), other)]
        );
        assert_eq!(objects(&json!({"manifest": "# words\n"})), []);
    }

    #[test]
    fn a_manifest_that_fits_no_secret_is_replaced_by_words() {
        let mut state = 88_172_645_463_325_252_u64;
        let mut noise = String::new();
        while noise.len() < 2 << 20 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            noise.push_str(&format!("{state:x}"));
        }
        let release = json!({"name": "gw-1", "info": {}, "manifest": noise, "config": {"a": 1}}).to_string();
        let secret = manifest(&record(), release.as_bytes(), None).unwrap();
        assert!(secret.to_string().len() < 1 << 21, "{}", secret.to_string().len());
        let kept = read(&secret).unwrap();
        assert!(kept["manifest"].as_str().unwrap().starts_with("# The manifest does not fit"));
        assert_eq!(kept["config"], json!({"a": 1}));
    }
}
