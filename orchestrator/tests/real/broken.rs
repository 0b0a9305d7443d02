//! Every way in which a workload may fail to become ready, as a row: what brings it about, and what a user must be told.

use serde_json::{Value, json};

/// Where the registries of the rows listen, inside the edge's machine.
pub const OPEN: u16 = 5801;
pub const ASKS: u16 = 5802;

/// How the operation must stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// The cause can pass: it is waited for until the patience ends.
    Waiting,
    /// It cannot: the operation stops at once.
    AtOnce,
}

pub struct Row {
    /// The slice's name.
    pub name: &'static str,
    pub objects: Vec<Value>,
    pub ends: Ends,
    /// What, where and why, in the message.
    pub says: &'static [&'static str],
    /// The right next step.
    pub next: &'static [&'static str],
    /// CPU of the site's quota, where it is set.
    pub quota: Option<&'static str>,
}

fn row(name: &'static str, objects: Vec<Value>, ends: Ends) -> Row {
    Row { name, objects, ends, says: &[], next: &[], quota: None }
}

impl Row {
    fn says(self, says: &'static [&'static str]) -> Self {
        Self { says, ..self }
    }

    fn next(self, next: &'static [&'static str]) -> Self {
        Self { next, ..self }
    }
}

/// A container that sleeps, with other words where they are given.
fn container(over: Value) -> Value {
    let mut container = json!({
        "name": "main", "image": "lab.local/busybox:1", "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/sh", "-c", "sleep 1000000"],
        "resources": {"requests": {"cpu": "5m", "memory": "8Mi"}, "limits": {"cpu": "200m", "memory": "32Mi"}},
    });
    merge(&mut container, over);
    container
}

fn merge(base: &mut Value, over: Value) {
    let Value::Object(over) = over else { return };
    for (key, value) in over {
        base[key] = value;
    }
}

fn shell(script: &str) -> Value {
    json!(["/bin/sh", "-c", script])
}

/// A Deployment `it` of one pod: its container, its pod spec, its own spec, each with what is given.
fn deployment(main: Value, pod: Value, own: Value) -> Value {
    let labels = json!({"app": "it"});
    let mut spec = json!({"terminationGracePeriodSeconds": 0, "containers": [container(main)]});
    merge(&mut spec, pod);
    let mut of = json!({"replicas": 1, "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": spec}});
    merge(&mut of, own);
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "it"}, "spec": of})
}

fn one(main: Value) -> Vec<Value> {
    vec![deployment(main, json!({}), json!({}))]
}

fn with_pod(pod: Value) -> Vec<Value> {
    vec![deployment(json!({}), pod, json!({}))]
}

pub fn rows() -> Vec<Row> {
    let mut all = images();
    all.extend(containers());
    all.extend(probes());
    all.extend(places());
    all.extend(refusals());
    all
}

const FILE_OR_BACK: &str = "sliceway operation rollback ";

fn images() -> Vec<Row> {
    vec![
        row("c-none", one(json!({"image": "localhost:5801/nothing:1"})), Ends::Waiting)
            .says(&[
                "Deployment it on edge: pod it-",
                "container main: image localhost:5801/nothing:1 cannot be had",
                "not found",
            ])
            .next(&["push the image to localhost:5801, or name one that is there", "apply -f FILE", FILE_OR_BACK]),
        row("c-secret", one(json!({"image": "localhost:5802/secret:1"})), Ends::Waiting)
            .says(&["on edge: pod it-", "container main: image localhost:5802/secret:1 cannot be had"])
            .next(&["give credentials of registry localhost:5802", "imagePullSecrets", "apply -f FILE"]),
        row("c-away", one(json!({"image": "lab.local/nothing:1"})), Ends::Waiting)
            .says(&["container main: image lab.local/nothing:1 cannot be had"])
            .next(&["see that the node reaches registry lab.local", FILE_OR_BACK]),
        row("c-never", one(json!({"image": "lab.local/nothing:1", "imagePullPolicy": "Never"})), Ends::Waiting)
            .says(&["image lab.local/nothing:1 cannot be had (ErrImageNeverPull)"])
            .next(&["load the image onto the node"]),
        row("c-name", one(json!({"image": "lab.local/UPPER:1"})), Ends::AtOnce)
            .says(&[
                "Deployment it on edge will not become ready",
                "image lab.local/UPPER:1 cannot be had (InvalidImageName)",
            ])
            .next(&["correct the image's name", "apply -f FILE", FILE_OR_BACK]),
    ]
}

