//! A chart folder with its dependencies put in renders as after the real `helm dependency build`, to the byte. The
//! repositories are real ones on loopback, filled by the real Helm.
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this file is a test, its helpers too")]

#[path = "../command_line/mod.rs"]
mod command_line;
#[path = "../shelf/mod.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod shelf;

use adapters::charts::{Assembled, Bounds, Fault, Login, Origin, Sources, Tree};
use adapters::helm::{ChartSource, Helm, Limits, Release, RenderRequest, WORKER, pack_folder};
use command_line::{LDFLAGS, command_line, run};
use shelf::Shelf;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use tempfile::TempDir;

fn worker() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{WORKER}-dependencies"));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("helm-worker");
        let mut go = Command::new("go");
        go.args(["build", "-trimpath", "-ldflags", LDFLAGS, "-o"]).arg(&path).arg(".").current_dir(source);
        run(go.env("CGO_ENABLED", "0"));
        path
    };
    BUILT.get_or_init(build).clone()
}

/// A folder of charts, and a repository that both sides know as `stable`.
struct Ground {
    folder: TempDir,
    shelf: Shelf,
}

impl Ground {
    fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let ground = Self { folder: TempDir::new().unwrap(), shelf: Shelf::start() };
        for version in ["0.9.0", "1.0.0", "1.4.0", "1.5.0-rc.1", "2.0.0"] {
            ground.publish("part", version);
        }
        ground.publish("v-part", "v1.2.3");
        ground.publish("v-part", "v1.2.3+build.7");
        ground.helm(&["repo", "add", "stable", &ground.shelf.url]).unwrap();
        ground
    }

    fn write(&self, file: &str, text: &str) {
        write(&self.folder.path().join(file), text);
    }

    fn publish(&self, name: &str, version: &str) {
        let work = TempDir::new().unwrap();
        part(&work.path().join(name), name, version);
        self.helm(&["package", &shown(&work.path().join(name)), "-d", &shown(&self.shelf.path(""))]).unwrap();
        self.helm(&["repo", "index", &shown(&self.shelf.path(""))]).unwrap();
    }

    fn helm(&self, arguments: &[&str]) -> Result<String, String> {
        let home = self.folder.path().join(".home");
        let out = Command::new(command_line()).args(arguments).env_clear().env("HOME", home).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        if out.status.success() { Ok(text(out.stdout)) } else { Err(text(out.stderr)) }
    }

    /// What the real Helm makes of a chart in the folder: a copy is built, then rendered.
    fn expect(&self, chart: &str, values: &str) -> Result<String, String> {
        let copy = TempDir::new().unwrap();
        run(Command::new("cp").arg("-a").arg(self.folder.path()).arg(copy.path().join("it")));
        let built = copy.path().join("it").join(chart);
        self.helm(&["dependency", "build", &shown(&built)])?;
        write(&copy.path().join("values.yaml"), values);
        let values = shown(&copy.path().join("values.yaml"));
        self.helm(&["template", "rel", &shown(&built), "--namespace", "space", "--values", &values])
    }

    async fn build(&self, helm: &Helm, chart: &str) -> Result<Assembled, Fault> {
        let mut charts = BTreeMap::new();
        uploads(self.folder.path(), "", &mut charts);
        let login = Login::None;
        let origins = [Origin { name: "stable".into(), url: self.shelf.url.clone(), ca: None, login }];
        let bounds = Bounds::default();
        Sources::new(helm, &origins, &bounds).build(Tree { base: chart, charts: &charts }).await
    }

    async fn check(&self, chart: &str, values: &str) -> Assembled {
        let helm = Helm::new(worker(), Limits::default());
        let built = self.build(&helm, chart).await.unwrap();
        let request = RenderRequest {
            chart: ChartSource::Archive(built.archive.as_slice().into()),
            release: Release { name: "rel".into(), namespace: "space".into(), revision: 1, is_upgrade: false },
            values: values.into(),
            capabilities: None,
            include_crds: false,
            include_values: false,
            check_reproducible: false,
            found: vec![],
        };
        let rendered = helm.render(&request).await.unwrap();
        assert_eq!(rendered.stream, self.expect(chart, values).unwrap(), "{chart} with {values:?}");
        built
    }

    /// Both refuse; ours with these words.
    async fn refuse(&self, chart: &str, says: &str) {
        let helm = Helm::new(worker(), Limits::default());
        let fault = self.build(&helm, chart).await.unwrap_err();
        assert!(fault.to_string().contains(says), "{fault}");
        let words = self.expect(chart, "").unwrap_err();
        assert!(!words.is_empty());
    }
}

