//! The manifest of a package (SOL004 4.3.2): who made what, and a digest of every file.

use crate::descriptor::{Nsd, Vnfd};
use sha2::{Digest as _, Sha256};

pub struct Manifest {
    metadata: Vec<(&'static str, String)>,
    sources: Vec<(String, String)>,
}

impl Manifest {
    pub(super) fn of_function(of: &Vnfd, released: &str) -> Self {
        let metadata = vec![
            ("vnfd_id", of.id.clone()),
            ("vnf_provider_id", of.provider.clone()),
            ("vnf_product_name", of.product_name.clone()),
            ("vnf_software_version", of.software_version.clone()),
            ("vnf_package_version", of.version.clone()),
            ("vnf_release_date_time", released.to_owned()),
            ("vnfm_info", "sliceway".into()),
            ("compatible_specification_versions", "4.2.1".into()),
        ];
        Self { metadata, sources: vec![] }
    }

    pub(super) fn of_service(of: &Nsd, released: &str) -> Self {
        let metadata = vec![
            ("nsd_designer", of.designer.clone()),
            ("nsd_name", of.name.clone()),
            ("nsd_invariant_id", of.invariant_id.clone()),
            ("nsd_release_date_time", released.to_owned()),
            ("nsd_file_structure_version", of.version.clone()),
            ("compatible_specification_versions", "4.2.1".into()),
        ];
        Self { metadata, sources: vec![] }
    }

    pub(super) fn add(&mut self, path: &str, bytes: &[u8]) {
        self.sources.push((path.to_owned(), format!("{:x}", Sha256::digest(bytes))));
    }

    pub fn text(&self) -> String {
        let mut text = String::from("metadata:\n");
        for (key, value) in &self.metadata {
            text.push_str(&format!("  {key}: {value}\n"));
        }
        for (path, digest) in &self.sources {
            text.push_str(&format!("\nSource: {path}\nAlgorithm: SHA-256\nHash: {digest}\n"));
        }
        text
    }
}
