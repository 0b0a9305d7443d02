//! Network services: charts become descriptors, those are on-boarded, and what they describe runs as a slice: placed, wired,
//! scaled, moved to newer versions and ended by operations of the engine.

use crate::server::Server;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// A front that reaches `db`, and grows by an autoscaler; `version` also stands in what it runs.
fn web(folder: &Path, version: &str) -> PathBuf {
    let chart = folder.join("web");
    write(&chart, "Chart.yaml", &format!("apiVersion: v2\nname: web\nversion: {version}\n"));
    write(&chart, "values.yaml", &format!("image: {{tag: \"{version}\"}}\nreplicas: {{min: 1, max: 4}}\nlimit: 10\n"));
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  selector: {matchLabels: {app: web}}\n  \
        template:\n    metadata: {labels: {app: web}}\n    spec:\n      containers:\n        - name: web\n          \
        image: \"registry.example/web:{{ .Values.image.tag }}\"\n          ports: [{containerPort: 8080}]\n          \
        resources: {requests: {cpu: 10m, memory: 16Mi}}\n          \
        env: [{name: DATABASE, value: \"postgres://db:5432\"}, {name: LIMIT, value: \"{{ .Values.limit }}\"}]\n";
    write(&chart, "templates/web.yaml", text);
    let text = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\nspec:\n  \
        scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}\n  minReplicas: {{ .Values.replicas.min }}\n  \
        maxReplicas: {{ .Values.replicas.max }}\n  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]\n";
    write(&chart, "templates/hpa.yaml", text);
    chart
}

fn db(folder: &Path) -> PathBuf {
    let chart = folder.join("db");
    write(&chart, "Chart.yaml", "apiVersion: v2\nname: db\nversion: 2.0.0\n");
    write(&chart, "values.yaml", "log: quiet\n");
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: db}\nspec:\n  selector: {matchLabels: {app: db}}\n  \
        template:\n    metadata: {labels: {app: db}}\n    spec:\n      containers:\n        - name: db\n          \
        image: registry.example/db:2\n          ports: [{containerPort: 15432}]\n          args: [\"--log={{ .Values.log }}\"]\n";
    write(&chart, "templates/db.yaml", text);
    let text = "apiVersion: v1\nkind: Service\nmetadata: {name: db}\nspec:\n  selector: {app: db}\n  ports: [{port: 5432, targetPort: 15432}]\n";
    write(&chart, "templates/service.yaml", text);
    chart
}

/// Descriptors of the two charts and of their service in one form, on-boarded.
pub fn onboarded(server: &Server, form: &str) {
    let (folder, made) = (server.path("charts"), server.path("made"));
    let (web, db) = (web(&folder, "1.0.0"), db(&folder));
    let charts = [web.to_str().unwrap(), db.to_str().unwrap()];
    let words = ["package", "build", charts[0], charts[1], "--service", "shop", "--provider", "acme", "--format", form];
    server.done(&[&words[..], &["--dir", made.to_str().unwrap()]].concat());
    for file in archives(&made) {
        server.done(&["package", "add", file.to_str().unwrap()]);
    }
}

/// Functions before the service.
fn archives(folder: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let archive = |path: &PathBuf| path.extension().is_some_and(|end| end == "csar" || end == "gz");
    let mut all: Vec<PathBuf> = all.filter(archive).collect();
    all.sort_by_key(|path| (path.display().to_string().contains("_ns"), path.clone()));
    all
}

/// The newer front beside the older one.
pub fn newer(server: &Server, form: &str) {
    let made = server.path("newer");
    let chart = web(&server.path("more"), "1.1.0");
    let words = ["package", "build", chart.to_str().unwrap(), "--provider", "acme", "--format", form, "--dir"];
    server.done(&[&words[..], &[made.to_str().unwrap()]].concat());
    for file in archives(&made) {
        server.done(&["package", "add", file.to_str().unwrap()]);
    }
}

