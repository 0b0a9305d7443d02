//! Contents: packages as they came, files in them, and parts of either by range.

use super::negotiation::takes;
use crate::api::App;
use crate::api::params;
use crate::api::problem::Problem;
use crate::api::reply::{Input, Reply};
use crate::auth::Caller;
use crate::store::Secret;
use models::package::{DescriptorKind, Package};
use sha2::{Digest as _, Sha256};
use sol005::archive::{Entries, Limits, Packed, Zip, read};
use sol005::sol013::Ranged;
use sol005::types::common::Checksum;
use sol005::types::vnfpkgm::VnfPackageArtifactInfo;

/// What of a request decides how a content is given.
#[derive(Clone)]
pub(super) struct Wanted {
    range: Option<String>,
    accept: Option<String>,
    path: String,
}

/// A content of a package: read, and inflated where it must be, beside the requests, of which few at a time.
pub(super) async fn of(
    (app, caller, input): (&App, &Caller, &Input),
    (kind, id): (DescriptorKind, &str),
    give: impl FnOnce(&Wanted, &Package, &Secret) -> Result<Reply, Problem> + Send + 'static,
) -> Result<Reply, Problem> {
    let (package, bytes) = app.packages.content(&caller.read()?, (kind, id)).await?;
    let path = input.path.get("artifactPath").cloned().unwrap_or_default();
    let wanted = Wanted { range: input.range.clone(), accept: input.accept.clone(), path };
    app.packages.apart(move || give(&wanted, &package, &bytes)).await?
}

pub(super) const ZIP: &str = "application/zip";
pub(super) const TEXT: &str = "text/plain";
pub(super) const ANY: &str = "application/octet-stream";

/// All of it, or the part that was asked for (RFC 9110 14; SOL013 4.3).
pub(super) fn content(input: &Wanted, (kind, bytes): (&str, Vec<u8>)) -> Result<Reply, Problem> {
    let size = bytes.len() as u64;
    match Ranged::read(input.range.as_deref(), size) {
        Ranged::Whole => Ok(Reply::Bytes { status: 200, kind: kind.to_owned(), range: None, body: bytes }),
        Ranged::Beyond => {
            let detail = format!("the content has {size} bytes, and the range begins beyond them");
            Err(Problem::new(416, "range-not-satisfiable", detail)
                .next("ask for a range within, or for all of it")
                .size(size))
        }
        Ranged::Part(range) => {
            let inside = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
            let body = bytes[inside(range.first)..inside(range.last + 1)].to_vec();
            let range = Some(format!("bytes {}-{}/{size}", range.first, range.last));
            Ok(Reply::Bytes { status: 206, kind: kind.to_owned(), range, body })
        }
    }
}

/// A package as it came: what is no zip comes as its text, or its files as one.
pub(super) fn package(input: &Wanted, (entry, bytes): (&str, &Secret)) -> Result<Reply, Problem> {
    let (raw, wants) = (bytes.expose(), |kind: &str| input.accept.as_deref().is_none_or(|accept| takes(accept, kind)));
    match Packed::of(raw) {
        Some(Packed::Zip) if wants(ZIP) => content(input, (ZIP, raw.to_vec())),
        None if wants(TEXT) => content(input, (TEXT, raw.to_vec())),
        None => content(input, (ZIP, zipped([(entry, raw)])?)),
        Some(_) if wants(ZIP) => {
            let files = files(raw)?;
            content(input, (ZIP, zipped(files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())))?))
        }
        // It is of several files, and no text.
        Some(_) => {
            Err(Problem::new(406, "not-acceptable", "it is of several files, and no text")
                .next(format!("accept {ZIP}")))
        }
    }
}

/// The files in a package; of a bare document itself.
pub(super) fn files(bytes: &[u8]) -> Result<Entries, Problem> {
    read(bytes, Limits::default()).map_err(|problems| Problem::findings(&problems))
}

