//! What a pod's template says: images, resources, ports, volumes, probes, and what it wants of the node and the cluster.

use super::{Assumed, list, map, plain, text};
use crate::plan::isolation;
use adapters::kubernetes::quantity;
use serde_json::Value;
use sol005::descriptor::{Affinity, Amount, Compute, ContainerImage, Measure};

/// Containers with whether they run first and end.
pub(super) fn containers(spec: &Value) -> impl Iterator<Item = (&Value, bool)> {
    let init = list(spec, "/initContainers").map(|container| (container, !is_sidecar(container)));
    init.chain(list(spec, "/containers").map(|container| (container, false)))
}

fn is_sidecar(container: &Value) -> bool {
    text(container, "/restartPolicy") == "Always"
}

pub(super) fn images(spec: &Value) -> Vec<ContainerImage> {
    let image = |(container, init): (&Value, bool)| ContainerImage {
        container: text(container, "/name").to_owned(),
        reference: text(container, "/image").to_owned(),
        init,
    };
    containers(spec).map(image).collect()
}

/// The sum over what runs together, or the largest of what runs before, as the scheduler counts.
pub(super) fn compute(spec: &Value, taken: Assumed) -> Compute {
    let cpu = |side: &str| amount(spec, &format!("/resources/{side}/cpu"), quantity::milli);
    let memory = |side: &str| amount(spec, &format!("/resources/{side}/memory"), quantity::whole);
    let mut compute = Compute {
        cpu_request_milli: cpu("requests"),
        cpu_limit_milli: cpu("limits"),
        memory_request_bytes: memory("requests"),
        memory_limit_bytes: memory("limits"),
        assumed: vec![],
    };
    let silent = |amount: &Amount| u64::try_from(amount.unspecified.len()).unwrap_or(u64::MAX);
    let cpu = taken.cpu_milli.map(|each| each.saturating_mul(silent(&compute.cpu_request_milli)));
    let memory = taken.memory_bytes.map(|each| each.saturating_mul(silent(&compute.memory_request_bytes)));
    let named = [("requests.cpu-milli", cpu), ("requests.memory-bytes", memory)];
    compute.assumed = named.into_iter().filter_map(|(name, value)| Some((name, value.filter(|v| *v > 0)?))).collect();
    compute
}

fn amount(spec: &Value, pointer: &str, read: fn(&str) -> Option<u64>) -> Amount {
    let (mut running, mut starting, mut sidecars) = (None, None, None);
    let mut unspecified = Vec::new();
    for (container, init) in containers(spec) {
        let said = container.pointer(pointer).map(plain).and_then(|text| read(&text));
        let Some(said) = said else {
            unspecified.push(text(container, "/name").to_owned());
            continue;
        };
        if init {
            starting = starting.max(plus(sidecars, said));
        } else {
            running = plus(running, said);
            if is_sidecar(container) {
                sidecars = plus(sidecars, said);
            }
        }
    }
    Amount { value: running.max(starting), unspecified }
}

fn plus(sum: Option<u64>, more: u64) -> Option<u64> {
    Some(sum.unwrap_or(0).saturating_add(more))
}

/// Probes, and where metrics are asked for.
pub(super) fn measures(vdu: &str, template: &Value) -> Vec<Measure> {
    let spec = template.get("spec").unwrap_or(&Value::Null);
    let mut found = Vec::new();
    for (container, _) in containers(spec) {
        let name = text(container, "/name");
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
            if let Some(what) = container.get(probe).map(probed) {
                let id = format!("{vdu}.{name}.{probe}");
                found.push(Measure { id, name: format!("{probe} of {name}"), what });
            }
        }
    }
    let annotation = |key: &str| template.pointer("/metadata/annotations").and_then(|all| all.get(key)).map(plain);
    if annotation("prometheus.io/scrape").as_deref() == Some("true") {
        let port = annotation("prometheus.io/port").map(|port| format!(":{port}")).unwrap_or_default();
        let path = annotation("prometheus.io/path").unwrap_or_else(|| "/metrics".to_owned());
        let id = format!("{vdu}.metrics");
        found.push(Measure { id, name: "metrics for Prometheus".into(), what: format!("http {port}{path}") });
    }
    found
}

