//! The published document is true: requests that are made up from it, right ones and wrong ones, get no answer that it
//! does not have, and no fault of the server.

use crate::server::{Server, root};
use std::io::Write;
use std::process::Command;

/// Of every endpoint, where nobody says how many.
const EXAMPLES: &str = "4";

#[tokio::test]
async fn made_up_requests_find_no_fault_and_no_undocumented_answer() {
    let program = std::env::var_os("SLICEWAY_SCHEMATHESIS").filter(|path| std::path::Path::new(path).is_file());
    let Some(program) = program else {
        assert!(std::env::var_os("CI").is_none(), "make test-api brings schemathesis");
        writeln!(std::io::stderr(), "SKIPPED: no schemathesis; make test-api brings it").unwrap();
        return;
    };
    let limits = "[limits]\nrequests_per_second = 100000\nburst = 100000\n";
    let server = Server::start_with(limits).with_lab().await;
    for file in [crate::server::factory()] {
        let applied = server.cli(&["apply", "-f", &file, "--wait"]);
        assert!(applied.status.success(), "{}", crate::server::words(&applied));
    }
    let examples = std::env::var("EXAMPLES").unwrap_or_else(|_| EXAMPLES.to_owned());
    let folder = root().join("orchestrator/tests/api/openapi");
    let mut command = Command::new(program);
    command
        .arg("--config-file")
        .arg(folder.join("schemathesis.toml"))
        .args(["run", &format!("{}/openapi.json", server.url), "--no-color", "--max-examples", &examples])
        .args(["--header", &format!("Authorization: Bearer {}", server.token)])
        .env("SCHEMATHESIS_HOOKS", "hooks")
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