fn function<'s>(slice: &'s Value, name: &str) -> &'s Value {
    slice["spec"]["functions"].as_array().unwrap().iter().find(|function| function["name"] == name).unwrap()
}

#[tokio::test]
async fn a_service_lives_its_whole_life_from_packages_of_osm() {
    life("osm").await;
}

#[tokio::test]
async fn a_service_lives_its_whole_life_from_csars() {
    life("sol001").await;
}

async fn life(form: &str) {
    // As each form calls a function.
    let named = |name: &str, version: &str| match form {
        "osm" => format!("{name}-knf-{version}"),
        _ => format!("{name}-{version}"),
    };
    let (old, new) = (named("web", "1-0-0"), named("web", "1-1-0"));
    let server = Server::start().with_lab().await;
    onboarded(&server, form);
    let made = server.done(&["ns", "create", "shop", "--package", "shop-ns-1-0", "--description", "the shop"]);
    assert!(made.contains("sliceway ns instantiate shop"), "{made}");
    let shop = server.json(&["get", "ns", "shop"]);
    assert_eq!((&shop["state"], &shop["package"]), (&json!("NOT_INSTANTIATED"), &json!("shop-ns-1-0")));
    server.refused(&["delete", "package", "shop-ns-1-0"], &["service shop"]);
    server.refused(&["ns", "heal", "shop"], &["service shop is not instantiated", "sliceway ns instantiate shop"]);
    let said = ["--at", "web=edge", "--at", "db=cloud", "--set", "web.limit=20", "--set", "db.log=loud"];
    let plan = server.done(&[&["ns", "instantiate", "shop", "--plan"], &said[..]].concat());
    assert!(plan.contains("web on edge") && plan.contains("db on cloud"), "{plan}");
    assert_eq!(server.json(&["get", "slices"]), json!([]));
    server.done(&[&["ns", "instantiate", "shop", "--wait"], &said[..]].concat());
    let slice = server.json(&["get", "slice", "shop"]);
    assert_eq!(slice["placed"], json!({"web": "edge", "db": "cloud"}));
    assert_eq!(slice["spec"]["access"], json!([{"from": "web", "to": "db", "ports": ["15432/tcp"]}]));
    let chart = json!({"package": old, "name": "web"});
    assert_eq!(
        (&function(&slice, "web")["chart"], &function(&slice, "web")["values"]),
        (&chart, &json!({"limit": 20}))
    );
    assert_eq!(function(&slice, "db")["values"], json!({"log": "loud"}));
    let shop = server.json(&["get", "ns", "shop"]);
    assert_eq!((&shop["state"], &shop["phase"]), (&json!("INSTANTIATED"), &json!("Ready")));
    server.refused(&["ns", "instantiate", "shop"], &["instantiated already", "sliceway ns update shop"]);
    server.refused(&["delete", "ns", "shop"], &["is instantiated", "sliceway ns terminate shop"]);
    server.refused(&["delete", "package", &old], &["package shop-ns-1-0", "slice shop"]);
    assert!(server.done(&["ns", "heal", "shop"]).contains("unchanged"));
    // Grown by two steps and one less.
    server.done(&["ns", "scale", "shop", "web", "--out", "2", "--wait"]);
    server.done(&["ns", "scale", "shop", "web", "--in", "--wait"]);
    let slice = server.json(&["get", "slice", "shop"]);
    assert_eq!(function(&slice, "web")["values"], json!({"limit": 20, "replicas": {"min": 2}}));
    // What came meanwhile changes nothing until somebody says so; what is disabled is not taken, and stays where it is.
    newer(&server, form);
    server.done(&["package", "disable", &new]);
    server.refused(&["ns", "update", "shop", "--use", &format!("web={new}")], &["is disabled", "package enable"]);
    assert!(server.done(&["ns", "update", "shop", "--newest"]).contains("unchanged"));
    server.done(&["package", "enable", &new]);
    server.done(&["package", "disable", &old]);
    assert!(server.done(&["ns", "heal", "shop"]).contains("unchanged"));
    let plan = server.done(&["ns", "update", "shop", "--use", &format!("web={new}"), "--plan"]);
    assert!(plan.contains("1 to change") || plan.contains("to change"), "{plan}");
    server.done(&["ns", "update", "shop", "--newest", "--wait"]);
    let slice = server.json(&["get", "slice", "shop"]);
    assert_eq!(function(&slice, "web")["chart"]["package"], new.as_str());
    assert_eq!(function(&slice, "web")["values"], json!({"limit": 20, "replicas": {"min": 2}}));
    let web = server.json(&["get", "package", &new]);
    assert_eq!((&web["usage"], &web["users"]), (&json!("IN_USE"), &json!(["slice shop"])));
    server.done(&["ns", "terminate", "shop", "--wait"]);
    let shop = server.json(&["get", "ns", "shop"]);
    assert_eq!((&shop["state"], &shop["description"]), (&json!("NOT_INSTANTIATED"), &json!("the shop")));
    server.done(&["delete", "ns", "shop"]);
    for package in ["shop-ns-1-0", &old, &new, &named("db", "2-0-0")] {
        server.done(&["delete", "package", package]);
    }
}

