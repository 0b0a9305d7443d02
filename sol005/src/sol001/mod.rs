//! SOL001: descriptors by TOSCA 1.3. The definitions of types that each document imports are written here from the
//! standard's tables, as far as functions made of containers use them.
//!
//! A function made of a chart is the standard's pattern of a package that makes its VDUs (Mciop): containers and their
//! images are the chart's, and what pods ask for stands beside their VDU.

mod nsd;
mod vnfd;

pub use nsd::nsd;
pub use vnfd::vnfd;

use crate::descriptor::{FLAVOUR, Vnfd};
use serde_json::{Value, json};

/// Definitions that documents import, by the names of their files.
pub const TYPES: [(&str, &str); 3] = [
    ("etsi_nfv_sol001_common_types.yaml", include_str!("types/common.yaml")),
    ("etsi_nfv_sol001_vnfd_types.yaml", include_str!("types/vnfd.yaml")),
    ("etsi_nfv_sol001_nsd_types.yaml", include_str!("types/nsd.yaml")),
];

const VERSION: &str = "tosca_simple_yaml_1_3";

/// The name of a type of its own: `acme.kitchen`.
fn type_name(provider: &str, name: &str) -> String {
    let plain = |text: &str| text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect::<String>();
    format!("{}.{}", plain(provider), plain(name))
}

/// A property that has one value: the type says it, so that its node need not.
fn fixed(value: &str) -> Value {
    json!({"type": "string", "constraints": [{"valid_values": [value]}], "default": value})
}

/// What the type of a function says of it, in its own descriptor and in a service's.
fn function_properties(of: &Vnfd) -> Value {
    json!({
        "descriptor_id": fixed(&of.id),
        "descriptor_version": fixed(&of.version),
        "provider": fixed(&of.provider),
        "product_name": fixed(&of.product_name),
        "software_version": fixed(&of.software_version),
        "vnfm_info": {"type": "list", "entry_schema": {"type": "string"}, "default": ["sliceway"]},
        "flavour_id": fixed(FLAVOUR),
        "flavour_description": {"type": "string", "default": "as the chart's values make it"},
    })
}
