//! Programs of kubeconfigs: what they are given and say is told to nobody, and one that hangs holds up nothing and nobody.

use crate::server::Server;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

const EXEC: &str = "[clusters]\nallow_exec = true\nlook_every_s = 1\n";

pub fn program(server: &Server, name: &str, text: &str) -> String {
    let path = server.path(name);
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

pub fn credential(extra: &str) -> String {
    format!(
        "echo '{{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{{\"token\":\"t\"{extra}}}}}'"
    )
}

pub fn kubeconfig(command: &str, args: &[&str], env: Value) -> Value {
    let user = json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": command, "args": args,
        "env": env, "interactiveMode": "Never"}});
    let text = json!({"apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:9"}}],
        "users": [{"name": "u", "user": user}], "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]});
    json!({"kubeconfig": text.to_string()})
}

pub async fn until(server: &Server, path: &str, is: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + Duration::from_secs(40);
    loop {
        let body = server.admin("GET", path, Value::Null).await.1;
        if is(&body) {
            return body;
        }
        assert!(Instant::now() < end, "{path}: {body}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// How many run that sleep so long.
fn run(seconds: &str) -> usize {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let line = |entry: std::fs::DirEntry| std::fs::read(entry.path().join("cmdline")).ok();
    let wanted = format!("sleep\0{seconds}\0").into_bytes();
    all.filter_map(line).filter(|line| *line == wanted).count()
}

#[tokio::test]
async fn what_a_kubeconfig_hands_to_its_program_is_told_to_nobody_when_the_program_fails() {
    let server = Server::start_with(EXEC);
    let expired = server.path("expired");
    let text = format!(
        "test -f {} && {{ echo said-by-it; exit 1; }}\n{}",
        expired.display(),
        credential(",\"expirationTimestamp\":\"2020-01-01T00:00:00Z\"")
    );
    let command = program(&server, "login.sh", &text);
    let body = kubeconfig(&command, &[], json!([{"name": "CLOUD_SECRET", "value": "wJalrXUtnFEMI"}]));
    let (status, said) = server.admin("PUT", "/api/v1/clusters/real", body).await;
    assert_eq!(status, 200, "{said}");
    std::fs::write(&expired, "").unwrap();
    let away = until(&server, "/api/v1/clusters/real", |body| body["health"]["state"] == "Unreachable").await;
    let said = away["health"]["cause"].as_str().unwrap().to_owned();
    assert!(!said.contains("wJalrXUtnFEMI"), "every viewer of every tenant reads: {said}");
    assert!(!said.contains("said-by-it"), "every viewer of every tenant reads: {said}");
}

#[tokio::test]
async fn a_kubeconfig_that_works_takes_the_place_of_one_whose_program_hangs() {
    let server = Server::start_with(EXEC);
    let (status, _) = server.admin("PUT", "/api/v1/clusters/real", kubeconfig("sleep", &["60.125"], json!([]))).await;
    assert_eq!(status, 422);
    let good = program(&server, "good.sh", &credential(""));
    let (status, said) = server.admin("PUT", "/api/v1/clusters/real", kubeconfig(&good, &[], json!([]))).await;
    assert_eq!(status, 200, "{said}");
    assert_eq!(run("60.125"), 0, "the one that hung is ended");
}

#[tokio::test]
async fn a_program_that_takes_its_time_is_waited_for_once() {
    let server = Server::start_with(EXEC);
    let slow = program(&server, "slow.sh", &format!("sleep 3\n{}", credential("")));
    let begun = Instant::now();
    let (status, said) = server.admin("PUT", "/api/v1/clusters/real", kubeconfig(&slow, &[], json!([]))).await;
    assert_eq!(status, 200, "{said}");
    assert!(begun.elapsed() < Duration::from_secs(6), "it took {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_server_ends_in_order_while_a_program_hangs() {
    let mut server = Server::start_with(EXEC);
    let (status, _) = server.admin("PUT", "/api/v1/clusters/real", kubeconfig("sleep", &["60.25"], json!([]))).await;
    assert_eq!(status, 422);
    let begun = Instant::now();
    server.terminate();
    tokio::task::spawn_blocking(move || server.wait()).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(20), "it took {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_program_that_hangs_when_its_token_ends_has_no_second_one_beside_it() {
    let server = Server::start_with(EXEC);
    let hangs = server.path("hangs");
    let text = format!(
        "test -f {} && exec sleep 61.5\n{}",
        hangs.display(),
        credential(",\"expirationTimestamp\":\"2020-01-01T00:00:00Z\"")
    );
    let command = program(&server, "token.sh", &text);
    let (status, said) = server.admin("PUT", "/api/v1/clusters/real", kubeconfig(&command, &[], json!([]))).await;
    assert_eq!(status, 200, "{said}");
    until(&server, "/api/v1/clusters/real", |body| body["health"]["state"] == "Unreachable").await;
    std::fs::write(&hangs, "").unwrap();
    let (mut most, end) = (0, Instant::now() + Duration::from_secs(15));
    while Instant::now() < end {
        most = most.max(run("61.5"));
        assert!(most <= 1, "{most} programs of one cluster run at once");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(most, 1, "it was never run");
}
