//! What a chart may not bring into a slice: each is refused with words before anything happens. And what a chart gets that
//! knows nothing of us.

use crate::server::{Server, words};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// A repository with one chart of one template.
fn chart(folder: &Path, template: &str) -> String {
    let chart = folder.join("charts/odd");
    std::fs::create_dir_all(chart.join("templates")).unwrap();
    std::fs::write(chart.join("Chart.yaml"), "apiVersion: v2\nname: odd\nversion: 0.1.0\n").unwrap();
    std::fs::write(chart.join("templates/it.yaml"), template).unwrap();
    folder.join("charts").display().to_string()
}

const SLICE: &str = "apiVersion: sliceway/v1\nkind: Slice\nmetadata: {name: odd}\nspec:\n  sites: {edge: {cluster: edge}}\n  \
                     functions:\n    - {name: it, site: edge, chart: {repository: odd, name: odd}}\n";

/// Applies the slice of the chart; the exit code and the words.
async fn apply(template: &str) -> (i32, String) {
    let server = Server::start().with_lab().await;
    let charts = chart(&server.path("x"), template);
    let added = server.cli(&["repository", "add", "odd", "--path", &charts]);
    assert!(added.status.success(), "{}", words(&added));
    let file = server.path("odd.yaml");
    std::fs::write(&file, SLICE).unwrap();
    let out = server.cli(&["apply", "-f", file.to_str().unwrap(), "--wait"]);
    let left = words(&server.cli(&["get", "operations", "-o", "json"]));
    let code = out.status.code().unwrap();
    assert!(code == 0 || left.trim() == "[]", "nothing was begun: {left}");
    (code, words(&out))
}

async fn refused(template: &str, says: &str) {
    let (code, said) = apply(template).await;
    assert_eq!(code, 2, "{said}");
    assert!(said.contains(says) && said.contains("odd.yaml:7:"), "{said}");
}

#[tokio::test]
async fn an_ordinary_chart_is_taken() {
    let (code, said) = apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: b}\n").await;
    assert_eq!(code, 0, "{said}");
}

#[tokio::test]
async fn a_namespace_of_its_own_is_refused() {
    refused("apiVersion: v1\nkind: Namespace\nmetadata: {name: all}\n", "belongs to the whole cluster").await;
}

#[tokio::test]
async fn an_object_for_another_namespace_is_refused() {
    refused(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: kube-system}\n",
        "wants namespace kube-system",
    )
    .await;
}

#[tokio::test]
async fn a_label_of_ours_is_refused() {
    let label = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, labels: {sliceway.io/slice: mine}}\n";
    refused(label, "sliceway.io/slice").await;
}

#[tokio::test]
async fn an_object_with_a_name_of_ours_is_refused() {
    refused("apiVersion: v1\nkind: Secret\nmetadata: {name: sliceway-it-tls}\n", "has a name of ours").await;
}

