//! Helm's own records through the API, on a simulated cluster; the real helm reads them in `tests/real`.

use crate::server::{Server, words};
use serde_json::{Value, json};

fn chart(server: &Server, template: &str) {
    let chart = server.path("charts/odd");
    std::fs::create_dir_all(chart.join("templates")).unwrap();
    std::fs::write(chart.join("Chart.yaml"), "apiVersion: v2\nname: odd\nversion: 0.1.0\n").unwrap();
    std::fs::write(chart.join("values.yaml"), "word: a\n").unwrap();
    std::fs::write(chart.join("templates/it.yaml"), template).unwrap();
    let added = server.cli(&["repository", "add", "odd", "--path", server.path("charts").to_str().unwrap()]);
    assert!(added.status.success(), "{}", words(&added));
}

fn slice(server: &Server, values: &str) -> String {
    let file = server.path("odd.yaml");
    let text = format!(
        "apiVersion: sliceway/v1\nkind: Slice\nmetadata: {{name: odd}}\nspec:\n  sites: {{edge: {{cluster: edge}}}}\n  \
         functions:\n    - {{name: it, site: edge, chart: {{repository: odd, name: odd}}, values: {values}}}\n"
    );
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}

fn applied(server: &Server, values: &str) -> String {
    let out = server.cli(&["apply", "-f", &slice(server, values), "--wait"]);
    assert!(out.status.success(), "{}", words(&out));
    words(&out)
}

const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: it}\ndata: {word: {{ .Values.word | quote }}, \
                   revision: \"{{ .Release.Revision }}\", upgrade: \"{{ .Release.IsUpgrade }}\"}\n";

async fn steps(server: &Server) -> Vec<String> {
    let (_, all) = server.admin("GET", "/api/v1/operations", Value::Null).await;
    let id = all["items"][0]["id"].as_str().unwrap().to_owned();
    let (_, view) = server.admin("GET", &format!("/api/v1/operations/{id}"), Value::Null).await;
    let line = |step: &Value| {
        let change = &step["change"];
        format!("{} {}", change["verb"].as_str().unwrap(), change["id"]["name"].as_str().unwrap())
    };
    view["steps"].as_array().unwrap().iter().map(line).filter(|line| line.contains("sh.helm")).collect()
}

/// Revisions are counted by what is deployed; ten are kept, as helm keeps them.
#[tokio::test]
async fn a_release_has_a_record_for_each_revision_and_ten_are_kept() {
    let server = Server::start().with_lab().await;
    chart(&server, MAP);
    applied(&server, "{word: w1}");
    for revision in 2..=12 {
        applied(&server, &format!("{{word: w{revision}}}"));
    }
    let last = steps(&server).await;
    let of = |verb: &str| last.iter().filter(|line| line.starts_with(verb)).count();
    assert_eq!((of("create"), of("update"), of("delete")), (1, 1, 1), "{last:?}");
    assert!(last.iter().any(|line| line.starts_with("create") && line.ends_with(".v12")), "{last:?}");
    assert!(last.iter().any(|line| line.starts_with("delete") && line.ends_with(".v2")), "{last:?}");
    let said = applied(&server, "{word: w12}");
    assert!(said.contains("unchanged"), "{said}");
}

/// What templates see of their release is what helm would tell them.
#[tokio::test]
async fn a_template_sees_its_revision_and_whether_it_is_an_upgrade() {
    let server = Server::start().with_lab().await;
    chart(&server, MAP);
    for (values, revision, upgrade) in [("{word: a}", "1", "false"), ("{word: b}", "2", "true")] {
        let out = server.cli(&["plan", "-f", &slice(&server, values), "-o", "json"]);
        let plan: Value = serde_json::from_slice(&out.stdout).unwrap();
        let changes = plan["changes"].as_array().unwrap();
        let map = changes.iter().find(|change| change["id"]["kind"] == "v1/ConfigMap").unwrap();
        let data = &map["after"]["body"]["plain"]["data"];
        assert_eq!((&data["revision"], &data["upgrade"]), (&json!(revision), &json!(upgrade)));
        applied(&server, values);
    }
}

/// The answer to a lookup comes from the cluster; what lies outside of the slice is not told.
#[tokio::test]
async fn a_lookup_is_answered_from_the_slices_own_namespace() {
    let server = Server::start().with_lab().await;
    chart(
        &server,
        "{{- $own := lookup \"v1\" \"ConfigMap\" .Release.Namespace \"it\" }}\n\
         {{- $other := lookup \"v1\" \"Secret\" \"kube-system\" \"root\" }}\n\
         apiVersion: v1\nkind: ConfigMap\nmetadata: {name: it}\ndata: {word: {{ .Values.word | quote }}, \
         before: {{ dig \"data\" \"word\" \"nothing\" $own | quote }}, other: {{ $other | len | quote }}}\n",
    );
    let planned = |values: &str| {
        let out = server.cli(&["plan", "-f", &slice(&server, values), "-o", "json"]);
        let plan: Value = serde_json::from_slice(&out.stdout).expect("a plan");
        let changes = plan["changes"].as_array().unwrap().clone();
        let map = changes.into_iter().find(|change| change["id"]["kind"] == "v1/ConfigMap").unwrap();
        (map["after"]["body"]["plain"]["data"].clone(), plan["warnings"].to_string())
    };
    let (data, warnings) = planned("{word: one}");
    assert_eq!((&data["before"], &data["other"]), (&json!("nothing"), &json!("0")));
    assert!(warnings.contains("Secret root of namespace kube-system, outside of its slice"), "{warnings}");
    applied(&server, "{word: one}");
    assert_eq!(planned("{word: two}").0["before"], "one");
}
