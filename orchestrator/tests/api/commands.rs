//! The CLI as a person uses it: plans, exit codes, words, and the life of a slice on simulated clusters.

use crate::server::{Server, code, factory, words};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;

/// What `plan` says to give to `--plan`.
fn plan_id(shown: &str) -> String {
    let (_, rest) = shown.split_once("--plan ").unwrap();
    rest.chars().take_while(char::is_ascii_hexdigit).collect()
}

#[tokio::test]
async fn a_slice_is_planned_applied_left_alone_changed_and_deleted() {
    let server = Server::start().with_lab().await;
    let plan = server.cli(&["plan", "-f", &factory()]);
    let shown = words(&plan);
    assert!(shown.contains("37 to create, 0 to change, 0 to delete"), "{shown}");
    assert!(shown.contains("@ store on cloud:"), "{shown}");
    let id = plan_id(&shown);

    let applied = server.cli(&["apply", "-f", &factory(), "--plan", &id, "--wait"]);
    assert_eq!(code(&applied), 0, "{}", words(&applied));
    let again = server.cli(&["apply", "-f", &factory(), "--wait"]);
    assert!(words(&again).contains("slice factory-7 unchanged"), "{}", words(&again));
    assert_eq!(code(&server.cli(&["diff", "-f", &factory()])), 0);

    let text = std::fs::read_to_string(factory()).unwrap().replace("persistence: 1Gi", "persistence: 2Gi");
    let changed = server.path("changed.yaml");
    std::fs::write(&changed, text).unwrap();
    let changed = changed.display().to_string();
    let plan = words(&server.cli(&["plan", "-f", &changed]));
    assert!(plan.contains("~ PersistentVolumeClaim"), "{plan}");
    assert_eq!(code(&server.cli(&["diff", "-f", &changed])), 1);
    assert_eq!(code(&server.cli(&["apply", "-f", &changed, "--wait"])), 0);

    let refused = server.cli(&["delete", "slice", "factory-7"]);
    assert_eq!(code(&refused), 4);
    assert!(words(&refused).contains("--allow-data-loss store"), "{}", words(&refused));
    let deleted = server.cli(&["slice", "delete", "factory-7", "--allow-data-loss", "store", "--wait"]);
    assert_eq!(code(&deleted), 0, "{}", words(&deleted));
    assert_eq!(code(&server.cli(&["get", "slice", "factory-7"])), 3);
}

#[tokio::test]
async fn an_outdated_plan_is_refused_with_the_difference() {
    let server = Server::start().with_lab().await;
    let shown = words(&server.cli(&["plan", "-f", &factory()]));
    let id = plan_id(&shown);
    assert_eq!(code(&server.cli(&["apply", "-f", &factory(), "--wait"])), 0);
    let late = server.cli(&["apply", "-f", &factory(), "--plan", &id]);
    assert_eq!(code(&late), 4, "{}", words(&late));
    assert!(words(&late).contains("no longer:"), "{}", words(&late));
}

#[tokio::test]
async fn a_bad_file_is_exit_code_2_with_file_line_and_mend() {
    let server = Server::start();
    let file = server.path("bad.yaml");
    std::fs::write(&file, "apiVersion: sliceway/v1\nkind: Slice\nmetadata: {name: x}\nspec:\n  gatewys: []\n").unwrap();
    let refused = server.cli(&["apply", "-f", file.to_str().unwrap()]);
    assert_eq!(code(&refused), 2);
    let said = words(&refused);
    assert!(said.contains("bad.yaml:5:3") && said.contains("gateways"), "{said}");
}

#[tokio::test]
async fn a_chart_that_is_not_there_is_told_at_its_line_in_the_file() {
    let server = Server::start().with_lab().await;
    let text = std::fs::read_to_string(factory()).unwrap().replace("name: mqtt-server,", "name: mqtt-sever,");
    let file = server.path("wrong.yaml");
    std::fs::write(&file, text).unwrap();
    let refused = server.cli(&["apply", "-f", file.to_str().unwrap()]);
    let said = words(&refused);
    assert_eq!(code(&refused), 2, "{said}");
    assert!(said.contains("wrong.yaml:10:") && said.contains("mqtt-server"), "{said}");
}

#[tokio::test]
async fn a_value_that_the_charts_schema_refuses_is_told_at_its_line_in_the_file() {
    let server = Server::start().with_lab().await;
    let text = std::fs::read_to_string(factory()).unwrap().replace("persistence: 1Gi", "persistence: [1]");
    let file = server.path("schema.yaml");
    std::fs::write(&file, text).unwrap();
    let refused = server.cli(&["apply", "-f", file.to_str().unwrap()]);
    let said = words(&refused);
    assert_eq!(code(&refused), 2, "{said}");
    assert!(said.contains("schema.yaml:10:") && said.contains("persistence"), "{said}");
}

