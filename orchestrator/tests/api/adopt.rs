//! Taking over releases through the API and the CLI: what is said of a question that cannot be answered.
//! Real releases are taken over in `tests/real`.

use crate::server::{Server, words};
use serde_json::{Value, json};

const PATH: &str = "/api/v1/slices/plant:adopt-release";

fn body(cluster: &str, releases: Value) -> Value {
    json!({"cluster": cluster, "namespace": "iot", "releases": releases})
}

#[tokio::test]
async fn a_question_about_releases_is_answered_by_field_and_changes_nothing() {
    let server = Server::start().with_lab().await;
    let one = json!({"release": "broker", "repository": "lab"});
    let rows = [
        (body("nowhere", json!([one])), "cluster: no cluster that can be read is called nowhere"),
        (body("edge", json!([])), "releases: is empty; give at least 1"),
        (body("edge", json!([one, one])), "releases[1].release: broker is named twice"),
        (
            body("edge", json!([{"release": "bad.name", "repository": "lab"}])),
            "releases[0].function: bad.name cannot be",
        ),
        (body("edge", json!([one])), "namespace iot on edge holds no Helm release called broker"),
        (json!({"cluster": "edge", "namespace": "iot", "release": "broker"}), "release: unknown field"),
    ];
    for (body, expect) in rows {
        for path in [PATH.to_owned(), format!("{PATH}?dryRun=true")] {
            let (status, answer) = server.admin("POST", &path, body.clone()).await;
            assert_eq!(status, 422, "{answer}");
            assert!(answer.to_string().contains(expect), "{expect} in {answer}");
        }
    }
    for home in ["", "a/../kube-system", "Iot"] {
        let asked = json!({"cluster": "edge", "namespace": home, "releases": [one]});
        let (status, answer) = server.admin("POST", PATH, asked).await;
        assert!(status == 422 && answer.to_string().contains("namespace: "), "{status} {answer}");
        assert!(answer.to_string().contains("is not a namespace"), "{answer}");
    }
    let (_, slices) = server.admin("GET", "/api/v1/slices", Value::Null).await;
    assert_eq!(slices["items"], json!([]));
}

#[tokio::test]
async fn nothing_is_taken_out_of_the_namespace_of_another_slice_and_its_file_is_told() {
    let server = Server::start().with_slice().await;
    let (_, all) = server.admin("GET", "/api/v1/slices", Value::Null).await;
    let word = |key: &str| all["items"][0][key].as_str().unwrap().to_owned();
    let (own, uid) = (word("name"), word("uid"));
    let releases = json!([{"release": "a", "repository": "lab"}]);
    let asked = json!({"cluster": "edge", "namespace": format!("sw-{own}-{uid}"), "releases": releases});
    let (status, answer) = server.admin("POST", PATH, asked).await;
    assert!(status == 422 && answer.to_string().contains(&format!("belongs to slice {own} ")), "{status} {answer}");

    let file = server.path("told.yaml");
    std::fs::write(&file, server.cli(&["slice", "export", &own]).stdout).unwrap();
    let again = server.cli(&["apply", "-f", file.to_str().unwrap(), "--wait"]);
    assert!(again.status.success() && words(&again).contains("unchanged"), "{}", words(&again));
}

#[tokio::test]
async fn a_slice_of_its_own_is_not_handed_back_and_one_that_exists_is_not_made_again() {
    let server = Server::start().with_lab().await;
    let file = server.path("own.yaml");
    let slice = "apiVersion: sliceway/v1\nkind: Slice\nmetadata: {name: own}\nspec: {sites: {edge: {cluster: edge}}}\n";
    std::fs::write(&file, slice).unwrap();
    let applied = server.cli(&["apply", "-f", file.to_str().unwrap(), "--wait"]);
    assert!(applied.status.success(), "{}", words(&applied));
    let back = server.cli(&["slice", "hand-back", "own"]);
    assert_eq!(back.status.code(), Some(4), "{}", words(&back));
    assert!(words(&back).contains("only a slice that took over Helm releases"), "{}", words(&back));
    let again =
        server.cli(&["slice", "adopt-release", "own", "--cluster", "edge", "--release", "a", "--repository", "r"]);
    assert!(words(&again).contains("slice own exists"), "{}", words(&again));
    let none = server.cli(&["slice", "hand-back", "nothing"]);
    assert_eq!(none.status.code(), Some(3), "{}", words(&none));
}

/// What is printed is a file: applied, it changes nothing.
#[tokio::test]
async fn a_slice_is_exported_as_the_file_that_it_is() {
    let server = Server::start().with_slice().await;
    let out = server.cli(&["slice", "export", "factory-7"]);
    assert!(out.status.success(), "{}", words(&out));
    let file = server.path("exported.yaml");
    std::fs::write(&file, &out.stdout).unwrap();
    let again = server.cli(&["apply", "-f", file.to_str().unwrap()]);
    assert!(again.status.success() && words(&again).contains("unchanged"), "{}", words(&again));
    assert_eq!(server.cli(&["slice", "export", "nothing"]).status.code(), Some(3));
}