fn uploads(folder: &Path, inside: &str, charts: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        let name = if inside.is_empty() { name } else { format!("{inside}/{name}") };
        if entry.path().join("Chart.yaml").is_file() {
            charts.insert(name, pack_folder(&entry.path()).unwrap());
        } else if entry.path().is_dir() && !name.starts_with('.') {
            uploads(&entry.path(), &name, charts);
        }
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

const OBJECT: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Chart.Name }}-{{ .Release.Name }}}\ndata:\n  \
                      version: {{ .Chart.Version | quote }}\n  values: {{ .Values | toJson | quote }}\n";

fn part(folder: &Path, name: &str, version: &str) {
    write(&folder.join("Chart.yaml"), &format!("apiVersion: v2\nname: {name}\nversion: {version}\n"));
    write(&folder.join("values.yaml"), "size: 1\nexports: {shared: {colour: red}}\nnested: {deep: {a: 1}}\n");
    write(&folder.join("templates/it.yaml"), OBJECT);
}

#[tokio::test]
async fn ranges_are_resolved_as_helm_resolves_them() {
    let ground = Ground::new();
    for (index, range) in
        ["^1", "~1.0", ">=0.9.0 <1.0.0 || ^2", "1.x", "*", "1.0.0 - 1.4.0", ">1.4.0-0 <2", "v1.0.0", "=1.4.0", "1.4"]
            .into_iter()
            .enumerate()
    {
        let chart = format!("whole-{index}");
        let url = &ground.shelf.url;
        ground.write(
            &format!("{chart}/Chart.yaml"),
            &format!("apiVersion: v2\nname: {chart}\nversion: 0.1.0\ndependencies:\n- {{name: part, version: \"{range}\", repository: \"{url}\"}}\n"),
        );
        ground.check(&chart, "part: {size: 2}\n").await;
    }
    ground.write("none/Chart.yaml", &whole("none", "- {name: part, version: ^3, repository: \"@stable\"}\n"));
    ground.refuse("none", "it has no version \"^3\"").await;
}

#[tokio::test]
async fn a_chart_of_a_repository_has_the_version_that_helm_takes() {
    let ground = Ground::new();
    let helm = Helm::new(worker(), Limits::default());
    let origins = [Origin { name: "stable".into(), url: ground.shelf.url.clone(), ca: None, login: Login::None }];
    let bounds = Bounds::default();
    let sources = Sources::new(&helm, &origins, &bounds);
    let ranges = [
        "",
        "^1",
        "~1.4",
        ">=1.5.0-0",
        "1.5.0-rc.1",
        "v1.0.0",
        "1.4",
        "*",
        ">0",
        "1.0.0 || 2.0.0",
        ">=1, <2",
        "1 - 2",
        "^3",
        "latest",
        ">=",
        "1.2.3",
        "v1.2.3",
        "1.2.3+build.7",
        "v1.2.3+build.7",
        "!=2.0.0",
        "~0",
        "1.x.x",
        "0.9",
    ];
    for (chart, range) in ["part", "v-part"].into_iter().flat_map(|chart| ranges.map(|range| (chart, range))) {
        let ours = sources.fetch("stable", chart, Some(range)).await;
        let asked = format!("stable/{chart}");
        let theirs = ground.helm(&["show", "chart", &asked, "--version", range]);
        let version = |text: &str| text.lines().find_map(|line| line.strip_prefix("version: ").map(str::to_owned));
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => assert_eq!(Some(ours.version), version(&theirs), "{chart} {range:?}"),
            (Err(_), Err(_)) => {}
            (ours, theirs) => panic!("{chart} {range:?}: {ours:?} and {theirs:?}"),
        }
    }
}

fn whole(name: &str, dependencies: &str) -> String {
    format!("apiVersion: v2\nname: {name}\nversion: 0.1.0\ndependencies:\n{dependencies}")
}

