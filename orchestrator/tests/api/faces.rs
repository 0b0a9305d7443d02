//! The CLI beside MODEL's list: both word orders, every output, watching, previews, and what to type next.

use crate::server::{Server, code, factory, stdout, words};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::sync::mpsc;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn the_general_verbs_stand_before_and_after_every_noun_in_singular_and_plural() {
    let server = Server::start().with_slice().await;
    let (_, operations) = server.admin("GET", "/api/v1/operations", Value::Null).await;
    let (_, tokens) = server.admin("GET", "/api/v1/tokens", Value::Null).await;
    let operation = operations["items"][0]["id"].as_str().unwrap();
    for (singular, plural, name) in [
        ("tenant", "tenants", "default"),
        ("token", "tokens", tokens["items"][0]["id"].as_str().unwrap()),
        ("cluster", "clusters", "edge"),
        ("repository", "repositories", "lab"),
        ("slice", "slices", "factory-7"),
        ("gateway", "gateways", "gw"),
        ("server", "servers", "store"),
        ("device", "devices", "thermo-1"),
        ("operation", "operations", operation),
    ] {
        for noun in [singular, plural] {
            for verb in ["get", "describe"] {
                let (one, other) =
                    (server.cli(&[verb, noun, name, "-o", "json"]), server.cli(&[noun, verb, name, "-o", "json"]));
                assert_eq!(code(&one), 0, "{verb} {noun}: {}", words(&one));
                assert_eq!(stdout(&one), stdout(&other), "{verb} {noun}: {}", words(&other));
                assert!(stdout(&one).contains(name), "{verb} {noun}");
            }
            let (one, other) = (server.cli(&["get", noun]), server.cli(&[noun, "get"]));
            assert!(stdout(&one).contains(name) && stdout(&other).contains(name), "{noun}: {}", words(&other));
        }
    }
    for words_of in [["delete", "cluster", "nothing"], ["cluster", "delete", "nothing"]] {
        assert_eq!(code(&server.cli(&words_of)), 3);
    }
    let (one, other) = (server.cli(&["explain", "slice", "factory-7"]), server.cli(&["slice", "explain", "factory-7"]));
    assert_eq!((code(&one), stdout(&one)), (0, stdout(&other)));
    for words_of in [["create", "tenant", "one"], ["tenant", "create", "two"]] {
        assert_eq!(code(&server.cli(&words_of)), 0);
    }
}

#[tokio::test]
async fn a_part_is_found_by_its_name_and_two_of_one_name_by_their_slice() {
    let server = Server::start().with_slice().await;
    let (status, gateway) = server.admin("GET", "/api/v1/gateways/gw", Value::Null).await;
    assert_eq!((status, &gateway["slice"], &gateway["cluster"]), (200, &json!("factory-7"), &json!("edge")));
    assert_eq!(server.admin("GET", "/api/v1/gateways/store", Value::Null).await.0, 404);
    let twin = std::fs::read_to_string(factory()).unwrap().replace("name: factory-7", "name: factory-8");
    let file = server.path("twin.yaml");
    std::fs::write(&file, twin).unwrap();
    let applied = server.cli(&["slice", "apply", "-f", file.to_str().unwrap(), "--wait"]);
    assert_eq!(code(&applied), 0, "{}", words(&applied));
    let both = server.cli(&["get", "gateway", "gw"]);
    assert_eq!(code(&both), 4);
    assert!(words(&both).contains("sliceway get gateway gw --slice NAME"), "{}", words(&both));
    let one = server.cli(&["gateway", "get", "gw", "--slice", "factory-8", "-o", "json"]);
    assert!(stdout(&one).contains("factory-8"), "{}", words(&one));
    let all = stdout(&server.cli(&["get", "devices", "--slice", "factory-8"]));
    assert!(all.contains("factory-8") && !all.contains("factory-7"), "{all}");
    let wrong = server.cli(&["cluster", "apply", "-f", file.to_str().unwrap()]);
    assert_eq!(code(&wrong), 2);
    assert!(words(&wrong).contains("holds a Slice, which is no cluster"), "{}", words(&wrong));
}

