//! Hooks of charts through the API, on a simulated cluster: which run at which moment, in which order, what is left, and
//! that helm's own record comes last. Real pods run them in `tests/real`.

use crate::server::{Server, words};
use serde_json::Value;
use std::path::Path;

const SLICE: &str = "apiVersion: sliceway/v1\nkind: Slice\nmetadata: {name: one}\nspec:\n  sites: {edge: {cluster: edge}}\n  \
                     functions:\n    - {name: it, site: edge, chart: {repository: corpus, name: lifecycle}";

async fn with_corpus() -> Server {
    let server = Server::start().with_lab().await;
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../adapters/tests/corpus/charts");
    let added = server.cli(&["repository", "add", "corpus", "--path", corpus.to_str().unwrap()]);
    assert!(added.status.success(), "{}", words(&added));
    server
}

fn apply(server: &Server, more: &str) -> String {
    let file = server.path("slice.yaml");
    std::fs::write(&file, format!("{SLICE}{more}}}\n")).unwrap();
    let out = server.cli(&["apply", "-f", file.to_str().unwrap(), "--wait"]);
    assert!(out.status.success(), "{}", words(&out));
    words(&out)
}

/// The newest operation's steps in the order in which they were done: verb and short name, without the slice's uid.
async fn done(server: &Server) -> Vec<String> {
    let (_, all) = server.admin("GET", "/api/v1/operations", Value::Null).await;
    let id = all["items"][0]["id"].as_str().unwrap().to_owned();
    let (_, view) = server.admin("GET", &format!("/api/v1/operations/{id}"), Value::Null).await;
    let uid = view["uid"].as_str().unwrap().to_owned();
    let mut steps: Vec<&Value> = view["steps"].as_array().unwrap().iter().collect();
    steps.sort_by_key(|step| step["ended"].as_str().unwrap_or("9").to_owned());
    let name = |step: &&Value| {
        let id = &step["change"]["id"];
        let kind = id["kind"].as_str().unwrap().rsplit('/').next().unwrap();
        format!("{} {kind} {}", step["change"]["verb"].as_str().unwrap(), id["name"].as_str().unwrap())
    };
    steps.iter().map(name).map(|name| name.replace(&format!("it-{uid}"), "rel")).collect()
}

fn of<'s>(steps: &'s [String], verb: &str) -> Vec<&'s str> {
    steps.iter().filter_map(|step| step.strip_prefix(verb)).map(str::trim).collect()
}

fn before(steps: &[String], first: &str, second: &str) {
    let at = |word: &str| steps.iter().position(|step| step == word).unwrap_or_else(|| panic!("no {word}: {steps:#?}"));
    assert!(at(first) < at(second), "{first} before {second}: {steps:#?}");
}

#[tokio::test]
async fn each_moment_runs_its_hooks_by_weight_and_name() {
    let server = with_corpus().await;
    apply(&server, "");
    let steps = done(&server).await;
    assert_eq!(
        of(&steps, "run "),
        [
            "pre-install ConfigMap/rel-first",
            "pre-install Job/rel-a-tie",
            "pre-install Job/rel-b-tie",
            "pre-install Job/rel-late",
            "post-install Job/rel-after",
            "post-install ConfigMap/rel-after-all",
        ]
    );
    assert_eq!(
        of(&steps, "clear "),
        ["pre-install Job/rel-late", "pre-install Job/rel-a-tie", "post-install Job/rel-after"]
    );
    before(&steps, "clear pre-install Job/rel-a-tie", "create ConfigMap rel-stays");
    before(&steps, "create ConfigMap rel-stays", "run post-install Job/rel-after");
    before(&steps, "clear post-install Job/rel-after", "create Secret sh.helm.release.v1.rel.v1");
    before(&steps, "create ResourceQuota sliceway", "run pre-install ConfigMap/rel-first");
    let again = apply(&server, "");
    assert!(again.contains("slice one unchanged"), "hooks are no drift: {again}");

    apply(&server, ", values: {steps: [two, one]}");
    let steps = done(&server).await;
    assert_eq!(
        of(&steps, "run "),
        [
            "pre-upgrade ConfigMap/rel-step-two",
            "pre-upgrade Job/rel-late",
            "pre-upgrade ConfigMap/rel-step-one",
            "post-upgrade ConfigMap/rel-after-all",
        ]
    );
    before(&steps, "create Secret sh.helm.release.v1.rel.v2", "update Secret sh.helm.release.v1.rel.v1");

    let out = server.cli(&["delete", "slice", "one", "--wait"]);
    assert!(out.status.success(), "{}", words(&out));
    let steps = done(&server).await;
    assert_eq!(of(&steps, "run "), ["pre-delete Job/rel-before-delete", "post-delete Job/rel-after-delete"]);
    before(&steps, "clear pre-delete Job/rel-before-delete", "delete ConfigMap rel-stays");
    before(&steps, "delete ConfigMap rel-stays", "run post-delete Job/rel-after-delete");
    let namespace = steps.iter().find(|step| step.starts_with("delete Namespace")).unwrap();
    before(&steps, "clear post-delete Job/rel-after-delete", namespace);
}

