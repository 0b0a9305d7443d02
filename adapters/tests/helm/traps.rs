//! Where the command line is no measure: the truth about a cluster, what is not reproducible, and what must be refused.

use super::bench::{chart, helm, pack, request};
use adapters::helm::{ApiVersions, Capabilities, Lookup, ProblemKind};
use std::io::ErrorKind;
use std::net::TcpListener;

#[tokio::test]
async fn trap_4_a_clusters_list_replaces_the_built_in_one() {
    let helm = helm();
    let list = vec!["v1".to_owned(), "v1/Pod".into(), "apps/v1".into(), "apps/v1/Deployment".into()];
    let mut asked = request(chart("surroundings"), "");
    asked.capabilities =
        Some(Capabilities { kube_version: Some("v1.36.3".into()), api_versions: ApiVersions::Replace(list) });
    let data = helm.render(&asked).await.unwrap().objects[0].object["data"].clone();
    assert_eq!(data["old"], "false");
    assert_eq!(data["kind"], "true");
    assert_eq!(data["versions"], r#"["v1","v1/Pod","apps/v1","apps/v1/Deployment"]"#);
    asked.capabilities = None;
    let data = helm.render(&asked).await.unwrap().objects[0].object["data"].clone();
    assert_eq!(data["old"], "true");
    assert_eq!(data["kind"], "false");
}

#[tokio::test]
async fn trap_7_hooks_and_notes_stand_apart() {
    let rendered = helm().render(&request(chart("ordered"), "")).await.unwrap();
    let hooks: Vec<_> = rendered.hooks.iter().map(|h| (h.name.as_str(), h.kind.as_str(), h.weight)).collect();
    assert_eq!(hooks, [("before", "ConfigMap", -1), ("try", "Pod", 0), ("migrate", "Job", 5)]);
    assert_eq!(rendered.hooks[2].events, ["pre-install", "pre-upgrade"]);
    assert_eq!(rendered.hooks[2].delete_policies, ["before-hook-creation", "hook-succeeded"]);
    assert_eq!(rendered.hooks[1].events, ["test"]);
    assert_eq!(rendered.notes, "Call rel now.\n");
    let names: Vec<_> = rendered.objects.iter().map(|o| o.object["metadata"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["first", "z", "below", "web", "web", "one", "two", "of"]);
    assert_eq!(rendered.objects[2].source, "ordered/charts/below/templates/s.yaml");
    assert!(rendered.manifest.starts_with("---\n# Source: ordered/templates/many.yaml\n"));
}

#[tokio::test]
async fn trap_7_a_hook_of_an_unknown_event_is_reported() {
    let rendered = helm().render(&request(chart("ordered"), "")).await.unwrap();
    assert_eq!(rendered.unknown_hooks.len(), 1);
    let dropped = &rendered.unknown_hooks[0];
    assert_eq!((dropped.name.as_str(), dropped.path.as_str()), ("dropped", "ordered/templates/hooks.yaml"));
    assert_eq!(dropped.events, ["pre-install", "mid-install"]);
}

#[tokio::test]
async fn trap_8_crds_of_undeclared_subcharts_come_in_one_order() {
    let helm = helm();
    for _ in 0..12 {
        let rendered = helm.render(&request(chart("vendored"), "")).await.unwrap();
        let names: Vec<_> = rendered.crds.iter().map(|o| o.object["metadata"]["name"].as_str().unwrap()).collect();
        let expect = ["alpha", "bravo", "charlie", "delta", "echo"].map(|n| format!("{n}.example.invalid"));
        assert_eq!(names, expect);
    }
}

#[tokio::test]
async fn trap_8_a_chart_that_differs_each_time_says_so() {
    let helm = helm();
    let mut asked = request(chart("dice"), "");
    asked.check_reproducible = true;
    let cases = [
        ("random", false),
        ("uuid", false),
        ("clock", false),
        ("keys", false),
        ("sorted", true),
        ("unused", true),
        ("none", true),
    ];
    for (what, expect) in cases {
        asked.values = format!("use: {what}");
        assert_eq!(helm.render(&asked).await.unwrap().reproducible, Some(expect), "{what}");
    }
    asked.check_reproducible = false;
    assert_eq!(helm.render(&asked).await.unwrap().reproducible, None);
}

#[tokio::test]
async fn trap_9_a_schema_that_reaches_out_is_refused() {
    let helm = helm();
    for (name, reference) in [
        ("reaching-file", "file:///etc/hostname"),
        ("reaching-http", "http://127.0.0.1:9/schema.json"),
        ("reaching-relative", "file:///other.json"),
    ] {
        let error = helm.render(&request(chart(name), "x: 1")).await.unwrap_err();
        let problem = &error.problems()[0];
        assert_eq!(problem.kind, ProblemKind::SchemaFile);
        assert_eq!(problem.file.as_deref(), Some(format!("{name}/values.schema.json").as_str()));
        assert!(problem.message.contains(reference), "{problem}");
    }
}

#[tokio::test]
async fn trap_9_a_schema_fetches_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("Chart.yaml"), "apiVersion: v2\nname: fetching\nversion: 1.0.0\n").unwrap();
    for schema in [
        format!(r#"{{"$ref": "http://{address}/a.json"}}"#),
        format!(r#"{{"$id": "http://{address}/a.json", "properties": {{"x": {{"$ref": "b.json"}}}}}}"#),
        format!(r#"{{"$schema": "http://{address}/meta.json"}}"#),
    ] {
        std::fs::write(folder.path().join("values.schema.json"), &schema).unwrap();
        let error = helm().render(&request(pack(folder.path()), "x: 1")).await.unwrap_err();
        assert_eq!(error.problems()[0].kind, ProblemKind::SchemaFile, "{schema}");
    }
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[tokio::test]
async fn trap_10_what_a_chart_looked_up_is_listed() {
    let rendered = helm().render(&request(chart("asking"), "")).await.unwrap();
    assert_eq!(rendered.objects[0].object["data"]["found"], "{}");
    let lookup = |api: &str, kind: &str, namespace: &str, name: &str| Lookup {
        api_version: api.into(),
        kind: kind.into(),
        namespace: namespace.into(),
        name: name.into(),
    };
    let expect = [lookup("v1", "Secret", "space", "password"), lookup("apps/v1", "Deployment", "", "")];
    assert_eq!(rendered.lookups, expect);
}