fn containers() -> Vec<Row> {
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "it"}, "spec": {"backoffLimit": 0,
        "template": {"spec": {"restartPolicy": "Never", "containers": [
            container(json!({"command": shell("echo the seed is missing; exit 5")}))]}}}});
    // It would count as available between two of its ends.
    let crash = json!({"command": shell("echo first; echo no config in /etc/x; exit 3")});
    let init = container(json!({"name": "setup", "command": shell("echo no licence >&2; exit 4")}));
    let from = json!({"secretKeyRef": {"name": "absent", "key": "k"}});
    let volume = json!([{"name": "v", "configMap": {"name": "absent"}}]);
    let mount = json!({"volumeMounts": [{"name": "v", "mountPath": "/v"}]});
    vec![
        row("c-crash", vec![deployment(crash, json!({}), json!({"minReadySeconds": 300}))], Ends::Waiting)
            .says(&[
                "on edge: pod it-",
                "container main keeps ending: Error, exit code 3",
                "its last words: first | no config in /etc/x",
            ])
            .next(&["mend what its last words name", "apply -f FILE", FILE_OR_BACK]),
        row("c-command", one(json!({"command": ["/no/such"]})), Ends::Waiting)
            .says(&["container main", "/no/such"])
            .next(&["correct its command or image", "apply -f FILE"]),
        row("c-init", with_pod(json!({"initContainers": [init]})), Ends::Waiting)
            .says(&["init container setup keeps ending: Error, exit code 4", "its last words: no licence"])
            .next(&["mend what its last words name"]),
        row("c-job", vec![job], Ends::AtOnce)
            .says(&[
                "Job it on edge will not become ready: the job failed",
                "backoff limit",
                "container main ended: Error, exit code 5",
                "its last words: the seed is missing",
            ])
            .next(&["mend what its last words name", "apply -f FILE", FILE_OR_BACK]),
        row("c-config", one(json!({"env": [{"name": "K", "valueFrom": from}]})), Ends::Waiting)
            .says(&["container main cannot be made (CreateContainerConfigError): secret \"absent\" not found"])
            .next(&["make what it refers to"]),
        row("c-mount", vec![deployment(mount, json!({"volumes": volume}), json!({}))], Ends::Waiting)
            .says(&["pod it-", "configmap \"absent\" not found"])
            .next(&["make what it mounts"]),
    ]
}

fn probes() -> Vec<Row> {
    let often = |probe: Value| {
        let mut probe = probe;
        merge(&mut probe, json!({"periodSeconds": 1, "failureThreshold": 2}));
        probe
    };
    let serve = shell("mkdir -p /tmp/w; httpd -f -p 8080 -h /tmp/w");
    let page = often(json!({"httpGet": {"path": "/health", "port": 8080}}));
    let broken = often(json!({"exec": {"command": shell("echo the disk is full; exit 1")}}));
    let mut start = often(json!({"tcpSocket": {"port": 9}}));
    merge(&mut start, json!({"failureThreshold": 600}));
    vec![
        row("c-ready", one(json!({"command": serve, "readinessProbe": page})), Ends::Waiting)
            .says(&[
                "on edge: pod it-",
                "container main is not ready: Readiness probe failed: HTTP probe failed with statuscode: 404",
            ])
            .next(&["mend what its readiness probe asks, or the probe", "apply -f FILE"]),
        // It would count as available between two of its ends.
        row(
            "c-live",
            vec![deployment(json!({"livenessProbe": broken}), json!({}), json!({"minReadySeconds": 300}))],
            Ends::Waiting,
        )
        .says(&["container main is ended", "by its probe: Liveness probe failed: the disk is full"])
        .next(&["mend what its liveness probe asks"]),
        row("c-start", one(json!({"startupProbe": start})), Ends::Waiting)
            .says(&["container main is not ready: Startup probe failed", "connection refused"])
            .next(&["mend what its startup probe asks"]),
    ]
}

