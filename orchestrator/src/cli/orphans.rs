//! `sliceway orphans`: the ledger, a look for more, and the two ways out of it.

use super::args::{Orphans, Output};
use super::client::{Client, escape};
use super::error::Failed;
use super::pipe::{out, say};
use super::print::{self, text};
use super::{exit, nouns, wait};
use serde_json::Value;

pub(crate) async fn orphans(client: &Client, args: &Orphans, output: Output) -> Result<u8, Failed> {
    let query = query(args);
    if args.scan {
        scan(client, &query).await?;
    }
    if args.adopt {
        let answer = client.post(&format!("/api/v1/orphans:adopt?{query}"), String::new()).await?.body;
        print::data(output, &answer);
        for orphan in answer["adopted"].as_array().into_iter().flatten() {
            say!("{} belongs to slice {} again", text(orphan, "/id"), text(orphan, "/slice"));
        }
        say!("next:  sliceway apply -f FILE keeps what the file wants, and takes the rest away");
        return Ok(exit::DONE);
    }
    if args.remove {
        return match remove(client, (args, &query), output).await {
            // Whoever names none means those that there are.
            Err(failed) if failed.code == exit::NOT_FOUND && args.ids.is_empty() => {
                say!("there is no orphan to remove");
                Ok(exit::DONE)
            }
            done => done,
        };
    }
    let noun = nouns::find("orphans")?;
    let items = client.all(&format!("/api/v1/orphans?{query}")).await?.0;
    print::items(output, noun.columns, &items);
    Ok(exit::DONE)
}

async fn scan(client: &Client, query: &str) -> Result<(), Failed> {
    let scan = client.post(&format!("/api/v1/orphans:scan?{query}"), String::new()).await?.body;
    say!("looked at the clusters: {} found, {} gone", text(&scan, "/found"), text(&scan, "/gone"));
    for (cluster, cause) in scan["unread"].as_object().into_iter().flatten() {
        say!("warning: {cluster} could not be looked at: {}", cause.as_str().unwrap_or(""));
    }
    for (cluster, count) in scan["strangers"].as_object().into_iter().flatten() {
        say!("warning: {count} objects on {cluster} carry the label of slices that this server never made");
    }
    Ok(())
}

async fn remove(client: &Client, (args, query): (&Orphans, &str), output: Output) -> Result<u8, Failed> {
    let loss = if args.allow_data_loss { "&allowDataLoss=true" } else { "" };
    let answer = client.post(&format!("/api/v1/orphans:remove?{query}{loss}"), String::new()).await?.body;
    let operations: Vec<&Value> = answer["operations"].as_array().into_iter().flatten().collect();
    for left in answer["left"].as_array().into_iter().flatten() {
        say!("stays for now: {}", left.as_str().unwrap_or_default());
    }
    if let Some(struck @ 1..) = answer["struck"].as_u64() {
        say!("{struck} lines struck out: their clusters are not registered any more");
    }
    if !args.wait {
        print::data(output, &answer);
        for operation in &operations {
            say!("next:  sliceway operation watch {}", text(operation, "/id"));
        }
        return Ok(exit::DONE);
    }
    let mut code = exit::DONE;
    for operation in operations {
        let id = text(operation, "/id");
        out!("operation {id}: what slice {} left", text(operation, "/subject"));
        code = code.max(wait::shown(client, &id, output).await?);
    }
    Ok(code)
}

fn query(args: &Orphans) -> String {
    let pair = |key: &str, value: &String| format!("{key}={}", escape(value));
    let cluster = args.cluster.iter().map(|value| pair("cluster", value));
    let slice = args.slice.iter().map(|value| pair("slice", value));
    let ids = args.ids.iter().map(|value| pair("id", value));
    cluster.chain(slice).chain(ids).collect::<Vec<_>>().join("&")
}
