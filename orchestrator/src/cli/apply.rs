//! Files: `apply`, `plan`, `diff`. Documents are checked here first, with file and line, then sent.

use super::args::{Allow, Apply, Change, Files, Output, Preview};
use super::client::{Client, escape};
use super::error::Failed;
use super::exit;
use super::pipe::{out, say};
use super::print::{self, text};
use super::repository;
use super::values;
use super::wait::{self, resource};
use adapters::kubernetes::inline;
use models::file::{Document, Meta, Parsed, Source, parse};
use models::{ClusterSpec, Problem};
use serde_json::{Value, json};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// With a noun, documents of other kinds are refused before anything happens.
pub(crate) async fn apply(client: &Client, (args, noun): (&Apply, Option<&str>), output: Output) -> Result<u8, Failed> {
    let parsed = read(&args.files)?;
    let other = |parsed: &&Parsed| noun.is_some_and(|noun| !parsed.document.kind().eq_ignore_ascii_case(noun));
    if let (Some(other), Some(noun)) = (parsed.iter().find(other), noun) {
        let message = format!("{} holds a {}, which is no {noun}", other.source, other.document.kind());
        return Err(Failed::usage(message).next(format!("sliceway apply -f {}", other.source)));
    }
    let (mut code, mut shown) = (Ok(exit::DONE), Vec::new());
    for document in &parsed {
        let (value, ended) = match one(client, document, &args.change).await {
            Ok(Done { value, ended }) => (Some(value), ended),
            Err(failed) => (None, Err(failed)),
        };
        shown.extend(value);
        code = ended;
        if code.is_err() {
            break;
        }
    }
    print::all(output, (parsed.len(), shown));
    code
}

/// What was done: for a program, and how it ended.
pub(crate) struct Done {
    value: Value,
    ended: Result<u8, Failed>,
}

impl Done {
    pub(crate) fn well(value: Value) -> Self {
        Self { value, ended: Ok(exit::DONE) }
    }

    pub(crate) fn print(self, output: Output) -> Result<u8, Failed> {
        print::data(output, &self.value);
        self.ended
    }
}

/// 0: nothing would change; `diff` says 1 otherwise.
pub(crate) async fn plan(client: &Client, args: &Preview, output: Output) -> Result<bool, Failed> {
    let mut changes = false;
    let path = format!("/api/v1/slices:plan?{}", allowed(&args.allow).join("&"));
    let all = read(&args.files)?;
    let mut plans = Vec::new();
    for parsed in &all {
        let Document::Slice { .. } = &parsed.document else {
            say!(
                "{} {}: applied as it stands; only slices have a plan",
                parsed.document.kind(),
                parsed.document.meta().name
            );
            continue;
        };
        let answer = client.post(&path, parsed.document.json().to_string()).await;
        let plan = answer.map_err(|failed| placed(parsed, failed))?.body;
        changes |= differs(&plan);
        match output {
            Output::Table | Output::Wide => show(&plan, output),
            Output::Json | Output::Yaml => plans.push(plan),
        }
    }
    print::all(output, (all.len(), plans));
    Ok(changes)
}

/// Whether applying it would change something, of the slice itself or on its clusters.
fn differs(plan: &Value) -> bool {
    ["changes", "intent"].iter().any(|key| plan[*key].as_array().is_some_and(|all| !all.is_empty()))
}

async fn one(client: &Client, parsed: &Parsed, change: &Change) -> Result<Done, Failed> {
    match &parsed.document {
        Document::Tenant { meta, spec } => {
            let tenant = client.put(&format!("/api/v1/tenants/{}", meta.name), &json!(spec)).await?;
            say!("tenant {} applied", meta.name);
            Ok(Done::well(tenant))
        }
        Document::Cluster { meta, spec, kubeconfig, context } => {
            let base = Path::new(&parsed.source).parent().unwrap_or(Path::new("."));
            let path = kubeconfig.as_ref().map(|path| base.join(path));
            cluster(client, (meta, spec), (path.as_deref(), context.as_deref())).await
        }
        Document::Repository { meta, spec, files } => {
            let base = Path::new(&parsed.source).parent().unwrap_or(Path::new("."));
            repository::put(client, (meta.name.as_str(), spec, files), base).await
        }
        Document::Template { meta, spec } => {
            let path = format!("/api/v1/templates/{}", meta.name);
            let template = client.put(&path, &json!(spec)).await.map_err(|failed| placed(parsed, failed))?;
            say!("template {} {} offered", meta.name, spec.version);
            Ok(Done::well(template))
        }
        Document::Slice { meta, .. } => {
            let path = format!("/api/v1/slices?{}", query(change)?);
            let answer = client.post(&path, parsed.document.json().to_string()).await;
            let answer = answer.map_err(|failed| placed(parsed, failed))?;
            started(client, &format!("slice {}", meta.name), (answer.body, change)).await
        }
    }
}

