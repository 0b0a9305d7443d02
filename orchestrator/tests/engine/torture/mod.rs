//! Torture: a process that carries out operations is killed with SIGKILL at random instants, or paused while another
//! takes over, again and again; the simulated clusters outlive it. After every death a checker reads the disk.
//!
//! The process is this test program again. Its store is real (SQLite in a folder), its ports speak over a socket to the
//! simulated clusters, which live here. Where a call is on its way when the process dies, it is carried out to its end or
//! never begun, by chance, before the next process starts: what lands later than that is not tried here.
//!
//! `make torture KILLS=1000 SEED=7` is the long round. A seed repeats every decision; not the scheduler's.

mod aim;
mod chance;
mod check;
mod child;
mod driver;
mod far;
mod near;
mod round;
mod wire;

use check::Fault;
use round::{Bug, Round};

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

fn seed() -> u64 {
    let drawn = || {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        u64::try_from(since.as_nanos() % 1_000_000_007).unwrap()
    };
    number("SLICEWAY_TORTURE_SEED").unwrap_or_else(drawn)
}

#[test]
fn operations_survive_death_at_random_instants() {
    let kills = number("SLICEWAY_TORTURE_KILLS").unwrap_or(25);
    let seed = seed();
    let mut round = Round::new(seed, Bug::None);
    let faults = round.run(kills);
    let met = format!("seed {seed}: {}", round.words());
    eprintln!("{met}");
    assert!(faults.is_empty(), "{met}\n{}", words(&faults));
    assert!(round.met.kills >= kills, "{met}");
    assert!(round.met.open * 2 > kills, "most deaths fall inside operations: {met}");
    assert!(round.met.intent * 4 > kills, "many of them between intent and result: {met}");
}

fn words(faults: &[Fault]) -> String {
    faults.iter().map(|fault| format!("  {fault}\n")).collect()
}

/// A planted bug is found within so many deaths.
fn is_found(bug: Bug, word: &str) {
    let seed = seed();
    let mut round = Round::new(seed, bug);
    let faults = round.run(60);
    let named = faults.iter().any(|fault| fault.to_string().contains(word));
    assert!(named, "seed {seed}: {bug:?} went unnoticed, {}: {}", round.words(), words(&faults));
}

#[test]
fn the_checker_finds_an_effect_whose_intent_was_not_written() {
    is_found(Bug::NoIntent, "its intent is not on disk");
}

#[test]
fn the_checker_finds_an_effect_that_happened_twice() {
    is_found(Bug::Twice, "was made twice");
}

#[test]
fn the_checker_finds_a_write_of_a_process_that_lost_its_epoch() {
    is_found(Bug::Unfenced, "without the epoch");
}

#[test]
fn the_checker_finds_a_write_that_was_acknowledged_and_lost() {
    is_found(Bug::Unwritten, "acknowledged and is not on disk");
}
