//! What pods said last.

use super::catalog::encoded;
use super::seen::text;
use super::wire::{METADATA, Wire};
use models::resource::ResourceId;
use serde_json::Value;

/// Lines of each container.
const LINES: usize = 20;
/// Characters of each line.
const LINE: usize = 200;

/// Of a Job's pods or a Pod, each line with its container where there are several.
pub(super) async fn of(wire: &Wire, id: &ResourceId) -> Vec<String> {
    let namespace = encoded(&id.namespace);
    let pods = format!("/api/v1/namespaces/{namespace}/pods");
    let names: Vec<String> = match id.api().1 {
        "Pod" => vec![id.name.clone()],
        "Job" => {
            let selector = format!("labelSelector=batch.kubernetes.io%2Fjob-name%3D{}", encoded(&id.name));
            let found = wire.list(&pods, (&selector, METADATA)).await.unwrap_or_default();
            found.iter().map(|pod| text(pod, "/metadata/name").to_owned()).collect()
        }
        _ => vec![],
    };
    let mut all = Vec::new();
    for name in names {
        let Ok(answer) = wire.get(&format!("{pods}/{}", encoded(&name))).await else { continue };
        let pod = answer.json();
        let containers = pod.pointer("/spec/containers").and_then(Value::as_array).cloned().unwrap_or_default();
        for container in &containers {
            let container_name = text(container, "/name");
            let path = format!("{pods}/{}/log?container={}&tailLines={LINES}", encoded(&name), encoded(container_name));
            let Ok(answer) = wire.get(&path).await else { continue };
            if answer.status == 200 {
                let before = if containers.len() > 1 { format!("{container_name}: ") } else { String::new() };
                let line = |line: &str| format!("{before}{}", line.chars().take(LINE).collect::<String>());
                all.extend(answer.text().lines().map(line));
            }
        }
    }
    all
}