#[tokio::test]
async fn what_a_descriptor_does_not_declare_cannot_be_said() {
    let server = Server::start().with_lab().await;
    onboarded(&server, "sol001");
    server.refused(&["ns", "create", "shop", "--package", "shop-ns-1"], &["no package is called", "did you mean"]);
    server.refused(&["ns", "create", "shop", "--package", "web-1-0-0"], &["describes a function (VNFD)"]);
    server.done(&["ns", "create", "shop", "--package", "shop-ns-1-0"]);
    let said = ["--set", "web.limits=1", "--set", "web.limit=many", "--at", "wbe=edge", "--level", "db=huge"];
    let says = [
        "functions.web.parameters.limits: web declares no property \"limits\"; did you mean limit?",
        "functions.web.parameters.limit: \"many\" is of another type than its default 10; write a number",
        "functions.wbe: the service shop has no function \"wbe\"; did you mean web?",
        "functions.db.level: db has no instantiation level \"huge\"",
    ];
    server.refused(&[&["ns", "instantiate", "shop"], &said[..]].concat(), &says);
    assert_eq!(server.json(&["get", "operations"]), json!([]));
    server.done(&["ns", "instantiate", "shop", "--wait"]);
    server.refused(&["ns", "scale", "shop", "web", "--to", "4"], &["level 4", "is more than its highest", "at most 3"]);
    server.refused(&["ns", "scale", "shop", "web", "--in"], &["lead below 0"]);
    server.refused(&["ns", "scale", "shop", "db", "--out"], &["does not say how it scales"]);
    server.refused(&["ns", "scale", "shop", "web", "--aspect", "x", "--to", "1"], &["has no scaling aspect \"x\""]);
    server.refused(&["ns", "update", "shop", "--use", "web=db-2-0-0"], &["package db-2-0-0 describes VNFD"]);
    assert!(server.done(&["ns", "update", "shop"]).contains("unchanged"));
}

