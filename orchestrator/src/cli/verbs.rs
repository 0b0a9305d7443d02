//! The general verbs over nouns: get, describe, explain, delete; and the nouns' own.

use super::apply::{allowed, query, show, started, warn_of_end};
use super::args::{CreateTenant, CreateToken, DeleteOne, Output, Which};
use super::client::{Client, escape};
use super::error::Failed;
use super::exit;
use super::nouns::find;
use super::pipe::{out, say};
use super::print::{self, text};
use super::{signing, values};
use models::file::{API_VERSION, TenantSpec};
use serde_json::{Value, json};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

pub(crate) async fn get(client: &Client, (noun, which): (&str, &Which), output: Output) -> Result<u8, Failed> {
    let noun = find(noun)?;
    let slice = which.slice.as_deref();
    values::labels(&which.labels, "-l")?;
    let labels = which.labels.iter().map(|label| format!("label={}", escape(label)));
    // A watch tells what is stored; a look asks the clusters.
    let state = (noun.plural == "slices" && !which.watch).then(|| "state=true".to_owned());
    let filters =
        labels.chain(state).chain(slice.map(|slice| format!("slice={}", escape(slice)))).collect::<Vec<_>>().join("&");
    let path = format!("/api/v1/{}?{filters}", noun.plural);
    match &which.name {
        name if which.watch => return super::watch::watch(client, (noun, &path, name.as_deref()), output).await,
        None => {
            let items = client.all(&path).await?.0;
            print::items(output, noun.columns, &items);
            if noun.plural == "clusters" {
                items.iter().for_each(warn_of_end);
            }
        }
        Some(name) => {
            let one = match noun.plural {
                "slices" => client.get(&format!("/api/v1/slices/{}?state=true", escape(name))).await?,
                plural => single(client, plural, (name, slice)).await?,
            };
            match output {
                Output::Table | Output::Wide => print::items(output, noun.columns, &[one]),
                Output::Json | Output::Yaml => print::one(output, &one),
            }
        }
    }
    Ok(exit::DONE)
}

/// One thing as a list shows it.
pub(super) async fn single(
    client: &Client,
    plural: &str,
    (name, slice): (&str, Option<&str>),
) -> Result<Value, Failed> {
    let slice = slice.map(|slice| format!("?slice={}", escape(slice))).unwrap_or_default();
    client.get(&format!("/api/v1/{plural}/{}{slice}", escape(name))).await
}

pub(crate) async fn describe(client: &Client, (noun, name): (&str, &str), output: Output) -> Result<u8, Failed> {
    let noun = find(noun)?;
    let body = match noun.plural {
        "slices" => client.get(&format!("/api/v1/slices/{}/description", escape(name))).await?,
        plural => single(client, plural, (name, None)).await?,
    };
    print::one(output, &body);
    Ok(exit::DONE)
}

/// A slice as the file that it was made by, or would be.
pub(crate) async fn export(client: &Client, name: &str, output: Output) -> Result<u8, Failed> {
    let mut slice = client.get(&format!("/api/v1/slices/{}", escape(name))).await?;
    let mut metadata = json!({"name": slice["name"]});
    if slice["labels"].as_object().is_some_and(|labels| !labels.is_empty()) {
        metadata["labels"] = slice["labels"].take();
    }
    let file = json!({"apiVersion": API_VERSION, "kind": "Slice", "metadata": metadata, "spec": slice["spec"].take()});
    print::one(output, &file);
    Ok(exit::DONE)
}

pub(crate) async fn explain(client: &Client, (noun, name): (&str, &str), output: Output) -> Result<u8, Failed> {
    let noun = find(noun)?;
    if noun.plural == "operations" {
        return super::moves::explain(client, name, output).await;
    }
    if noun.plural != "slices" {
        return Err(Failed::usage(format!("slices and operations are explained; a {} is described", noun.singular))
            .next(format!("sliceway describe {} {name}", noun.singular)));
    }
    let body = client.get(&format!("/api/v1/slices/{}/explanation", escape(name))).await?;
    if matches!(output, Output::Json | Output::Yaml) {
        print::one(output, &body);
        return Ok(exit::DONE);
    }
    for choice in body["choices"].as_array().into_iter().flatten() {
        out!("{} on {}: {}", text(choice, "/function"), text(choice, "/cluster"), text(choice, "/reason"));
        for candidate in choice["candidates"].as_array().into_iter().flatten() {
            let word = if candidate["accepted"] == json!(true) { "accepted" } else { "no      " };
            out!("  {word} {:<16} {}", text(candidate, "/cluster"), text(candidate, "/reason"));
        }
    }
    Ok(exit::DONE)
}

