//! Being told that a resource moved on, so that the next look at it comes at once. A watch is kept from look to look while
//! what is seen is the version that it waits to pass: each costs its target a request.

use super::step::Step;
use futures::FutureExt;
use futures::future::{BoxFuture, Fuse, FusedFuture};
use models::resource::ResourceId;

pub(super) struct Watch {
    version: Option<String>,
    moved: Fuse<BoxFuture<'static, ()>>,
}

impl Watch {
    /// Of nothing: who pauses is not woken.
    pub(super) fn none() -> Self {
        Self { version: None, moved: Fuse::terminated() }
    }

    /// Completes once it moved on; never where nothing is watched.
    pub(super) async fn moved(&mut self) {
        (&mut self.moved).await;
    }
}

impl Step {
    /// From the version that was seen on.
    pub(super) async fn watch(&self, watch: &mut Watch, (id, version): (&ResourceId, Option<String>)) {
        if version.is_none() || watch.version == version && !watch.moved.is_terminated() {
            return;
        }
        let Ok((port, call)) = self.port(id).await else { return };
        let (id, from) = (id.clone(), version.clone().unwrap_or_default());
        let moved: BoxFuture<'static, ()> = Box::pin(async move { port.moved(&call, &id, &from).await });
        *watch = Watch { version, moved: moved.fuse() };
    }
}
