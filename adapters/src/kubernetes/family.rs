//! The one field that a value born at run time can turn against its object: an EndpointSlice keeps its address type for
//! life, and a load balancer may tell an IP address today and a host name tomorrow. The slice holds nothing of its own,
//! so that it is taken away for the new one. What is known at planning time is a replacement in the plan instead.

use super::wire::Answer;
use super::{Kubernetes, seen};
use crate::port::{Call, PortError};
use models::resource::ResourceId;
use serde_json::{Value, json};

pub(super) fn refuses(answer: &Answer) -> bool {
    answer.status == 422 && answer.message().contains("addressType")
}

impl Kubernetes {
    /// Whether an EndpointSlice of ours stood in the way of another address type; it is gone then.
    pub(super) async fn has_another_family(
        &self,
        call: &Call,
        id: &ResourceId,
        manifest: &Value,
    ) -> Result<bool, PortError> {
        if id.api().1 != "EndpointSlice" {
            return Ok(false);
        }
        let Some(live) = self.get(id).await? else { return Ok(false) };
        let now = seen::of(call, &live);
        if now.stranger.is_some() || live.get("addressType") == manifest.get("addressType") {
            return Ok(false);
        }
        let options = json!({
            "kind": "DeleteOptions", "apiVersion": "v1",
            "preconditions": {"uid": now.uid, "resourceVersion": now.version},
        });
        let answer = self.wire.delete(&self.path(id).await?, &options).await?;
        if !answer.is_absent() {
            self.wire.ok(answer, id)?;
        }
        Ok(true)
    }
}
