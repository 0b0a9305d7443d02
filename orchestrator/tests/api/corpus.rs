//! The corpus of charts, planned as slices: what its table says that is refused is refused with those words, and nothing else.

use crate::server::{Server, words};
use serde_json::Value;
use std::path::Path;

fn slice(chart: &str, values: &str) -> String {
    let indented: String = values.lines().map(|line| format!("        {line}\n")).collect();
    let values = if indented.is_empty() { String::new() } else { format!("      values:\n{indented}") };
    format!(
        "apiVersion: sliceway/v1\nkind: Slice\nmetadata: {{name: {chart}}}\nspec:\n  sites: {{edge: {{cluster: edge}}}}\n  \
         functions:\n    - name: it\n      site: edge\n      chart: {{repository: corpus, name: {chart}}}\n{values}"
    )
}

fn refusal(why: &str) -> &'static str {
    match why {
        "cluster" => "belongs to the whole cluster",
        "namespace" => "wants namespace",
        "unnamed" => "without a name",
        other => panic!("{other} is no reason"),
    }
}

#[tokio::test]
async fn the_corpus_is_planned_or_refused_as_its_table_says() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../adapters/tests/corpus");
    let table: Value = serde_json::from_str(&std::fs::read_to_string(corpus.join("cases.json")).unwrap()).unwrap();
    let server = Server::start().with_lab().await;
    let added = server.cli(&["repository", "add", "corpus", "--path", corpus.join("charts").to_str().unwrap()]);
    assert!(added.status.success(), "{}", words(&added));
    let mut wrong = Vec::new();
    for entry in table["charts"].as_array().unwrap() {
        let (chart, cluster) = (entry["chart"].as_str().unwrap(), &entry["cluster"]);
        let file = server.path(&format!("{chart}.yaml"));
        std::fs::write(&file, slice(chart, cluster["values"].as_str().unwrap())).unwrap();
        let out = server.cli(&["plan", "-f", file.to_str().unwrap()]);
        let said = words(&out);
        let reasons: Vec<&str> =
            cluster["refused_by_sliceway"].as_array().unwrap().iter().map(|why| why.as_str().unwrap()).collect();
        let expect = if reasons.is_empty() { 0 } else { 2 };
        let told = reasons.iter().all(|why| said.contains(refusal(why)));
        if out.status.code() != Some(expect) || !told {
            wrong.push(format!("{chart}: {:?} {said}", out.status.code()));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
