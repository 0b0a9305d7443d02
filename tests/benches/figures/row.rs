//! The table of figures, for people and for programs.

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One figure: what was measured, what it is held against, and the command that measures it again.
pub struct Row {
    pub id: &'static str,
    pub what: &'static str,
    pub value: f64,
    pub unit: &'static str,
    /// What it is beside: a bound, or a peer with its figure.
    pub against: String,
    /// As the figure's own row says; `None` where nothing is compared.
    pub ratio: Option<f64>,
}

#[derive(Default)]
pub struct Table(Vec<Row>);

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

impl Table {
    pub fn add(&mut self, row: Row) {
        self.0.push(row);
    }

    pub fn print(&self) {
        println!("\n{}\n", machine());
        println!("{:<12} {:>10} {:<9} {:>7}  {:<52} against", "id", "value", "unit", "ratio", "what");
        for row in &self.0 {
            let ratio = row.ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
            println!("{:<12} {:>10.1} {:<9} {ratio:>7}  {:<52} {}", row.id, row.value, row.unit, row.what, row.against);
        }
    }

    pub fn write(&self) {
        let each = |row: &Row| {
            let command = format!("make bench FIGURES={}", row.id.split('.').next().unwrap_or(row.id));
            json!({
                "id": row.id, "what": row.what, "value": row.value, "unit": row.unit, "against": row.against,
                "ratio": row.ratio, "command": command,
            })
        };
        let rows: Vec<Value> = self.0.iter().map(each).collect();
        let folder = root().join("target/bench");
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("results.json");
        std::fs::write(&path, serde_json::to_string_pretty(&rows).unwrap()).unwrap();
        println!("\nwritten: target/bench/results.json");
    }
}

/// What it was measured on.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
        line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let (cpu, memory) = (field(&read("/proc/cpuinfo"), "model name"), field(&read("/proc/meminfo"), "MemTotal"));
    format!("machine: {cores} cores of {cpu}, {memory}, Linux {}", read("/proc/sys/kernel/osrelease").trim())
}

pub fn median(values: &mut [Duration]) -> Duration {
    quantile(values, 50)
}

pub fn quantile(values: &mut [Duration], percent: usize) -> Duration {
    values.sort();
    values.get((values.len() * percent / 100).min(values.len().saturating_sub(1))).copied().unwrap_or_default()
}

pub fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