pub(crate) async fn cluster(
    client: &Client,
    (meta, spec): (&Meta, &ClusterSpec),
    (path, context): (Option<&Path>, Option<&str>),
) -> Result<Done, Failed> {
    let kubeconfig = path.map(|path| inline(path, context)).transpose();
    let kubeconfig = kubeconfig.map_err(|error| Failed::usage(error.to_string()))?;
    let body = json!({"labels": meta.labels, "spec": spec, "kubeconfig": kubeconfig});
    let path = format!("/api/v1/clusters/{}", meta.name);
    let cluster = seen(client, &path, client.put(&path, &body).await?).await?;
    say!("cluster {} {} ({})", meta.name, text(&cluster, "/health/state"), text(&cluster, "/facts/version"));
    let cause = text(&cluster, "/health/cause");
    if text(&cluster, "/health/state") != "Reachable" {
        say!("  {cause}");
    }
    warn_of_end(&cluster);
    Ok(Done::well(cluster))
}

/// How long a cluster is waited for that is looked at for the first time, and between two questions.
const FIRST_LOOK: Duration = Duration::from_secs(8);
const QUESTIONS: Duration = Duration::from_millis(100);

/// The server looks at a cluster after its answer: its first word is waited for.
async fn seen(client: &Client, path: &str, mut cluster: Value) -> Result<Value, Failed> {
    let end = Instant::now() + FIRST_LOOK;
    while text(&cluster, "/health/state") == "Unknown" && Instant::now() < end {
        tokio::time::sleep(QUESTIONS).await;
        cluster = client.get(path).await?;
    }
    Ok(cluster)
}

/// 30 days before a client certificate ends.
pub(crate) fn warn_of_end(cluster: &Value) {
    let end: Option<jiff::Timestamp> =
        cluster.get("certificate_end").and_then(Value::as_str).and_then(|t| t.parse().ok());
    let Some(end) = end else { return };
    let days = end.duration_since(jiff::Timestamp::now()).as_hours() / 24;
    if days < 30 {
        let name = text(cluster, "/name");
        say!("warning: the client certificate of cluster {name} ends in {days} days ({end})");
        say!("next:  sliceway cluster set {name} --kubeconfig F");
    }
}

pub(crate) fn query(change: &Change) -> Result<String, Failed> {
    let mut pairs = allowed(&change.allow);
    let timeout = change.timeout.as_deref().map(values::seconds).transpose()?;
    pairs.extend(timeout.map(|seconds| format!("timeout={seconds}")));
    pairs.extend(change.plan.as_ref().map(|id| format!("plan={}", escape(id))));
    if change.supersede {
        pairs.push("supersede=any".into());
    }
    if change.forget {
        pairs.push("forget=true".into());
    }
    Ok(pairs.join("&"))
}

pub(crate) fn allowed(allow: &Allow) -> Vec<String> {
    let lists = [("replace", &allow.replace), ("allowDataLoss", &allow.allow_data_loss), ("upgrade", &allow.upgrade)];
    let pair = |key: &str, value: &String| format!("{key}={}", escape(value));
    lists.iter().flat_map(|(key, values)| values.iter().map(move |value| pair(key, value))).collect()
}

/// What a change was answered with: nothing to do, or an operation that may be followed.
pub(crate) async fn started(client: &Client, what: &str, (mut body, change): (Value, &Change)) -> Result<Done, Failed> {
    if body["unchanged"] == json!(true) {
        let unread: Vec<&str> = body["unread"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if !unread.is_empty() {
            let words = format!("{what}: no change is known, but {} could not be read", unread.join(", "));
            let ended = Err(Failed::new(exit::FAILED, words).next("apply it again when the cluster answers"));
            return Ok(Done { value: body, ended });
        }
        say!("{what} unchanged");
        let standing = body["warnings"].as_array().map_or(0, Vec::len);
        if standing > 0 {
            say!("{standing} warnings stand as before; sliceway plan -f FILE shows them");
        }
        return Ok(Done::well(body));
    }
    for warning in body["plan"]["warnings"].as_array().into_iter().flatten() {
        say!("warning: {}", warning.as_str().unwrap_or(""));
    }
    let id = text(&body, "/operation/id");
    let changes = body["plan"]["changes"].as_array().map_or(0, Vec::len);
    say!("{what}: operation {id}, {changes} changes");
    if change.wait {
        let value = wait::last(client, &id).await?;
        return Ok(Done { ended: wait::end(&value), value });
    }
    say!("next:  sliceway operation watch {id}");
    Ok(Done::well(body["operation"].take()))
}

/// A problem of the server gets the line of the file here: its body was this document.
fn placed(parsed: &Parsed, failed: Failed) -> Failed {
    let place = |line: &str| {
        let rest = line.strip_prefix("body:").unwrap_or(line);
        let after = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':').trim_start();
        match after.split_once(": ") {
            Some((field, message)) if field.starts_with("spec") || field.starts_with("metadata") => {
                parsed.place(Problem::at(field, message)).to_string()
            }
            _ => line.to_owned(),
        }
    };
    let message = failed.message.lines().map(place).collect::<Vec<_>>().join("\n");
    Failed { message, ..failed }
}