#[tokio::test]
async fn one_name_is_one_service_and_it_keeps_the_version_that_ran() {
    let server = Server::start().with_lab().await;
    onboarded(&server, "sol001");
    let create = ["ns", "create", "shop", "--package", "shop-ns-1-0"];
    assert!(server.done(&create).contains("service shop created"));
    assert!(server.done(&create).contains("service shop unchanged"));
    let text = "apiVersion: sliceway/v1\nkind: Template\nmetadata: {name: basic}\nspec:\n  version: \"1\"\n  slice:\n    sites: {at: {select: {}}}\n    \
        functions: [{name: db, site: at, chart: {package: db-2-0-0, name: db}}]\n";
    let file = server.path("basic.yaml");
    std::fs::write(&file, text).unwrap();
    server.done(&["template", "create", "-f", file.to_str().unwrap()]);
    server.refused(&["template", "instantiate", "basic", "shop"], &["service shop is created already"]);
    server.done(&["template", "instantiate", "basic", "other", "--wait"]);
    server.refused(&["ns", "instantiate", "other", "--package", "shop-ns-1-0"], &["slice other is there already"]);
    server.refused(&["template", "change", "shop", "--set", "a=1"], &["shop"]);
    // Another version of the service, which is what it is of from then on.
    let made = server.path("again");
    let (folder, words) =
        (server.path("charts"), ["--provider", "acme", "--format", "sol001", "--service-version", "2.0"]);
    let (web, db) = (folder.join("web"), folder.join("db"));
    let charts = ["package", "build", web.to_str().unwrap(), db.to_str().unwrap(), "--service", "shop"];
    server.done(&[&charts[..], &words[..], &["--dir", made.to_str().unwrap()]].concat());
    server.done(&["package", "add", made.join("shop_ns.csar").to_str().unwrap()]);
    server.done(&["ns", "instantiate", "shop", "--wait"]);
    server.done(&["ns", "update", "shop", "--package", "shop-ns-2-0", "--wait"]);
    server.done(&["ns", "terminate", "shop", "--wait"]);
    assert_eq!(server.json(&["get", "ns", "shop"])["package"], "shop-ns-2-0");
    server.refused(&["delete", "package", "shop-ns-2-0"], &["service shop"]);
    server.done(&["delete", "package", "shop-ns-1-0"]);
    server.done(&["package", "disable", "shop-ns-2-0"]);
    server.refused(&["ns", "create", "mall", "--package", "shop-ns-2-0"], &["package shop-ns-2-0 is disabled"]);
}

#[tokio::test]
async fn a_file_may_say_a_service_and_nothing_beside_it() {
    let server = Server::start().with_lab().await;
    onboarded(&server, "sol001");
    let file = server.path("shop.yaml");
    let path = file.to_str().unwrap().to_owned();
    let slice = |spec: &str| {
        let text = format!("apiVersion: sliceway/v1\nkind: Slice\nmetadata: {{name: shop}}\nspec:\n  {spec}\n");
        std::fs::write(&file, text).unwrap();
    };
    slice("service: {package: shop-ns-1-0, functions: {web: {parameters: {limt: 1}}}}");
    server.refused(&["apply", "-f", &path], &["shop.yaml:5:", "limt", "did you mean limit?"]);
    slice("service: {package: shop-ns-1-0, functions: {web: {cluster: edge, parameters: {limit: 30}}}}");
    server.done(&["apply", "-f", &path, "--wait"]);
    let shop = server.json(&["get", "ns", "shop"]);
    assert_eq!((&shop["state"], &shop["package"]), (&json!("INSTANTIATED"), &json!("shop-ns-1-0")));
    assert!(server.done(&["apply", "-f", &path]).contains("unchanged"));
    // What is printed of it is taken again.
    let exported = server.done(&["slice", "export", "shop", "-o", "yaml"]);
    std::fs::write(&file, exported).unwrap();
    assert!(server.done(&["apply", "-f", &path]).contains("unchanged"));
    slice(
        "sites: {edge: {cluster: edge}}\n  functions: [{name: web, site: edge, chart: {package: web-1-0-0, name: web}}]",
    );
    server.refused(&["apply", "-f", &path], &["is the service of package shop-ns-1-0", "sliceway ns update shop"]);
    slice("service: {package: shop-ns-1-0}\n  heal: true\n  sites: {edge: {cluster: edge}}");
    server.refused(&["apply", "-f", &path], &["spec.sites", "is not what the service makes"]);
    server.done(&["delete", "slice", "shop", "--wait"]);
    // A chart of a package also stands by itself.
    slice(
        "sites: {edge: {cluster: edge}}\n  functions: [{name: web, site: edge, chart: {package: web-1-0-0, name: wbe}}]",
    );
    server.refused(&["apply", "-f", &path], &["package web-1-0-0 has no part \"wbe\"", "did you mean \"web\"?"]);
    slice(
        "sites: {edge: {cluster: edge}}\n  functions: [{name: web, site: edge, chart: {package: web-1-0-0, name: web}}]",
    );
    server.done(&["apply", "-f", &path, "--wait"]);
    server.refused(&["delete", "package", "web-1-0-0"], &["slice shop", "package shop-ns-1-0"]);
}

