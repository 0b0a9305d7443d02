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
use models::resource::{ReleaseRecord, Seen, label};
use models::slice::Adopted;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufReader, Read, Write as _};

pub const TYPE: &str = "helm.sh/release.v1";

/// Of the release's text: an API server takes a Secret of one MiB of data.
const LARGEST: usize = 1 << 20;
/// Helm's own revisions are signed.
const LAST: u32 = u32::MAX / 2;
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
    let mut release = Some(release).filter(is_release).ok_or_else(broken)?;
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
        // There is always a next one.
        let revision = word("version")?.parse().ok().filter(|revision| *revision < LAST)?;
        Some(Self { release, revision, status, objects: vec![] })
    }
}

/// The objects of a release that Helm wrote, as its manifest names them: kind, name, and a namespace where it says one.
pub(crate) fn objects(told: &Told) -> Vec<(String, String, Option<String>)> {
    let manifest = &told.manifest;
    let of = |document: &str| {
        let object: Value = serde_saphyr::from_str(document).ok()?;
        let word = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let kind = format!("{}/{}", word("/apiVersion")?, word("/kind")?);
        Some((kind, word("/metadata/name")?, word("/metadata/namespace")))
    };
    format!("\n{manifest}").split("\n---").filter_map(of).collect()
}

/// Whether an object is a release's that was taken over: its record, what it made, and the hooks beside it, which say
/// no more than that they are hooks. A function that came later has a release of the slice's own, in the same namespace.
pub fn is_adopted((adopted, owner): (&Adopted, &str), object: &Value) -> bool {
    let later = |release: &str| release.strip_suffix(owner).is_some_and(|rest| rest.ends_with('-'));
    let is_release = |home: &str, release: &str| {
        let own = !owner.is_empty() && home == adopted.namespace && later(release);
        own || adopted.is_release((home, release))
    };
    let word = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    let namespace = word("/metadata/namespace").unwrap_or_default();
    if word("/type") == Some(TYPE) {
        return is_release(namespace, word("/metadata/labels/name").unwrap_or_default());
    }
    let mark = |key: &str| word(&format!("/metadata/annotations/{}", key.replace('/', "~1")));
    let made = (mark("meta.helm.sh/release-namespace"), mark("meta.helm.sh/release-name"));
    match made {
        (Some(home), Some(release)) => is_release(home, release),
        _ => namespace == adopted.namespace && mark("helm.sh/hook").is_some(),
    }
}

/// Selects the records of releases in a list of Secrets.
pub(crate) const SELECTOR: &str = "labelSelector=owner%3Dhelm";

const DEPLOYED: &str = "deployed";
const FIRST: &str = "first";

/// What is told of a record that carries no marks of ours: somebody's helm wrote it last.
const BY: &str = "by";
const HELM: &str = "helm";

/// Whose a revision is that was made while ours was on its way.
pub const BY_HELM: &str = "somebody's helm, which made this revision meanwhile";

/// Whether somebody's helm wrote a record last.
pub fn is_by_helm(seen: &Seen) -> bool {
    seen.outputs.get(BY).is_some_and(|by| by == HELM)
}

/// What a live Secret says of its release: when it was deployed, its status, its own words. Nothing where it is none.
pub(crate) fn outputs(secret: &Value) -> BTreeMap<String, String> {
    let mut outputs = BTreeMap::new();
    let Some(Told { info, .. }) = told(secret) else { return outputs };
    let ours = secret.pointer("/metadata/labels").and_then(|labels| labels.get(label::SLICE)).is_some();
    let words = [
        (BY, (!ours).then(|| HELM.to_owned())),
        (DEPLOYED, info.last_deployed),
        (FIRST, info.first_deployed),
        ("status", info.status),
        ("description", info.description),
    ];
    outputs.extend(words.into_iter().filter_map(|(key, word)| Some((key.to_owned(), word?))));
    outputs
}

/// What is read of whatever calls itself a record: the rest of it may be made to take all the room there is.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Told {
    info: Info,
    manifest: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Info {
    last_deployed: Option<String>,
    first_deployed: Option<String>,
    status: Option<String>,
    description: Option<String>,
}

pub(crate) fn told(secret: &Value) -> Option<Told> {
    serde_json::from_reader(BufReader::new(unpacked(&packed_in(secret)?))).ok()
}

