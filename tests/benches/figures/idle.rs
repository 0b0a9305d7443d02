//! P9: what a server costs that has nothing to do, and how long it takes to answer the first request.

use crate::ours::{Ours, program};
use crate::row::{Row, Table, median, millis, root};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const ROUNDS: usize = 9;

pub async fn measure(table: &mut Table) {
    let mut starts: Vec<Duration> = (0..ROUNDS).map(|_| start()).collect();
    let ours = Ours::start();
    // Charts make the worker start, as in every server that is used.
    ours.charts();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let server = resident(ours.pid());
    let worker: f64 = children(ours.pid()).into_iter().map(resident).sum();
    let row = |id, what, value, unit, against: &str, bound| Row {
        id,
        what,
        value,
        unit,
        against: against.into(),
        ratio: Some(value / bound),
    };
    table.add(row("P9", "resident memory of an idle server", server, "MiB", "<= 64 MiB: part of it", 64.0));
    table.add(Row {
        ratio: None,
        ..row("P9.worker", "resident memory of its chart worker", worker, "MiB", "beside it", 1.0)
    });
    let first = millis(median(&mut starts));
    table.add(row("P9.start", "empty folder to the first answer, p50", first, "ms", "<= 200 ms: part of it", 200.0));
}

/// From the start of the process on an empty folder to a whole answer of `/healthz`.
fn start() -> Duration {
    let folder = tempfile::TempDir::new_in(root().join("target")).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let began = Instant::now();
    let mut child = Command::new(program("sliceway"))
        .args(["serve", "--listen", &port.to_string(), "--data"])
        .arg(folder.path().join("data"))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !answers(port) {
        std::thread::sleep(Duration::from_millis(1));
        assert!(began.elapsed() < Duration::from_secs(30), "the server does not answer");
    }
    let took = began.elapsed();
    child.kill().unwrap();
    child.wait().unwrap();
    took
}

pub fn answers(at: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(at) else { return false };
    let mut said = [0; 16];
    let asked = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    asked.is_ok() && stream.read(&mut said).is_ok_and(|n| said[..n].starts_with(b"HTTP/1.1 200"))
}

/// MiB.
fn resident(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

pub fn children(pid: u32) -> Vec<u32> {
    let listed = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let mut all: Vec<u32> = listed.split_whitespace().filter_map(|pid| pid.parse().ok()).collect();
    for task in std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let listed = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        all.extend(listed.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
    }
    all.sort_unstable();
    all.dedup();
    all
}
