//! The tutorial, word by word: every block of shell in it is typed, in its order, and must end well.

use crate::command_line::command_line;
use crate::ground::{disowned, lab, lab_is_up, root};
use crate::killed::Server;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// The blocks that are marked as shell.
fn blocks(text: &str) -> Vec<String> {
    let parts = text.split("```sh\n").skip(1);
    parts.map(|part| part.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_tutorial_leads_from_helm_create_to_a_running_service_and_back() {
    if !lab_is_up() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let server = Server::start(folder.path());
    disowned();
    let kubeconfig = lab(&["kubeconfig", "edge"]);
    server.good(folder.path(), &["cluster", "add", "edge", "--kubeconfig", kubeconfig.trim()]);
    let bin = folder.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    for (name, program) in [("helm", command_line()), ("sliceway", Path::new(env!("CARGO_BIN_EXE_sliceway")))] {
        std::os::unix::fs::symlink(program, bin.join(name)).unwrap();
    }
    // Its neighbour does the charts' work.
    std::os::unix::fs::symlink(root().join("target/debug/sliceway-helm-worker"), bin.join("sliceway-helm-worker"))
        .unwrap();
    let text = std::fs::read_to_string(root().join("docs/tutorial.md")).unwrap();
    let blocks = blocks(&text);
    assert!(blocks.len() > 8, "{}", blocks.len());
    for block in blocks {
        let output = typed(&block, (folder.path(), &bin, &server));
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{block}\n{said}");
        if block.contains("ns instantiate mall -f said.yaml --wait") {
            assert!(said.contains("INSTANTIATED") && said.contains("Ready"), "{said}");
        }
    }
    let left = server.good(folder.path(), &["get", "slices", "-o", "json"]);
    assert_eq!(left.trim(), "[]");
}

fn typed(block: &str, (folder, bin, server): (&Path, &Path, &Server)) -> std::process::Output {
    let token = std::fs::read_to_string(folder.join("data/admin.token")).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    Command::new("bash")
        .args(["-euo", "pipefail", "-c", block])
        .current_dir(folder)
        .env("PATH", path)
        .env("SLICEWAY_CONFIG", folder.join("cli.toml"))
        .env("SLICEWAY_SERVER", server.url())
        .env("SLICEWAY_TOKEN", token)
        .env("HOME", folder)
        .output()
        .unwrap()
}
