//! The corpus of charts on a real API server: what `helm install` makes and, after `helm uninstall`, what the worker and
//! the port make are the same live objects. No node runs here, so charts with hooks, which wait for pods, are not here.

use crate::bench::{helm, pack, request};
use crate::command_line::command_line;
use crate::control_plane::{ControlPlane, User, until};
use crate::settled::settled;
use crate::world::World;
use adapters::Discovery as _;
use adapters::helm::{ApiVersions, Capabilities, Found, Helm, RenderRequest, Rendered};
use futures::StreamExt as _;
use http::Method;
use models::resource::Resource;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use tokio::process::Command;

struct Case {
    chart: String,
    values: String,
    kept: Vec<String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

/// Those that Sliceway takes.
fn cases() -> Vec<Case> {
    let text = std::fs::read_to_string(folder().join("cases.json")).unwrap();
    let table: Value = serde_json::from_str(&text).unwrap();
    let words = |list: &Value| -> Vec<String> {
        list.as_array().into_iter().flatten().map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    let entries = table["charts"].as_array().unwrap().iter();
    let taken = entries.filter(|entry| words(&entry["cluster"]["refused_by_sliceway"]).is_empty());
    let taken = taken.filter(|entry| entry["cluster"]["hooks"].is_null());
    // What belongs to the whole cluster is a claim's, which the engine takes: compared in the suite of real clusters.
    let wide = ["definitions", "definition-kept", "rights"];
    let taken = taken.filter(|entry| !wide.contains(&entry["chart"].as_str().unwrap()));
    taken
        .map(|entry| Case {
            chart: entry["chart"].as_str().unwrap().to_owned(),
            values: entry["cluster"]["values"].as_str().unwrap().to_owned(),
            kept: words(&entry["cluster"]["kept"]),
        })
        .collect()
}

/// One chart in a namespace of its own, with the real Helm beside it.
struct Try {
    world: World,
    case: Case,
    home: tempfile::TempDir,
    rendered: Rendered,
}

impl Try {
    async fn new(helm: &Helm, case: Case) -> Option<Self> {
        let world = World::new(&format!("corpus-{}", case.chart)).await?;
        let facts = world.port.facts(&world.call).await.unwrap();
        let mut asked = request(pack(&folder().join("charts").join(&case.chart)), &case.values);
        asked.release.namespace = world.namespace.clone();
        let api_versions = ApiVersions::Replace(facts.apis);
        asked.capabilities = Some(Capabilities { kube_version: Some(facts.version), api_versions });
        let rendered = answered(helm, &world, &mut asked).await;
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("kubeconfig"), world.plane.kubeconfig(&User::ADMIN)).unwrap();
        std::fs::write(home.path().join("values.yaml"), &case.values).unwrap();
        Some(Self { world, case, home, rendered })
    }

    async fn helm(&self, arguments: &[&str]) {
        let mut command = Command::new(command_line());
        command.args(arguments).args(["--namespace", &self.world.namespace, "--kubeconfig", "kubeconfig"]);
        command.current_dir(self.home.path()).env_clear().env("HOME", self.home.path());
        let out = command.output().await.unwrap();
        assert!(out.status.success(), "{} {}", self.case.chart, String::from_utf8_lossy(&out.stderr));
    }

    /// Each object as it is on the cluster, `None` where it is not.
    async fn live(&self) -> Vec<(String, Option<Value>)> {
        let mut found = Vec::new();
        for object in &self.rendered.objects {
            let (status, live) = self.world.api.call(Method::GET, &self.path(&object.object), None).await;
            let name = format!("{}/{}", text(&object.object, "/kind"), text(&object.object, "/metadata/name"));
            found.push((name, (status == 200).then(|| settled(live))));
        }
        found
    }

    fn path(&self, object: &Value) -> String {
        let (api, kind, name) = (text(object, "/apiVersion"), text(object, "/kind"), text(object, "/metadata/name"));
        let root = if api.contains('/') { "apis" } else { "api" };
        let kind = kind.to_lowercase();
        let plural = match kind.strip_suffix('y') {
            Some(stem) => format!("{stem}ies"),
            None if kind.ends_with('s') => format!("{kind}es"),
            None => format!("{kind}s"),
        };
        format!("/{root}/{api}/namespaces/{}/{plural}/{name}", self.world.namespace)
    }

    fn resources(&self) -> Vec<Resource> {
        let each = self.rendered.objects.iter().map(|object| {
            let kind = format!("{}/{}", text(&object.object, "/apiVersion"), text(&object.object, "/kind"));
            self.world.object(&kind, (text(&object.object, "/metadata/name"), object.object.clone()))
        });
        each.collect()
    }

    async fn gone_but_for_what_is_kept(&self) {
        until(&format!("{} is removed", self.case.chart), || async {
            let left: BTreeSet<String> =
                self.live().await.into_iter().filter(|(_, live)| live.is_some()).map(|(name, _)| name).collect();
            left == self.case.kept.iter().cloned().collect()
        })
        .await;
        for object in &self.rendered.objects {
            self.world.api.call(Method::DELETE, &self.path(&object.object), None).await;
        }
        let none = || async { self.live().await.iter().all(|(_, live)| live.is_none()) };
        until("what was kept is removed by hand", none).await;
    }
}

/// Rendered with what it looks up on the cluster, as Helm itself would.
async fn answered(helm: &Helm, world: &World, asked: &mut RenderRequest) -> Rendered {
    loop {
        let rendered = helm.render(asked).await.unwrap();
        if rendered.lookups.is_empty() {
            return rendered;
        }
        for lookup in rendered.lookups {
            let object = world.port.find(&world.call, &lookup).await.unwrap();
            asked.found.push(Found { lookup, object });
        }
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// What differs, if anything does.
async fn compare(helm: &Helm, case: Case) -> Vec<String> {
    let Some(one) = Try::new(helm, case).await else { return Vec::new() };
    let chart = folder().join("charts").join(&one.case.chart);
    one.helm(&["install", "rel", chart.to_str().unwrap(), "--values", "values.yaml"]).await;
    let theirs = one.live().await;
    one.helm(&["uninstall", "rel"]).await;
    one.gone_but_for_what_is_kept().await;
    for want in one.resources() {
        one.world.apply(&want, None).await.unwrap();
    }
    let ours = one.live().await;
    let pairs = theirs.into_iter().zip(ours);
    let wrong = pairs.filter(|((_, theirs), (_, ours))| theirs.is_none() || theirs != ours);
    let words = wrong.map(|((name, theirs), (_, ours))| format!("{} {name}: {theirs:?}\n{ours:?}", one.case.chart));
    words.collect()
}

#[tokio::test]
async fn what_helm_installs_and_what_the_port_applies_are_the_same_objects() {
    if ControlPlane::shared().is_none() {
        return;
    }
    let helm = helm();
    let cases = cases();
    assert!(cases.len() > 20, "{}", cases.len());
    let all = futures::stream::iter(cases).map(|case| compare(&helm, case)).buffer_unordered(4);
    let wrong: Vec<String> = all.collect::<Vec<_>>().await.concat();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
