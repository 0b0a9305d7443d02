//! What somebody met who walked through the documents with a critical eye, and what should be met instead.

use crate::kitchen::{chart, cli, done, slice, source};
use crate::programs::until;
use crate::server::{Server, code, stdout, words};
use serde_json::{Value, json};

async fn edge(server: &Server, away: bool) {
    let body = json!({"labels": {"region": "field"}, "spec": {"sim": {"away": away}}});
    assert_eq!(server.admin("PUT", "/api/v1/clusters/edge", body).await.0, 200);
}

fn added(server: &Server, versions: &str) {
    let folder = server.path("charts");
    chart(&folder, "web", (versions, ""));
    done(server, &["repository", "add", "odd", "--path", folder.to_str().unwrap()]);
}

#[tokio::test]
async fn an_upgrade_that_is_rolled_back_leaves_the_chart_that_it_was() {
    let server = Server::start();
    edge(&server, false).await;
    added(&server, "1.0.0");
    let file = slice(&server, "repository: odd, name: web");
    done(&server, &["apply", "-f", &file, "--wait"]);
    assert_eq!(source(&server)["version"], "1.0.0");
    added(&server, "1.2.0");
    edge(&server, true).await;
    until(&server, "/api/v1/clusters/edge", |body| body["health"]["state"] == "Unreachable").await;
    let (status, file_of) = server.admin("GET", "/api/v1/slices/one", Value::Null).await;
    assert_eq!(status, 200);
    let body =
        json!({"apiVersion": "sliceway/v1", "kind": "Slice", "metadata": {"name": "one"}, "spec": file_of["spec"]});
    let (status, said) = server.admin("POST", "/api/v1/slices?upgrade=it", body).await;
    assert_eq!(status, 202, "{said}");
    let id = said["operation"]["id"].as_str().unwrap().to_owned();
    assert_eq!(server.admin("POST", &format!("/api/v1/operations/{id}:cancel"), Value::Null).await.0, 202);
    edge(&server, false).await;
    done(&server, &["operation", "rollback", &id, "--wait"]);
    assert_eq!(source(&server)["version"], "1.0.0", "as it was before");
    assert!(done(&server, &["apply", "-f", &file, "--wait"]).contains("unchanged"));
    done(&server, &["apply", "-f", &file, "--upgrade", "it", "--wait"]);
    assert_eq!(source(&server)["version"], "1.2.0");
}

#[tokio::test]
async fn a_plan_shows_what_changes_of_the_slice_itself_and_diff_sees_it() {
    let server = Server::start();
    edge(&server, false).await;
    added(&server, "1.0.0");
    let file = slice(&server, "repository: odd, name: web");
    done(&server, &["apply", "-f", &file, "--wait"]);
    assert_eq!(cli(&server, &["diff", "-f", &file]).0, 0);
    let text = std::fs::read_to_string(&file).unwrap().replace("spec:\n", "spec:\n  heal: true\n");
    std::fs::write(&file, text).unwrap();
    let diff = server.cli(&["diff", "-f", &file]);
    assert_eq!(code(&diff), 1, "{}", words(&diff));
    let said = stdout(&diff);
    assert!(said.contains("= spec.heal: ") && said.contains("-> true"), "{said}");
    assert!(said.contains("slice one: changes in itself, and nothing on its clusters"), "{said}");
}

