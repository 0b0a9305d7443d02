//! The physical limit: a client that sends exactly one call per object, the namespace first, eight at a time and cluster.

use crate::control_plane::Api;
use crate::objects::Template;
use futures::StreamExt;
use std::time::{Duration, Instant};

/// As many as the product sends at one time to one cluster.
const AT_ONCE: usize = 8;

pub async fn create(templates: &[Template], apis: [&Api; 2], namespace: &str) -> Duration {
    let began = Instant::now();
    let on = |cluster: usize| async move {
        let mine: Vec<&Template> = templates.iter().filter(|template| template.cluster == cluster).collect();
        for template in mine.iter().filter(|template| template.is_namespace) {
            template.send(apis[cluster], namespace).await;
        }
        let rest = mine.iter().filter(|template| !template.is_namespace);
        let sends = rest.map(|template| template.send(apis[cluster], namespace));
        futures::stream::iter(sends).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
    };
    tokio::join!(on(0), on(1));
    began.elapsed()
}