fn places() -> Vec<Row> {
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": {
        "accessModes": ["ReadWriteOnce"], "storageClassName": "none-such", "resources": {"requests": {"storage": "1Mi"}}}});
    let volume = json!([{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]);
    let balanced = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "it"},
        "spec": {"type": "LoadBalancer", "ports": [{"port": 1}], "selector": {"app": "it"}}});
    vec![
        row("c-node", with_pod(json!({"nodeSelector": {"disk": "ssd"}})), Ends::Waiting)
            .says(&[
                "on edge: pod it-",
                "has no node: 0/1 nodes are available",
                "; node edge",
                "it has no label disk=ssd",
            ])
            .next(&["label a node as the chart asks", "apply -f FILE"]),
        row("c-claim", vec![claim, deployment(json!({}), json!({"volumes": volume}), json!({}))], Ends::Waiting)
            .says(&["no volume of storage class none-such", "not found"])
            .next(&["make storage class none-such on the cluster"]),
        row("c-balance", vec![balanced], Ends::Waiting)
            .says(&["Service it on edge: no load balancer gave it an address"])
            .next(&["expose by nodePort"]),
        Row { quota: Some("1m"), ..row("c-quota", one(json!({})), Ends::Waiting) }
            .says(&["Deployment it on edge: no pod can be made", "exceeded quota: sliceway", "requests.cpu"])
            .next(&["raise `quota:` of the site in the slice file", "apply -f FILE"]),
        row("c-account", with_pod(json!({"serviceAccountName": "absent"})), Ends::Waiting)
            .says(&["no pod can be made", "serviceaccount \"absent\" not found"])
            .next(&["make the service account that the chart names"]),
        row("c-hook", one(json!({})), Ends::Waiting)
            .says(&["no pod can be made", "failed calling webhook \"away.causes.test\""])
            .next(&["bring the server of webhook away.causes.test back on edge", "operation retry"]),
    ]
}

fn refusals() -> Vec<Row> {
    let limits = json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "tight"},
        "spec": {"limits": [{"type": "Container", "max": {"memory": "16Mi"}}]}});
    let old = json!({"apiVersion": "batch/v1beta1", "kind": "CronJob", "metadata": {"name": "it"}, "spec": {}});
    let gear = json!({"apiVersion": "causes.test/v1", "kind": "Gear", "metadata": {"name": "it"}});
    let wrong =
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "it"}, "spec": {"ports": [{"port": 0}]}});
    vec![
        row("c-limit", vec![limits, deployment(json!({}), json!({}), json!({}))], Ends::AtOnce)
            .says(&[
                "Deployment it on edge will not become ready: no pod can be made",
                "maximum memory usage per Container is 16Mi",
            ])
            .next(&["to what the LimitRange allows", "apply -f FILE"]),
        row("c-policy", one(json!({})), Ends::AtOnce)
            .says(&["no pod can be made", "no pods on Sundays"])
            .next(&["policy causes-never asks for"]),
        row("c-level", one(json!({})), Ends::AtOnce)
            .says(&["no pod can be made", "violates PodSecurity \"restricted:latest\""])
            .next(&["set the securityContext that it asks for"]),
        row("c-removed", vec![old], Ends::AtOnce)
            .says(&["edge:batch/v1beta1/CronJob", "removed it in 1.25; use batch/v1/CronJob in its place"])
            .next(&["take a version of the chart that uses batch/v1/CronJob", "apply -f FILE"]),
        row("c-crd", vec![gear], Ends::AtOnce)
            .says(&["edge:causes.test/v1/Gear", "no CRD of this cluster makes kinds of causes.test"])
            .next(&["install the CRD of causes.test on edge", "operation retry"]),
        row("c-field", vec![wrong], Ends::AtOnce)
            .says(&["edge:v1/Service", "spec.ports[0].port"])
            .next(&["apply -f FILE"]),
    ]
}