/// A Secret that a chart brings is kept sealed: its value stands nowhere in the data folder or in an answer.
#[tokio::test]
async fn a_secret_of_a_chart_is_sealed_at_rest_and_never_shown() {
    let server = Server::start().with_lab().await;
    let charts = chart(
        &server.path("x"),
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {word: {{ printf \"open-%s-please\" \"sesame\" }}}\n",
    );
    assert!(server.cli(&["repository", "add", "odd", "--path", &charts]).status.success());
    let file = server.path("odd.yaml");
    std::fs::write(&file, SLICE).unwrap();
    let file = file.to_str().unwrap();
    let plan = words(&server.cli(&["plan", "-f", file, "-o", "json"]));
    assert!(plan.contains("\"name\": \"s\"") && !plan.contains("open-sesame-please"), "{plan}");
    let applied = server.cli(&["apply", "-f", file, "--wait"]);
    assert!(applied.status.success(), "{}", words(&applied));
    let id = words(&server.cli(&["get", "operations", "-o", "json"]));
    assert!(!id.contains("open-sesame-please"));
    for entry in crate::rules::walk(&server.data()) {
        let bytes = std::fs::read(&entry).unwrap();
        let found = bytes.windows(18).any(|window| window == b"open-sesame-please");
        assert!(!found, "{} holds the secret in the clear", entry.display());
    }
}

/// The objects that a plan creates, as rendered, by kind and name; a release's name is its function's and the slice's uid,
/// which is left out here.
fn planned(server: &Server, slice: &str) -> BTreeMap<String, Value> {
    let file = server.path("plain.yaml");
    std::fs::write(&file, slice).unwrap();
    let out = server.cli(&["plan", "-f", file.to_str().unwrap(), "-o", "json"]);
    assert!(out.status.success(), "{}", words(&out));
    let plan: Value = serde_json::from_slice(&out.stdout).unwrap();
    let uid = format!("-{}", plan["uid"].as_str().unwrap());
    let object = |change: &Value| {
        let body = change["after"]["body"]["plain"].to_string().replace(&uid, "");
        let body: Value = serde_json::from_str(&body).unwrap();
        let word = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        (format!("{} {}", word("/kind"), word("/metadata/name")), body)
    };
    plan["changes"].as_array().unwrap().iter().map(object).collect()
}

/// A chart that takes its own values only, and says which it got.
fn plain_chart(server: &Server) {
    let says = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}-got}\n\
                data: {values: {{ .Values | toJson | quote }}}\n";
    let charts = chart(&server.path("x"), says);
    let folder = Path::new(&charts).join("odd");
    let schema = r#"{"type": "object", "additionalProperties": false, "properties": {"auth": {"type": "object"}, "global": {}}}"#;
    std::fs::write(folder.join("values.schema.json"), schema).unwrap();
    std::fs::write(folder.join("values.yaml"), "auth: {mode: own}\n").unwrap();
    let added = server.cli(&["repository", "add", "odd", "--path", &charts]);
    assert!(added.status.success(), "{}", words(&added));
}

#[tokio::test]
async fn a_chart_that_knows_nothing_of_us_gets_its_own_values_and_what_is_bound() {
    let server = Server::start().with_lab().await;
    plain_chart(&server);
    let chart = "chart: {repository: odd, name: odd}";
    let slice = format!(
        "apiVersion: sliceway/v1\nkind: Slice\nmetadata: {{name: odd}}\nspec:\n  sites: {{edge: {{cluster: edge}}}}\n  \
         servers:\n    - {{name: store, site: edge, port: 5432/tcp, bind: {{auth.secret: tlsSecret}}, {chart}}}\n  \
         functions:\n    - {{name: it, site: edge, {chart}}}\n"
    );
    let objects = planned(&server, &slice);
    let got = |name: &str| -> Value {
        let text = objects[&format!("ConfigMap {name}-got")]["data"]["values"].as_str().unwrap();
        serde_json::from_str(text).unwrap()
    };
    assert_eq!(got("it")["auth"], json!({"mode": "own"}));
    assert_eq!(got("store")["auth"], json!({"mode": "own", "secret": "sliceway-store.tls"}));
    for name in ["it", "store"] {
        assert_eq!(got(name).get("sliceway"), None, "{name}");
    }
    let file = server.path("plain.yaml");
    let applied = server.cli(&["apply", "-f", file.to_str().unwrap(), "--wait"]);
    assert!(applied.status.success(), "{}", words(&applied));
}

#[tokio::test]
async fn the_labs_charts_stand_on_their_own_names_where_nobody_tells_them_ours() {
    let server = Server::start().with_lab().await;
    let function =
        |name: &str| format!("    - {{name: {name}, site: edge, chart: {{repository: lab, name: mqtt-{name}}}}}\n");
    let slice = format!(
        "apiVersion: sliceway/v1\nkind: Slice\nmetadata: {{name: odd}}\nspec:\n  sites: {{edge: {{cluster: edge}}}}\n  \
         functions:\n{}{}",
        function("server"),
        function("gateway")
    );
    let objects = planned(&server, &slice);
    for name in ["server", "gateway"] {
        let pod = &objects[&format!("Deployment {name}")]["spec"]["template"]["spec"];
        assert_eq!(pod.pointer("/containers/0/ports/0/containerPort"), Some(&json!(8883)), "{pod}");
        let volumes = pod["volumes"].as_array().unwrap().iter();
        let secrets: Vec<&str> = volumes.filter_map(|volume| volume["secret"]["secretName"].as_str()).collect();
        assert_eq!(secrets, [format!("{name}-tls"), format!("{name}-clients")], "{pod}");
    }
}

const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: b}\n";

