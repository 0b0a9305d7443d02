//! What a Prometheus scrapes. Labels come from the endpoint table, never from names.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Labels {
    endpoint: &'static str,
    status: u16,
}

pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Labels, Counter>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("sliceway");
        let requests = Family::default();
        registry.register("http_requests", "Answered requests by endpoint and status", requests.clone());
        Self { registry, requests }
    }

    pub(crate) fn count(&self, endpoint: &'static str, status: u16) {
        self.requests.get_or_create(&Labels { endpoint, status }).inc();
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
