//! What is said of a package that somebody brings: the same words on the command line and at the API.

use models::Problem;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use sol005::onboarding::{Chart, ChartSource, Descriptor, Onboarded, onboard};

/// A package is valid where there are no problems; the rest is known then only.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Verdict {
    pub package: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub digest: String,
    pub valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub descriptor: Option<Described>,
    pub charts: Vec<Brought>,
    pub warnings: Vec<String>,
    pub problems: Vec<Problem>,
}

/// What it describes.
#[derive(Debug, Clone, Serialize)]
pub struct Described {
    /// `VNFD` or `NSD`.
    pub kind: &'static str,
    /// `sol001`, `sol006`, `osm`, `osm-r8`.
    pub form: &'static str,
    /// The descriptor's file in the package.
    pub entry: String,
    pub id: String,
    pub name: String,
    pub version: String,
    pub provider: String,
    /// Of a service: the descriptors that it is made of, each once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<String>,
}

/// A chart, and where it is.
#[derive(Debug, Clone, Serialize)]
pub struct Brought {
    pub function: String,
    /// `package`, `repository` or `address`.
    pub from: &'static str,
    pub place: String,
    pub name: String,
    pub version: String,
    pub digest: String,
}

pub fn verdict(package: &str, bytes: &[u8]) -> Verdict {
    let digest = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let of = Verdict { package: package.to_owned(), digest, ..Verdict::default() };
    match onboard(package, bytes) {
        Ok(read) => Verdict {
            valid: true,
            descriptor: Some(described(&read)),
            charts: read.charts.iter().map(brought).collect(),
            warnings: read.warnings,
            ..of
        },
        Err(problems) => Verdict { problems, ..of },
    }
}

fn described(read: &Onboarded) -> Described {
    let (form, entry) = (read.form.name(), read.entry.clone());
    match &read.descriptor {
        Descriptor::Function(vnfd) => Described {
            kind: "VNFD",
            id: vnfd.id.clone(),
            name: vnfd.product_name.clone(),
            version: vnfd.version.clone(),
            provider: vnfd.provider.clone(),
            functions: vec![],
            form,
            entry,
        },
        Descriptor::Service(nsd) => {
            let mut functions: Vec<String> = nsd.members.iter().map(|member| member.vnfd.clone()).collect();
            functions.sort();
            functions.dedup();
            Described {
                kind: "NSD",
                id: nsd.id.clone(),
                name: nsd.name.clone(),
                version: nsd.version.clone(),
                provider: nsd.designer.clone(),
                functions,
                form,
                entry,
            }
        }
    }
}

fn brought(chart: &Chart) -> Brought {
    let (from, place) = match &chart.source {
        ChartSource::Archive(path) | ChartSource::Folder(path) => ("package", path.clone()),
        ChartSource::Repository(repository, name) => ("repository", format!("{repository}/{name}")),
        ChartSource::Address(address) | ChartSource::Missing(address) => ("address", address.clone()),
    };
    let Chart { function, name, version, digest, .. } = chart.clone();
    Brought { function, from, place, name, version, digest }
}
