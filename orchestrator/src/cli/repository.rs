//! Repositories and their charts on the command line: folders are packed here, files with secrets are read here.

use super::apply::Done;
use super::args::{ChartVerb, Output, RepositoryAdd};
use super::client::{Client, escape};
use super::error::Failed;
use super::exit;
use super::pipe::{self, out, say};
use super::print::{self, Column, Width, text};
use super::values;
use crate::catalogue::packed;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use models::file::RepositoryFiles;
use models::repository::RepositorySpec;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::Path;
use zeroize::Zeroizing;

const CHARTS: &[Column] = &[
    Column { head: "REPOSITORY", value: |item| text(item, "/repository"), wide: Width::Always },
    Column { head: "NAME", value: |item| text(item, "/name"), wide: Width::Always },
    Column { head: "VERSION", value: |item| text(item, "/version"), wide: Width::Always },
    Column { head: "APP VERSION", value: |item| text(item, "/app_version"), wide: Width::Always },
    Column { head: "DESCRIPTION", value: |item| text(item, "/description"), wide: Width::Wide },
];

pub(crate) async fn add(client: &Client, args: &RepositoryAdd) -> Result<Done, Failed> {
    let name = values::name(&args.name)?;
    if let Some(path) = args.path.as_ref().filter(|path| !path.is_dir()) {
        let next = format!("sliceway repository add {name} --path DIR, a folder with one folder per chart");
        return Err(Failed::usage(format!("{} is no folder on this computer", path.display())).next(next));
    }
    let path = |path: &Option<std::path::PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let spec = RepositorySpec { path: path(&args.path), url: args.url.clone(), ca: None };
    let files = RepositoryFiles {
        ca_file: path(&args.ca_file),
        username: args.username.clone(),
        password_file: path(&args.password_file),
        token_file: path(&args.token_file),
    };
    put(client, (name.as_str(), &spec, &files), Path::new("")).await
}

/// Paths count from `base`.
pub(crate) async fn put(
    client: &Client,
    (name, spec, files): (&str, &RepositorySpec, &RepositoryFiles),
    base: &Path,
) -> Result<Done, Failed> {
    let folder = spec.path.as_ref().map(|path| base.join(path)).filter(|path| path.is_dir());
    let uploads = folder.as_deref().map(packed).transpose().map_err(Failed::usage)?.unwrap_or_default();
    let charts: Vec<Value> =
        uploads.iter().map(|u| json!({"name": u.name, "archive": STANDARD.encode(&u.archive)})).collect();
    let path = folder.as_deref().map(|path| path.canonicalize().unwrap_or(path.to_owned()));
    let path = path.map(|path| path.display().to_string()).or(spec.path.clone());
    let ca = files.ca_file.as_ref().map(|file| read(&base.join(file))).transpose()?;
    let ca = spec.ca.clone().or(ca.map(|text| text.to_string()));
    let spec = RepositorySpec { path, url: spec.url.clone(), ca };
    let mut body = json!({"spec": spec, "charts": charts});
    if let Some(credentials) = credentials(files, base)? {
        body["credentials"] = credentials;
    }
    let repository = client.put(&format!("/api/v1/repositories/{}", escape(name)), &body).await?;
    tell(&repository);
    Ok(Done::well(repository))
}

fn credentials(files: &RepositoryFiles, base: &Path) -> Result<Option<Value>, Failed> {
    let secret = |file: &String| Ok::<_, Failed>(read(&base.join(file))?.trim_end_matches(['\r', '\n']).to_owned());
    Ok(match (&files.username, &files.password_file, &files.token_file) {
        (Some(username), Some(file), _) => Some(json!({"username": username, "password": secret(file)?})),
        (_, _, Some(file)) => Some(json!({"token": secret(file)?})),
        _ => None,
    })
}

fn read(path: &Path) -> Result<Zeroizing<String>, Failed> {
    let mut text = Zeroizing::new(String::new());
    let done = match path.as_os_str() == "-" {
        true => std::io::stdin().read_to_string(&mut text).map(drop),
        false => std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text)).map(drop),
    };
    done.map_err(|error| Failed::usage(format!("{}: {error}", path.display())))?;
    Ok(text)
}

fn tell(repository: &Value) {
    let name = text(repository, "/name");
    for chart in repository["charts"].as_array().into_iter().flatten() {
        say!("repository {name}: {} {}", text(chart, "/name"), text(chart, "/version"));
        for dependency in chart["dependencies"].as_array().into_iter().flatten() {
            let of = |key: &str| text(dependency, key);
            say!("  with {} {} from {}", of("/name"), of("/version"), of("/repository"));
        }
    }
    if repository["index"].is_object() {
        let count = |key: &str| text(repository, key);
        say!("repository {name}: {} charts, {} versions", count("/index/charts"), count("/index/versions"));
    } else if repository["spec"]["url"].is_string() {
        say!("repository {name}: a registry; see a chart: sliceway chart show {name}/CHART");
    }
}

