//! Completion: verbs by clap, names from the server.

use super::args::{Cli, Global};
use super::client::Client;
use super::nouns::NOUNS;
use super::print::text;
use super::run::context;
use clap::CommandFactory;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use std::ffi::OsStr;

/// How long a shell waits for names.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(2);

/// Answers the shell where it asks (`COMPLETE=bash sliceway`), and ends the process then.
pub fn completions() {
    clap_complete::CompleteEnv::with_factory(command).complete();
}

pub(crate) fn command() -> clap::Command {
    let named = |command: clap::Command, id: &'static str, complete: fn(&OsStr) -> Vec<CompletionCandidate>| {
        command.mut_arg(id, |arg| arg.add(ArgValueCompleter::new(complete)))
    };
    let mut all = Cli::command();
    for verb in ["get", "describe", "explain", "delete"] {
        all = all.mut_subcommand(verb, |command| {
            let command = named(command, "noun", nouns);
            named(command, "name", names)
        });
    }
    for noun in NOUNS {
        // Orphans have one command, and no verbs.
        if all.find_subcommand(noun.singular).is_none() {
            continue;
        }
        all = all.mut_subcommand(noun.singular, |command| {
            let verbs = [
                "get",
                "describe",
                "explain",
                "delete",
                "set",
                "credentials",
                "update",
                "doctor",
                "takeover",
                "uncordon",
                "instantiate",
                "scale",
                "heal",
                "terminate",
                "show",
                "show",
            ];
            let own = verbs.into_iter().filter(|verb| takes_name(&command, verb)).collect::<Vec<_>>();
            own.into_iter()
                .fold(command, |command, verb| command.mut_subcommand(verb, |verb| named(verb, "name", names)))
        });
    }
    all.mut_subcommand("token", |command| command.mut_subcommand("revoke", |verb| named(verb, "id", tokens)))
        .mut_subcommand("operation", |command| {
            ["watch", "explain", "retry", "rollback", "continue", "fail", "cancel"]
                .into_iter()
                .fold(command, |command, verb| command.mut_subcommand(verb, |verb| named(verb, "id", operations)))
        })
}

fn takes_name(command: &clap::Command, verb: &str) -> bool {
    command.find_subcommand(verb).is_some_and(|verb| verb.get_arguments().any(|arg| arg.get_id() == "name"))
}

fn nouns(begun: &OsStr) -> Vec<CompletionCandidate> {
    let begun = begun.to_string_lossy();
    let words = NOUNS.iter().flat_map(|noun| [noun.singular, noun.plural]);
    words.filter(|word| word.starts_with(&*begun)).map(CompletionCandidate::new).collect()
}

fn tokens(begun: &OsStr) -> Vec<CompletionCandidate> {
    of("tokens", "/id", begun)
}

fn operations(begun: &OsStr) -> Vec<CompletionCandidate> {
    of("operations", "/id", begun)
}

/// The noun stands before the name in what was typed so far.
fn names(begun: &OsStr) -> Vec<CompletionCandidate> {
    let words: Vec<String> = std::env::args().collect();
    let noun = NOUNS.iter().find(|noun| words.iter().any(|word| word == noun.singular || word == noun.plural));
    noun.map(|noun| of(noun.plural, noun.key(), begun)).unwrap_or_default()
}

fn of(plural: &str, key: &str, begun: &OsStr) -> Vec<CompletionCandidate> {
    let begun = begun.to_string_lossy().into_owned();
    let global = Global { server: None, token: None, tenant: None, output: None };
    let ask = async {
        let client = Client::new(&context(&global).ok()?).ok()?;
        Some(client.all(&format!("/api/v1/{plural}")).await.ok()?.0)
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else { return vec![] };
    let found = runtime.block_on(async { tokio::time::timeout(PATIENCE, ask).await.ok().flatten() });
    let items = found.unwrap_or_default();
    items
        .iter()
        .map(|item| text(item, key))
        .filter(|name| name.starts_with(&begun))
        .map(CompletionCandidate::new)
        .collect()
}
