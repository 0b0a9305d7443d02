//! Charts there and back on real clusters: charts become descriptors, those are on-boarded and instantiated, and what then
//! lives is what lives when the charts themselves are applied.

use crate::ground::{disowned, lab, lab_is_up, root};
use crate::killed::Server;
use crate::settled::settled;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const KINDS: &str = "configmaps,secrets,serviceaccounts,roles,rolebindings,services,deployments,statefulsets,jobs,\
                     persistentvolumeclaims,networkpolicies,resourcequotas,limitranges";

struct Bench {
    folder: TempDir,
    server: Server,
}

impl Bench {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let server = Server::start(folder.path());
        disowned();
        let bench = Self { folder, server };
        for (cluster, region) in [("edge", "region=field"), ("cloud", "region=eu")] {
            let kubeconfig = lab(&["kubeconfig", cluster]);
            bench.good(&["cluster", "add", cluster, "--kubeconfig", kubeconfig.trim(), "--label", region]);
        }
        bench
    }

    fn good(&self, words: &[&str]) -> String {
        self.server.good(self.folder.path(), words)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Makes packages of charts and their service, and on-boards them.
    fn onboard(&self, service: &str, charts: &[PathBuf], more: &[&str]) {
        let made = self.path(service);
        let charts: Vec<String> = charts.iter().map(|chart| chart.display().to_string()).collect();
        let mut words = vec!["package", "build", "--service", service, "--dir", &made];
        words.extend(charts.iter().map(String::as_str));
        self.good(&[&words[..], more].concat());
        let mut archives: Vec<PathBuf> = std::fs::read_dir(&made).unwrap().map(|entry| entry.unwrap().path()).collect();
        archives.retain(|path| path.extension().is_some_and(|end| end == "csar" || end == "gz"));
        archives.sort_by_key(|path| path.display().to_string().contains("_ns"));
        for archive in archives {
            self.good(&["package", "add", archive.to_str().unwrap()]);
        }
    }

    fn slice(&self, name: &str) -> Value {
        serde_json::from_str(&self.good(&["get", "slice", name, "-o", "json"])).unwrap()
    }

    /// Looks until its operation has ended, well.
    fn ready(&self, name: &str) {
        let end = Instant::now() + Duration::from_secs(240);
        loop {
            let phase = self.slice(name)["phase"].take();
            match phase.as_str().unwrap() {
                "Ready" => return,
                "Broken" => panic!("{name}: {}", self.good(&["get", "operations", "-o", "json"])),
                _ => assert!(Instant::now() < end, "{name} is {phase}"),
            }
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    /// Looks until nothing is left.
    fn empty(&self) {
        let end = Instant::now() + Duration::from_secs(240);
        while self.good(&["get", "slices", "-o", "json"]).trim() != "[]" {
            assert!(Instant::now() < end, "{}", self.good(&["get", "operations"]));
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    /// What lives of a slice on both clusters, by cluster, kind and name.
    fn live(&self, name: &str) -> BTreeMap<String, Value> {
        let slice = self.slice(name);
        let (uid, namespace) =
            (slice["uid"].as_str().unwrap(), format!("sw-{name}-{}", slice["uid"].as_str().unwrap()));
        let mut all = BTreeMap::new();
        for cluster in ["edge", "cloud"] {
            let text = lab(&["kubectl", cluster, "--", "-n", &namespace, "get", KINDS, "-o", "json"]);
            let found: Value = serde_json::from_str(&text.replace(uid, "UID")).unwrap();
            for object in found["items"].as_array().unwrap() {
                let name = format!("{cluster} {} {}", object["kind"].as_str().unwrap(), object["metadata"]["name"]);
                all.insert(name, bare(settled(object.clone())));
            }
        }
        all
    }
}

/// Without what is born with each slice: keys and certificates, numbers of records, what a quota counts.
fn bare(mut object: Value) -> Value {
    match object["kind"].as_str() {
        Some("Secret") => {
            let names: Vec<String> =
                object["data"].as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect();
            object["data"] = json!(names);
        }
        Some("PersistentVolumeClaim") => {
            object["spec"].as_object_mut().unwrap().remove("volumeName");
            object["metadata"].as_object_mut().unwrap().remove("annotations");
        }
        // The cluster picked the port of the other side.
        Some("NetworkPolicy") => {
            let text = object.to_string();
            let is_picked = |number: &u64| (30_000..32_768).contains(number);
            let ports = text.split("\"port\":").skip(1).filter_map(|rest| rest.split([',', '}']).next()?.parse().ok());
            let picked: Vec<u64> = ports.filter(is_picked).collect();
            let text = picked.iter().fold(text, |text, port| text.replace(&format!("\"port\":{port}"), "\"port\":0"));
            object = serde_json::from_str(&text).unwrap();
        }
        // The cluster's own authority is in it.
        Some("ConfigMap") if object["metadata"]["name"] == "kube-root-ca.crt" => object = json!({}),
        _ => {}
    }
    let labels = object.pointer_mut("/metadata/labels").and_then(Value::as_object_mut);
    if let Some(labels) = labels {
        labels.remove("modifiedAt");
    }
    object
}

fn differing(packaged: &BTreeMap<String, Value>, direct: &BTreeMap<String, Value>) -> String {
    let names = packaged.keys().chain(direct.keys().filter(|name| !packaged.contains_key(*name)));
    let differ = names.filter(|name| packaged.get(*name) != direct.get(*name));
    let show = |name: &String| format!("{name}\n packaged {:?}\n direct   {:?}", packaged.get(name), direct.get(name));
    differ.map(show).collect::<Vec<_>>().join("\n")
}

/// A gateway and a server of the lab, as the file of their slice would say them.
fn factory() -> Value {
    let chart = |name: &str| json!({"repository": "iml", "name": name});
    let of = |name: &str, site: &str| json!({"name": name, "site": site, "chart": chart(name), "platform": "mqtt"});
    let mut gateway = of("mqtt-gateway", "mqtt-gateway");
    gateway["servers"] = json!(["mqtt-server"]);
    json!({
        "sites": {"mqtt-gateway": {"cluster": "edge"}, "mqtt-server": {"cluster": "cloud"}},
        "servers": [of("mqtt-server", "mqtt-server")],
        "gateways": [gateway],
        "access": [
            {"from": "devices", "to": "mqtt-gateway", "ports": ["8883/tcp"]},
            {"from": "mqtt-gateway", "to": "mqtt-server", "ports": ["8883/tcp"]},
        ],
    })
}

fn apply(bench: &Bench, name: &str, spec: &Value, more: &[&str]) {
    let document = json!({"apiVersion": "sliceway/v1", "kind": "Slice", "metadata": {"name": name}, "spec": spec});
    let file = bench.path("slice.json");
    std::fs::write(&file, document.to_string()).unwrap();
    bench.good(&[&["apply", "-f", &file], more].concat());
}

#[test]
fn the_labs_charts_through_descriptors_live_as_they_do_by_themselves() {
    if !lab_is_up() {
        return;
    }
    let bench = Bench::new();
    let charts = root().join("labs/charts");
    bench.good(&["repository", "add", "iml", "--path", charts.to_str().unwrap()]);
    let both = ["mqtt-server", "mqtt-gateway"].map(|chart| charts.join(chart));
    bench.onboard("csar", &both, &["--format", "sol001"]);
    bench.onboard("osm", &both, &["--format", "osm", "--repository", "iml"]);
    let said = ["--at", "mqtt-gateway=edge", "--at", "mqtt-server=cloud"];
    for (name, package) in [("csar", "csar-ns-1-0"), ("osm", "osm-ns-1-0")] {
        bench.good(&[&["ns", "instantiate", name, "--package", package], &said[..]].concat());
    }
    apply(&bench, "direct", &factory(), &["--wait"]);
    let direct = bench.live("direct");
    assert!(direct.len() > 30, "{:?}", direct.keys());
    for name in ["csar", "osm"] {
        bench.ready(name);
        assert_eq!(bench.slice(name)["spec"]["gateways"][0]["servers"], json!(["mqtt-server"]));
        assert_eq!(differing(&renamed(bench.live(name), (name, "direct")), &direct), "", "{name}");
    }
    for name in ["csar", "osm"] {
        bench.good(&["ns", "terminate", name, "--allow-data-loss", "mqtt-server"]);
    }
    bench.good(&["delete", "slice", "direct", "--allow-data-loss", "mqtt-server"]);
    bench.empty();
}

/// As if the slice had another name.
fn renamed(live: BTreeMap<String, Value>, (name, new): (&str, &str)) -> BTreeMap<String, Value> {
    let text = serde_json::to_string(&live).unwrap();
    let words = [(format!("sw-{name}-UID"), format!("sw-{new}-UID")), (format!("\"{name}\""), format!("\"{new}\""))];
    let text = words.iter().fold(text, |text, (old, new)| text.replace(old, new));
    serde_json::from_str(&text).unwrap()
}

/// Charts whose images the lab has, with hooks and Jobs in them; all at once, by descriptors and by themselves.
#[test]
fn charts_of_the_corpus_through_descriptors_live_as_they_do_by_themselves() {
    if !lab_is_up() {
        return;
    }
    let bench = Bench::new();
    let corpus = root().join("adapters/tests/corpus/charts");
    bench.good(&["repository", "add", "corpus", "--path", corpus.to_str().unwrap()]);
    let charts = ["lifecycle", "prepared", "trial", "asking"];
    for chart in charts {
        let (packaged, direct) = (format!("n-{chart}"), format!("d-{chart}"));
        bench.onboard(&packaged, &[corpus.join(chart)], &["--format", "sol001"]);
        let (package, at) = (format!("{packaged}-ns-1-0"), format!("{chart}=edge"));
        bench.good(&["ns", "instantiate", &packaged, "--package", &package, "--at", &at]);
        let function = json!({"name": chart, "site": chart, "chart": {"repository": "corpus", "name": chart}});
        apply(&bench, &direct, &json!({"sites": {(chart): {"cluster": "edge"}}, "functions": [function]}), &[]);
    }
    for chart in charts {
        let (packaged, direct) = (format!("n-{chart}"), format!("d-{chart}"));
        bench.ready(&packaged);
        bench.ready(&direct);
        let live = renamed(bench.live(&packaged), (&packaged, &direct));
        assert_eq!(differing(&live, &bench.live(&direct)), "", "{chart}");
    }
    for chart in charts {
        bench.good(&["ns", "terminate", &format!("n-{chart}"), "--allow-data-loss", chart]);
        bench.good(&["delete", "slice", &format!("d-{chart}"), "--allow-data-loss", chart]);
    }
    bench.empty();
}

/// The folder of OSM's sample packages; told where it is absent.
fn samples() -> Option<PathBuf> {
    let named = std::env::var_os("SLICEWAY_SCHEMAS").map(PathBuf::from);
    let found = named.unwrap_or_else(|| root().join("../shared/yang")).join("../reference/osm-packages/iotslice");
    if found.is_dir() {
        return Some(found);
    }
    let _ = writeln!(std::io::stderr(), "SKIPPED for want of OSM's sample packages: {}", found.display());
    None
}

/// A repository whose charts are called as the samples want them.
fn iml(folder: &Path) {
    for (chart, called) in [("mqtt-gateway", "edgex"), ("mqtt-server", "mainflux")] {
        copied(&root().join("labs/charts").join(chart), &folder.join(called));
    }
}

fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copied(&entry.path(), &to),
            false => drop(std::fs::copy(entry.path(), &to).unwrap()),
        }
    }
}

#[test]
fn osms_samples_run_with_the_labs_charts_as_the_repository_iml() {
    let Some(samples) = samples().filter(|_| lab_is_up()) else { return };
    let bench = Bench::new();
    let charts = bench.folder.path().join("iml");
    iml(&charts);
    bench.good(&["repository", "add", "iml", "--path", charts.to_str().unwrap()]);
    for package in ["edgex_knf", "mainflux_knf", "edgex_ns", "mainflux_ns"] {
        let file = samples.join(format!("{package}.tar.gz"));
        bench.good(&["package", "add", file.to_str().unwrap(), "--name", &package.replace('_', "-")]);
    }
    for (name, cluster) in [("edgex", "edge"), ("mainflux", "cloud")] {
        let at = format!("{name}={cluster}");
        bench.good(&["ns", "instantiate", name, "--package", &format!("{name}-ns"), "--at", &at]);
    }
    for name in ["edgex", "mainflux"] {
        bench.ready(name);
        let service: Value = serde_json::from_str(&bench.good(&["get", "ns", name, "-o", "json"])).unwrap();
        assert_eq!((&service["state"], &service["phase"]), (&json!("INSTANTIATED"), &json!("Ready")), "{service}");
        let states: Map<String, Value> = serde_json::from_value(bench.slice(name)["state"].clone()).unwrap();
        assert_eq!(states["word"], "ready", "{states:?}");
    }
    for name in ["edgex", "mainflux"] {
        bench.good(&["ns", "terminate", name, "--allow-data-loss", name]);
    }
    bench.empty();
    for name in ["edgex", "mainflux"] {
        bench.good(&["delete", "ns", name]);
    }
}
