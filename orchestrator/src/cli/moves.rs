//! What an operation waits for, and what a move would do.

use super::args::Output;
use super::client::{Client, escape};
use super::error::Failed;
use super::exit;
use super::pipe::out;
use super::print::{self, text};
use serde_json::Value;

pub(crate) async fn plan(client: &Client, (id, word): (&str, &str), output: Output) -> Result<u8, Failed> {
    let path = format!("/api/v1/operations/{}:{word}?dryRun=true", escape(id));
    let outlook = client.post(&path, String::new()).await?.body;
    match output {
        Output::Json | Output::Yaml => print::one(output, &outlook),
        Output::Table | Output::Wide => {
            for deed in outlook["deeds"].as_array().into_iter().flatten() {
                out!("{} {:<60} {}", sign(&text(deed, "/does")), text(deed, "/id"), text(deed, "/why"));
            }
            out!("{}", whole(&outlook));
        }
    }
    Ok(exit::DONE)
}

pub(crate) async fn explain(client: &Client, id: &str, output: Output) -> Result<u8, Failed> {
    let all = client.get(&format!("/api/v1/operations/{}/explanation", escape(id))).await?;
    if matches!(output, Output::Json | Output::Yaml) {
        print::one(output, &all);
        return Ok(exit::DONE);
    }
    let operation = &all["operation"];
    let of = |key: &str| text(operation, key);
    out!(
        "{} {} {}: {}, {} of {} changes done",
        of("/id"),
        of("/kind"),
        of("/subject"),
        of("/state"),
        of("/done"),
        of("/changes")
    );
    if let Some(waiting) = all.get("waiting").filter(|waiting| !waiting.is_null()) {
        out!("waits for:  {}", text(waiting, "/for"));
        out!("            since {}, until {}", text(waiting, "/since"), text(waiting, "/until"));
    }
    if operation.get("error").is_some_and(|error| !error.is_null()) {
        out!("stopped by: {}", of("/error/message"));
        out!("next:       {}", of("/error/next"));
    }
    for step in all["steps"].as_array().into_iter().flatten() {
        out!(
            "step {:<4} {:<8} {}: {}",
            text(step, "/seq"),
            text(step, "/state"),
            text(step, "/id"),
            text(step, "/said")
        );
    }
    for outlook in all["moves"].as_array().into_iter().flatten() {
        match outlook.get("refused").and_then(Value::as_str) {
            Some(why) => out!("move:       none back: {why}"),
            None => out!("move:       {}", whole(outlook)),
        }
    }
    if all["supersede"] == Value::Bool(true) && of("/kind").ends_with("-slice") {
        out!("move:       supersede: another apply or delete takes over: sliceway apply -f FILE --supersede");
    }
    Ok(exit::DONE)
}

/// One line for a move: how often what is done, and where it leads.
fn whole(outlook: &Value) -> String {
    let deeds = outlook["deeds"].as_array().map(Vec::as_slice).unwrap_or_default();
    let words = [
        ("do", "to do"),
        ("undo", "to undo"),
        ("leave-out", "left out"),
        ("drop", "dropped on the way"),
        ("keep", "kept"),
    ];
    let count = |word: &str| deeds.iter().filter(|deed| deed["does"] == word).count();
    let counts: Vec<String> = words
        .iter()
        .filter(|(word, _)| count(word) > 0)
        .map(|(word, said)| format!("{} {said}", count(word)))
        .collect();
    let counts = if counts.is_empty() { "nothing to do".to_owned() } else { counts.join(", ") };
    format!("{}: {counts}; ends {}", text(outlook, "/move"), text(outlook, "/ends"))
}

fn sign(does: &str) -> &'static str {
    match does {
        "do" => "+",
        "undo" => "<",
        "leave-out" => "o",
        "drop" => "x",
        "keep" => "=",
        _ => "?",
    }
}