#[tokio::test]
async fn what_a_deletion_would_take_is_shown_before_it_may() {
    let server = Server::start().with_lab().await.with_slice().await;
    let shown = server.cli(&["delete", "slice", "factory-7", "--dry-run"]);
    assert_eq!(code(&shown), 0, "{}", words(&shown));
    assert!(stdout(&shown).contains("PersistentVolumeClaim"), "{}", stdout(&shown));
    assert!(words(&shown).contains("store holds data: it is deleted only where that is said"), "{}", words(&shown));
    let (code, said) = cli(&server, &["delete", "slice", "factory-7", "--allow-data-loss", "stor"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("slice factory-7 has no function stor") && said.contains("did you mean store?"), "{said}");
    assert_eq!(cli(&server, &["delete", "slice", "factory-7"]).0, 4);
}

#[tokio::test]
async fn what_is_there_already_is_not_made_anew() {
    let server = Server::start();
    done(&server, &["tenant", "create", "acme", "--description", "Acme corp"]);
    let (code, said) = cli(&server, &["tenant", "create", "acme"]);
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("tenant acme is there already"), "{said}");
    assert_eq!(server.admin("GET", "/api/v1/tenants/acme", Value::Null).await.1["description"], "Acme corp");
    edge(&server, false).await;
    let (code, said) = cli(&server, &["cluster", "add", "edge", "--kubeconfig", "/dev/null"]);
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("sliceway cluster set edge"), "{said}");
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let server = Server::start();
    let (_, all) = server.admin("GET", "/api/v1/tokens", Value::Null).await;
    let first = all["items"][0]["id"].as_str().unwrap().to_owned();
    let (status, said) = server.admin("DELETE", &format!("/api/v1/tokens/{first}"), Value::Null).await;
    assert_eq!((status, said["detail"].as_str().unwrap().contains("last administrator")), (409, true), "{said}");
    let (status, said) = server.admin("DELETE", "/api/v1/tenants/default", Value::Null).await;
    assert_eq!(status, 409, "{said}");
    // One whose end has come, or who may do less, makes nobody a token.
    server.token("operator", "default").await;
    assert_eq!(server.admin("DELETE", &format!("/api/v1/tokens/{first}"), Value::Null).await.0, 409);
    let other = server.token("admin", "default").await;
    assert_eq!(server.admin("DELETE", &format!("/api/v1/tokens/{first}"), Value::Null).await.0, 204);
    assert_eq!(server.send("GET", "/api/v1/whoami", (Some(&other), Value::Null)).await.status(), 200);
}

#[tokio::test]
async fn a_deletion_that_waits_for_its_cluster_is_no_failure() {
    let server = Server::start().with_lab().await.with_slice().await;
    edge(&server, true).await;
    until(&server, "/api/v1/clusters/edge", |body| body["health"]["state"] == "Unreachable").await;
    let said = done(&server, &["delete", "slice", "factory-7", "--allow-data-loss", "store", "--wait"]);
    assert!(said.contains("go by themselves when it can") && said.contains("sliceway orphans"), "{said}");
    assert_eq!(cli(&server, &["get", "slice", "factory-7"]).0, 3);
}

#[tokio::test]
async fn a_login_is_good_from_every_folder() {
    let server = Server::start_tls();
    let home = tempfile::tempdir().unwrap();
    let ca = server.path("ca.pem");
    let known = home.path().join("cli.toml");
    let run = |folder: &std::path::Path, args: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sliceway"));
        command.args(args).current_dir(folder).env("SLICEWAY_CONFIG", &known);
        command.env_remove("SLICEWAY_SERVER").env_remove("SLICEWAY_TOKEN").output().unwrap()
    };
    let login = ["login", "--server", &server.url, "--token", &server.token, "--ca", "ca.pem"];
    let out = run(ca.parent().unwrap(), &login);
    assert_eq!(code(&out), 0, "{}", words(&out));
    let out = run(home.path(), &["get", "clusters"]);
    assert_eq!(code(&out), 0, "{}", words(&out));
    let unknown = ["get", "clusters", "--server", &server.url, "--token", &server.token];
    let bare = home.path().join("bare.toml");
    let out =
        std::process::Command::new(env!("CARGO_BIN_EXE_sliceway")).args(unknown).env("SLICEWAY_CONFIG", bare).output();
    let said = words(&out.unwrap());
    assert!(said.contains("--ca FILE"), "{said}");
}
