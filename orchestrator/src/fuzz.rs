//! What the fuzzer runs against the parsers of this crate: requests, messages of devices, what is stored and configured.
//! It is compiled for tests, which replay the corpora, and for `fuzz/`; it must never be part of the product.

pub use crate::api::fuzz::{request_body, request_headers, request_line};
use crate::auth::TokenRecord;
pub use crate::bridge::fuzz::senml;
use crate::config::Config;
use crate::ops::model::{ChangeDoc, OperationDoc};
use crate::plan::{Bundle, Plan, Recorded};
use crate::store::{Digest, Key, Kind, Object, Revision};
use models::cluster::Cluster;
use models::repository::Repository;
use models::tenant::Tenant;
use models::{Alarm, Operation, Orphan, Slice};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt::Debug;

pub type Run = fn(&[u8]);

pub const TARGETS: &[(&str, Run)] = &[
    ("request_line", request_line),
    ("request_headers", request_headers),
    ("request_body", request_body),
    ("senml", senml),
    ("stored", stored),
    ("config", config),
];

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// What is stored is read as each of the documents there are; what was read is written as what reads the same.
pub fn stored(bytes: &[u8]) {
    if let Ok(digest) = text(bytes).trim().parse::<Digest>() {
        assert_eq!(digest.to_string().parse::<Digest>().ok(), Some(digest));
    }
    let Ok(doc) = serde_json::from_slice::<Value>(bytes) else { return };
    let object = Object { key: Key::installation(Kind::Meta, "fuzz"), rev: Revision(1), doc };
    again::<Slice>(&object);
    again::<Operation>(&object);
    again::<OperationDoc>(&object);
    again::<ChangeDoc>(&object);
    again::<Recorded>(&object);
    again::<Plan>(&object);
    again::<Bundle>(&object);
    again::<Cluster>(&object);
    again::<Repository>(&object);
    again::<Tenant>(&object);
    again::<Orphan>(&object);
    again::<Alarm>(&object);
    let _ = object.read::<TokenRecord>();
}

fn again<T: Serialize + DeserializeOwned + PartialEq + Debug>(object: &Object) {
    let Ok(read) = object.read::<T>() else { return };
    let written = serde_json::to_string(&read);
    let back = written.as_ref().map(|written| serde_json::from_str::<T>(written));
    assert!(matches!(&back, Ok(Ok(back)) if *back == read), "{written:?} of {read:?}");
}

/// The server's file.
pub fn config(bytes: &[u8]) {
    if let Ok(config) = toml::from_str::<Config>(text(bytes)) {
        let config = Config::default().with(&config);
        let _ = (config.listen(), config.tls(), config.limits.of_requests());
    }
}

#[cfg(test)]
#[path = "../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_input_of_the_corpora_is_withstood() {
        replay::replay(TARGETS);
    }
}