/// `http :web/healthz; every 10 s, after 5 s, 3 failures`
fn probed(probe: &Value) -> String {
    let port = |at: &str| probe.pointer(at).map(plain).unwrap_or_default();
    let how = if probe.get("httpGet").is_some() {
        format!("http :{}{}", port("/httpGet/port"), text(probe, "/httpGet/path"))
    } else if probe.get("tcpSocket").is_some() {
        format!("tcp :{}", port("/tcpSocket/port"))
    } else if probe.get("grpc").is_some() {
        format!("grpc :{}{}", port("/grpc/port"), text(probe, "/grpc/service"))
    } else {
        let words: Vec<String> = list(probe, "/exec/command").map(plain).collect();
        format!("exec {}", words.join(" "))
    };
    let figures = [
        ("initialDelaySeconds", "after", " s"),
        ("periodSeconds", "every", " s"),
        ("timeoutSeconds", "within", " s"),
        ("successThreshold", "successes", ""),
        ("failureThreshold", "failures", ""),
    ];
    let said = figures.iter().filter_map(|(key, word, unit)| {
        probe.get(*key).and_then(Value::as_u64).map(|value| format!("{word} {value}{unit}"))
    });
    let said: Vec<String> = said.collect();
    if said.is_empty() { how } else { format!("{how}; {}", said.join(", ")) }
}

/// What must be allowed, or be there, for such a pod to run.
pub(super) fn constraints(spec: &Value) -> Vec<String> {
    let labels = map(spec, "/nodeSelector").map(|(key, value)| format!("node label {key}={}", plain(value)));
    let mut found: Vec<String> = labels.collect();
    for term in list(spec, "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms") {
        let rules: Vec<String> = list(term, "/matchExpressions").chain(list(term, "/matchFields")).map(ruled).collect();
        found.push(format!("node affinity: {}", rules.join(" and ")));
    }
    for term in list(spec, "/affinity/nodeAffinity/preferredDuringSchedulingIgnoredDuringExecution") {
        let rules: Vec<String> = list(term, "/preference/matchExpressions").map(ruled).collect();
        found.push(format!("node affinity, preferred: {}", rules.join(" and ")));
    }
    found.extend(list(spec, "/tolerations").map(tolerated));
    let words = [
        ("runtimeClassName", "runtime class"),
        ("priorityClassName", "priority class"),
        ("schedulerName", "scheduler"),
    ];
    let named = words.iter().filter_map(|(key, word)| Some(format!("{word} {}", spec.get(*key)?.as_str()?)));
    found.extend(named);
    found.extend(isolation::pod(spec));
    for (container, _) in containers(spec) {
        let extended = map(container, "/resources/limits").filter(|(key, _)| key.contains('/'));
        let name = text(container, "/name");
        found.extend(extended.map(|(key, value)| format!("container {name} takes {}x {key}", plain(value))));
    }
    found
}

fn ruled(rule: &Value) -> String {
    let values: Vec<String> = list(rule, "/values").map(plain).collect();
    let (key, operator) = (text(rule, "/key"), text(rule, "/operator"));
    if values.is_empty() { format!("{key} {operator}") } else { format!("{key} {operator} [{}]", values.join(", ")) }
}

fn tolerated(toleration: &Value) -> String {
    let (key, value, effect) = (text(toleration, "/key"), text(toleration, "/value"), text(toleration, "/effect"));
    let what = match (key, value) {
        ("", _) => "every taint".to_owned(),
        (key, "") => format!("taint {key}"),
        (key, value) => format!("taint {key}={value}"),
    };
    if effect.is_empty() { format!("tolerates {what}") } else { format!("tolerates {what}:{effect}") }
}