#[tokio::test]
async fn aliases_conditions_tags_import_values_and_libraries_come_out_as_helms() {
    let ground = Ground::new();
    let url = &ground.shelf.url;
    let work = TempDir::new().unwrap();
    write(&work.path().join("shelf/Chart.yaml"), "apiVersion: v2\nname: shelf\nversion: 1.0.0\ntype: library\n");
    write(&work.path().join("shelf/templates/_x.tpl"), "{{ define \"shelf.word\" }}from the library{{ end }}");
    ground.helm(&["package", &shown(&work.path().join("shelf")), "-d", &shown(&ground.shelf.path(""))]).unwrap();
    ground.helm(&["repo", "index", &shown(&ground.shelf.path(""))]).unwrap();
    let dependencies = format!(
        "- {{name: part, version: ^1, repository: \"{url}\", alias: first, condition: first.enabled}}\n\
         - {{name: part, version: 0.9.0, repository: \"@stable\", alias: second, tags: [extra], import-values: [shared]}}\n\
         - {{name: part, version: ~2, repository: \"alias:stable\", import-values: [{{child: nested.deep, parent: taken}}]}}\n\
         - {{name: v-part, version: \">=1.2\", repository: \"{url}\"}}\n\
         - {{name: shelf, version: 1.0.0, repository: \"{url}\"}}\n"
    );
    ground.write("whole/Chart.yaml", &whole("whole", &dependencies));
    ground.write("whole/values.yaml", "first: {enabled: true}\ntags: {extra: true}\n");
    ground.write("whole/templates/it.yaml", &format!("{OBJECT}  word: {{{{ include \"shelf.word\" . }}}}\n"));
    for values in ["", "first: {enabled: false}\n", "tags: {extra: false}\n", "first: {size: 7}\npart: {size: 8}\n"] {
        let built = ground.check("whole", values).await;
        assert_eq!(built.dependencies.len(), 5);
    }
}

#[tokio::test]
async fn a_lock_holds_against_newer_versions_and_a_stale_one_is_refused() {
    let ground = Ground::new();
    ground.write("whole/Chart.yaml", &whole("whole", "- {name: part, version: ^1, repository: \"@stable\"}\n"));
    let folder = shown(&ground.folder.path().join("whole"));
    ground.helm(&["dependency", "update", &folder]).unwrap();
    fs::remove_dir_all(ground.folder.path().join("whole/charts")).unwrap();
    ground.publish("part", "1.9.0");
    let built = ground.check("whole", "").await;
    assert_eq!(built.dependencies[0].version, "1.4.0");
    ground.write("whole/Chart.yaml", &whole("whole", "- {name: part, version: ^2, repository: \"@stable\"}\n"));
    ground.refuse("whole", "Chart.lock does not agree with Chart.yaml").await;
}

#[tokio::test]
async fn charts_beside_and_below_are_taken_by_file_addresses() {
    let ground = Ground::new();
    part(&ground.folder.path().join("near"), "near", "1.0.0");
    part(&ground.folder.path().join("libs/deep"), "deep", "2.0.0");
    part(&ground.folder.path().join("whole/own/inner"), "inner", "3.0.0");
    let dependencies = "- {name: near, version: ^1, repository: \"file://../near\"}\n\
                        - {name: deep, version: \">=1\", repository: \"file://../libs/deep/\"}\n\
                        - {name: inner, version: 3.x, repository: \"file://own/inner\", alias: mine}\n";
    ground.write("whole/Chart.yaml", &whole("whole", dependencies));
    ground.check("whole", "near: {size: 5}\nmine: {size: 6}\n").await;
    ground.write("odd/Chart.yaml", &whole("odd", "- {name: near, version: ^2, repository: \"file://../near\"}\n"));
    ground.refuse("odd", "which has version 1.0.0, and ^2 is wanted").await;
}

#[tokio::test]
async fn what_is_vendored_is_taken_and_what_is_outdated_is_replaced() {
    let ground = Ground::new();
    part(&ground.folder.path().join("whole/charts/local"), "local", "1.0.0");
    part(&ground.folder.path().join("whole/charts/unsaid"), "unsaid", "1.0.0");
    let old = TempDir::new().unwrap();
    part(&old.path().join("part"), "part", "0.9.0");
    let charts = shown(&ground.folder.path().join("whole/charts"));
    ground.helm(&["package", &shown(&old.path().join("part")), "-d", &charts]).unwrap();
    let dependencies = "- {name: local, version: ^1, repository: \"\"}\n\
                        - {name: part, version: ^1, repository: \"@stable\"}\n";
    ground.write("whole/Chart.yaml", &whole("whole", dependencies));
    let built = ground.check("whole", "").await;
    assert_eq!(built.dependencies.len(), 1);
    ground.write("bare/Chart.yaml", &whole("bare", "- {name: local, version: ^1}\n"));
    ground.refuse("bare", "dependency local is not in charts/").await;
}

#[tokio::test]
async fn a_name_that_nobody_registered_is_refused() {
    let ground = Ground::new();
    ground.write("whole/Chart.yaml", &whole("whole", "- {name: part, version: ^1, repository: \"@stabel\"}\n"));
    ground.refuse("whole", "no repository of that name is registered").await;
}
