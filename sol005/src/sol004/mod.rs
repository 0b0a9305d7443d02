//! SOL004: packages of descriptors as CSARs (option 1: with a folder of metadata), with a manifest of digests, which is signed
//! where there is a signer (SOL004 5, option 1).

mod manifest;

pub use manifest::Manifest;

use crate::archive::Zip;
use crate::descriptor::{Nsd, Vnfd};
use crate::signature::Signer;
use crate::sol001::TYPES;
use models::yaml;
use serde_json::Value;
use std::io;

/// What a package holds beside its descriptor. Paths are those in the archive.
#[derive(Debug, Clone, Default)]
pub struct Contents<'s> {
    pub charts: Vec<(String, Vec<u8>)>,
    /// Licences of what is inside, by the names of their files.
    pub licences: Vec<(String, Vec<u8>)>,
    /// What changed, for people.
    pub change_log: String,
    /// What the descriptor does not hold, and why.
    pub report: String,
    /// When it was made: RFC 3339. It is told in the manifest; the archive itself holds no time.
    pub released: String,
    /// Who signs it.
    pub signer: Option<&'s Signer>,
}

/// Where a chart lies in a package.
pub fn chart_path(name: &str, version: &str) -> String {
    format!("Artifacts/charts/{name}-{version}.tgz")
}

/// A function's package.
pub fn function(of: &Vnfd, (document, contents): (&Value, &Contents<'_>)) -> io::Result<Vec<u8>> {
    let manifest = Manifest::of_function(of, &contents.released);
    package((&of.product_name, "vnfd"), (document, contents), manifest)
}

/// A service's package.
pub fn service(of: &Nsd, (document, contents): (&Value, &Contents<'_>)) -> io::Result<Vec<u8>> {
    let manifest = Manifest::of_service(of, &contents.released);
    package((&of.name, "nsd"), (document, contents), manifest)
}

fn package(
    (name, kind): (&str, &str),
    (document, contents): (&Value, &Contents<'_>),
    mut manifest: Manifest,
) -> io::Result<Vec<u8>> {
    let entry = format!("Definitions/{name}_{kind}.yaml");
    let mut files: Vec<(String, Vec<u8>)> = vec![(entry.clone(), yaml::block(document).into_bytes())];
    let used = TYPES.iter().filter(|(file, _)| kind == "nsd" || !file.contains("_nsd_"));
    files.extend(used.map(|(file, text)| (format!("Definitions/{file}"), text.as_bytes().to_vec())));
    files.extend(contents.charts.iter().cloned());
    files.push(("Files/ChangeLog.txt".into(), contents.change_log.clone().into_bytes()));
    files.extend(contents.licences.iter().map(|(file, text)| (format!("Files/Licenses/{file}"), text.clone())));
    if !contents.report.is_empty() {
        files.push(("Files/not-represented.yaml".into(), contents.report.clone().into_bytes()));
    }
    if let Some(signer) = contents.signer {
        // It is in the signature as well; some look for the file.
        files.push((certificate(name), signer.certificate().pem().into_bytes()));
    }
    let meta = meta(&entry, (name, contents));
    let mut zip = Zip::default();
    // Readers look for it first.
    zip.file("TOSCA-Metadata/TOSCA.meta", meta.as_bytes())?;
    manifest.add("TOSCA-Metadata/TOSCA.meta", meta.as_bytes());
    for (path, bytes) in &files {
        zip.file(path, bytes)?;
        manifest.add(path, bytes);
    }
    let mut manifest = manifest.text();
    if let Some(signer) = contents.signer {
        manifest.push('\n');
        let signature = signer.sign(manifest.as_bytes())?;
        manifest.push_str(&signature);
    }
    zip.file(&format!("{name}.mf"), manifest.as_bytes())?;
    zip.finished()
}

fn certificate(name: &str) -> String {
    format!("{name}.cert")
}

/// SOL004 4.1.2.3: what is where.
fn meta(entry: &str, (name, contents): (&str, &Contents<'_>)) -> String {
    let mut text = String::from("TOSCA-Meta-File-Version: 1.0\nCSAR-Version: 1.1\nCreated-By: Sliceway\n");
    text.push_str(&format!("Entry-Definitions: {entry}\n"));
    text.push_str(&format!("ETSI-Entry-Manifest: {name}.mf\n"));
    text.push_str("ETSI-Entry-Change-Log: Files/ChangeLog.txt\n");
    if contents.signer.is_some() {
        text.push_str(&format!("ETSI-Entry-Certificate: {}\n", certificate(name)));
    }
    if !contents.licences.is_empty() {
        text.push_str("ETSI-Entry-Licenses: Files/Licenses\n");
    }
    text
}
