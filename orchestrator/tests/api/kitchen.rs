//! Charts that tests make, packed and published by the real Helm.

use crate::command_line::{command_line, run};
use crate::server::{Server, words};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A chart of one ConfigMap that says its version.
pub fn chart(folder: &Path, name: &str, (version, more): (&str, &str)) -> PathBuf {
    let chart = folder.join(name);
    let write = |file: &str, text: String| {
        std::fs::create_dir_all(chart.join(file).parent().unwrap()).unwrap();
        std::fs::write(chart.join(file), text).unwrap();
    };
    write("Chart.yaml", format!("apiVersion: v2\nname: {name}\nversion: {version}\nappVersion: \"1.10\"\n{more}"));
    write("values.yaml", format!("# What {name} says.\nword: hello\n"));
    write("README.md", format!("# {name}\n"));
    write("values.schema.json", r#"{"type":"object","properties":{"word":{"type":"string"}}}"#.into());
    write(
        "templates/it.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"{{ .Chart.Name }}-{{ .Values.word }}\"}\n\
         data: {version: \"{{ .Chart.Version }}\"}\n"
            .into(),
    );
    chart
}

/// Packs a chart into a folder.
pub fn package(chart: &Path, into: &Path) {
    std::fs::create_dir_all(into).unwrap();
    helm(&["package", chart.to_str().unwrap(), "-d", into.to_str().unwrap()], Path::new("."));
}

/// Publishes versions of `web` and writes the index.
pub fn publish(folder: &Path, name: &str, versions: &[&str]) {
    let work = tempfile::tempdir().unwrap();
    for version in versions {
        package(&chart(work.path(), name, (version, "")), folder);
    }
    index(folder);
}

pub fn index(folder: &Path) {
    helm(&["repo", "index", folder.to_str().unwrap()], Path::new("."));
}

pub fn helm(arguments: &[&str], home: &Path) -> String {
    let mut command = Command::new(command_line());
    command.args(arguments).env("HELM_CONFIG_HOME", home.join("helm")).env("HELM_CACHE_HOME", home.join("helm/cache"));
    String::from_utf8(run(command.env("HELM_DATA_HOME", home.join("helm/data"))).stdout).unwrap()
}

/// A slice of one function.
pub fn slice(server: &Server, chart: &str) -> String {
    let file = server.path("slice.yaml");
    let text = format!(
        "apiVersion: sliceway/v1\nkind: Slice\nmetadata: {{name: one}}\nspec:\n  sites: {{edge: {{cluster: edge}}}}\n  \
         functions:\n    - {{name: it, site: edge, chart: {{{chart}}}}}\n"
    );
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}

/// Runs the CLI; exit code and words.
pub fn cli(server: &Server, arguments: &[&str]) -> (i32, String) {
    let out = server.cli(arguments);
    (out.status.code().unwrap(), words(&out))
}

pub fn done(server: &Server, arguments: &[&str]) -> String {
    let (code, said) = cli(server, arguments);
    assert_eq!(code, 0, "{arguments:?}: {said}");
    said
}

/// The chart that a slice's function was made from.
pub fn source(server: &Server) -> serde_json::Value {
    let said = server.cli(&["describe", "slice", "one", "-o", "json"]);
    let described: serde_json::Value = serde_json::from_slice(&said.stdout).expect("a description");
    described["functions"][0]["source"].clone()
}