/// A descriptor that is written by hand, on-boarded.
async fn put(server: &Server, name: &str, document: Value) -> (u16, Value) {
    let body = json!({"file": format!("{name}.json"), "archive": STANDARD.encode(document.to_string())});
    server.admin("PUT", &format!("/api/v1/packages/{name}"), body).await
}

fn front(version: &str, aspect: &str) -> Value {
    json!({"vnfd": {
        "id": "front", "provider": "acme", "product-name": "front", "version": version,
        "kdu": [{"name": "front", "helm-chart": "mine/web"}],
        "vdu": [{"id": "web"}],
        "configurable-properties": {"additional-configurable-property": [{"key": "limit", "value": "10"}]},
        "modifiable-attributes": {"metadata": [format!("scaling.web={aspect}")]},
        "df": [{
            "id": "d",
            "vdu-profile": [{"id": "web", "min-number-of-instances": 1, "max-number-of-instances": 4}],
            "instantiation-level": [
                {"id": "default", "scaling-info": [{"scaling-aspect-id": "web", "scale-level": 0}]},
                {"id": "big", "scaling-info": [{"scaling-aspect-id": "web", "scale-level": 2}]},
            ],
            "scaling-aspect": [{
                "id": "web", "max-scale-level": 3,
                "aspect-delta-details": {"deltas": [{"id": "one", "vdu-delta": [{"id": "web", "number-of-instances": 1}]}]},
            }],
        }],
    }})
}

/// Two functions of one descriptor; the second is made at a level of its own.
fn twins_of(version: &str) -> Value {
    let profile =
        |id: &str, level: &str| json!({"id": id, "vnfd-id": "front", "flavour-id": "d", "instantiation-level": level});
    json!({"nsd": {"nsd": [{"id": "twins", "designer": "acme", "name": "twins", "version": version, "vnfd-id": ["front"],
        "df": [{"id": "d", "vnf-profile": [profile("left", "default"), profile("right", "big")]}]}]}})
}

async fn with_twins() -> Server {
    let server = Server::start().with_lab().await;
    let charts = server.path("charts");
    web(&charts, "1.0.0");
    server.done(&["repository", "add", "mine", "--path", charts.to_str().unwrap()]);
    for (name, document) in [("front-1", front("1.0", "replicas.min")), ("twins", twins_of("1.0"))] {
        let (status, made) = put(&server, name, document).await;
        assert_eq!(status, 200, "{made}");
    }
    server.done(&[
        "ns",
        "instantiate",
        "twins",
        "--package",
        "twins",
        "--at",
        "left=edge",
        "--at",
        "right=cloud",
        "--wait",
    ]);
    server
}