#[tokio::test]
async fn what_a_deletion_would_do_is_shown_and_then_done_exactly_so() {
    let server = Server::start().with_slice().await;
    let refused = server.cli(&["delete", "slice", "factory-7"]);
    assert_eq!(code(&refused), 4, "{}", words(&refused));
    assert!(words(&refused).contains("--allow-data-loss store"), "{}", words(&refused));
    let shown = server.cli(&["delete", "slice", "factory-7", "--allow-data-loss", "store", "--dry-run"]);
    let text = words(&shown);
    assert_eq!(code(&shown), 0, "{text}");
    assert!(text.contains("- Deployment") && text.contains("0 to create, 0 to change"), "{text}");
    let (_, slice) = server.admin("GET", "/api/v1/slices/factory-7", Value::Null).await;
    assert_eq!(slice["phase"], "Ready", "nothing was done");
    let (_, rest) = text.split_once("--plan ").unwrap();
    let id: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
    let delete = ["slice", "delete", "factory-7", "--allow-data-loss", "store", "--plan", &id, "--wait"];
    let deleted = server.cli(&delete);
    assert_eq!(code(&deleted), 0, "{}", words(&deleted));
    let wrong = server.cli(&["delete", "cluster", "edge", "--dry-run"]);
    assert_eq!(code(&wrong), 2);
    assert_eq!(server.admin("GET", "/api/v1/clusters/edge", Value::Null).await.0, 200, "nothing was done");
}

#[tokio::test]
async fn a_plan_takes_the_leave_that_an_apply_takes() {
    let server = Server::start().with_slice().await;
    let text = std::fs::read_to_string(factory()).unwrap();
    let file = server.path("moved.yaml");
    std::fs::write(
        &file,
        text.replace("cloud: {select: {labels: {region: eu}}, policy: worst-fit}", "cloud: {cluster: edge}"),
    )
    .unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(code(&server.cli(&["plan", "-f", file])), 4);
    let shown = server.cli(&["plan", "-f", file, "--allow-data-loss", "store"]);
    assert_eq!(code(&shown), 0, "{}", words(&shown));
    assert_eq!(code(&server.cli(&["diff", "-f", file, "--allow-data-loss", "store"])), 1);
}

/// Lines of a command that goes on, as they come.
struct Running {
    child: std::process::Child,
    lines: mpsc::Receiver<String>,
}

impl Running {
    fn start(server: &Server, args: &[&str]) -> Self {
        Self::of(server.command(&server.token, args))
    }

    fn of(mut command: std::process::Command) -> Self {
        let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (tell, lines) = mpsc::channel();
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        Self { child, lines }
    }

