//! The HTTP face `/api/v1`: one table of endpoints drives the router, the OpenAPI document and the authorisation tests.
//!
//! It turns requests into calls of the next layer and errors into RFC 9457 problems; it must never decide anything else.

mod alarms;
mod answers;
mod bodies;
mod clusters;
mod conditions;
mod connections;
mod dispatch;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod fuzz;
mod headers;
mod idempotency;
mod listing;
mod metrics;
mod nfvo;
mod openapi;
mod operations;
mod orphans;
mod packages;
mod params;
mod problem;
mod rate;
mod ready;
mod reply;
mod repositories;
mod serve;
mod services;
mod slices;
mod subscriptions;
mod table;
mod templates;
mod tenants;
mod views;
mod watch;

pub use nfvo::SURFACE;
pub use serve::{ServeError, Tls, serve};
pub use table::{Endpoint, Method, TABLE};

use crate::auth::Tokens;
use crate::catalogue::{Clusters, Packages, Repositories, Services, Templates, Tenants};
use crate::notify::{Callbacks, Subscriptions};
use crate::ops::Engine;
use crate::slices::Slices;
use crate::store::{Clock, Store};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Every endpoint: our own, and the standard's.
pub fn endpoints() -> impl Iterator<Item = &'static Endpoint> {
    TABLE.iter().chain(SURFACE.iter())
}

/// Everything that a handler may use.
pub struct App {
    pub store: Arc<dyn Store>,
    pub engine: Engine,
    pub slices: Arc<Slices>,
    pub tokens: Tokens,
    pub tenants: Tenants,
    pub clusters: Clusters,
    pub repositories: Repositories,
    pub packages: Packages,
    pub services: Services,
    pub templates: Templates,
    pub subscriptions: Subscriptions,
    pub callbacks: Callbacks,
    pub clock: Clock,
    pub(crate) body_deadline: Duration,
    pub(crate) head_deadline: Duration,
    /// Cancelled when the server ends: whoever watches is told.
    pub(crate) closing: CancellationToken,
    pub(crate) readiness: ready::Readiness,
    pub(crate) rate: rate::Rates,
    pub(crate) metrics: metrics::Metrics,
}

/// What [`App::new`] puts together.
pub struct Parts {
    pub store: Arc<dyn Store>,
    pub engine: Engine,
    pub slices: Arc<Slices>,
    pub tokens: Tokens,
    pub tenants: Tenants,
    pub clusters: Clusters,
    pub repositories: Repositories,
    pub packages: Packages,
    pub services: Services,
    pub templates: Templates,
    pub subscriptions: Subscriptions,
    pub callbacks: Callbacks,
    pub clock: Clock,
    pub limits: Limits,
}

/// The bounds of requests.
pub struct Limits {
    /// Requests per second and token, and how many may come at once.
    pub rate: (u32, u32),
    /// The time that the head of a request may take.
    pub head_deadline: Duration,
    /// The time that its body may take.
    pub body_deadline: Duration,
}

impl App {
    pub fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            store: parts.store,
            engine: parts.engine,
            slices: parts.slices,
            tokens: parts.tokens,
            tenants: parts.tenants,
            clusters: parts.clusters,
            repositories: parts.repositories,
            packages: parts.packages,
            services: parts.services,
            templates: parts.templates,
            subscriptions: parts.subscriptions,
            callbacks: parts.callbacks,
            body_deadline: parts.limits.body_deadline,
            head_deadline: parts.limits.head_deadline,
            closing: CancellationToken::new(),
            readiness: ready::Readiness::default(),
            rate: rate::Rates::new(parts.limits.rate, parts.clock.clone()),
            metrics: metrics::Metrics::new(),
            clock: parts.clock,
        })
    }
}