#[tokio::test]
async fn each_function_keeps_its_own_version_and_is_scaled_from_where_it_stands() {
    let server = with_twins().await;
    let (status, made) = put(&server, "front-2", front("2.0", "replicas.min")).await;
    assert_eq!(status, 200, "{made}");
    server.done(&["ns", "update", "twins", "--use", "right=front-2", "--wait"]);
    let of = |name: &str| {
        let slice = server.json(&["get", "slice", "twins"]);
        let function = function(&slice, name);
        (function["chart"]["package"].as_str().unwrap().to_owned(), function["values"]["replicas"]["min"].as_u64())
    };
    // The level that the service says makes three of it.
    assert_eq!((of("left"), of("right")), (("front-1".into(), None), ("front-2".into(), Some(3))));
    // A file that says nothing of versions leaves each where it is.
    let file = server.path("twins.yaml");
    let text = "apiVersion: sliceway/v1\nkind: Slice\nmetadata: {name: twins}\nspec:\n  service: {package: twins, functions: \
                {left: {cluster: edge}, right: {cluster: cloud}}}\n";
    std::fs::write(&file, text).unwrap();
    server.done(&["apply", "-f", file.to_str().unwrap()]);
    assert_eq!((of("left").0, of("right").0), ("front-1".to_owned(), "front-2".to_owned()));
    server.refused(&["ns", "scale", "twins", "right", "--out", "2"], &["level 4", "write at most 3"]);
    server.done(&["ns", "scale", "twins", "right", "--in", "1", "--wait"]);
    assert_eq!(of("right").1, Some(2));
    // Nothing takes an older version than stands, also where the newer one is disabled.
    server.done(&["package", "disable", "front-2"]);
    server.done(&["ns", "update", "twins", "--newest"]);
    assert_eq!(of("right").0, "front-2");
    let text = "apiVersion: sliceway/v1\nkind: Slice\nmetadata: {name: other}\nspec:\n  sites: {edge: {cluster: edge}}\n  \
                functions: [{name: f, site: edge, chart: {package: front-2, name: front}}]\n";
    std::fs::write(&file, text).unwrap();
    server.refused(&["apply", "-f", file.to_str().unwrap()], &["package front-2 is disabled"]);
}

#[tokio::test]
async fn a_descriptor_whose_paths_lead_too_deep_changes_nothing() {
    let server = with_twins().await;
    let (status, made) = put(&server, "front-3", front("3.0", &vec!["a"; 20_000].join("."))).await;
    assert_eq!(status, 200, "{made}");
    let words = ["ns", "update", "twins", "--use", "left=front-3", "--level", "left=big"];
    server.refused(&words, &["the descriptor's path has 20000 parts, more than 32"]);
    assert_eq!(server.json(&["get", "ns", "twins"])["phase"], "Ready");
}

#[tokio::test]
async fn a_plan_creates_nothing_and_a_service_of_a_template_stays_of_it() {
    let server = with_twins().await;
    server.done(&["ns", "instantiate", "more", "--package", "twins", "--plan"]);
    // Nor does what is refused, and one is not made of another package than it was created of.
    server.refused(
        &["ns", "instantiate", "more", "--package", "twins", "--set", "left.limt=1"],
        &["did you mean limit?"],
    );
    server.refused(&["ns", "instantiate", "more"], &["service more does not exist"]);
    assert_eq!(server.json(&["get", "ns"]).as_array().unwrap().len(), 1);
    server.done(&["ns", "create", "kept", "--package", "twins", "--description", "of twins"]);
    let (status, made) = put(&server, "twins-2", twins_of("2.0")).await;
    assert_eq!(status, 200, "{made}");
    server.refused(
        &["ns", "instantiate", "kept", "--package", "twins-2"],
        &["was created of package twins", "ns create kept"],
    );
    assert_eq!(server.json(&["get", "ns", "kept"])["description"], "of twins");
    let template = "apiVersion: sliceway/v1\nkind: Template\nmetadata: {name: pair}\nspec:\n  version: \"1\"\n  \
        parameters: [{name: limit, type: integer, default: 5, maximum: 9}]\n  \
        slice: {service: {package: twins, functions: {left: {parameters: {limit: \"${limit}\"}}}}}\n";
    let file = server.path("pair.yaml");
    std::fs::write(&file, template).unwrap();
    server.done(&["template", "create", "-f", file.to_str().unwrap()]);
    server.done(&["template", "instantiate", "pair", "two", "--set", "limit=6", "--wait"]);
    server.refused(
        &["ns", "update", "two", "--set", "left.limit=9999"],
        &["is of template pair", "sliceway template change two"],
    );
    server.refused(&["ns", "scale", "two", "left", "--out"], &["is of template pair"]);
    assert!(server.done(&["ns", "heal", "two"]).contains("unchanged"));
    let spec = server.json(&["get", "slice", "two"])["spec"].take();
    assert_eq!((&spec["template"]["name"], &spec["functions"][0]["values"]["limit"]), (&json!("pair"), &json!(6)));
}