fn read(files: &Files) -> Result<Vec<Parsed>, Failed> {
    let mut texts: Vec<(String, String)> = Vec::new();
    for path in expand(&files.files)? {
        let text = match path.as_os_str() == "-" {
            true => {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text).map(|_| text)
            }
            false => std::fs::read_to_string(&path),
        };
        let text = text.map_err(|error| Failed::usage(format!("{}: {error}", path.display())))?;
        texts.push((path.display().to_string(), text));
    }
    let sources: Vec<Source<'_>> = texts.iter().map(|(name, text)| Source { name, text }).collect();
    parse(&sources).map_err(|problems| {
        let lines = problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n");
        Failed::usage(lines).next("mend the file; sliceway schema prints a schema for your editor")
    })
}

/// A folder stands for its YAML and JSON files, by name.
fn expand(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failed> {
    let mut all = Vec::new();
    for path in paths {
        if !path.is_dir() {
            all.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path).map_err(|error| Failed::usage(format!("{}: {error}", path.display())))?;
        let is_file = |path: &PathBuf| path.extension().is_some_and(|e| e == "yaml" || e == "yml" || e == "json");
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_file).collect();
        files.sort();
        if files.is_empty() {
            return Err(Failed::usage(format!("{} holds no .yaml, .yml or .json file", path.display())));
        }
        all.extend(files);
    }
    Ok(all)
}

/// A plan that was kept: what it holds, and how exactly this is applied.
pub(crate) fn show(plan: &Value, output: Output) {
    changes(plan, output);
    let id = text(plan, "/id");
    if matches!(output, Output::Table | Output::Wide) && differs(plan) {
        out!("plan {id} (apply exactly this: --plan {id})");
    }
}

/// Each change with its reason, deletions and points of no return marked, one line at the end.
pub(crate) fn changes(plan: &Value, output: Output) {
    if matches!(output, Output::Json | Output::Yaml) {
        return print::one(output, plan);
    }
    let changes = plan["changes"].as_array().cloned().unwrap_or_default();
    let mut counts = [0usize; 7];
    for change in &changes {
        let (sign, slot) = match text(change, "/verb").as_str() {
            "create" => ("+", Some(0)),
            "update" => ("~", Some(1)),
            "delete" => ("-", Some(2)),
            "replace" => ("±", Some(1)),
            "run" => (">", Some(3)),
            "answer" => ("<", None),
            "clear" => ("x", None),
            "forget" => ("o", Some(5)),
            "bury" => ("t", Some(6)),
            "abandon" => ("o", Some(5)),
            "adopt" => ("*", Some(4)),
            _ => ("?", None),
        };
        if let Some(slot) = slot {
            counts[slot] += 1;
        }
        out!("{sign} {:<60} {}", resource(change), text(change, "/reason"));
        if let Some(loss) = change.get("irreversible").and_then(Value::as_str) {
            out!("  ! cannot be undone: {loss}");
        }
    }
    let intent = plan["intent"].as_array().cloned().unwrap_or_default();
    for change in &intent {
        out!("= {}", change.as_str().unwrap_or(""));
    }
    for choice in plan["choices"].as_array().into_iter().flatten() {
        out!("@ {} on {}: {}", text(choice, "/function"), text(choice, "/cluster"), text(choice, "/reason"));
    }
    for warning in plan["warnings"].as_array().into_iter().flatten() {
        say!("warning: {}", warning.as_str().unwrap_or(""));
    }
    let subject = text(plan, "/subject");
    match changes.is_empty() {
        true if intent.is_empty() => out!("slice {subject}: nothing to change"),
        true => out!("slice {subject}: changes in itself, and nothing on its clusters"),
        false => {
            let [create, change, delete, run, adopt, leave, bury] = counts;
            let hooks = if run == 0 { String::new() } else { format!(", {run} hooks to run") };
            let left = if leave == 0 { String::new() } else { format!(", {leave} to leave where they are") };
            let adopted = if adopt == 0 { String::new() } else { format!("{adopt} to take over, ") };
            let left = if bury == 0 { left } else { format!("{left}, {bury} to delete when their cluster returns") };
            out!("slice {subject}: {adopted}{create} to create, {change} to change, {delete} to delete{hooks}{left}");
        }
    }
}
