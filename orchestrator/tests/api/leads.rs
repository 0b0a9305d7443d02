//! What a first-time user trips over: closed pipes, words that lead astray, flags that nobody checks, a server that goes away.

use crate::server::{Server, code, factory, stdout, words};
use serde_json::{Value, json};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_the_program_without_a_word() {
    let server = Server::start().with_lab().await;
    let f = factory();
    for args in [
        vec!["get", "clusters"],
        vec!["get", "clusters", "-o", "yaml"],
        vec!["plan", "-f", &f],
        vec!["apply", "-f", &f, "-o", "json"],
        vec!["schema"],
        vec!["completion", "bash"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let out = server.command(&server.token, &args).stdout(Stdio::from(writer)).output().unwrap();
        let said = stderr(&out);
        assert!(!said.contains("panicked") && !said.contains("roken pipe"), "{args:?}: {said}");
        assert_eq!(code(&out), 141, "{args:?}: {said}");
    }
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let out = server.command(&server.token, &["get", "slcies"]).stderr(Stdio::from(writer)).output().unwrap();
    assert_eq!(code(&out), 141);
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_started_again_on_its_own_folder() {
    let server = Server::start();
    let said = words(&server.cli(&["get", "slices", "--server", "http://127.0.0.1:9"]));
    assert!(said.contains("sliceway serve --data DIR") && said.contains("make demo"), "{said}");
}

#[tokio::test]
async fn wrong_words_are_refused_as_wrong_words_with_a_mend() {
    let server = Server::start();
    for (args, said) in [
        (&["tenant", "create", "Bad_Name"][..], "take bad-name"),
        (&["repository", "add", "x", "--path", "/nonexistent"], "/nonexistent is no folder on this computer"),
        (&["get", "slices", "-l", "customer"], "write -l name=value"),
        (&["token", "create", "--role", "king"], "take one of viewer, operator, admin"),
        (&["token", "create", "--role", "viewr"], "did you mean \"viewer\"?"),
        (&["token", "create", "--role", "viewer", "--ends", "yesterday"], "is no day and no moment"),
        (&["token", "create", "--role", "viewer", "--ends", "2001-01-01"], "is over already"),
        (&["delete", "cluster", "x", "--allow-data-loss", "y"], "belongs to the deletion of a slice"),
        (&["device", "credentials", "x", "-o", "json"], "sliceway device credentials x --dir DIR"),
        (&["delete", "slice", "x", "--timeout", "0"], "would wait for nothing"),
        (&["delete", "slice", "x", "--timeout", "soon"], "write a number with s, m or h"),
    ] {
        let out = server.cli(args);
        assert_eq!(code(&out), 2, "{args:?}: {}", words(&out));
        assert!(words(&out).contains(said), "{args:?}: {}", words(&out));
    }
    assert!(!server.path("json").exists() && !std::path::Path::new("json").exists());
    let past = json!({"role": "viewer", "ends": "2001-01-01T00:00:00Z"});
    assert_eq!(server.admin("POST", "/api/v1/tokens", past).await.0, 422);
    let made = server.cli(&["token", "create", "--role", "viewer", "--ends", "2999-01-31"]);
    assert_eq!(code(&made), 0, "{}", words(&made));
}

#[tokio::test]
async fn a_function_that_the_slice_does_not_have_is_refused_with_the_nearest_one() {
    let server = Server::start().with_slice().await;
    let f = factory();
    for verb in ["plan", "diff", "apply"] {
        for flag in ["--replace", "--upgrade", "--allow-data-loss"] {
            let out = server.cli(&[verb, "-f", &f, flag, "stor"]);
            assert_eq!(code(&out), 2, "{verb} {flag}: {}", words(&out));
            assert!(words(&out).contains("did you mean \"store\"?"), "{verb} {flag}: {}", words(&out));
        }
        let out = server.cli(&[verb, "-f", &f, "--upgrade", "gw"]);
        assert!(code(&out) < 2, "{verb}: {}", words(&out));
    }
    let file = std::fs::read_to_string(&f).unwrap();
    let parsed = models::file::parse(&[models::file::Source { name: "f", text: &file }]).unwrap();
    let (status, body) = server.admin("POST", "/api/v1/slices:plan?replace=nope", parsed[0].document.json()).await;
    assert_eq!(status, 422, "{body}");
    let (status, body) = server.admin("POST", "/api/v1/slices?timeout=0", parsed[0].document.json()).await;
    assert_eq!(status, 400, "{body}");
    let offered = stdout(&server.cli(&["slice", "delete", "--help"]));
    assert!(!offered.contains("--replace") && !offered.contains("--upgrade"), "{offered}");
}

#[tokio::test]
async fn data_is_one_document_on_stdout_and_words_are_on_stderr() {
    let server = Server::start().with_lab().await;
    let f = factory();
    for (args, field) in [
        (vec!["apply", "-f", &f, "--wait"], "state"),
        (vec!["apply", "-f", &f], "unchanged"),
        (vec!["plan", "-f", &f], "changes"),
    ] {
        let json = server.cli(&[args.as_slice(), &["-o", "json"]].concat());
        let value: Value = serde_json::from_str(&stdout(&json)).unwrap();
        assert!(value.get(field).is_some(), "{args:?}: {value}");
    }
    let yaml = server.cli(&["apply", "-f", &f, "-o", "yaml"]);
    assert!(stdout(&yaml).starts_with("slice:") || stdout(&yaml).contains("unchanged: true"), "{}", stdout(&yaml));
    assert!(stderr(&yaml).contains("slice factory-7 unchanged"), "{}", stderr(&yaml));
    assert!(!stderr(&yaml).contains("warning:"), "what stands is counted, not repeated: {}", stderr(&yaml));
    assert!(stderr(&yaml).contains("warnings stand as before"), "{}", stderr(&yaml));

    let folder = server.path("both");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("a.yaml"), "apiVersion: sliceway/v1\nkind: Tenant\nmetadata: {name: acme}\n").unwrap();
    std::fs::copy(&f, folder.join("b.yaml")).unwrap();
    let both = server.cli(&["apply", "-f", folder.to_str().unwrap(), "-o", "json"]);
    let value: Value = serde_json::from_str(&stdout(&both)).unwrap();
    assert_eq!((value.as_array().unwrap().len(), &value[0]["name"]), (2, &json!("acme")));
    assert_eq!(stdout(&server.cli(&["apply", "-f", &f])), "", "without -o there are words only");
}

#[tokio::test]
async fn progress_counts_up_and_says_where_secrets_are() {
    let server = Server::start().with_lab().await;
    let said = stderr(&server.cli(&["apply", "-f", &factory(), "--wait"]));
    let counts: Vec<&str> = said.lines().filter(|line| line.ends_with(" done")).collect();
    let count = |line: &str| line.split('/').next().unwrap().parse::<usize>().unwrap();
    let found: Vec<usize> = counts.iter().map(|line| count(line)).collect();
    assert_eq!(found, (1..=found.len()).collect::<Vec<_>>(), "{said}");
    assert!(said.contains("in the server's store") && !said.contains("on here"), "{said}");
}

#[tokio::test]
async fn a_device_stands_where_its_gateway_stands_and_shows_its_endpoint() {
    let server = Server::start().with_slice().await;
    let table = stdout(&server.cli(&["get", "devices"]));
    assert!(table.contains("CLUSTER") && table.contains("edge") && !table.contains("ENDPOINT"), "{table}");
    let wide = stdout(&server.cli(&["get", "devices", "-o", "wide"]));
    let dir = server.path("thermo");
    let out = server.cli(&["device", "credentials", "thermo-1", "--dir", dir.to_str().unwrap()]);
    assert_eq!(code(&out), 0, "{}", words(&out));
    let endpoint: Value = serde_json::from_slice(&std::fs::read(dir.join("endpoint.json")).unwrap()).unwrap();
    let at = format!("{}:{}", endpoint["host"].as_str().unwrap(), endpoint["port"]);
    assert!(wide.contains(&at), "{at}: {wide}");
    let (_, one) = server.admin("GET", "/api/v1/devices/thermo-1", Value::Null).await;
    assert_eq!(one["cluster"], "edge");
}

#[tokio::test]
async fn a_plan_says_which_run_time_value_of_a_secret_changes() {
    let server = Server::start().with_slice().await;
    let device = "    - {name: thermo-2, gateway: gw, protocol: mqtt}\n";
    let text = std::fs::read_to_string(factory()).unwrap().replace("  devices:\n", &format!("  devices:\n{device}"));
    let file = server.path("more.yaml");
    std::fs::write(&file, text).unwrap();
    let plan = words(&server.cli(&["plan", "-f", file.to_str().unwrap()]));
    assert!(plan.contains("what is filled in at run time: data.acl, data.passwd"), "{plan}");
}

#[tokio::test]
async fn an_empty_token_counts_as_none_and_a_list_is_a_list_in_both_orders() {
    let server = Server::start();
    let config = server.path("cli.toml");
    let known = format!("server = {:?}\ntoken = {:?}\n", server.url, server.token);
    std::fs::write(config, known).unwrap();
    let out = server.cli_as("", &["tenant", "list"]);
    assert_eq!(code(&out), 0, "{}", words(&out));
    assert!(stdout(&out).contains("default"));
    for args in [["list", "tenants"], ["token", "list"]] {
        assert_eq!(code(&server.cli(&args)), 0, "{args:?}");
    }
}

#[tokio::test]
async fn a_unit_is_one_of_senml() {
    let server = Server::start();
    let text = std::fs::read_to_string(factory()).unwrap().replace("unit: Cel", "unit: Celsius");
    let file = server.path("unit.yaml");
    std::fs::write(&file, text).unwrap();
    let out = server.cli(&["plan", "-f", file.to_str().unwrap()]);
    assert_eq!(code(&out), 2);
    assert!(words(&out).contains("no unit of SenML; did you mean \"Cel\"?"), "{}", words(&out));
}

#[tokio::test]
async fn a_server_beyond_loopback_without_tls_warns() {
    let folder = tempfile::TempDir::new().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_sliceway"))
        .args(["serve", "--listen", "0.0.0.0:0", "--data"])
        .arg(folder.path().join("data"))
        .env("SLICEWAY_CONFIG", folder.path().join("cli.toml"))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    let found = lines.map_while(Result::ok).take_while(|line| !line.starts_with("serving on")).collect::<Vec<_>>();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(found.iter().any(|line| line.contains("without TLS tokens travel in the clear")), "{found:?}");
}

/// The lab with an edge that has no room.
async fn too_small() -> Server {
    let server = Server::start().with_lab().await;
    size(&server, "10m").await;
    server
}

async fn size(server: &Server, cpu: &str) {
    let body = json!({"labels": {"region": "field"}, "spec": {"sim": {"nodes": 1, "cpu": cpu}}});
    let (status, body) = server.admin("PUT", "/api/v1/clusters/edge", body).await;
    assert_eq!(status, 200, "{body}");
}

async fn until_it_waits(server: &Server) -> String {
    let end = Instant::now() + PATIENCE;
    loop {
        let (_, all) = server.admin("GET", "/api/v1/operations", Value::Null).await;
        if let Some(operation) = all["items"].as_array().into_iter().flatten().find(|o| o["waiting_for"].is_string()) {
            return operation["id"].as_str().unwrap().to_owned();
        }
        assert!(Instant::now() < end, "{all}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn what_is_superseded_says_by_what_and_no_longer_that_it_waits() {
    let server = too_small().await;
    assert_eq!(code(&server.cli(&["apply", "-f", &factory()])), 0);
    let old = until_it_waits(&server).await;
    let text = std::fs::read_to_string(factory()).unwrap().replace("{cluster: edge}", "{cluster: cloud}");
    let file = server.path("other.yaml");
    std::fs::write(&file, text).unwrap();
    let taken = server.cli(&["apply", "-f", file.to_str().unwrap(), "--supersede", "-o", "json"]);
    assert_eq!(code(&taken), 0, "{}", words(&taken));
    let new: Value = serde_json::from_str(&stdout(&taken)).unwrap();
    let (_, operation) = server.admin("GET", &format!("/api/v1/operations/{old}"), Value::Null).await;
    let by = format!("superseded by {}", new["id"].as_str().unwrap());
    assert_eq!((&operation["state"], &operation["error"]["message"]), (&json!("FAILED"), &json!(by)));
    assert_eq!(operation["warnings"].as_array().map_or(0, Vec::len), 0, "{operation}");
    let watched = server.cli(&["operation", "watch", &old]);
    assert_eq!(code(&watched), 1);
    assert!(words(&watched).contains(&by) && !words(&watched).contains("retry"), "{}", words(&watched));
}

#[tokio::test]
async fn waiting_goes_on_when_the_server_is_started_again() {
    let server = too_small().await;
    let mut command = server.command(&server.token, &["apply", "-f", &factory(), "--wait"]);
    let wait = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    until_it_waits(&server).await;
    let at = server.url.strip_prefix("http://").unwrap().to_owned();
    let server = server.killed_and_started_again_at(&at);
    size(&server, "4").await;
    let out = wait.wait_with_output().unwrap();
    assert_eq!(code(&out), 0, "{}", stderr(&out));
}
