//! A day of an engine, hour by hour under a clock of the test's own: what lives in memory and what is stored stays the same
//! while operations come and go.
//!
//! `make soak` is the long day, of 100,000 operations. The target is simulated.
#![allow(clippy::unwrap_used, clippy::panic)]

mod day;
#[path = "../setting/mod.rs"]
#[allow(dead_code, reason = "nobody sets this calendar")]
mod setting;
mod work;

use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const HOURS: usize = 24;
/// What is stored of ended operations lives for an hour; the first hours fill it.
const FULL: usize = 4;

#[test]
fn a_day_of_operations_leaves_no_more_behind_than_its_first_hours() {
    let asked = std::env::var("SLICEWAY_SOAK_OPERATIONS").ok();
    let operations: usize = asked.map_or(3_072, |text| text.parse().expect("a number of operations"));
    // Each slice of the day is made and removed as often as any other.
    let each = operations.div_ceil(HOURS).next_multiple_of(2 * day::SLICES);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let hours = runtime.block_on(day::live(each, HOURS));
    for (hour, at) in hours.iter().enumerate() {
        eprintln!("hour {:>2}: {at}", hour + 1);
    }
    let done: usize = hours.iter().map(|hour| hour.operations).sum();
    assert!(done >= operations);
    let (early, late) = (&hours[FULL..2 * FULL], &hours[HOURS - FULL..]);
    for (what, of) in [("memory", (|hour| hour.heap) as fn(&day::Hour) -> usize), ("store", |hour| hour.stored)] {
        // The least of some hours: what is in flight at one moment is no growth.
        let least = |hours: &[day::Hour]| hours.iter().map(of).min().unwrap();
        let (early, late) = (least(early), least(late));
        assert!(late * 20 <= early * 21, "{what} grew from {early} to {late} bytes");
    }
}
