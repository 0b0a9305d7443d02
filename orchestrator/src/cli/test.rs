//! `slice test`: waits for the end, then says of each test what came out and what it said.

use super::args::{Output, TestSlice};
use super::client::{Client, escape};
use super::error::Failed;
use super::pipe::out;
use super::print::{self, text};
use super::wait;
use serde_json::Value;

pub(crate) async fn slice(client: &Client, args: &TestSlice, output: Output) -> Result<u8, Failed> {
    let functions = args.functions.iter().map(|name| format!("function={}", escape(name)));
    let timeout = args.timeout.map(|seconds| format!("timeout={seconds}"));
    let query: Vec<String> = functions.chain(timeout).collect();
    let path = format!("/api/v1/slices/{}:test?{}", escape(&args.name), query.join("&"));
    let started = client.post(&path, String::new()).await?;
    let id = text(&started.body, "/operation/id");
    let end = wait::follow(client, &id).await;
    let view = client.get(&format!("/api/v1/operations/{id}")).await?;
    match output {
        Output::Json | Output::Yaml => print::one(output, &view),
        Output::Table | Output::Wide => results(&view),
    }
    end
}

fn results(view: &Value) {
    let steps = view.get("steps").and_then(Value::as_array).into_iter().flatten();
    for step in steps.filter(|step| text(step, "/change/verb") == "run") {
        let word = match text(step, "/state").as_str() {
            "done" => "PASSED",
            "failed" => "FAILED",
            _ => "NOT RUN",
        };
        out!("{word:<8} {}  {}", text(step, "/change/id/name"), text(step, "/change/reason"));
        for line in step.get("log").and_then(Value::as_array).into_iter().flatten() {
            out!("         {}", text(line, "/text"));
        }
    }
}
