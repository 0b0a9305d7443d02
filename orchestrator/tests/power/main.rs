//! Power cuts: what a store has acknowledged is whole after the machine lost its power at any point, and nothing is half.
//!
//! A process that works with a real store is recorded (`recorder.c`, preloaded): each write, truncation, new name and
//! flush, in one order, with its acknowledgements among them. For every point of that record the states are made in which
//! a power cut may leave the files, and each is opened.
//!
//! **What is modelled.** Nothing is on the disk for sure before it was flushed: data by a flush of its file, a name by a
//! flush of its folder, and also a folder's own name. Of what was not flushed anything may be there or not, in any
//! combination: each is taken alone, each is left out alone, each prefix, and combinations by chance; a write may be
//! there in some of its sectors of 512 bytes and not in others. A process may also have been killed before, so that what
//! it wrote was seen by the next one and was never flushed.
//!
//! **What is not.** A sector is written whole or not at all, and its neighbours are not harmed. A flush that returned has
//! flushed: a disk that lies is beyond help. File systems promise more than this model (most write names in order), none
//! promises less. `sliceway.db-shm` is never kept: SQLite makes it anew. The order of notes is that of one lock around
//! each call: calls that overlap are seen one after the other, which is an order that they may have had.
//!
//! `make power` tries every combination that is made here; `make test` tries fewer of those by chance.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends so")]

mod disk;
mod record;
mod states;
mod work;

use record::{Recording, Work};
use states::Bound;

/// `make power`.
fn is_long() -> bool {
    std::env::var("SLICEWAY_TEST_POWER").is_ok_and(|word| word == "all")
}

fn bound() -> Bound {
    match is_long() {
        true => Bound { each_alone: true, by_chance: 24 },
        false => Bound { each_alone: false, by_chance: 1 },
    }
}

fn holds_at_every_point(work: Work) {
    let recording = Recording::of(work);
    let tried = states::all(&recording, bound());
    let (notes, acks, states) = (recording.notes.len(), recording.acks(), tried.states);
    eprintln!("{work:?}: {notes} notes, {acks} acknowledgements, {states} states");
    assert!(tried.faults.is_empty(), "{states} states:\n{}", tried.faults.join("\n"));
    assert!(states > notes, "there are more states than points");
}

#[test]
fn a_store_is_whole_wherever_its_first_start_is_cut() {
    holds_at_every_point(Work::Birth);
}

#[test]
fn what_was_committed_is_there_wherever_it_is_cut() {
    holds_at_every_point(Work::Commits);
}

#[test]
fn a_blob_that_was_acknowledged_is_whole_and_a_half_one_is_never_served() {
    holds_at_every_point(Work::Blobs);
}

/// The first process is killed at every point; what it left unflushed is all that the second one finds done.
#[test]
fn what_a_killed_process_left_unflushed_is_not_taken_for_flushed() {
    for work in [Work::Blobs, Work::Birth] {
        let notes = Recording::of(work).notes.len();
        let step = if is_long() { 1 } else { 5 };
        for point in (1..notes).step_by(step) {
            let recording = Recording::of_two(work, point);
            let faults = states::lost(&recording);
            assert!(faults.is_empty(), "{work:?}, killed after note {point}:\n{}", faults.join("\n"));
        }
    }
}

/// The planted bug: the recording as if nothing had ever been flushed.
#[test]
fn the_checker_finds_a_store_that_does_not_flush() {
    for work in [Work::Commits, Work::Blobs] {
        let recording = Recording::of(work).without_flushes();
        let faults = states::lost(&recording);
        assert!(!faults.is_empty(), "{work:?}: the planted bug went unnoticed");
    }
}
