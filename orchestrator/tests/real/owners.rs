//! Two servers with one real cluster: one writes there, the other refuses to and says who does.

use crate::ground::{disowned, kubeconfig, lab_is_up, root};
use crate::server::{Server, code, stdout, words};
use serde_json::{Value, json};

async fn with_edge() -> Server {
    let server = Server::start();
    let file = server.path("edge.kubeconfig");
    std::fs::write(&file, kubeconfig("edge").unwrap()).unwrap();
    done(&server, &["cluster", "add", "edge", "--kubeconfig", file.to_str().unwrap()]);
    let charts = root().join("orchestrator/tests/real/charts");
    done(&server, &["repository", "add", "shelf", "--path", charts.to_str().unwrap()]);
    server
}

fn done(server: &Server, args: &[&str]) -> String {
    let output = server.cli(args);
    assert_eq!(code(&output), 0, "{args:?}: {}", words(&output));
    words(&output)
}

/// A slice of one ConfigMap.
fn slice(server: &Server, name: &str, data: &str) -> String {
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "it"}, "data": {"it": data}});
    let function = json!({"name": "it", "site": "edge", "chart": {"repository": "shelf", "name": "raw"},
        "values": {"objects": [object]}});
    let spec = json!({"sites": {"edge": {"cluster": "edge"}}, "functions": [function]});
    let file = server.path(&format!("{name}.json"));
    let document = json!({"apiVersion": "sliceway/v1", "kind": "Slice", "metadata": {"name": name}, "spec": spec});
    std::fs::write(&file, document.to_string()).unwrap();
    file.to_str().unwrap().to_owned()
}

fn cluster(server: &Server) -> Value {
    serde_json::from_str(&stdout(&server.cli(&["get", "cluster", "edge", "-o", "json"]))).unwrap()
}

/// Applies it against another's will; the operation that waits for an operator.
fn refused(server: &Server, file: &str, by: &str) -> String {
    let output = server.cli(&["apply", "-f", file, "--wait", "--timeout", "30s"]);
    let said = words(&output);
    assert_eq!(code(&output), 6, "it waits for an operator: {said}");
    assert!(said.contains("edge is owned by the Sliceway server") && said.contains(by), "{said}");
    assert!(said.contains("sliceway cluster takeover edge"), "{said}");
    let operations = stdout(&server.cli(&["get", "operations", "-o", "json"]));
    serde_json::from_str::<Value>(&operations).unwrap()[0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_server_refuses_to_write_until_it_takes_the_cluster_over_and_the_first_one_refuses_then() {
    if !lab_is_up() {
        return;
    }
    disowned();
    let (first, second) = (with_edge().await, with_edge().await);
    // Of nobody's cluster it is the first word, and shows at once.
    done(&first, &["cluster", "takeover", "edge"]);
    done(&first, &["apply", "-f", &slice(&first, "one", "1"), "--wait"]);
    let owner = cluster(&first)["owner"].clone();
    assert_eq!(owner["ours"], true, "{owner}");
    let file = slice(&second, "two", "1");
    let operation = refused(&second, &file, owner["instance"].as_str().unwrap());
    done(&second, &["cluster", "takeover", "edge"]);
    let taken = cluster(&second)["taken"][0].clone();
    assert_eq!(taken["from"]["instance"], owner["instance"], "it is recorded: {taken}");
    done(&second, &["operation", "retry", &operation, "--wait"]);
    let instance = cluster(&second)["owner"]["instance"].as_str().unwrap().to_owned();
    refused(&first, &slice(&first, "one", "2"), &instance);
    done(&second, &["delete", "slice", "two", "--wait"]);
    done(&second, &["delete", "cluster", "edge"]);
    // Nobody owns it any more: the next one that writes does.
    done(&first, &["apply", "-f", &slice(&first, "one", "3"), "--wait"]);
    done(&first, &["delete", "slice", "one", "--wait"]);
    done(&first, &["delete", "cluster", "edge"]);
}
