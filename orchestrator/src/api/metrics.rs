//! What a Prometheus scrapes. Labels come from the endpoint table and the
//! clusters' names, never from what a request says.

use models::Name;
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

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Target {
    cluster: String,
}

pub(crate) struct Metrics {
    registry: Registry,
    calls: Family<Target, Counter>,
    requests: Family<Labels, Counter>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("sliceway");
        let requests = Family::default();
        registry.register("http_requests", "Answered requests by endpoint and status", requests.clone());
        let calls = Family::default();
        registry.register("target_calls", "Requests sent to each cluster", calls.clone());
        Self { registry, requests, calls }
    }

    pub(crate) fn count(&self, endpoint: &'static str, status: u16) {
        self.requests.get_or_create(&Labels { endpoint, status }).inc();
    }

    /// `calls` are those of the ports as they are now; a port that was made anew begins again.
    pub(crate) fn text(&self, calls: Vec<(Name, u64)>) -> String {
        self.calls.clear();
        for (cluster, count) in calls {
            self.calls.get_or_create(&Target { cluster: cluster.to_string() }).inc_by(count);
        }
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