/// What a chart wants kept is left where it is, and is nobody's of ours from then on.
#[tokio::test]
async fn what_a_chart_keeps_outlives_its_function() {
    let server = with_corpus().await;
    let file = server.path("slice.yaml");
    let keeps = SLICE.replace("lifecycle", "keeps")
        + "}\n    - {name: other, site: edge, chart: {repository: corpus, name: web}}\n";
    std::fs::write(&file, &keeps).unwrap();
    let out = server.cli(&["apply", "-f", file.to_str().unwrap(), "--wait"]);
    assert!(out.status.success(), "{}", words(&out));
    let alone = keeps.replace("- {name: it, site: edge, chart: {repository: corpus, name: keeps}}\n    ", "");
    std::fs::write(&file, alone).unwrap();
    let out = server.cli(&["apply", "-f", file.to_str().unwrap(), "--wait"]);
    assert!(out.status.success(), "{}", words(&out));
    let steps = done(&server).await;
    assert_eq!(of(&steps, "forget "), ["Secret rel-kept", "PersistentVolumeClaim rel-data"], "{steps:#?}");
    assert!(of(&steps, "delete ").contains(&"ConfigMap rel-goes"), "{steps:#?}");
    let out = server.cli(&["delete", "slice", "one", "--wait"]);
    assert!(out.status.success(), "{}", words(&out));
    assert!(!words(&out).contains("rel-data"), "{}", words(&out));
}

/// A test changes nothing, whatever comes out of it.
#[tokio::test]
async fn the_tests_of_a_chart_run_when_they_are_asked_for() {
    let server = with_corpus().await;
    let none = server.cli(&["slice", "test", "one"]);
    assert!(words(&none).contains("slice one does not exist"), "{}", words(&none));
    apply(&server, "");
    let none = server.cli(&["slice", "test", "one"]);
    assert!(words(&none).contains("no chart of slice one brings a test"), "{}", words(&none));
    let file = server.path("trial.yaml");
    std::fs::write(&file, format!("{}}}\n", SLICE.replace("lifecycle", "trial"))).unwrap();
    let out = server.cli(&["apply", "-f", file.to_str().unwrap(), "--wait"]);
    assert!(out.status.success(), "{}", words(&out));
    let unknown = server.cli(&["slice", "test", "one", "--function", "itt"]);
    assert!(words(&unknown).contains("did you mean \"it\"?"), "{}", words(&unknown));
    let out = server.cli(&["slice", "test", "one", "--function", "it"]);
    assert!(out.status.success(), "{}", words(&out));
    let said = words(&out);
    assert_eq!(said.matches("PASSED").count(), 2, "{said}");
    let steps = done(&server).await;
    assert_eq!(of(&steps, "run "), ["test Job/rel-old-word", "test Pod/rel-answers"]);
    let slice = words(&server.cli(&["get", "slices"]));
    assert!(slice.contains("Ready"), "{slice}");
    let again = server.cli(&["apply", "-f", file.to_str().unwrap(), "--wait"]);
    assert!(words(&again).contains("unchanged"), "{}", words(&again));
}

/// A function that leaves its slice says its farewells, and what its hooks left goes with it.
#[tokio::test]
async fn a_function_that_leaves_runs_its_delete_hooks() {
    let server = with_corpus().await;
    let file = server.path("slice.yaml");
    let other = "\n    - {name: other, site: edge, chart: {repository: corpus, name: web}}\n";
    std::fs::write(&file, format!("{SLICE}}}{other}")).unwrap();
    let out = server.cli(&["apply", "-f", file.to_str().unwrap(), "--wait"]);
    assert!(out.status.success(), "{}", words(&out));
    let alone = SLICE.replace(
        "{name: it, site: edge, chart: {repository: corpus, name: lifecycle}",
        other.trim().trim_start_matches("- "),
    );
    std::fs::write(&file, alone).unwrap();
    let out = server.cli(&["apply", "-f", file.to_str().unwrap(), "--wait"]);
    assert!(out.status.success(), "{}", words(&out));
    let steps = done(&server).await;
    assert_eq!(of(&steps, "run "), ["pre-delete Job/rel-before-delete", "post-delete Job/rel-after-delete"]);
    let gone = of(&steps, "delete ");
    for left in ["pre-install ConfigMap/rel-first", "pre-install Job/rel-b-tie", "post-install ConfigMap/rel-after-all"]
    {
        assert!(gone.contains(&left), "{left} stays behind: {gone:?}");
    }
    assert!(gone.contains(&"Secret sh.helm.release.v1.rel.v1"), "{gone:?}");
}
