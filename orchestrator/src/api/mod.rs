//! The HTTP face `/api/v1`: one table of endpoints drives the router, the OpenAPI document and the authorisation tests.
//!
//! It turns requests into calls of the next layer and errors into RFC 9457 problems; it must never decide anything else.

mod bodies;
mod clusters;
mod dispatch;
mod idempotency;
mod listing;
mod metrics;
mod openapi;
mod operations;
mod problem;
mod rate;
mod reply;
mod repositories;
mod serve;
mod slices;
mod table;
mod tenants;
mod views;
mod watch;

pub use serve::{ServeError, Tls, serve};
pub use table::{Endpoint, Method, TABLE};

use crate::auth::Tokens;
use crate::catalogue::{Clusters, Repositories, Tenants};
use crate::ops::Engine;
use crate::slices::Slices;
use crate::store::{Clock, Store};
use std::sync::Arc;
use std::time::Duration;

/// Everything that a handler may use.
pub struct App {
    pub store: Arc<dyn Store>,
    pub engine: Engine,
    pub slices: Arc<Slices>,
    pub tokens: Tokens,
    pub tenants: Tenants,
    pub clusters: Clusters,
    pub repositories: Repositories,
    pub clock: Clock,
    /// How long a request's body may take to come.
    pub(crate) body_deadline: Duration,
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
    pub clock: Clock,
    /// Requests per second and token, and how many may come at once.
    pub rate: (u32, u32),
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
            rate: rate::Rates::new(parts.rate, parts.clock.clone()),
            body_deadline: parts.body_deadline,
            metrics: metrics::Metrics::new(),
            clock: parts.clock,
        })
    }
}
