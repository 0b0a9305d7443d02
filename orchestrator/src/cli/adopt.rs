//! `slice adopt-release` and `slice hand-back`, and the file of a slice that was made without one.

use super::args::{AdoptRelease, HandBack, How, Output};
use super::client::{Client, escape};
use super::error::Failed;
use super::pipe::say;
use super::print::{self, text};
use super::{apply, exit, wait};
use serde_json::{Value, json};

pub(crate) async fn adopt(client: &Client, args: &AdoptRelease, output: Output) -> Result<u8, Failed> {
    let release = |said: &String| {
        let (release, function) = said.split_once('=').map_or((said.as_str(), None), |(r, f)| (r, Some(f)));
        json!({
            "release": release, "function": function, "repository": args.repository,
            "chart": args.chart, "version": args.version,
        })
    };
    let releases: Vec<Value> = args.releases.iter().map(release).collect();
    let body = json!({"cluster": args.cluster, "namespace": args.namespace, "releases": releases});
    ask(client, (&args.name, "adopt-release", body), (&args.how, output)).await
}

pub(crate) async fn hand_back(client: &Client, args: &HandBack, output: Output) -> Result<u8, Failed> {
    ask(client, (&args.name, "hand-back", Value::Null), (&args.how, output)).await
}

pub(crate) async fn file(client: &Client, name: &str, output: Output) -> Result<u8, Failed> {
    let slice = client.get(&format!("/api/v1/slices/{}", escape(name))).await?;
    let metadata = json!({"name": slice["name"], "labels": slice["labels"]});
    let file = json!({"apiVersion": "sliceway/v1", "kind": "Slice", "metadata": metadata, "spec": slice["spec"]});
    print::one(output, &file);
    Ok(exit::DONE)
}

async fn ask(
    client: &Client,
    (name, verb, body): (&str, &str, Value),
    (how, output): (&How, Output),
) -> Result<u8, Failed> {
    let dry_run = how.dry_run.then(|| "dryRun=true".to_owned());
    let timeout = how.timeout.map(|seconds| format!("timeout={seconds}"));
    let query: Vec<String> = dry_run.into_iter().chain(timeout).collect();
    let path = format!("/api/v1/slices/{}:{verb}?{}", escape(name), query.join("&"));
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let answer = client.post(&path, body).await?.body;
    if how.dry_run {
        apply::changes(&answer, output);
        return Ok(exit::DONE);
    }
    let id = text(&answer, "/operation/id");
    if how.wait {
        return wait::shown(client, &id, output).await;
    }
    match output {
        Output::Json | Output::Yaml => print::one(output, &answer),
        Output::Table | Output::Wide => say!("next:  sliceway operation watch {id}"),
    }
    Ok(exit::DONE)
}
