//! `get --watch`: what there is, then what changes. It must never miss a change in between, and says why it ends.

use super::args::Output;
use super::client::{Client, escape};
use super::error::Failed;
use super::exit;
use super::nouns::Noun;
use super::print;
use super::verbs::single;
use futures::StreamExt;
use serde_json::Value;

/// What the server tells the changes of.
const WATCHED: &[&str] = &["tenants", "clusters", "repositories", "slices", "operations"];

pub(crate) async fn watch(
    client: &Client,
    (noun, path, name): (&Noun, &str, Option<&str>),
    output: Output,
) -> Result<u8, Failed> {
    if !WATCHED.contains(&noun.plural) {
        let next = if noun.plural == "tokens" { "sliceway token list" } else { "sliceway get slices --watch" };
        return Err(Failed::usage(format!("{} cannot be watched", noun.plural)).next(next));
    }
    let mut path = path.to_owned();
    if let Some(name) = name {
        single(client, noun.plural, (name, None)).await?;
        let pair = format!("{}={name}", noun.key().trim_start_matches('/'));
        path = format!("{path}&field={}", escape(&pair));
    }
    loop {
        let (items, begin) = client.all(&path).await?;
        match output {
            Output::Table | Output::Wide => print::items(output, noun.columns, &items),
            Output::Json | Output::Yaml => items.iter().for_each(|item| print::event(output, &[], ("put", item))),
        }
        follow(client, &format!("{path}&watch=true&revision={begin}"), (noun, output)).await?;
    }
}

/// Returns where too much changed while nobody listened: what there is now is shown again.
async fn follow(client: &Client, path: &str, (noun, output): (&Noun, Output)) -> Result<(), Failed> {
    let mut stream = client.watch(path).await?.bytes_stream();
    let mut events = Events::default();
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|error| Failed::new(exit::UNREACHABLE, error.to_string()))?;
        for (event, data) in events.push(&piece) {
            if event == "error" {
                if data["status"] == 410 {
                    return Ok(());
                }
                let status = data["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(500);
                return Err(Failed::of(status, &data));
            }
            print::event(output, noun.columns, (&event, &data));
        }
    }
    Err(Failed::new(exit::UNREACHABLE, "the server ended the watch").next(super::error::RESTART))
}

/// Server-sent events out of pieces that are cut anywhere.
#[derive(Default)]
struct Events {
    rest: Vec<u8>,
}

impl Events {
    fn push(&mut self, piece: &[u8]) -> Vec<(String, Value)> {
        self.rest.extend_from_slice(piece);
        let mut found = Vec::new();
        while let Some(end) = self.rest.windows(2).position(|two| two == b"\n\n") {
            let block: Vec<u8> = self.rest.drain(..end + 2).collect();
            found.extend(event(&String::from_utf8_lossy(&block)));
        }
        found
    }
}

fn event(block: &str) -> Option<(String, Value)> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let data = serde_json::from_str(field("data:")?).ok()?;
    Some((field("event:").unwrap_or("message").to_owned(), data))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn events_are_found_wherever_the_pieces_are_cut() {
        let text =
            ": still here\n\nid: 3\nevent: put\ndata: {\"name\":\"é\"}\n\nevent: deleted\ndata: {\"id\":\"x\"}\n\n";
        for size in 1..text.len() {
            let mut events = Events::default();
            let found: Vec<_> = text.as_bytes().chunks(size).flat_map(|piece| events.push(piece)).collect();
            assert_eq!(found, [("put".into(), json!({"name": "é"})), ("deleted".into(), json!({"id": "x"}))]);
        }
    }
}
