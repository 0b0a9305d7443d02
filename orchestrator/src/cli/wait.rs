//! Following an operation: a live line on a terminal, plain lines elsewhere.

use super::args::Output;
use super::client::Client;
use super::error::Failed;
use super::exit;
use super::print::{self, text};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::Duration;

const LOOK: Duration = Duration::from_millis(200);

/// Follows until nothing works on it any more; the exit code says how it ended.
pub(crate) async fn follow(client: &Client, id: &str) -> Result<u8, Failed> {
    let mut display = Display::new();
    loop {
        let view = client.get(&format!("/api/v1/operations/{id}")).await?;
        display.show(&view);
        match text(&view, "/state").as_str() {
            "PROCESSING" | "ROLLING_BACK" => tokio::time::sleep(LOOK).await,
            state => {
                display.finish();
                return end(&view, state);
            }
        }
    }
}

/// Follows, then shows the operation as it ended to whoever reads data.
pub(crate) async fn shown(client: &Client, id: &str, output: Output) -> Result<u8, Failed> {
    let ended = follow(client, id).await;
    if matches!(output, Output::Json | Output::Yaml) {
        print::data(output, &client.get(&format!("/api/v1/operations/{id}")).await?);
    }
    ended
}

fn end(view: &Value, state: &str) -> Result<u8, Failed> {
    let said = |pointer: &str| view.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    let message = said("/error/message").unwrap_or("its steps say why").to_owned();
    let look = || format!("sliceway get operation {} -o yaml", text(view, "/id"));
    let next = said("/error/next").map_or_else(look, str::to_owned);
    match state {
        "COMPLETED" | "ROLLED_BACK" => {
            eprintln!("{} {}", text(view, "/id"), state);
            Ok(exit::DONE)
        }
        "FAILED_TEMP" => {
            Err(Failed::new(exit::WAITING, format!("{} waits for you: {message}", text(view, "/id"))).next(next))
        }
        state => Err(Failed::new(exit::FAILED, format!("{} ended {state}: {message}", text(view, "/id"))).next(next)),
    }
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

    fn show(&mut self, view: &Value) {
        let waiting = view.get("waiting_for").and_then(Value::as_str).unwrap_or("").to_owned();
        let steps = view.get("steps").and_then(Value::as_array);
        let total = steps.map_or(0, Vec::len);
        let lines: Vec<String> = steps.into_iter().flatten().filter_map(|step| self.news(step)).collect();
        let done = text(view, "/done").parse().unwrap_or(0);
        match &self.bar {
            Some(bar) => {
                bar.set_length(total as u64);
                bar.set_position(done);
                let last = lines.last().cloned().unwrap_or_default();
                bar.set_message(if waiting.is_empty() { last } else { format!("waiting: {waiting}") });
            }
            None => {
                lines.iter().for_each(|line| eprintln!("{done}/{total} {line}"));
                if !waiting.is_empty() && waiting != self.waiting {
                    eprintln!("{done}/{total} waiting: {waiting}");
                }
            }
        }
        self.waiting = waiting;
    }

    /// A line where a step's state is new and worth a line.
    fn news(&mut self, step: &Value) -> Option<String> {
        let seq = step.pointer("/change/seq").and_then(Value::as_u64)?;
        let state = text(step, "/state");
        let before = self.told.insert(seq, state.clone());
        let new = before.is_none_or(|before| before != state);
        let worth = matches!(state.as_str(), "done" | "failed" | "undone" | "skipped");
        let what = resource(step.get("change")?);
        (new && worth).then(|| format!("{} {what} {state}", text(step, "/change/verb")))
    }

    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// `Deployment gw on edge`
pub(crate) fn resource(change: &Value) -> String {
    let kind = text(change, "/id/kind");
    let kind = kind.rsplit('/').next().unwrap_or("").to_owned();
    let at = match text(change, "/id/target").as_str() {
        "@local" => "here".to_owned(),
        cluster => cluster.to_owned(),
    };
    format!("{kind} {} on {at}", text(change, "/id/name"))
}
