//! The published document is true: requests that are made up from it, right ones and wrong ones, get no answer that it
//! does not have, and no fault of the server.

use crate::server::{Server, root};
use std::io::Write;
use std::process::Command;

/// Of every endpoint, where nobody says how many; then the systematic tour of every bound is left out, too.
const EXAMPLES: &str = "20";

#[tokio::test]
async fn made_up_requests_find_no_fault_and_no_undocumented_answer() {
    let program = std::env::var_os("SLICEWAY_SCHEMATHESIS").filter(|path| std::path::Path::new(path).is_file());
    let Some(program) = program else {
        assert!(std::env::var_os("CI").is_none(), "make test-api brings schemathesis");
        writeln!(std::io::stderr(), "SKIPPED: no schemathesis; make test-api brings it").unwrap();
        return;
    };
    let limits = "[limits]\nrequests_per_second = 100000\nburst = 100000\n";
    let server = Server::start_with(limits).with_slice().await;
    let (examples, phases) = match std::env::var("EXAMPLES") {
        Ok(examples) => (examples, "examples,coverage,fuzzing,stateful"),
        Err(_) => (EXAMPLES.to_owned(), "examples,fuzzing,stateful"),
    };
    let folder = root().join("orchestrator/tests/api/openapi");
    let mut command = Command::new(program);
    command
        .arg("--config-file")
        .arg(folder.join("schemathesis.toml"))
        .args([
            "run",
            &format!("{}/openapi.json", server.url),
            "--no-color",
            "--max-examples",
            &examples,
            "--phases",
            phases,
        ])
        .args(["--header", &format!("Authorization: Bearer {}", server.token)])
        // The standard's first major versions are answered by the same hands as the second: a long round asks them too.
        .args(std::env::var_os("EXAMPLES").is_none().then_some("--exclude-path-regex=^/(nsd|vnfpkgm|nslcm)/v1/"))
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("SLICEWAY_SERVER", &server.url)
        .env("SLICEWAY_TOKEN", &server.token)
        .env("PYTHONPATH", &folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(server.path(""));
    let out = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let said = crate::server::words(&out);
    writeln!(
        std::io::stderr(),
        "{}",
        said.lines().rev().take(30).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
    )
    .unwrap();
    assert!(out.status.success(), "{said}");
}
