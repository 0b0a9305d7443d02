//! The first start: whoever sets a server up gets its administrator's token, also where that start was cut short.

use crate::server::Server;
use serde_json::Value;
use tempfile::TempDir;

#[tokio::test]
async fn a_first_start_that_could_not_write_its_token_down_has_made_none() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    // What stands in the way is any cause for which the file is not written: a full disk, a kill at that moment.
    std::fs::create_dir_all(data.join("admin.token")).unwrap();
    let cut = std::process::Command::new(env!("CARGO_BIN_EXE_sliceway"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(&data)
        .env("SLICEWAY_CONFIG", folder.path().join("cli.toml"))
        .output()
        .unwrap();
    assert!(!cut.status.success());
    std::fs::remove_dir(data.join("admin.token")).unwrap();
    let server = Server::start_on(folder);
    let (status, body) = server.admin("GET", "/api/v1/tokens", Value::Null).await;
    assert_eq!((status, body["items"].as_array().map(Vec::len)), (200, Some(1)), "{body}");
}
