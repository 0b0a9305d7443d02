//! The product's figures beside a peer or a physical limit, measured in one run, rounds interleaved: `make bench`.
//!
//! It prints one table and writes `target/bench/results.json`. It must never be a test: it asserts nothing about time.
#![allow(clippy::unwrap_used, clippy::panic)]

mod away;
mod bare;
mod begun;
mod charts;
#[path = "../../../adapters/tests/control_plane/mod.rs"]
#[allow(dead_code, reason = "a bench needs less of it than the port's tests")]
mod control_plane;
mod descriptor;
mod idle;
mod objects;
mod onboarded;
mod operations;
mod ours;
mod pages;
mod peer;
mod rate;
mod requests;
mod restart;
mod row;
mod slice;
mod wait;
mod wire;

use row::Table;

/// That of the server, part of which runs here.
#[global_allocator]
static HEAP: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What the control plane says where it is missing.
mod safe {
    pub fn skipped(why: &str) {
        eprintln!("left out: {why}");
    }
}

fn main() {
    // `cargo bench` hands its own flags over; a name asks for one figure.
    let asked: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wanted = |id: &str| asked.is_empty() || asked.iter().any(|word| word == id);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut table = Table::default();
    runtime.block_on(async {
        if wanted("P1") {
            requests::measure(&mut table).await;
        }
        if wanted("P5") {
            operations::measure(&mut table).await;
        }
        if wanted("P8") {
            restart::measure(&mut table).await;
        }
        if wanted("P10") {
            restart::growth(&mut table).await;
        }
        if wanted("P11") {
            away::measure(&mut table).await;
        }
        if wanted("P17") {
            descriptor::measure(&mut table).await;
        }
        if wanted("P18") {
            onboarded::measure(&mut table).await;
        }
        if wanted("P19") {
            pages::measure(&mut table).await;
        }
        if wanted("P4") {
            slice::measure(&mut table).await;
        }
        if wanted("P4s") {
            rate::measure(&mut table).await;
        }
        if wanted("P4w") {
            wait::measure(&mut table).await;
        }
        if wanted("P9") {
            idle::measure(&mut table).await;
        }
    });
    table.print();
    table.write();
}
