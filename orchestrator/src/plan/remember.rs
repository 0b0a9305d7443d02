//! What was rendered for one request: it is planned again when the world moved, and a chart renders the same for the
//! same order. It must never outlive its request: what is kept for longer is the slice's bundle.

use super::bundle::Bundle;
use super::make::PlanError;
use super::names::digest;
use super::render::{Order, Renderer};
use async_trait::async_trait;
use models::Name;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// By the digest of everything that an order says.
#[derive(Default)]
pub struct Rendered(Mutex<HashMap<String, Bundle>>);

/// A renderer that is asked once for each order.
pub struct Remembering<'a> {
    pub renderer: &'a dyn Renderer,
    pub rendered: &'a Rendered,
}

impl Rendered {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Bundle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Renderer for Remembering<'_> {
    async fn render(&self, order: &Order<'_>) -> Result<Bundle, PlanError> {
        let target = (order.cluster, &order.facts.version, &order.facts.apis);
        let key = digest(&(order.function, order.chart, &order.release, order.values, target, order.inputs));
        if let Some(bundle) = self.rendered.lock().get(&key) {
            return Ok(bundle.clone());
        }
        let bundle = self.renderer.render(order).await?;
        self.rendered.lock().insert(key, bundle.clone());
        Ok(bundle)
    }

    async fn recorded(&self, order: &Order<'_>, release: &Value) -> Result<Bundle, PlanError> {
        self.renderer.recorded(order, release).await
    }

    async fn seal(&self, release: &Value) -> Result<String, PlanError> {
        self.renderer.seal(release).await
    }

    async fn definition(&self, cluster: &Name, name: &str) -> Result<Option<Value>, PlanError> {
        self.renderer.definition(cluster, name).await
    }
}
