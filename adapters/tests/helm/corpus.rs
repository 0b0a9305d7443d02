//! The corpus: each chart, with each of its values, renders to the command line's bytes; and its table says the truth.

use super::bench::{helm, pack, request, template};
use adapters::helm::{ApiVersions, Capabilities, Hook, Object, ObjectsRequest, RenderRequest, Rendered};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Corpus {
    charts: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    chart: String,
    shows: String,
    renders: Vec<Render>,
    cluster: Cluster,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Render {
    values: String,
    kube_version: Option<String>,
    #[serde(default)]
    api_versions: Vec<String>,
    #[serde(default)]
    upgrade: bool,
    #[serde(default)]
    crds: bool,
    /// Words of both, where both refuse.
    refused: Option<String>,
}

/// For a test on real clusters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cluster {
    values: String,
    refused_by_sliceway: Vec<Why>,
    /// The names of the hooks of an event, as they run.
    #[serde(default)]
    hooks: BTreeMap<String, Vec<String>>,
    /// What is left after the release is removed: `Kind/name`.
    #[serde(default)]
    kept: Vec<String>,
    #[serde(rename = "note")]
    _note: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Why {
    Cluster,
    Namespace,
    Unnamed,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

fn corpus() -> Vec<Entry> {
    let text = fs::read_to_string(folder().join("cases.json")).unwrap();
    serde_json::from_str::<Corpus>(&text).unwrap().charts
}

fn chart(name: &str) -> PathBuf {
    folder().join("charts").join(name)
}

impl Render {
    fn request(&self, name: &str) -> RenderRequest {
        let mut asked = request(pack(&chart(name)), &self.values);
        let api_versions = ApiVersions::Append(self.api_versions.clone());
        asked.capabilities = Some(Capabilities { kube_version: self.kube_version.clone(), api_versions });
        asked.release.is_upgrade = self.upgrade;
        asked.include_crds = self.crds;
        asked.check_reproducible = true;
        asked
    }

    fn arguments(&self) -> Vec<&str> {
        let mut arguments = Vec::new();
        if let Some(version) = &self.kube_version {
            arguments.extend(["--kube-version", version]);
        }
        arguments.extend(self.api_versions.iter().flat_map(|api| ["--api-versions", api]));
        arguments.extend(self.upgrade.then_some("--is-upgrade"));
        arguments.extend(self.crds.then_some("--include-crds"));
        arguments
    }
}

#[tokio::test]
async fn objects_of_some_kinds_are_those_that_the_whole_render_has() {
    let helm = helm();
    let kinds = ["Deployment", "Service", "ConfigMap", "Pod", "Job", "HorizontalPodAutoscaler"];
    let told = |objects: &[Object]| {
        let mut told: Vec<_> = objects.iter().map(|object| (object.source.clone(), object.raw.clone())).collect();
        told.sort();
        told
    };
    for entry in corpus() {
        for case in entry.renders.iter().filter(|case| case.refused.is_none()) {
            let request = RenderRequest { check_reproducible: false, ..case.request(&entry.chart) };
            let mut whole = helm.render(&request).await.unwrap().objects;
            whole.retain(|object| kinds.iter().any(|kind| object.object["kind"] == *kind));
            let asked = ObjectsRequest { render: request, kinds: kinds.map(str::to_owned).to_vec() };
            let some = helm.objects(&asked).await.unwrap();
            assert_eq!(told(&some), told(&whole), "{} with {:?}", entry.chart, case.values);
        }
    }
}

#[tokio::test]
async fn every_chart_of_the_corpus_renders_to_the_command_lines_bytes() {
    let helm = helm();
    for entry in corpus() {
        for case in &entry.renders {
            let what = format!("{} with {:?}", entry.chart, case.values);
            let theirs = template(&chart(&entry.chart), &case.values, &case.arguments());
            let ours = helm.render(&case.request(&entry.chart)).await;
            match (&case.refused, theirs, ours) {
                (None, Ok(theirs), Ok(ours)) => {
                    assert_eq!(ours.stream, theirs, "{what}");
                    assert_eq!(ours.reproducible, Some(true), "{what}");
                }
                (Some(words), Err(theirs), Err(ours)) => {
                    assert!(theirs.contains(words.as_str()), "{what}: {theirs}");
                    assert!(ours.to_string().contains(words.as_str()), "{what}: {ours}");
                    assert!(!ours.problems().is_empty() && !ours.retryable(), "{what}: {ours}");
                }
                (_, theirs, ours) => panic!("{what}: helm: {theirs:?}, worker: {:?}", ours.map(|r| r.stream)),
            }
        }
    }
}

fn reasons(rendered: &Rendered) -> Vec<Why> {
    let mut found = BTreeSet::new();
    for object in &rendered.objects {
        let text = |at: &str| object.object.pointer(at).and_then(|v| v.as_str()).unwrap_or_default();
        let namespace = text("/metadata/namespace");
        found.extend((text("/kind") == "Namespace").then_some(Why::Cluster));
        found.extend((!["", "space"].contains(&namespace)).then_some(Why::Namespace));
        found.extend(text("/metadata/name").is_empty().then_some(Why::Unnamed));
    }
    found.into_iter().collect()
}

/// As they run: by weight, then by name; what is equal in both stays in the order of kinds.
fn in_order(hooks: &[Hook]) -> BTreeMap<String, Vec<String>> {
    let mut sorted: Vec<&Hook> = hooks.iter().collect();
    sorted.sort_by(|a, b| (a.weight, &a.name).cmp(&(b.weight, &b.name)));
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for hook in sorted {
        for event in &hook.events {
            found.entry(event.clone()).or_default().push(hook.name.clone());
        }
    }
    found
}

#[tokio::test]
async fn the_table_says_what_is_refused_which_hooks_run_and_what_is_kept() {
    let helm = helm();
    for entry in corpus() {
        let rendered = helm.render(&request(pack(&chart(&entry.chart)), &entry.cluster.values)).await.unwrap();
        assert_eq!(reasons(&rendered), entry.cluster.refused_by_sliceway, "{}", entry.chart);
        assert_eq!(in_order(&rendered.hooks), entry.cluster.hooks, "{}", entry.chart);
        assert!(rendered.unknown_hooks.is_empty(), "{}", entry.chart);
        assert_eq!(kept(&rendered), entry.cluster.kept.iter().cloned().collect(), "{}", entry.chart);
    }
}

fn kept(rendered: &Rendered) -> BTreeSet<String> {
    let policy = "/metadata/annotations/helm.sh~1resource-policy";
    let objects = rendered.objects.iter().filter(|o| o.object.pointer(policy).is_some_and(|p| p == "keep"));
    let name = |object: &serde_json::Value| {
        let text = |at: &str| object.pointer(at).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
        format!("{}/{}", text("/kind"), text("/metadata/name"))
    };
    let mut found: BTreeSet<String> = objects.chain(&rendered.crds).map(|o| name(&o.object)).collect();
    let install = |hook: &&Hook| hook.events.iter().any(|event| event == "pre-install" || event == "post-install");
    let stays = |hook: &&Hook| !hook.delete_policies.iter().any(|policy| policy == "hook-succeeded");
    found
        .extend(rendered.hooks.iter().filter(install).filter(stays).map(|hook| format!("{}/{}", hook.kind, hook.name)));
    found
}

#[test]
fn the_readme_and_the_table_list_every_chart() {
    let folders: BTreeSet<String> = fs::read_dir(folder().join("charts"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let entries = corpus();
    assert_eq!(entries.iter().map(|entry| entry.chart.clone()).collect::<BTreeSet<_>>(), folders);
    let readme = fs::read_to_string(folder().join("README.md")).unwrap();
    let rows: Vec<&str> = readme.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert_eq!(rows.len(), entries.len());
    for (row, entry) in rows.iter().zip(&entries) {
        assert!(row.starts_with(&format!("| {} | {} |", entry.chart, entry.shows)), "{row}");
    }
}

/// What the charts must use, all together, as it is written in them.
const FEATURES: &[&str] = &[
    "helm.sh/hook: pre-install",
    "helm.sh/hook: post-install",
    "helm.sh/hook: pre-delete",
    "helm.sh/hook: post-delete",
    "\"helm.sh/hook\": pre-upgrade",
    "post-install,post-upgrade",
    "helm.sh/hook: pre-rollback",
    "helm.sh/hook: post-rollback",
    "helm.sh/hook: test\n",
    "helm.sh/hook: test-success",
    "helm.sh/hook-weight: \"-",
    "before-hook-creation",
    "hook-succeeded",
    "hook-failed",
    "helm.sh/hook-output-log-policy",
    "helm.sh/resource-policy",
    "kind: CustomResourceDefinition",
    "alias:",
    "condition:",
    "tags:",
    "import-values:",
    "global:",
    "type: library",
    "kubeVersion:",
    "requirements",
    "{{ tpl ",
    "lookup ",
    ".Files.Get ",
    ".Files.GetBytes ",
    ".Files.Glob ",
    ".Files.Lines ",
    ".AsConfig",
    ".AsSecrets",
    ".Capabilities.KubeVersion",
    ".Capabilities.APIVersions.Has",
    ".Capabilities.HelmVersion",
    "semverCompare",
    ".Subcharts",
    ".Template.BasePath",
    ".Release.IsInstall",
    ".Release.IsUpgrade",
    ".Release.Revision",
    "required ",
    "fail ",
    "toYaml",
    "fromYaml",
    "toToml",
    "nindent",
    "range ",
    "with ",
    "break",
    "continue",
    "define ",
    "sha256sum",
    "generateName",
    "immutable:",
    "$ref",
    "\"default\"",
    "<<: *",
    "volumeClaimTemplates",
    "clusterIP: None",
    "type: ExternalName",
    "kind: StatefulSet",
    "kind: DaemonSet",
    "kind: Job",
    "kind: CronJob",
    "kind: PodDisruptionBudget",
    "kind: HorizontalPodAutoscaler",
    "kind: Ingress",
    "kind: NetworkPolicy",
    "kind: RoleBinding",
    "kind: ClusterRoleBinding",
    "kind: ServiceAccount",
    "kind: List",
    "kind: ConfigMapList",
];

fn read(folder: &Path, all: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, all);
        } else {
            all.push_str(&String::from_utf8_lossy(&fs::read(path).unwrap()));
        }
    }
}

#[test]
fn the_corpus_uses_every_feature() {
    let mut all = String::new();
    read(&folder().join("charts"), &mut all);
    let unused: Vec<&&str> = FEATURES.iter().filter(|feature| !all.contains(**feature)).collect();
    assert!(unused.is_empty(), "{unused:?}");
    for file in ["web/templates/NOTES.txt", "files/.helmignore", "typed/values.schema.json", "definitions/crds"] {
        assert!(chart(file).exists(), "{file}");
    }
}
