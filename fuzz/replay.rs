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

pub(crate) fn replay(targets: &[(&'static str, fn(&[u8]))]) {
    for (name, target) in targets {
        let all = inputs(name);
        assert!(!all.is_empty(), "fuzz/corpus/{name} holds nothing to replay");
        for path in all {
            let bytes = std::fs::read(&path).expect("a file of the corpus is readable");
            let target = *target;
            let (tell, told) = channel();
            let run = std::thread::spawn(move || {
                target(&bytes);
                let _ = tell.send(());
            });
            match told.recv_timeout(PATIENCE) {
                Ok(()) | Err(RecvTimeoutError::Disconnected) => {
                    assert!(run.join().is_ok(), "{} breaks the target {name}", path.display());
                }
                Err(RecvTimeoutError::Timeout) => {
                    assert!(false, "{} keeps the target {name} for more than {PATIENCE:?}", path.display());
                }
            }
            let peak = peak_mib();
            assert!(peak < MOST_MIB, "{} brings the target {name} to {peak} MiB", path.display());
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