#[tokio::test]
async fn exit_codes_tell_a_missing_right_a_missing_server_and_a_wrong_word() {
    let server = Server::start();
    let viewer = server.token("viewer", "default").await;
    assert_eq!(code(&server.cli_as(&viewer, &["tenant", "create", "x"])), 5);
    assert_eq!(code(&server.cli(&["get", "slices", "--server", "http://127.0.0.1:9"])), 7);
    let wrong = server.cli(&["get", "slcies"]);
    assert_eq!(code(&wrong), 2);
    assert!(words(&wrong).contains("did you mean \"slices\"?"), "{}", words(&wrong));
}

#[tokio::test]
async fn credentials_are_written_for_their_owner_only() {
    let server = Server::start().with_lab().await;
    assert_eq!(code(&server.cli(&["apply", "-f", &factory(), "--wait"])), 0);
    let dir = server.path("thermo");
    let out = server.cli(&["device", "credentials", "thermo-1", "-o", dir.to_str().unwrap()]);
    assert_eq!(code(&out), 0, "{}", words(&out));
    let password = std::fs::metadata(dir.join("password")).unwrap();
    assert_eq!(password.permissions().mode() & 0o777, 0o600);
    let endpoint: Value = serde_json::from_slice(&std::fs::read(dir.join("endpoint.json")).unwrap()).unwrap();
    assert!(endpoint["port"].as_u64().unwrap() > 0);
    let viewer = server.token("viewer", "default").await;
    let refused = server.cli_as(&viewer, &["device", "credentials", "thermo-1", "-o", dir.to_str().unwrap()]);
    assert_eq!(code(&refused), 5);
}

#[tokio::test]
async fn a_cluster_with_a_slice_on_it_is_not_forgotten() {
    let server = Server::start().with_lab().await;
    assert_eq!(code(&server.cli(&["apply", "-f", &factory(), "--wait"])), 0);
    let refused = server.cli(&["delete", "cluster", "edge"]);
    assert_eq!(code(&refused), 4);
    assert!(words(&refused).contains("slice factory-7"), "{}", words(&refused));
    assert_eq!(code(&server.cli(&["delete", "repository", "lab"])), 4);
}

#[tokio::test]
async fn every_output_form_holds_the_same_and_both_orders_are_taken() {
    let server = Server::start().with_lab().await;
    let json: Value = serde_json::from_slice(&server.cli(&["get", "clusters", "-o", "json"]).stdout).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 2);
    let yaml = server.cli(&["cluster", "get", "-o", "yaml"]);
    assert!(words(&yaml).contains("name: edge"), "{}", words(&yaml));
    let table = words(&server.cli(&["get", "clusters", "-o", "wide"]));
    assert!(table.contains("CERTIFICATE ENDS") && table.contains("region=eu"), "{table}");
    let schema: Value = serde_json::from_slice(&server.cli(&["schema"]).stdout).unwrap();
    assert!(schema["oneOf"].is_array());
    let completion = words(&server.cli(&["completion", "bash"]));
    assert!(completion.contains("COMPLETE"), "{completion}");
}

#[tokio::test]
async fn a_shell_completes_nouns_and_names_from_the_server() {
    let server = Server::start().with_lab().await;
    let complete = |words: &[&str]| {
        let out = std::process::Command::new(env!("CARGO_BIN_EXE_sliceway"))
            .args(["--", "sliceway"])
            .args(words)
            .env("COMPLETE", "bash")
            .env("_CLAP_COMPLETE_INDEX", words.len().to_string())
            .env("_CLAP_IFS", "\n")
            .env("SLICEWAY_CONFIG", server.path("cli.toml"))
            .env("SLICEWAY_SERVER", &server.url)
            .env("SLICEWAY_TOKEN", &server.token)
            .output()
            .unwrap();
        String::from_utf8_lossy(&out.stdout).lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(complete(&["get", "sli"]).contains(&"slices".to_owned()));
    let after = complete(&["cluster", "describe", ""]);
    assert!(after.contains(&"edge".to_owned()), "{after:?}");
    let applied = server.cli(&["apply", "-f", &factory(), "--wait"]);
    assert_eq!(code(&applied), 0, "{}", words(&applied));
    let devices = complete(&["device", "credentials", ""]);
    assert!(devices.contains(&"thermo-1".to_owned()), "{devices:?}");
    for noun in ["slice", "slices"] {
        let verbs = complete(&[noun, ""]);
        assert!(["describe", "get"].iter().all(|verb| verbs.contains(&(*verb).to_owned())), "{verbs:?}");
        let slices = complete(&[noun, "describe", ""]);
        assert!(slices.contains(&"factory-7".to_owned()), "{noun}: {slices:?}");
    }
    let names = complete(&["get", "clusters", ""]);
    assert!(names.contains(&"edge".to_owned()) && names.contains(&"cloud".to_owned()), "{names:?}");
}