#[tokio::test]
async fn two_objects_of_one_name_in_a_chart_are_refused() {
    let other = CONFIG.replace("a: b", "a: other");
    refused(&format!("{CONFIG}---\n{other}"), "odd/templates/it.yaml: ConfigMap c is there twice").await;
    let old = "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: p}\nspec: {maxUnavailable: 1}\n";
    let new = old.replace("policy/v1", "policy/v1beta1");
    refused(&format!("{old}---\n{new}"), "PodDisruptionBudget p is there twice").await;
}

#[tokio::test]
async fn two_functions_with_an_object_of_one_name_are_refused_where_they_share_a_cluster() {
    let server = Server::start().with_lab().await;
    let charts = chart(&server.path("x"), CONFIG);
    assert!(server.cli(&["repository", "add", "odd", "--path", &charts]).status.success());
    let file = server.path("odd.yaml");
    let second = "    - {name: that, site: edge, chart: {repository: odd, name: odd}}\n";
    std::fs::write(&file, format!("{SLICE}{second}")).unwrap();
    let out = server.cli(&["plan", "-f", file.to_str().unwrap()]);
    let said = words(&out);
    assert_eq!(out.status.code(), Some(2), "{said}");
    assert!(said.contains("odd.yaml:8:"), "{said}");
    let says = "odd/templates/it.yaml: ConfigMap c is also in odd/templates/it.yaml of it";
    assert!(said.contains(says) && said.contains("name it after the release"), "{said}");
    let apart = second.replace("site: edge", "site: cloud");
    let sites = SLICE.replace("{edge: {cluster: edge}}", "{edge: {cluster: edge}, cloud: {cluster: cloud}}");
    std::fs::write(&file, format!("{sites}{apart}")).unwrap();
    let out = server.cli(&["plan", "-f", file.to_str().unwrap()]);
    assert!(out.status.success(), "{}", words(&out));
}

/// Whoever is reached has a Service of ours with its name.
#[tokio::test]
async fn an_object_of_a_chart_that_has_the_name_of_one_of_ours_is_refused() {
    let server = Server::start().with_lab().await;
    let service = "apiVersion: v1\n{{ if hasPrefix \"it-\" .Release.Name }}\nkind: Service\nmetadata: {name: far}\nspec: {ports: [{port: 1}]}\n\
                   {{ else }}\nkind: ConfigMap\nmetadata: {name: c}\n{{ end }}";
    let charts = chart(&server.path("x"), service);
    assert!(server.cli(&["repository", "add", "odd", "--path", &charts]).status.success());
    let file = server.path("odd.yaml");
    let far = format!("{SLICE}    - {{name: far, site: edge, chart: {{repository: odd, name: odd}}}}\n");
    let access = "  access: [{from: devices, to: far, ports: [80/tcp]}]\n";
    std::fs::write(&file, format!("{far}{access}")).unwrap();
    let out = server.cli(&["plan", "-f", file.to_str().unwrap()]);
    let said = words(&out);
    assert_eq!(out.status.code(), Some(2), "{said}");
    assert!(
        said.contains("odd/templates/it.yaml: Service far is also made by Sliceway (far is called from outside"),
        "{said}"
    );
    std::fs::write(&file, far).unwrap();
    let out = server.cli(&["plan", "-f", file.to_str().unwrap()]);
    assert!(out.status.success(), "nobody reaches it, so that it is the chart's: {}", words(&out));
}