/// The release in a Secret; `None` where there is none that can be read. What is read is a map, and so is its `info`:
/// whoever may write Secrets can put anything there.
pub fn read(secret: &Value) -> Option<Value> {
    let mut text = Vec::new();
    unpacked(&packed_in(secret)?).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok().filter(is_release)
}

fn is_release(release: &Value) -> bool {
    let info = release.get("info").unwrap_or(&Value::Null);
    release.is_object() && (info.is_null() || info.is_object())
}

fn packed_in(secret: &Value) -> Option<Vec<u8>> {
    if secret.get("type")?.as_str()? != TYPE {
        return None;
    }
    let inner = STANDARD.decode(secret.pointer("/data/release")?.as_str()?).ok()?;
    STANDARD.decode(inner).ok()
}

fn unpacked(packed: &[u8]) -> impl Read {
    GzDecoder::new(packed).take(LARGEST_UNPACKED)
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

    /// Whoever may write Secrets can make one; what of it nobody asks for is not held.
    #[test]
    fn what_else_a_record_holds_is_passed_over() {
        let (open, close) = ("[".repeat(9_999), "]".repeat(9_999));
        let release = format!(
            r#"{{"name": "gw-1", "config": {{"a": {open}{close}}}, "info": {{"status": "deployed", "b": {open}{close}}}}}"#
        );
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(release.as_bytes()).unwrap();
        let text = STANDARD.encode(STANDARD.encode(gzip.finish().unwrap()));
        let secret = json!({"type": TYPE, "data": {"release": text}});
        assert_eq!(outputs(&secret).get("status").map(String::as_str), Some("deployed"));
        assert_eq!(read(&secret), None);
    }

    #[test]
    fn a_function_that_came_after_the_adopted_ones_has_a_release_of_ours_too() {
        let releases = BTreeMap::from([("broker".parse().unwrap(), "broker".to_owned())]);
        let adopted = Adopted { cluster: "edge".parse().unwrap(), namespace: "iot".into(), releases };
        let made = |home: &str, release: &str| {
            json!({"metadata": {"namespace": home, "annotations":
                {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": home}}})
        };
        let record = json!({"type": TYPE, "metadata": {"namespace": "iot", "labels": {"name": "more-0a1b2c3d"}}});
        let is = |object: &Value| is_adopted((&adopted, "0a1b2c3d"), object);
        assert!(is(&made("iot", "broker")) && is(&made("iot", "more-0a1b2c3d")) && is(&record));
        for (home, release) in
            [("iot", "theirs"), ("iot", "more0a1b2c3d"), ("other", "more-0a1b2c3d"), ("other", "broker")]
        {
            assert!(!is(&made(home, release)), "{home} {release}");
        }
    }

    #[test]
    fn a_revision_that_none_can_follow_is_no_revision() {
        let of = |version: &str| {
            let labels = json!({"name": "a", "status": "deployed", "version": version});
            HelmRevision::of(&json!({"metadata": {"labels": labels}})).map(|found| found.revision)
        };
        assert_eq!((of("7"), of("2147483646")), (Some(7), Some(2_147_483_646)));
        assert_eq!((of("4294967295"), of("-1"), of("")), (None, None, None));
    }

    #[test]
    fn the_objects_of_a_release_are_read_from_its_manifest() {
        let manifest = "---\n# Source: a/templates/a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata: {x: \"a\\n---\"}\n\
                        ---\n# Source: nothing\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b, namespace: other}\n";
        let of = |manifest: &str| objects(&Told { manifest: manifest.to_owned(), ..Told::default() });
        let found = of(manifest);
        let other = Some("other".to_owned());
        assert_eq!(
            found,
            [("v1/ConfigMap".into(), "a".into(), None), ("apps/v1/Deployment".into(), "b".into(), other)]
        );
        assert_eq!(of("# words\n"), []);
        let deep = format!("a: {}{}", "[".repeat(100_000), "]".repeat(100_000));
        let bomb = (1..9).fold("x0: &x0 [a, a]\n".to_owned(), |all, n| {
            let before = format!("*x{}, ", n - 1).repeat(20);
            format!("{all}x{n}: &x{n} [{before}]\n")
        });
        assert_eq!(of(&format!("{deep}\n---\n{bomb}")), []);
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
