//! Following an operation: a live line on a terminal, plain lines elsewhere.

use super::args::Output;
use super::client::Client;
use super::error::Failed;
use super::exit;
use super::pipe::say;
use super::print::{self, text};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

const LOOK: Duration = Duration::from_millis(200);

/// How long a server that went away is asked again: it may be starting.
const GONE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_secs(1);

/// Follows until nothing works on it any more; the exit code says how it ended.
pub(crate) async fn follow(client: &Client, id: &str) -> Result<u8, Failed> {
    end(&last(client, id).await?)
}

/// Follows, then shows the operation as it ended to whoever reads data.
pub(crate) async fn shown(client: &Client, id: &str, output: Output) -> Result<u8, Failed> {
    let view = last(client, id).await?;
    print::data(output, &view);
    end(&view)
}

/// The operation when nothing works on it any more.
pub(crate) async fn last(client: &Client, id: &str) -> Result<Value, Failed> {
    let mut display = Display::new();
    let mut gone: Option<Instant> = None;
    loop {
        match client.get(&format!("/api/v1/operations/{id}")).await {
            Ok(view) => {
                gone = None;
                display.show(&view);
                if !matches!(text(&view, "/state").as_str(), "PROCESSING" | "ROLLING_BACK") {
                    display.finish();
                    return Ok(view);
                }
                tokio::time::sleep(LOOK).await;
            }
            Err(failed) if failed.code == exit::UNREACHABLE => {
                if gone.is_none() {
                    display.tell("the server does not answer; it is asked again for a minute");
                }
                if gone.get_or_insert_with(Instant::now).elapsed() >= GONE {
                    display.finish();
                    return Err(away(failed, id));
                }
                tokio::time::sleep(PAUSE).await;
            }
            Err(failed) => {
                display.finish();
                return Err(failed);
            }
        }
    }
}

fn away(failed: Failed, id: &str) -> Failed {
    let message = format!("{}; operation {id} goes on as soon as its server runs", failed.message);
    Failed { message, ..failed }.next(format!("sliceway operation watch {id}"))
}

/// How it ended, in words; a state that is final is never told to be tried again.
pub(crate) fn end(view: &Value) -> Result<u8, Failed> {
    let said = |pointer: &str| view.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    let (id, state) = (text(view, "/id"), text(view, "/state"));
    let message = said("/error/message").unwrap_or("its steps say why").to_owned();
    let look = format!("sliceway get operation {id} -o yaml");
    let again = match said("/kind") {
        Some("delete-slice") => format!("sliceway delete slice {}", text(view, "/subject")),
        _ => "sliceway apply -f FILE".to_owned(),
    };
    let failed = |message: String| Failed::new(exit::FAILED, message);
    match state.as_str() {
        "COMPLETED" | "ROLLED_BACK" => {
            say!("{id} {state}");
            Ok(exit::DONE)
        }
        "FAILED_TEMP" => {
            let next = said("/error/next").map_or(look, str::to_owned);
            Err(Failed::new(exit::WAITING, format!("{id} waits for you: {message}")).next(next))
        }
        // Planned so: it goes by itself, and nobody has to do anything.
        "PARTIALLY_COMPLETED" if stays(view) > 0 => {
            say!(
                "{id} {state}: {} things stay where their cluster cannot be reached, and go by themselves when it can",
                stays(view)
            );
            say!("next:  sliceway orphans");
            Ok(exit::DONE)
        }
        "PARTIALLY_COMPLETED" => Err(failed(format!("{id} ended {state}: {}", left_out(view)))
            .next(format!("mend the cause, then {again} does what was left out ({look})"))),
        "FAILED" => match said("/successor") {
            Some(successor) => Err(failed(format!("{id} was superseded by {successor}"))
                .next(format!("sliceway operation watch {successor}"))),
            None => Err(failed(format!("{id} ended {state}: {message}"))
                .next(format!("it is final; mend the cause, then: {again} ({look})"))),
        },
        _ => Err(failed(format!("{id} ended {state}: {message}")).next(look)),
    }
}

/// How much waits for its cluster, where that is all that was not done.
fn stays(view: &Value) -> usize {
    let steps = || view.get("steps").and_then(Value::as_array).into_iter().flatten();
    let count = |states: &[&str]| steps().filter(|step| states.contains(&text(step, "/state").as_str())).count();
    let buried = steps().filter(|step| text(step, "/change/verb") == "bury" && text(step, "/state") == "done").count();
    if count(&["skipped", "failed"]) > 0 { 0 } else { count(&["left"]) + buried }
}