    fn until(&self, found: impl Fn(&str) -> bool) -> String {
        let mut told = String::new();
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("not told: {told}"));
            if found(&line) {
                return line;
            }
            told.push_str(&line);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_watch_shows_what_there_is_and_then_what_changes_of_that_name_only() {
    let server = Server::start().with_lab().await;
    let watch = Running::start(&server, &["get", "clusters", "edge", "-w"]);
    watch.until(|line| line.trim_start().starts_with("NAME"));
    watch.until(|line| line.trim_start().starts_with("edge") && line.contains("region=field"));
    let put = async |name: &str, region: &str| {
        let body = json!({"labels": {"region": region}, "spec": {"sim": {}}});
        server.admin("PUT", &format!("/api/v1/clusters/{name}"), body).await;
    };
    put("cloud", "elsewhere").await;
    put("edge", "moved").await;
    let line = watch.until(|line| line.contains("region=elsewhere") || line.contains("region=moved"));
    assert!(line.trim_start().starts_with("edge") && line.contains("region=moved"), "{line}");

    let json = Running::start(&server, &["clusters", "get", "-w", "-l", "region=moved", "-o", "json"]);
    let event: Value = serde_json::from_str(&json.until(|_| true)).unwrap();
    assert_eq!((&event["event"], &event["object"]["name"]), (&json!("put"), &json!("edge")));
    put("edge", "field").await;
    let event: Value = serde_json::from_str(&json.until(|_| true)).unwrap();
    assert_eq!((&event["event"], &event["object"]["id"]), (&json!("left"), &json!("edge")));

    assert_eq!(code(&server.cli(&["get", "slice", "nothing", "--watch"])), 3);
    let parts = server.cli(&["get", "gateways", "--watch"]);
    assert_eq!(code(&parts), 2);
    assert!(words(&parts).contains("cannot be watched"), "{}", words(&parts));
}

#[tokio::test]
async fn a_watch_whose_token_is_revoked_ends_with_words_and_exit_code_5() {
    let server = Server::start();
    let (_, made) = server.admin("POST", "/api/v1/tokens", json!({"role": "viewer"})).await;
    let (token, id) = (made["token"].as_str().unwrap(), made["record"]["id"].as_str().unwrap());
    let said = server.path("said");
    let mut command = server.command(token, &["get", "slices", "--watch"]);
    command.stderr(std::fs::File::create(&said).unwrap());
    let mut watch = Running::of(command);
    watch.until(|line| line.trim_start().starts_with("NAME"));
    assert_eq!(server.admin("DELETE", &format!("/api/v1/tokens/{id}"), Value::Null).await.0, 204);
    assert_eq!(watch.lines.recv_timeout(PATIENCE), Err(mpsc::RecvTimeoutError::Disconnected), "it ends");
    let said = std::fs::read_to_string(said).unwrap();
    assert!(said.contains("revoked") || said.contains("a valid token is needed"), "{said}");
    assert_eq!(watch.child.wait().unwrap().code(), Some(5), "{said}");
}

#[tokio::test]
async fn whatever_changes_something_shows_it_as_json_and_yaml_too() {
    let server = Server::start().with_lab().await;
    let charts = crate::server::root().join("labs/charts").display().to_string();
    let f = factory();
    for (args, field) in [
        (vec!["tenant", "create", "acme"], "acme"),
        (vec!["repository", "add", "lab", "--path", &charts], "mqtt-server"),
        (vec!["cluster", "set", "edge", "--label", "a=b"], "edge"),
        (vec!["apply", "-f", &f, "--wait"], "COMPLETED"),
        (vec!["apply", "-f", &f], "unchanged"),
        (vec!["delete", "slice", "factory-7", "--allow-data-loss", "store", "--wait"], "COMPLETED"),
    ] {
        let out = server.cli(&[args.as_slice(), &["-o", "json"]].concat());
        assert_eq!(code(&out), 0, "{args:?}: {}", words(&out));
        let shown = stdout(&out);
        assert!(serde_json::from_str::<Value>(&shown).is_ok() && shown.contains(field), "{args:?}: {shown}");
    }
    let yaml = stdout(&server.cli(&["get", "cluster", "edge", "-o", "yaml"]));
    assert!(yaml.contains("name: edge\n"), "{yaml}");
    let wide = stdout(&server.cli(&["get", "clusters", "-o", "wide"]));
    assert!(wide.contains("CERTIFICATE ENDS"), "{wide}");
    assert_eq!(code(&server.cli(&["get", "clusters", "-o", "xml"])), 2);
}

#[tokio::test]
async fn every_error_ends_with_what_to_type_next() {
    let server = Server::start().with_lab().await;
    for args in [
        &["get", "slice", "nothing"][..],
        &["get", "slcies"],
        &["get", "operations", "-l", "a=b"],
        &["get", "clusters", "-l", "a"],
        &["delete", "gateway", "gw"],
        &["delete", "slice", "nothing", "--timeout", "0"],
        &["operation", "retry", "nothing"],
        &["cluster", "add", "x"],
        &["device", "credentials", "x"],
        &["explain", "cluster", "edge"],
        &["token", "create", "--role", "king"],
        &["get", "clusters", "-o", "xml"],
        &["apply", "-f", "/nothing.yaml"],
    ] {
        let out = server.cli(args);
        let said = String::from_utf8(out.stderr).unwrap();
        let last = said.lines().last().unwrap_or("");
        let next = last.strip_prefix("next:  ").unwrap_or_else(|| panic!("{args:?}: {said}"));
        assert!(next.len() > 3 && next != "-", "{args:?}: {said}");
    }
}

#[tokio::test]
async fn explain_says_that_it_explains_slices_and_what_to_type_for_another_noun() {
    let server = Server::start().with_lab().await;
    let help = stdout(&server.cli(&["explain", "--help"]));
    assert!(help.contains("sliceway explain [OPTIONS] slice|operation NAME"), "{help}");
    let wrong = words(&server.cli(&["explain", "cluster", "edge"]));
    assert!(
        wrong.contains("slices and operations are explained") && wrong.contains("sliceway describe cluster edge"),
        "{wrong}"
    );
    let missing = words(&server.cli(&["get", "cluster", "nothing"]));
    assert!(missing.contains("next:  sliceway get cluster"), "{missing}");
}
