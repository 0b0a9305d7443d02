//! What is told of one thing that happened. Which subscribers it is for their filters say; what only they know (their id, the
//! version that they speak) is added when it is given to them.

use crate::store::{Key, Kind, Revision};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// The name of its interface: `nslcm`.
    pub interface: String,
    /// `notificationType`
    pub kind: String,
    pub at: Timestamp,
    /// Its own attributes.
    pub body: Map<String, Value>,
    /// What filters are held against, by the filter's own names.
    pub facets: Map<String, Value>,
    /// Paths below the interface's root, by the names of the links.
    pub links: BTreeMap<String, String>,
}

/// In the order of what happened; `n` counts within one transaction.
pub(super) fn key(tenant: &str, (rev, n): (Revision, usize)) -> Key {
    Key::new(Kind::Notice, tenant, format!("{:020}-{n:04}", rev.0))
}

/// That what there was is noted.
pub(super) fn seeded_key(tenant: &str) -> Key {
    Key::new(Kind::Meta, tenant, "notices/seeded")
}

/// The last that was dropped before all had taken it.
pub(super) fn dropped_key(tenant: &str) -> Key {
    Key::new(Kind::Meta, tenant, "notices/dropped")
}

/// Of each attribute that the filter says, one value must be the notice's.
pub(super) fn fits(filter: &Value, facets: &Value) -> bool {
    match filter {
        Value::Object(map) => map.iter().all(|(name, wanted)| fits(wanted, &facets[name])),
        Value::Array(wanted) => wanted.is_empty() || wanted.contains(facets),
        Value::Null => true,
        plain => plain == facets,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_filter_fits_where_each_attribute_does() {
        let facets = json!({"notificationTypes": "A", "operationTypes": "SCALE", "nsInstanceSubscriptionFilter": {"nsdIds": "x"}});
        let check = |filter: Value, wanted: bool| assert_eq!(fits(&filter, &facets), wanted, "{filter}");
        check(json!({}), true);
        check(json!({"notificationTypes": ["A", "B"]}), true);
        check(json!({"notificationTypes": ["B"]}), false);
        check(json!({"notificationTypes": ["A"], "operationTypes": ["HEAL"]}), false);
        check(json!({"nsInstanceSubscriptionFilter": {"nsdIds": ["x", "y"]}}), true);
        check(json!({"nsInstanceSubscriptionFilter": {"nsdIds": ["y"]}}), false);
        check(json!({"unknownHere": ["y"]}), false);
    }
}