/// What `continue` left out, each with its cause where it has one of its own.
fn left_out(view: &Value) -> String {
    let steps = view.get("steps").and_then(Value::as_array).into_iter().flatten();
    let out = steps.filter(|step| matches!(text(step, "/state").as_str(), "skipped" | "failed"));
    let line = |step: &Value| {
        let what = step.get("change").map(resource).unwrap_or_default();
        match step.pointer("/error/message").and_then(Value::as_str) {
            // Its own words begin with what it is, which was said.
            Some(cause) => {
                let after = cause.strip_prefix("change ").and_then(|rest| rest.split_once("): "));
                format!("{what} ({})", after.map_or(cause, |(_, cause)| cause))
            }
            None => what,
        }
    };
    let all: Vec<String> = out.map(line).collect();
    if all.is_empty() { "its steps say what was left out".into() } else { format!("left out: {}", all.join(", ")) }
}

struct Display {
    bar: Option<ProgressBar>,
    /// The state of each step as it was told last.
    told: BTreeMap<u64, String>,
    waiting: String,
}

impl Display {
    fn new() -> Self {
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {wide_msg}");
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        Self { bar, told: BTreeMap::new(), waiting: String::new() }
    }

    fn tell(&self, words: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(words.to_owned()),
            None => say!("{words}"),
        }
    }

    fn show(&mut self, view: &Value) {
        let waiting = view.get("waiting_for").and_then(Value::as_str).unwrap_or("").to_owned();
        let steps: Vec<&Value> = view.get("steps").and_then(Value::as_array).into_iter().flatten().collect();
        let total = steps.len();
        let mut last = String::new();
        for step in steps {
            let Some(line) = self.news(step) else { continue };
            if self.bar.is_none() {
                say!("{}/{total} {line}", self.done());
            }
            last = line;
        }
        match &self.bar {
            Some(bar) => {
                bar.set_length(total as u64);
                bar.set_position(self.done() as u64);
                bar.set_message(if waiting.is_empty() { last } else { format!("waiting: {waiting}") });
            }
            None if !waiting.is_empty() && waiting != self.waiting => say!("waiting: {waiting}"),
            None => {}
        }
        self.waiting = waiting;
    }

    /// How many of those that were told are done.
    fn done(&self) -> usize {
        self.told.values().filter(|state| *state == "done").count()
    }

    /// A line where a step's state is new and worth a line.
    fn news(&mut self, step: &Value) -> Option<String> {
        let seq = step.pointer("/change/seq").and_then(Value::as_u64)?;
        let state = text(step, "/state");
        let before = self.told.insert(seq, state.clone());
        let new = before.is_none_or(|before| before != state);
        // A hook of the way back does nothing on the way there.
        let held = text(step, "/change/verb") == "answer" && state == "done";
        let worth = matches!(state.as_str(), "done" | "failed" | "undone" | "skipped") && !held;
        let what = resource(step.get("change")?);
        (new && worth).then(|| format!("{} {what} {state}", text(step, "/change/verb")))
    }

    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// `Deployment gw on edge`, `Secret ca in the server's store`
pub(crate) fn resource(change: &Value) -> String {
    let kind = text(change, "/id/kind");
    let kind = kind.rsplit('/').next().unwrap_or("").to_owned();
    let name = text(change, "/id/name");
    match text(change, "/id/target").as_str() {
        "@local" => format!("{kind} {name} in the server's store"),
        cluster => format!("{kind} {name} on {cluster}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_continue_left_out_is_named_with_its_cause_and_what_to_do() {
        let id = json!({"kind": "v1/PersistentVolumeClaim", "name": "data", "target": "cloud"});
        let failed = end(&json!({"id": "1", "state": "PARTIALLY_COMPLETED", "kind": "change-slice", "steps": [
            {"state": "skipped", "change": {"seq": 0, "id": id}, "error": {"message": "change 1 (PersistentVolumeClaim data): it cannot grow"}},
        ]}))
        .unwrap_err();
        let left = "left out: PersistentVolumeClaim data on cloud (it cannot grow)";
        assert!(failed.message.ends_with(left), "{}", failed.message);
        assert!(failed.next.contains("sliceway apply -f FILE"), "{}", failed.next);
    }

    #[test]
    fn a_final_state_is_not_told_to_be_tried_again() {
        let error = json!({"message": "it broke", "next": "sliceway operation retry 1"});
        let failed = end(&json!({"id": "1", "state": "FAILED", "error": error})).unwrap_err();
        assert!(!failed.next.contains("retry") && failed.message.ends_with("it broke"), "{failed:?}");
        let failed = end(&json!({"id": "1", "state": "FAILED", "error": error, "successor": "2"})).unwrap_err();
        assert!(failed.message.contains("superseded by 2"), "{failed:?}");
        assert_eq!(failed.next, "sliceway operation watch 2");
    }
}