/// How its replicas stand to each other, and what else of its affinity is a constraint in words.
pub(super) fn affinities(template: &Value) -> (Vec<Affinity>, Vec<String>) {
    let (mut own, mut others) = (Vec::new(), Vec::new());
    let spec = template.get("spec").unwrap_or(&Value::Null);
    for (kind, together) in [("podAffinity", true), ("podAntiAffinity", false)] {
        let required = list(spec, &format!("/affinity/{kind}/requiredDuringSchedulingIgnoredDuringExecution"));
        let preferred = list(spec, &format!("/affinity/{kind}/preferredDuringSchedulingIgnoredDuringExecution"))
            .filter_map(|term| term.get("podAffinityTerm"));
        for (term, must) in required.map(|term| (term, true)).chain(preferred.map(|term| (term, false))) {
            match scope(text(term, "/topologyKey")) {
                Some(scope) if must && selects(term, template) => own.push(Affinity { together, scope }),
                _ => others.push(words(kind, term, must)),
            }
        }
    }
    for spread in list(spec, "/topologySpreadConstraints") {
        let skew = spread.get("maxSkew").and_then(Value::as_u64).unwrap_or(1);
        others.push(format!("spread over {}, skew {skew}", text(spread, "/topologyKey")));
    }
    own.dedup();
    (own, others)
}

fn scope(topology: &str) -> Option<&'static str> {
    match topology {
        "kubernetes.io/hostname" => Some("nfvi-node"),
        "topology.kubernetes.io/zone" | "failure-domain.beta.kubernetes.io/zone" => Some("zone"),
        _ => None,
    }
}

/// Whether a term's labels are all the template's own.
fn selects(term: &Value, template: &Value) -> bool {
    let own = template.pointer("/metadata/labels");
    let mut wanted = map(term, "/labelSelector/matchLabels").peekable();
    wanted.peek().is_some()
        && list(term, "/labelSelector/matchExpressions").next().is_none()
        && wanted.all(|(key, value)| own.and_then(|labels| labels.get(key)) == Some(value))
}

fn words(kind: &str, term: &Value, must: bool) -> String {
    let labels = map(term, "/labelSelector/matchLabels").map(|(key, value)| format!("{key}={}", plain(value)));
    let rules = list(term, "/labelSelector/matchExpressions").map(ruled);
    let what: Vec<String> = labels.chain(rules).collect();
    let side = if kind == "podAffinity" { "beside" } else { "apart from" };
    let how = if must { "" } else { ", preferred" };
    format!("{side} pods with {} by {}{how}", what.join(", "), text(term, "/topologyKey"))
}

/// Fields that are read here or elsewhere in this module; the others stay in the chart.
const OF_PODS: &[&str] = &[
    "containers",
    "initContainers",
    "volumes",
    "nodeSelector",
    "affinity",
    "tolerations",
    "runtimeClassName",
    "priorityClassName",
    "schedulerName",
    "hostNetwork",
    "hostPID",
    "hostIPC",
    "securityContext",
    "topologySpreadConstraints",
    "serviceAccountName",
    "serviceAccount",
];
const OF_CONTAINERS: &[&str] = &[
    "name",
    "image",
    "resources",
    "ports",
    "startupProbe",
    "readinessProbe",
    "livenessProbe",
    "env",
    "envFrom",
    "command",
    "args",
    "volumeMounts",
    "volumeDevices",
    "securityContext",
    "restartPolicy",
];

/// Fields of which the descriptor holds nothing.
pub(super) fn unread(spec: &Value) -> Vec<String> {
    let of = |value: &Value, known: &[&str], before: &str| {
        let keys = value.as_object().into_iter().flat_map(|map| map.keys());
        let unread = keys.filter(|key| !known.contains(&key.as_str())).map(|key| format!("{before}{key}"));
        unread.collect::<Vec<_>>()
    };
    let mut found = of(spec, OF_PODS, "");
    for (container, _) in containers(spec) {
        found.extend(of(container, OF_CONTAINERS, &format!("{}.", text(container, "/name"))));
    }
    found
}