/// The descriptor alone: its text, or a zip of it where that is all that is taken.
pub(super) fn descriptor(input: &Wanted, (entry, bytes): (&str, &Secret)) -> Result<Reply, Problem> {
    let raw = bytes.expose();
    let text = match Packed::of(raw) {
        None => raw.to_vec(),
        Some(_) => file(&files(raw)?, entry)?,
    };
    match input.accept.as_deref().is_none_or(|accept| takes(accept, TEXT)) {
        true => content(input, (TEXT, text)),
        false => content(input, (ZIP, zipped([(entry, text.as_slice())])?)),
    }
}

pub(super) fn file(files: &Entries, path: &str) -> Result<Vec<u8>, Problem> {
    files.get(path).cloned().ok_or_else(|| Problem::not_found(format!("artifact {path:?}")))
}

pub(super) fn zipped<'f>(files: impl IntoIterator<Item = (&'f str, &'f [u8])>) -> Result<Vec<u8>, Problem> {
    let failed = |error: std::io::Error| Problem::new(500, "internal", error.to_string());
    let mut zip = Zip::default();
    for (path, bytes) in files {
        zip.file(path, bytes).map_err(failed)?;
    }
    zip.finished().map_err(failed)
}

/// The file of the path, with the kind that its ending says.
pub(super) fn artifact(input: &Wanted, bytes: &Secret) -> Result<Reply, Problem> {
    let path = params::percent(&input.path);
    let path = path.ok_or_else(|| Problem::bad("the path of the artifact holds a bad escape"))?;
    let raw = bytes.expose();
    let missing = || Problem::not_found(format!("artifact {path:?}"));
    if Packed::of(raw).is_none() {
        return Err(missing());
    }
    let found = file(&files(raw)?, &path)?;
    let kind = match path.rsplit_once('.').map(|(_, end)| end) {
        Some("yaml" | "yml" | "txt" | "mf" | "meta" | "md") => TEXT,
        Some("json") => "application/json",
        Some("zip" | "csar") => ZIP,
        Some("tgz" | "gz") => "application/gzip",
        _ => ANY,
    };
    content(input, (kind, found))
}

/// The manifest of a CSAR (SOL004 4.3); others have none.
pub(super) fn manifest(input: &Wanted, bytes: &Secret) -> Result<Reply, Problem> {
    let raw = bytes.expose();
    let found = match Packed::of(raw) {
        Some(_) => files(raw)?.into_iter().find(|(path, _)| path.ends_with(".mf") && !path.contains('/')),
        None => None,
    };
    let (path, text) = found.ok_or_else(|| Problem::not_found("a manifest of it"))?;
    match input.accept.as_deref().is_none_or(|accept| takes(accept, TEXT)) {
        true => content(input, (TEXT, text)),
        false => content(input, (ZIP, zipped([(path.as_str(), text.as_slice())])?)),
    }
}

/// All files but the descriptor, as one archive.
pub(super) fn artifacts(input: &Wanted, (entry, bytes): (&str, &Secret)) -> Result<Reply, Problem> {
    let raw = bytes.expose();
    let files = if Packed::of(raw).is_some() { files(raw)? } else { Entries::new() };
    let others = files.iter().filter(|(path, _)| path.as_str() != entry);
    content(input, (ZIP, zipped(others.map(|(path, bytes)| (path.as_str(), bytes.as_slice())))?))
}

/// Those of a package that are no part of its descriptor, as its information names them.
pub(super) fn told(bytes: &Secret, entry: &str) -> Result<Vec<VnfPackageArtifactInfo>, Problem> {
    let raw = bytes.expose();
    let files = if Packed::of(raw).is_some() { files(raw)? } else { Entries::new() };
    let is_other = |path: &str| path != entry && !path.starts_with("TOSCA-Metadata/") && !path.ends_with(".mf");
    let info = |(path, bytes): (&String, &Vec<u8>)| VnfPackageArtifactInfo {
        artifact_path: path.clone(),
        checksum: Checksum { algorithm: "SHA-256".into(), hash: format!("{:x}", Sha256::digest(bytes)) },
    };
    Ok(files.iter().filter(|(path, _)| is_other(path)).map(info).collect())
}
