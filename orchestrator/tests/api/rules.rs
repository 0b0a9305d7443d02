//! What every resource keeps: documents, revisions, idempotency, pages, watches, limits, secrets.

use crate::server::Server;
use futures::StreamExt;
use orchestrator::api::endpoints;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

#[tokio::test]
async fn the_document_has_every_endpoint_and_nothing_else() {
    let server = Server::start();
    let document: Value =
        server.http.get(format!("{}/openapi.json", server.url)).send().await.unwrap().json().await.unwrap();
    let mut documented = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        documented
            .extend(methods.as_object().unwrap().keys().map(|method| format!("{} {path}", method.to_uppercase())));
    }
    let open = ["GET /healthz", "GET /readyz", "GET /openapi.json"].map(str::to_owned);
    let served = endpoints()
        .map(|e| format!("{} {}", e.method.as_str(), e.path.replace("*}", "}")))
        .chain(open)
        .collect::<BTreeSet<_>>();
    assert_eq!(documented, served);
    for open in ["/healthz", "/readyz"] {
        assert_eq!(server.http.get(format!("{}{open}", server.url)).send().await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn another_method_is_405_an_unknown_path_404_and_both_are_problems() {
    let server = Server::start();
    let (status, body) = server.admin("PUT", "/api/v1/slices", Value::Null).await;
    assert_eq!((status, body["status"].clone()), (405, json!(405)));
    let (status, body) = server.admin("GET", "/api/v1/nothing", Value::Null).await;
    assert_eq!(status, 404);
    assert!(body["next"].as_str().unwrap().contains("openapi"));
}

#[tokio::test]
async fn a_bad_slice_gets_all_problems_with_path_and_position_and_changes_nothing() {
    let server = Server::start();
    let slice = json!({"apiVersion": "sliceway/v1", "kind": "Slice", "metadata": {"name": "x"}, "spec": {
        "sites": {"edge": {"cluster": "edge"}},
        "quality": {"latency": "50"},
        "gateways": [{"name": "gw", "site": "edgy", "chart": {"repository": "lab", "name": "c"}, "serverr": "s"}]}});
    let (status, body) = server.admin("POST", "/api/v1/slices", slice).await;
    assert_eq!(status, 422);
    let fields: Vec<&str> = body["problems"].as_array().unwrap().iter().map(|p| p["field"].as_str().unwrap()).collect();
    for field in ["spec.quality.latency", "spec.gateways[0].serverr", "spec.gateways[0].site"] {
        assert!(fields.contains(&field), "{field} in {fields:?}");
    }
    assert!(body["problems"][0]["line"].is_u64());
    let (_, slices) = server.admin("GET", "/api/v1/slices", Value::Null).await;
    assert_eq!(slices["items"], json!([]));
}

#[tokio::test]
async fn a_write_with_an_old_revision_is_412() {
    let server = Server::start().with_lab().await;
    let response = server.send("GET", "/api/v1/clusters/edge", (Some(&server.token), Value::Null)).await;
    let etag = response.headers()["etag"].to_str().unwrap().to_owned();
    let put = |etag: String| {
        let request = server.http.put(format!("{}/api/v1/clusters/edge", server.url)).bearer_auth(&server.token);
        request.header("If-Match", etag).body(json!({"spec": {"sim": {}}, "labels": {"a": "b"}}).to_string()).send()
    };
    assert_eq!(put("\"1\"".into()).await.unwrap().status(), 412);
    assert_eq!(put(etag).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_key_gives_the_first_answer_again_and_refuses_another_request() {
    let server = Server::start();
    let put = |name: &str| {
        let request = server.http.put(format!("{}/api/v1/tenants/{name}", server.url)).bearer_auth(&server.token);
        request.header("Idempotency-Key", "k1").body("{\"description\": \"d\"}").send()
    };
    let first: Value = put("acme").await.unwrap().json().await.unwrap();
    server.admin("PUT", "/api/v1/tenants/acme", json!({"description": "changed"})).await;
    let again: Value = put("acme").await.unwrap().json().await.unwrap();
    assert_eq!(first, again);
    assert_eq!(put("other").await.unwrap().status(), 422);
}

#[tokio::test]
async fn lists_are_paged_by_an_opaque_marker() {
    let server = Server::start();
    for name in ["a", "b", "c"] {
        server.admin("PUT", &format!("/api/v1/tenants/{name}"), json!({})).await;
    }
    let (_, first) = server.admin("GET", "/api/v1/tenants?limit=2", Value::Null).await;
    let marker = first["next"].as_str().unwrap();
    let (_, second) = server.admin("GET", &format!("/api/v1/tenants?limit=2&marker={marker}"), Value::Null).await;
    let names: Vec<&str> = [&first, &second]
        .iter()
        .flat_map(|page| page["items"].as_array().unwrap())
        .map(|tenant| tenant["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["a", "b", "c", "default"]);
}

#[tokio::test]
async fn a_watch_tells_what_changes_from_then_on() {
    let server = Server::start().with_lab().await;
    let request = server.http.get(format!("{}/api/v1/slices?watch=true", server.url)).bearer_auth(&server.token);
    let mut stream = request.send().await.unwrap().bytes_stream();
    let applied = server.cli(&["apply", "-f", &crate::server::factory()]);
    assert!(applied.status.success());
    let first = tokio::time::timeout(Duration::from_secs(10), stream.next()).await.unwrap().unwrap().unwrap();
    let text = String::from_utf8(first.to_vec()).unwrap();
    assert!(text.contains("event: put") && text.contains("factory-7"), "{text}");
}

#[tokio::test]
async fn a_kubeconfig_is_kept_sealed_and_never_returned() {
    let server = Server::start();
    let kubeconfig = "{\"apiVersion\":\"v1\",\"kind\":\"Config\",\"current-context\":\"c\",\
        \"clusters\":[{\"name\":\"c\",\"cluster\":{\"server\":\"https://127.0.0.1:9\"}}],\
        \"users\":[{\"name\":\"u\",\"user\":{\"token\":\"very-secret-token\"}}],\
        \"contexts\":[{\"name\":\"c\",\"context\":{\"cluster\":\"c\",\"user\":\"u\"}}]}";
    let (status, body) = server.admin("PUT", "/api/v1/clusters/far", json!({"kubeconfig": kubeconfig})).await;
    assert_eq!(status, 200, "{body}");
    // Nobody waits for it: it is looked at after the answer.
    assert_eq!(body["health"]["state"], "Unknown");
    let end = tokio::time::Instant::now() + Duration::from_secs(10);
    let body = loop {
        let (_, body) = server.admin("GET", "/api/v1/clusters/far", Value::Null).await;
        if body["health"]["state"] == "Unreachable" {
            break body;
        }
        assert!(tokio::time::Instant::now() < end, "{body}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(body["health"]["cause"].as_str().unwrap().contains("cannot be reached"));
    let (_, list) = server.admin("GET", "/api/v1/clusters", Value::Null).await;
    assert!(!list.to_string().contains("very-secret-token") && !body.to_string().contains("very-secret-token"));
    for entry in walk(&server.data()) {
        let bytes = std::fs::read(&entry).unwrap();
        let found = bytes.windows(17).any(|window| window == b"very-secret-token");
        assert!(!found, "{} holds the token in the clear", entry.display());
    }
}

pub fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        match entry.path() {
            path if path.is_dir() => all.extend(walk(&path)),
            path => all.push(path),
        }
    }
    all
}

/// How long the programs of the kubeconfigs below sleep: no other process of this machine does so.
fn nap() -> String {
    format!("75.{}", std::process::id())
}

/// Those that run now.
fn programs() -> usize {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let line = |entry: std::fs::DirEntry| std::fs::read(entry.path().join("cmdline")).ok();
    let wanted = format!("sleep\0{}\0", nap()).into_bytes();
    all.filter_map(line).filter(|line| *line == wanted).count()
}

async fn run(wanted: usize) {
    let end = Instant::now() + Duration::from_secs(8);
    while programs() != wanted {
        assert!(Instant::now() < end, "{} programs run", programs());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_kubeconfig_whose_program_hangs_is_refused_in_time_and_holds_up_nobody_else() {
    let server = Server::start_with("[clusters]\nallow_exec = true\n");
    let user = json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "sleep", "args": [nap()],
        "interactiveMode": "Never"}});
    let kubeconfig = json!({"apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:9"}}],
        "users": [{"name": "u", "user": user}], "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]});
    let body = json!({"kubeconfig": kubeconfig.to_string()});
    let paths: Vec<String> = (0..6).map(|n| format!("/api/v1/clusters/hangs-{n}")).collect();
    let hang = futures::future::join_all(paths.iter().map(|path| server.admin("PUT", path, body.clone())));
    let others = async {
        run(6).await;
        let begun = Instant::now();
        let sim = json!({"spec": {"sim": {"nodes": 1}}});
        assert_eq!(server.admin("PUT", "/api/v1/clusters/other", sim).await.0, 200);
        assert_eq!(server.admin("GET", "/api/v1/clusters/other", Value::Null).await.1["health"]["state"], "Reachable");
        begun.elapsed()
    };
    let (refused, took) = tokio::join!(hang, others);
    assert!(took < Duration::from_secs(3), "held up for {took:?}");
    for (status, said) in refused {
        assert_eq!(status, 422, "{said}");
        assert!(said["detail"].as_str().unwrap().contains("\"sleep\" that the kubeconfig runs did not end"), "{said}");
    }
    // A process that was killed is gone a moment later.
    run(0).await;
}

#[tokio::test]
async fn a_kubeconfig_that_runs_a_program_or_names_a_file_is_refused_with_the_mend() {
    let server = Server::start();
    let with = |user: &str| {
        json!({"kubeconfig": format!("{{\"apiVersion\":\"v1\",\"kind\":\"Config\",\"current-context\":\"c\",\
            \"clusters\":[{{\"name\":\"c\",\"cluster\":{{\"server\":\"https://127.0.0.1:9\"}}}}],\
            \"users\":[{{\"name\":\"u\",\"user\":{user}}}],\"contexts\":[{{\"name\":\"c\",\"context\":{{\"cluster\":\"c\",\"user\":\"u\"}}}}]}}")})
    };
    let exec = "{\"exec\":{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"command\":\"/bin/false\"}}";
    let (status, body) = server.admin("PUT", "/api/v1/clusters/x", with(exec)).await;
    assert_eq!(status, 422);
    assert!(body["detail"].as_str().unwrap().contains("allow_exec"), "{body}");
    let file = "{\"client-certificate\":\"/etc/passwd\",\"client-key\":\"/etc/passwd\"}";
    let (status, body) = server.admin("PUT", "/api/v1/clusters/x", with(file)).await;
    assert_eq!(status, 422);
    assert!(body["detail"].as_str().unwrap().contains("/etc/passwd"), "{body}");
    assert_eq!(server.admin("GET", "/api/v1/clusters/x", Value::Null).await.0, 404);
}

#[tokio::test]
async fn a_body_over_the_limit_is_413() {
    let server = Server::start();
    let body = Value::String("x".repeat(5 << 20));
    assert_eq!(server.admin("PUT", "/api/v1/tenants/x", body).await.0, 413);
}

#[tokio::test]
async fn a_second_server_on_the_folder_is_refused_and_a_killed_one_is_followed() {
    let server = Server::start();
    server.admin("PUT", "/api/v1/tenants/kept", json!({})).await;
    let second = std::process::Command::new(env!("CARGO_BIN_EXE_sliceway"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(server.data())
        .output()
        .unwrap();
    assert!(!second.status.success());
    assert!(String::from_utf8_lossy(&second.stderr).contains("process"), "{}", String::from_utf8_lossy(&second.stderr));
    let server = server.killed_and_started_again();
    assert_eq!(server.admin("GET", "/api/v1/tenants/kept", Value::Null).await.0, 200);
}

#[tokio::test]
async fn tls_is_served_by_two_flags_and_the_cli_takes_a_ca() {
    let server = Server::start_tls();
    assert!(server.url.starts_with("https://"));
    let trusted = server.path("ca.pem");
    let login = server.cli(&["login", "--ca", trusted.to_str().unwrap()]);
    assert!(login.status.success(), "{}", crate::server::words(&login));
    let get = server.cli(&["get", "tenants"]);
    assert!(crate::server::words(&get).contains("default"), "{}", crate::server::words(&get));
    assert!(server.http.get(format!("{}/healthz", server.url)).send().await.is_err(), "an unknown CA is refused");
}

#[tokio::test]
async fn a_token_that_calls_too_often_is_429_and_another_is_served() {
    let server = Server::start_with("[limits]\nrequests_per_second = 1\nburst = 3\n");
    let other = server.token("viewer", "default").await;
    let mut last = 200;
    for _ in 0..4 {
        last = server.admin("GET", "/api/v1/whoami", Value::Null).await.0;
    }
    assert_eq!(last, 429);
    assert_eq!(server.send("GET", "/api/v1/whoami", (Some(&other), Value::Null)).await.status(), 200);
}

#[test]
fn a_configuration_with_an_unknown_key_is_refused_by_name() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("server.toml");
    std::fs::write(&file, "[limits]\nrequests_per_secnd = 1\n").unwrap();
    let out = std::process::Command::new(env!("CARGO_BIN_EXE_sliceway"))
        .args(["serve", "--config", file.to_str().unwrap(), "--data"])
        .arg(folder.path().join("data"))
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&out.stderr).contains("requests_per_secnd"), "{out:?}");
}

#[tokio::test]
async fn a_key_that_is_sent_twice_at_once_is_carried_out_once() {
    let server = Server::start().with_lab().await;
    let slice = std::fs::read_to_string(crate::server::factory()).unwrap();
    let apply = || {
        let request = server.http.post(format!("{}/api/v1/slices", server.url)).bearer_auth(&server.token);
        request.header("Idempotency-Key", "twice").body(slice.clone()).send()
    };
    let (one, two) = tokio::join!(apply(), apply());
    let mut answers = [one.unwrap().status().as_u16(), two.unwrap().status().as_u16()];
    answers.sort_unstable();
    assert!(answers == [202, 202] || answers == [202, 409], "{answers:?}");
    let (_, operations) = server.admin("GET", "/api/v1/operations", Value::Null).await;
    assert_eq!(operations["items"].as_array().unwrap().len(), 1);
    let refused = server.http.put(format!("{}/api/v1/clusters/x", server.url)).bearer_auth(&server.token);
    let bad = refused.header("Idempotency-Key", "again").body("{}").send().await.unwrap();
    assert_eq!(bad.status(), 422);
    let again = server.http.put(format!("{}/api/v1/clusters/x", server.url)).bearer_auth(&server.token);
    let good =
        again.header("Idempotency-Key", "again").body(json!({"spec": {"sim": {}}}).to_string()).send().await.unwrap();
    assert_eq!(good.status(), 200, "a refusal does not use the key up");
}

/// Sends a request and goes away before the answer.
fn ask_and_leave(server: &Server, path: &str, body: &str, pause: Duration) {
    use std::io::Write;
    let address = server.url.strip_prefix("http://").unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n",
        server.token,
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let until = std::time::Instant::now() + pause;
    while std::time::Instant::now() < until {
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_no_operation_that_nothing_carries_out() {
    let server = Server::start().with_lab().await;
    let slice = std::fs::read_to_string(crate::server::factory()).unwrap();
    for n in 0..30u64 {
        let body = slice.replace("factory-7", &format!("left-{n}"));
        ask_and_leave(&server, "/api/v1/slices", &body, Duration::from_millis(30 + 3 * n));
    }
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    loop {
        let (_, open) = server.admin("GET", "/api/v1/operations?field=state=PROCESSING", Value::Null).await;
        let (_, done) = server.admin("GET", "/api/v1/operations?field=state=COMPLETED", Value::Null).await;
        let done = done["items"].as_array().unwrap();
        if open["items"] == json!([]) && !done.is_empty() {
            assert!(done.iter().all(|operation| operation["done"] == operation["changes"]));
            return;
        }
        assert!(std::time::Instant::now() < deadline, "still open: {open}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_bad_request_that_would_supersede_leaves_alone_what_runs() {
    let server = Server::start().with_lab().await;
    let slice = std::fs::read_to_string(crate::server::factory()).unwrap();
    let wrong = slice.replace("version: 1.2.0", "version: 9.9.9");
    let post = |path: &str, body: String| {
        server.http.post(format!("{}{path}", server.url)).bearer_auth(&server.token).body(body).send()
    };
    assert_eq!(post("/api/v1/slices", slice).await.unwrap().status(), 202);
    assert_eq!(post("/api/v1/slices?supersede=any", wrong).await.unwrap().status(), 422);
    let (_, operations) = server.admin("GET", "/api/v1/operations", Value::Null).await;
    assert_ne!(operations["items"][0]["state"], "FAILED_TEMP");
}

#[tokio::test]
async fn a_token_does_not_outlive_its_tenant() {
    let server = Server::start();
    server.admin("PUT", "/api/v1/tenants/beta", json!({})).await;
    let token = server.token("operator", "beta").await;
    assert_eq!(server.admin("DELETE", "/api/v1/tenants/beta", Value::Null).await.0, 204);
    assert_eq!(server.send("GET", "/api/v1/whoami", (Some(&token), Value::Null)).await.status(), 401);
    server.admin("PUT", "/api/v1/tenants/beta", json!({})).await;
    assert_eq!(server.send("GET", "/api/v1/whoami", (Some(&token), Value::Null)).await.status(), 401);
}

#[tokio::test]
async fn a_simulated_cluster_stays_simulated() {
    let server = Server::start().with_lab().await;
    let (status, body) = server.admin("PUT", "/api/v1/clusters/edge", json!({"labels": {"region": "field"}})).await;
    assert_eq!(status, 422, "{body}");
    assert!(body["detail"].as_str().unwrap().contains("is simulated"), "{body}");
}

#[tokio::test]
async fn a_kubeconfig_that_does_not_parse_is_not_quoted() {
    let server = Server::start();
    let text = "users: [{name: a, user: {token: [KUBETOKEN_98]}}]";
    let (status, body) = server.admin("PUT", "/api/v1/clusters/x", json!({"kubeconfig": text})).await;
    assert_eq!(status, 422);
    assert!(!body.to_string().contains("KUBETOKEN_98"), "{body}");
}
