//! The charts that were uploaded together: what `file://` may reach, and nothing else.

use super::fault::Reason;
use crate::helm::ChartFiles;
use std::collections::BTreeMap;

/// Packed charts by their folder below the uploaded one, seen from one of them.
#[derive(Debug, Clone, Copy)]
pub struct Tree<'a> {
    pub base: &'a str,
    pub charts: &'a BTreeMap<String, Vec<u8>>,
}

impl Tree<'_> {
    /// The packed chart at a `file://` address of dependency `name`.
    pub(super) fn find(&self, name: &str, address: &str) -> Result<Vec<u8>, Reason> {
        let outside =
            |cause: &str| Reason::Outside { name: name.to_owned(), path: address.to_owned(), cause: cause.to_owned() };
        let path = address.strip_prefix("file://").unwrap_or(address);
        if path.starts_with('/') {
            return Err(outside("an absolute path, which the server does not read"));
        }
        let mut parts: Vec<&str> = self.base.split('/').collect();
        for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
            match part {
                ".." if parts.pop().is_none() => {
                    return Err(outside("outside of what was uploaded"));
                }
                ".." => {}
                part => parts.push(part),
            }
        }
        for cut in (1..=parts.len()).rev() {
            let Some(archive) = self.charts.get(&parts[..cut].join("/")) else { continue };
            if cut == parts.len() {
                return Ok(archive.clone());
            }
            let files = ChartFiles::read(archive).map_err(|error| outside(&error))?;
            let part = files.below(&parts[cut..].join("/"));
            return part.ok_or_else(|| outside("where no Chart.yaml is"))?.pack().map_err(|error| outside(&error));
        }
        Err(outside("where no chart was uploaded"))
    }
}
