//! Runs every input of a corpus through its target, without the fuzzer: what once broke a parser never does so again.
//! The unit tests of `models`, `adapters` and `orchestrator` include this file; it must never need more than `std`.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// What one input may take where nothing is optimised and the machine is busy; a parser that hangs takes for ever.
const PATIENCE: Duration = Duration::from_secs(20);
/// Of the whole process, with the tests beside it.
const MOST_MIB: u64 = 1_024;

fn inputs(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let mut all: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    all.sort();
    all
}

type Target = (&'static str, fn(&[u8]));

pub(crate) fn replay(targets: &[Target]) {
    for (name, target) in targets {
        let all = inputs(name);
        assert!(!all.is_empty(), "fuzz/corpus/{name} holds nothing to replay");
        for path in all {
            let bytes = std::fs::read(&path).expect("a file of the corpus is readable");
            let (place, target) = (path.display(), *target);
            let (tell, told) = channel();
            let run = std::thread::spawn(move || {
                target(&bytes);
                let _ = tell.send(());
            });
            let waited = told.recv_timeout(PATIENCE);
            let hangs = waited == Err(RecvTimeoutError::Timeout);
            assert!(!hangs, "{place} keeps the target {name} for more than {PATIENCE:?}");
            assert!(run.join().is_ok(), "{place} breaks the target {name}");
            let peak = peak_mib();
            assert!(peak < MOST_MIB, "{place} brings the target {name} to {peak} MiB");
        }
    }
}

/// The most memory that this process ever had.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.map_or(0, |kib| kib >> 10)
}
