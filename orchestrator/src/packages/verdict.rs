//! What is said of a package that somebody brings: the same words on the command line and at the API.

use models::Problem;
use models::package::{ChartPlace, Descriptor, DescriptorKind, Member, PackagedChart, Signature};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use sol005::descriptor as nfv;
use sol005::onboarding::{self, Chart, ChartSource, Onboarded, onboard};
use sol005::signature::Trust;

/// A package is valid where there are no problems; the rest is known then only.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Verdict {
    pub package: String,
    /// `sha256:…` of its bytes.
    pub digest: String,
    pub valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub descriptor: Option<Descriptor>,
    pub charts: Vec<PackagedChart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    pub warnings: Vec<String>,
    pub problems: Vec<Problem>,
}

pub fn verdict(package: &str, bytes: &[u8], trust: &Trust) -> Verdict {
    let digest = format!("sha256:{:x}", Sha256::digest(bytes));
    let of = Verdict { package: package.to_owned(), digest, ..Verdict::default() };
    match onboard(package, bytes, trust) {
        Ok(read) => Verdict {
            valid: true,
            descriptor: Some(described(&read)),
            charts: read.charts.iter().map(brought).collect(),
            signature: read.signature,
            warnings: read.warnings,
            ..of
        },
        Err(problems) => Verdict { problems, ..of },
    }
}

fn described(read: &Onboarded) -> Descriptor {
    let (form, entry) = (read.form.name().to_owned(), read.entry.clone());
    match &read.descriptor {
        onboarding::Descriptor::Function(vnfd) => Descriptor {
            kind: DescriptorKind::Vnfd,
            id: vnfd.id.clone(),
            name: vnfd.product_name.clone(),
            version: vnfd.version.clone(),
            software_version: vnfd.software_version.clone(),
            provider: vnfd.provider.clone(),
            functions: vec![],
            form,
            entry,
        },
        onboarding::Descriptor::Service(nsd) => {
            let member = |of: &nfv::Member| Member { name: of.id.clone(), descriptor: of.vnfd.clone(), package: None };
            Descriptor {
                kind: DescriptorKind::Nsd,
                id: nsd.id.clone(),
                name: nsd.name.clone(),
                version: nsd.version.clone(),
                software_version: String::new(),
                provider: nsd.designer.clone(),
                functions: nsd.members.iter().map(member).collect(),
                form,
                entry,
            }
        }
        onboarding::Descriptor::Slice(nst) => {
            let member = |of: &nfv::Subnet| Member { name: of.id.clone(), descriptor: of.nsd.clone(), package: None };
            Descriptor {
                kind: DescriptorKind::Nst,
                id: nst.id.clone(),
                name: nst.name.clone(),
                version: String::new(),
                software_version: String::new(),
                provider: String::new(),
                functions: nst.subnets.iter().map(member).collect(),
                form,
                entry,
            }
        }
    }
}

fn brought(chart: &Chart) -> PackagedChart {
    let (from, place) = match &chart.source {
        ChartSource::Archive(path) | ChartSource::Folder(path) => (ChartPlace::Package, path.clone()),
        ChartSource::Repository(repository, name) => (ChartPlace::Repository, format!("{repository}/{name}")),
        ChartSource::Address(address) => (ChartPlace::Address, address.clone()),
    };
    let digest = if chart.digest.is_empty() { String::new() } else { format!("sha256:{}", chart.digest) };
    let (function, name, version) = (chart.function.clone(), chart.name.clone(), chart.version.clone());
    PackagedChart { function, from, place, name, version, digest }
}