pub(crate) async fn delete(client: &Client, (noun, one): (&str, &DeleteOne), output: Output) -> Result<u8, Failed> {
    let noun = find(noun)?;
    let name = &one.name;
    match noun.plural {
        "gateways" | "servers" | "functions" | "devices" => {
            Err(Failed::usage(format!("a {} is a part of its slice", noun.singular))
                .next("take it out of the slice's file, then: sliceway apply -f FILE"))
        }
        "operations" => Err(Failed::usage("operations are a record").next(format!("sliceway operation cancel {name}"))),
        "clusters" if one.removal.drain && !one.dry_run => super::drain::drain(client, one, output).await,
        "slices" if one.removal.drain => {
            Err(Failed::usage("--drain belongs to the deletion of a cluster")
                .next(format!("sliceway delete slice {name}")))
        }
        "slices" if one.dry_run => preview(client, one, output).await,
        "slices" => {
            let change = one.removal.change();
            let path = format!("/api/v1/slices/{}?{}", escape(name), query(&change)?);
            let answer = client.delete(&path).await?;
            started(client, &format!("slice {name}"), (answer.body, &change)).await?.print(output)
        }
        _ if one.removal.said().is_some() => {
            let flag = one.removal.said().unwrap_or_default();
            Err(Failed::usage(format!("{flag} belongs to the deletion of a slice"))
                .next(format!("sliceway delete {} {name}", noun.singular)))
        }
        plural if one.dry_run => Err(Failed::usage("only the deletion of a slice can be shown before")
            .next(format!("sliceway get {plural} {name}"))),
        plural => {
            client.delete(&format!("/api/v1/{plural}/{}", escape(name))).await?;
            say!("{} {name} deleted", noun.singular);
            Ok(exit::DONE)
        }
    }
}

/// What deleting a slice would do, by the planner that would do it.
async fn preview(client: &Client, one: &DeleteOne, output: Output) -> Result<u8, Failed> {
    let path =
        format!("/api/v1/slices/{}:plan-delete?{}", escape(&one.name), allowed(&one.removal.change().allow).join("&"));
    let plan = client.post(&path, String::new()).await?.body;
    show(&plan, output);
    Ok(exit::DONE)
}

pub(crate) async fn revoke(client: &Client, id: &str) -> Result<u8, Failed> {
    client.delete(&format!("/api/v1/tokens/{}", escape(id))).await?;
    say!("token {id} revoked");
    Ok(exit::DONE)
}

pub(crate) async fn create_tenant(client: &Client, args: &CreateTenant, output: Output) -> Result<u8, Failed> {
    let path = format!("/api/v1/tenants/{}", values::name(&args.name)?);
    let signers = args.trust.iter().map(|path| Ok(signing::certificates(path)?.0));
    let body = TenantSpec {
        description: args.description.clone(),
        require_signature: args.require_signature,
        trusted_signers: signers.collect::<Result<_, Failed>>()?,
    };
    let made = client.put_new(&path, &json!(body)).await.map_err(|failed| match failed.code {
        exit::CONFLICT => Failed::new(exit::CONFLICT, format!("tenant {} is there already", args.name))
            .next("change it by a file: sliceway apply -f FILE with kind: Tenant"),
        _ => failed,
    })?;
    print::data(output, &made);
    say!("tenant {} is there", args.name);
    say!("next:  sliceway token create --role operator --tenant {}", args.name);
    Ok(exit::DONE)
}

pub(crate) async fn create_token(
    client: &Client,
    args: &CreateToken,
    (tenant, output): (Option<&str>, Output),
) -> Result<u8, Failed> {
    let role = values::role(&args.role)?;
    let ends = args.ends.as_deref().map(|text| values::end(text, jiff::Timestamp::now())).transpose()?;
    let body = json!({"tenant": tenant, "role": role, "description": args.description, "ends": ends});
    let answer = client.post("/api/v1/tokens", body.to_string()).await?.body;
    match output {
        Output::Json | Output::Yaml => print::one(output, &answer),
        Output::Table | Output::Wide => out!("{}", text(&answer, "/token")),
    }
    say!("this is the only time that it is shown");
    Ok(exit::DONE)
}

pub(crate) async fn operation(
    client: &Client,
    (id, verb): (&str, &str),
    (wait, output): (Wait, Output),
) -> Result<u8, Failed> {
    let answer = client.post(&format!("/api/v1/operations/{}:{verb}", escape(id)), String::new()).await?;
    say!("{id} {}", text(&answer.body, "/state"));
    match wait {
        Wait::Yes => super::wait::shown(client, id, output).await,
        Wait::No => {
            print::data(output, &answer.body);
            Ok(exit::DONE)
        }
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Wait {
    Yes,
    No,
}

impl From<bool> for Wait {
    fn from(wait: bool) -> Self {
        if wait { Self::Yes } else { Self::No }
    }
}

/// Writes the files of a device into a folder that only its owner may enter.
pub(crate) async fn credentials(
    client: &Client,
    (name, slice): (&str, Option<&str>),
    dir: &Path,
) -> Result<u8, Failed> {
    let query = slice.map(|slice| format!("?slice={}", escape(slice))).unwrap_or_default();
    let body = client.post(&format!("/api/v1/devices/{}:credentials{query}", escape(name)), String::new()).await?.body;
    let fault = |path: &Path, error: std::io::Error| Failed::new(exit::FAILED, format!("{}: {error}", path.display()));
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|error| fault(dir, error))?;
    for (file, content) in body["files"].as_object().into_iter().flatten() {
        let path = dir.join(file);
        let opened = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
        let mut opened = opened.map_err(|error| fault(&path, error))?;
        opened.write_all(content.as_str().unwrap_or("").as_bytes()).map_err(|error| fault(&path, error))?;
        out!("{}", path.display());
    }
    Ok(exit::DONE)
}
