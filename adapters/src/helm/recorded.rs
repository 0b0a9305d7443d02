//! A release that Helm recorded, as a chart that renders to just that: what Helm reads of its documents is what it read
//! when it deployed them.

use super::files::ChartFiles;
use super::wire::ChartSource;
use serde_json::{Value, json};

/// A chart whose templates say nothing but the release's manifest and its hooks.
pub fn chart_of(release: &Value) -> Result<ChartSource, String> {
    let word = |pointer: &str| release.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let mut files = ChartFiles::default();
    let about = json!({"apiVersion": "v2", "name": "recorded", "version": "1.0.0", "description": word("/name")});
    files.add("Chart.yaml".into(), about.to_string().into_bytes());
    let hooks = release.get("hooks").and_then(Value::as_array).into_iter().flatten();
    let hooks = hooks.filter_map(|hook| hook.get("manifest")?.as_str());
    for (number, text) in [word("/manifest")].into_iter().chain(hooks).enumerate() {
        let part = format!("recorded/{number}");
        let template = format!("{{{{ .Files.Get {part:?} }}}}");
        files.add(format!("templates/{number:04}.yaml"), template.into_bytes());
        files.add(part, text.as_bytes().to_vec());
    }
    Ok(ChartSource::Archive(files.pack()?.into()))
}

/// The chart's file that a document came from, as Helm wrote it above it.
pub fn source(document: &str) -> Option<&str> {
    document.lines().find_map(|line| line.strip_prefix("# Source: ")).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_of_a_release_is_a_file_of_the_chart_and_braces_stay_words() {
        let release = json!({"name": "r", "manifest": "---\n# Source: a/templates/b.yaml\na: \"{{ x }}\"\n", "hooks": [{"manifest": "kind: Job\n"}]});
        let ChartSource::Archive(archive) = chart_of(&release).unwrap();
        let mut files = ChartFiles::read(&archive).unwrap();
        let before = files.pack().unwrap();
        files.remove("recorded/1");
        assert_ne!(files.pack().unwrap(), before);
        assert_eq!(source("# Source: a/templates/b.yaml\na: 1"), Some("a/templates/b.yaml"));
    }
}
