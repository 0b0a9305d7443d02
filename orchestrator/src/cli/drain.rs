//! `delete cluster --drain`, and its end.

use super::args::{DeleteOne, Output};
use super::client::{Client, escape};
use super::error::Failed;
use super::exit;
use super::pipe::say;
use super::print;
use serde_json::Value;

/// How long `--wait` asks again whether a cluster is empty.
const ASK_AGAIN: std::time::Duration = std::time::Duration::from_secs(1);

/// Moves what stands on a cluster, which goes when it is empty.
pub(crate) async fn drain(client: &Client, one: &DeleteOne, output: Output) -> Result<u8, Failed> {
    let (name, path) = (&one.name, format!("/api/v1/clusters/{}", escape(&one.name)));
    let forget = if one.removal.forget { "&forget=true" } else { "" };
    let mut cluster = client.delete(&format!("{path}?drain=true{forget}")).await?.body;
    say!("cluster {name} is drained, and goes when nothing stands on it");
    if !one.removal.wait {
        print::data(output, &cluster);
        say!(
            "next:  sliceway describe cluster {name} says what it waits for; sliceway cluster uncordon {name} keeps it"
        );
        return Ok(exit::DONE);
    }
    let mut said = Vec::new();
    loop {
        for wait in cluster.pointer("/draining/waits_for").and_then(Value::as_array).into_iter().flatten() {
            if !said.contains(wait) {
                say!("  {}", print::text(wait, "/what"));
                said.push(wait.clone());
            }
        }
        tokio::time::sleep(ASK_AGAIN).await;
        match client.get(&path).await {
            Ok(now) => cluster = now,
            Err(failed) if failed.code == exit::NOT_FOUND => {
                say!("cluster {name} deleted");
                return Ok(exit::DONE);
            }
            Err(failed) => return Err(failed),
        }
    }
}

pub(crate) async fn take_over(client: &Client, name: &str, output: Output) -> Result<u8, Failed> {
    let cluster = client.post(&format!("/api/v1/clusters/{}:takeover", escape(name)), String::new()).await?.body;
    print::data(output, &cluster);
    match cluster.pointer("/taken").and_then(Value::as_array).and_then(|all| all.last()) {
        Some(last) => {
            say!(
                "cluster {name} is this server's; it was taken from {} at {}",
                print::text(last, "/from/instance"),
                print::text(last, "/from/server")
            );
        }
        None => say!("cluster {name} is this server's"),
    }
    Ok(exit::DONE)
}

pub(crate) async fn uncordon(client: &Client, name: &str, output: Output) -> Result<u8, Failed> {
    let cluster = client.post(&format!("/api/v1/clusters/{}:uncordon", escape(name)), String::new()).await?.body;
    print::data(output, &cluster);
    say!("cluster {name} stays, and takes slices again");
    Ok(exit::DONE)
}