/// ADR 0020: within its cluster the chart's Service is the way; from outside ours stands beside it.
#[tokio::test]
async fn a_service_of_the_functions_own_name_is_the_way_to_it() {
    let server = Server::start().with_lab().await;
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: {{ .Release.Name | trunc 2 }}}\nspec: {ports: [{port: 5432, targetPort: 80}]}\n";
    let charts = chart(&server.path("x"), service);
    assert!(server.cli(&["repository", "add", "odd", "--path", &charts]).status.success());
    let file = server.path("odd.yaml");
    let on = |cluster: &str| {
        let at = SLICE.replace(
            "sites: {edge: {cluster: edge}}",
            &format!("sites: {{edge: {{cluster: edge}}, other: {{cluster: {cluster}}}}}"),
        );
        let by = "    - {name: by, site: other, chart: {repository: odd, name: odd}}\n  access: [{from: by, to: it, ports: [80/tcp]}]\n";
        std::fs::write(&file, format!("{at}{by}")).unwrap();
        let out = server.cli(&["plan", "-f", file.to_str().unwrap(), "-o", "json"]);
        let said = words(&out);
        assert!(out.status.success(), "{said}");
        let plan: Value = serde_json::from_slice(&out.stdout).unwrap();
        let changes = plan["changes"].as_array().unwrap().clone();
        let service = |change: &Value| change["id"]["kind"] == "v1/Service";
        let of = |change: Value| {
            (format!("{}/{}", change["id"]["target"].as_str().unwrap(), change["id"]["name"].as_str().unwrap()), change)
        };
        changes.into_iter().filter(service).map(of).collect::<BTreeMap<String, Value>>()
    };
    let names = |all: &BTreeMap<String, Value>| all.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&on("edge")), ["edge/by", "edge/it"]);
    let apart = on("cloud");
    assert_eq!(names(&apart), ["cloud/by", "cloud/it", "edge/it", "edge/sliceway-it"]);
    // Callers have the ports that the chart's authors told them, too.
    let ports = &apart["cloud/it"]["after"]["body"]["plain"]["spec"]["ports"];
    let numbers: Vec<u64> = ports.as_array().unwrap().iter().map(|port| port["port"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [80, 5432]);
}

#[tokio::test]
async fn a_name_or_label_that_an_api_server_refuses_is_refused_at_plan_with_its_rule() {
    let long = "a".repeat(64);
    for (kind, name, rule) in [
        ("Service", long.as_str(), "at most 63 characters, it has 64"),
        ("ConfigMap", "Upper", "RFC 1123 subdomain"),
        ("ConfigMap", &"a".repeat(254), "at most 253 characters, it has 254"),
    ] {
        let object =
            format!("apiVersion: v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {{ports: [{{port: 1}}]}}\n");
        refused(&object, rule).await;
    }
    refused(&CONFIG.replace("name: c", &format!("name: c, labels: {{app: {long}}}")), "label app: at most 63").await;
}

#[tokio::test]
async fn a_workload_that_reaches_out_of_its_isolation_is_planned_with_a_warning() {
    let server = Server::start().with_lab().await;
    let pod = "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: spy}\nspec:\n  selector: {matchLabels: {a: b}}\n  template:\n    \
               metadata: {labels: {a: b}}\n    spec:\n      hostNetwork: true\n      hostPID: true\n      \
               volumes: [{name: v, hostPath: {path: /var/run}}]\n      containers:\n        - name: main\n          image: i\n          \
               ports: [{containerPort: 80, hostPort: 80}]\n          \
               securityContext: {privileged: true, capabilities: {add: [NET_ADMIN]}}\n";
    let charts = chart(&server.path("x"), pod);
    assert!(server.cli(&["repository", "add", "odd", "--path", &charts]).status.success());
    let file = server.path("odd.yaml");
    std::fs::write(&file, SLICE).unwrap();
    let out = server.cli(&["plan", "-f", file.to_str().unwrap(), "-o", "json"]);
    let plan: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let warnings: Vec<&str> = plan["warnings"].as_array().unwrap().iter().filter_map(|w| w.as_str()).collect();
    let found: Vec<&&str> = warnings.iter().filter(|warning| warning.contains("isolation")).collect();
    assert_eq!(found.len(), 1, "{warnings:?}");
    let says = "it: DaemonSet spy (odd/templates/it.yaml) reaches out of the slice's isolation: ";
    assert!(found[0].starts_with(says), "{found:?}");
    for word in
        ["hostNetwork", "hostPID", "hostPath /var/run", "main is privileged", "main adds NET_ADMIN", "hostPort 80"]
    {
        assert!(found[0].contains(word), "{word}: {found:?}");
    }
}
