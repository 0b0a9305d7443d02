//! What a workload of a chart reaches beyond what its slice is meant to be: the node under it, the network around it.
//! It is planned all the same, with a warning: whether it may is for the cluster's own policy to say. Pure.

use super::demand;
use super::render::text;
use serde_json::Value;

/// One warning per object, with everything that it reaches.
pub(super) fn warning(source: &str, object: &Value) -> Option<String> {
    let (kind, name) = (text(object, "/kind"), text(object, "/metadata/name"));
    let reached = match kind {
        "NetworkPolicy" => vec!["it may open what no access rule says".to_owned()],
        "Service" => outside_addresses(object),
        "Pod" => object.get("spec").map(pod).unwrap_or_default(),
        _ => demand::template(object).and_then(|(_, template)| template.get("spec")).map(pod).unwrap_or_default(),
    };
    let all = reached.join(", ");
    (!reached.is_empty()).then(|| format!("{kind} {name} ({source}) reaches out of the slice's isolation: {all}"))
}

fn outside_addresses(service: &Value) -> Vec<String> {
    let addresses = list(service, "/spec/externalIPs").filter_map(Value::as_str);
    addresses.map(|address| format!("it takes what is sent to {address}")).collect()
}

fn list<'v>(value: &'v Value, pointer: &str) -> impl Iterator<Item = &'v Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn is_true(value: &Value, pointer: &str) -> bool {
    value.pointer(pointer).and_then(Value::as_bool) == Some(true)
}

fn pod(spec: &Value) -> Vec<String> {
    let mut found = Vec::new();
    if is_true(spec, "/hostNetwork") {
        found.push("hostNetwork (network policies do not hold it)".to_owned());
    }
    let shared = ["hostPID", "hostIPC"].into_iter().filter(|key| is_true(spec, &format!("/{key}")));
    found.extend(shared.map(str::to_owned));
    let paths = list(spec, "/volumes").filter_map(|volume| volume.pointer("/hostPath/path")?.as_str());
    found.extend(paths.map(|path| format!("hostPath {path}")));
    found.extend(unconfined(spec).map(|()| "its system calls are not confined".to_owned()));
    for at in ["/initContainers", "/containers", "/ephemeralContainers"] {
        list(spec, at).for_each(|container| found.extend(container_reaches(container)));
    }
    found
}

fn container_reaches(container: &Value) -> Vec<String> {
    let name = text(container, "/name");
    let mut found = Vec::new();
    if is_true(container, "/securityContext/privileged") {
        found.push(format!("container {name} is privileged"));
    }
    if is_true(container, "/securityContext/windowsOptions/hostProcess") {
        found.push(format!("container {name} is a process of the host"));
    }
    let added: Vec<&str> = list(container, "/securityContext/capabilities/add").filter_map(Value::as_str).collect();
    if !added.is_empty() {
        found.push(format!("container {name} adds {}", added.join(" ")));
    }
    if text(container, "/securityContext/procMount") == "Unmasked" {
        found.push(format!("container {name} sees an unmasked /proc"));
    }
    found.extend(unconfined(container).map(|()| format!("the system calls of container {name} are not confined")));
    let ports = list(container, "/ports").filter_map(|port| port.get("hostPort")?.as_u64()).filter(|port| *port > 0);
    found.extend(ports.map(|port| format!("container {name} takes hostPort {port}")));
    found
}

fn unconfined(of: &Value) -> Option<()> {
    (text(of, "/securityContext/seccompProfile/type") == "Unconfined").then_some(())
}
