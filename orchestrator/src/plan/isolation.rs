//! What a workload of a chart reaches beyond what its slice is meant to be: the node under it, the network around it.
//! It is planned all the same, with a warning: whether it may is for the cluster's own policy to say. Pure.

use super::demand;
use super::render::text;
use super::scope::is_cluster_scoped;
use serde_json::Value;

/// One warning per object, with everything that it reaches.
pub(super) fn warning(source: &str, object: &Value) -> Option<String> {
    let (kind, name) = (text(object, "/kind"), text(object, "/metadata/name"));
    let reached = match kind {
        "ClusterRole" | "ClusterRoleBinding" => vec!["it gives rights over the whole cluster".to_owned()],
        "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" | "APIService" => {
            vec!["requests of the whole cluster go through it".to_owned()]
        }
        _ if is_cluster_scoped(kind) => vec!["it belongs to the whole cluster".to_owned()],
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

pub fn pod(spec: &Value) -> Vec<String> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(object: Value, expect: Option<&str>) {
        let said = warning("web/templates/a.yaml", &object);
        let says = |words: &str| said.as_ref().is_some_and(|said| said.ends_with(&format!("isolation: {words}")));
        assert!(expect.map_or(said.is_none(), says), "{said:?}");
    }

    #[test]
    fn every_kind_that_makes_pods_is_looked_into() {
        let spec = json!({"hostIPC": true, "containers": [{"name": "c"}]});
        let reached = Some("hostIPC");
        check(json!({"kind": "Pod", "spec": spec}), reached);
        for kind in ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job"] {
            check(json!({"kind": kind, "spec": {"template": {"spec": spec}}}), reached);
        }
        let jobs = json!({"spec": {"template": {"spec": spec}}});
        check(json!({"kind": "CronJob", "spec": {"jobTemplate": jobs}}), reached);
    }

    #[test]
    fn init_containers_count_and_what_is_dropped_or_false_does_not() {
        let pod =
            |containers: Value| json!({"kind": "Pod", "spec": {"hostNetwork": false, "initContainers": containers}});
        let privileged = json!([{"name": "i", "securityContext": {"privileged": true}}]);
        check(pod(privileged), Some("container i is privileged"));
        let tame = json!({"privileged": false, "capabilities": {"drop": ["ALL"], "add": []}});
        check(pod(json!([{"name": "i", "securityContext": tame, "ports": [{"containerPort": 1}]}])), None);
    }

    #[test]
    fn what_opens_the_network_besides_the_access_rules_counts() {
        check(json!({"kind": "NetworkPolicy"}), Some("it may open what no access rule says"));
        check(
            json!({"kind": "Service", "spec": {"externalIPs": ["192.0.2.1"]}}),
            Some("it takes what is sent to 192.0.2.1"),
        );
        check(json!({"kind": "Service", "spec": {}}), None);
    }
}
