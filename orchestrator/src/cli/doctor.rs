//! What a look at a cluster found, as a person reads it: the state first, then what, then what to do.

use super::args::Output;
use super::client::{Client, escape};
use super::error::Failed;
use super::exit;
use super::pipe::{out, say};
use super::print::{self, text};
use serde_json::Value;

pub(crate) async fn doctor(client: &Client, name: &str, output: Output) -> Result<u8, Failed> {
    let checkup = client.get(&format!("/api/v1/clusters/{}/doctor", escape(name))).await?;
    match output {
        Output::Json | Output::Yaml => print::one(output, &checkup),
        Output::Table | Output::Wide => show(&checkup),
    }
    Ok(match text(&checkup, "/state").as_str() {
        "FAILED" => exit::FAILED,
        _ => exit::DONE,
    })
}

fn show(checkup: &Value) {
    for check in checkup["checks"].as_array().into_iter().flatten() {
        out!("{:<8} {:<16} {}", text(check, "/state"), text(check, "/name"), text(check, "/found"));
        for detail in check["details"].as_array().into_iter().flatten() {
            out!("{:<25} - {}", "", detail.as_str().unwrap_or(""));
        }
        if let Some(next) = check["next"].as_str() {
            out!("{:<25} next: {next}", "");
        }
    }
    say!("{} on the whole: {}", text(checkup, "/cluster"), text(checkup, "/state"));
}