pub(crate) async fn search(
    client: &Client,
    (text, repository, versions): (Option<&str>, Option<&str>, bool),
    output: Output,
) -> Result<u8, Failed> {
    let mut query = format!("limit=500&query={}", escape(text.unwrap_or_default()));
    query.extend(repository.map(|name| format!("&repository={}", escape(name))));
    if versions {
        query.push_str("&versions=true");
    }
    let (mut items, mut warnings, mut next) = (Vec::new(), BTreeSet::new(), String::new());
    loop {
        let found = client.get(&format!("/api/v1/charts?{query}{next}")).await?;
        items.extend(found["items"].as_array().cloned().unwrap_or_default());
        let texts = found["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str);
        warnings.extend(texts.map(str::to_owned));
        match found["next"].as_str() {
            Some(marker) => next = format!("&marker={marker}"),
            None => break,
        }
    }
    for warning in warnings {
        say!("warning: {warning}");
    }
    print::items(output, CHARTS, &items);
    Ok(exit::DONE)
}

/// One, or every one that has an address.
pub(crate) async fn update(client: &Client, name: Option<&str>, output: Output) -> Result<u8, Failed> {
    let names = match name {
        Some(name) => vec![name.to_owned()],
        None => {
            let (all, _) = client.all("/api/v1/repositories").await?;
            all.iter().filter(|r| r["spec"]["url"].is_string()).map(|r| text(r, "/name")).collect()
        }
    };
    let (mut code, mut updated) = (exit::DONE, Vec::new());
    for one in names {
        match client.post(&format!("/api/v1/repositories/{}:update", escape(&one)), "{}".into()).await {
            Ok(answer) => {
                tell(&answer.body);
                updated.push(answer.body);
            }
            Err(failed) => code = code.max(failed.report()),
        }
    }
    match (name, updated.first()) {
        (Some(_), one) => one.into_iter().for_each(|one| print::data(output, one)),
        (None, _) => print::data(output, &json!(updated)),
    }
    Ok(code)
}

pub(crate) async fn chart(client: &Client, verb: &ChartVerb, output: Output) -> Result<u8, Failed> {
    let ChartVerb::Show { chart, only } = verb;
    let (place, version) = chart.split_once('@').unwrap_or((chart, ""));
    let (repository, name) = place
        .split_once('/')
        .ok_or_else(|| Failed::usage(format!("{chart:?} is no chart")).next("write REPOSITORY/NAME[@VERSION]"))?;
    let path = format!("/api/v1/charts/{}/{}?version={}", escape(repository), escape(name), escape(version));
    let shown = client.get(&path).await?;
    match (output, only.as_deref()) {
        (Output::Json | Output::Yaml, None) => print::one(output, &shown),
        (Output::Json | Output::Yaml, Some(part)) => print::one(output, &shown[part]),
        (_, Some("creates")) => creates(&shown),
        (_, Some("schema")) => print::one(Output::Json, &shown["schema"]),
        (_, Some(part)) => pipe::data(format_args!("{}", shown[part].as_str().unwrap_or_default())),
        (_, None) => whole(&shown),
    }
    Ok(exit::DONE)
}

fn whole(shown: &Value) {
    let of = |key: &str| text(shown, key);
    out!("{}/{} {} (app {})", of("/repository"), of("/name"), of("/version"), of("/app_version"));
    out!("{}", of("/description"));
    out!("digest {}", shown["source"].as_str().or(shown["digest"].as_str()).unwrap_or_default());
    for dependency in shown["dependencies"].as_array().into_iter().flatten() {
        let of = |key: &str| text(dependency, key);
        out!("needs {} {} {}", of("/name"), of("/version"), of("/repository"));
    }
    out!("\n# Creates");
    creates(shown);
    for (title, key) in [("Readme", "readme"), ("Values", "values")] {
        let body = shown[key].as_str().unwrap_or_default();
        if !body.trim().is_empty() {
            out!("\n# {title}\n{}", body.trim_end());
        }
    }
    if !shown["schema"].is_null() {
        out!("\n# Schema");
        print::one(Output::Json, &shown["schema"]);
    }
}

fn creates(shown: &Value) {
    for item in shown["creates"].as_array().into_iter().flatten() {
        let hook = item["hook"].as_array().map(|events| {
            let events: Vec<&str> = events.iter().filter_map(Value::as_str).collect();
            format!(" (hook: {})", events.join(", "))
        });
        out!("{} {}{}", text(item, "/kind"), text(item, "/name"), hook.unwrap_or_default());
    }
    if let Some(refusal) = shown["creates_not"].as_str() {
        out!("not known without your values: {refusal}");
    }
}
