//! OSM's dialect: SOL006 with OSM's augments and without module names (release nine and later), and the catalogues of
//! release eight. A package is a tar of one folder with one descriptor in it.
//!
//! What OSM does not know it refuses, so that a descriptor holds a function's chart and no VDU: of those OSM would make
//! machines.

mod nst;
mod package;
mod release8;
mod release9;

pub use nst::{nst, nst_leaves_out, nst_name};
pub use package::{Chart, package};

use crate::descriptor::{ExternalCp, Link, Mciop, Nsd, Vnfd};
use serde_json::{Value, json};

/// Which OSM reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// `vnfd-catalog`, `nsd-catalog`
    Eight,
    /// SOL006, since nine.
    Nine,
}

/// The network of a cluster by which a function is managed.
const NET: &str = "mgmtnet";

pub fn vnfd(of: &Vnfd, release: Release) -> Value {
    match release {
        Release::Eight => release8::vnfd(of),
        Release::Nine => release9::vnfd(of),
    }
}

/// `functions` are those of the service's members.
pub fn nsd(of: &Nsd, functions: &[&Vnfd], release: Release) -> Value {
    match release {
        Release::Eight => release8::nsd(of, functions),
        Release::Nine => release9::nsd(of, functions),
    }
}

/// What OSM calls a function made of a chart: `edgex_knf`.
pub fn vnfd_name(of: &Vnfd) -> String {
    format!("{}_knf", plain(&of.product_name))
}

pub fn nsd_name(of: &Nsd) -> String {
    format!("{}_ns", plain(&of.name))
}

fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect()
}

/// What OSM calls the function of a member; its id where it is none of these.
fn function(functions: &[&Vnfd], id: &str) -> String {
    functions.iter().find(|known| known.id == id).map_or_else(|| id.to_owned(), |known| vnfd_name(known))
}

/// The Services that are seen outside are the function's own; without any, OSM takes all.
fn kdu(mciop: &Mciop, of: &Vnfd) -> Value {
    let service = |cp: &ExternalCp| match &cp.link {
        Link::Virtual(id) => {
            let service = of.virtual_cps.iter().find(|known| known.id == *id)?;
            Some(json!({"name": service.service, "external-connection-point-ref": cp.id}))
        }
        Link::Pods | Link::Internal(..) => None,
    };
    let mut services: Vec<Value> = Vec::new();
    for found in of.external_cps.iter().filter_map(service) {
        // One name once: OSM refuses a list that has a key twice.
        if services.iter().all(|known| known["name"] != found["name"]) {
            services.push(found);
        }
    }
    let mut kdu = json!({"name": mciop.id, "helm-chart": mciop.chart});
    if !services.is_empty() {
        kdu["service"] = Value::Array(services);
    }
    kdu
}
