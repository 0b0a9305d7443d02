//! Every state of a record that is tried, and what is wrong with it.

use super::disk::{Disk, Kept, Pending, State, sectors};
use super::record::{Acked, Recording, quick_folder};
use super::work::{self, Objects};
use orchestrator::store::{
    BlobError, Blobs, Clock, Digest, Kind, Options, Query, Random, Secret, Sqlite, Store, Vault,
};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

#[derive(Debug, Clone, Copy)]
pub struct Bound {
    /// Also: each pending thing alone, and all but it.
    pub each_alone: bool,
    /// Combinations by chance at each point.
    pub by_chance: u64,
}

/// What one record came to.
#[derive(Default)]
pub struct Tried {
    pub states: usize,
    pub faults: Vec<String>,
}

/// Enough to see what is wrong.
const MOST_FAULTS: usize = 10;

pub fn all(recording: &Recording, bound: Bound) -> Tried {
    let (mut disk, mut acked, mut known) = (recording.disk(), Acked::default(), HashSet::new());
    let mut tried = Tried::default();
    let mut chance = 1u64;
    for (point, note) in recording.notes.iter().enumerate() {
        disk.take(note);
        recording.hear(note, &mut acked);
        for kept in combinations(&disk, bound, &mut chance) {
            if !known.insert((disk.key(&kept), acked.clone())) {
                continue;
            }
            let state = disk.state(|n| kept[n].clone());
            tried.states += 1;
            let faults = faults(&state, &acked, recording);
            tried.faults.extend(faults.into_iter().map(|fault| format!("after note {point}, {note}: {fault}")));
            if tried.faults.len() >= MOST_FAULTS {
                return tried;
            }
        }
    }
    tried
}

/// At the end of the record, everything that was not flushed is lost.
pub fn lost(recording: &Recording) -> Vec<String> {
    let (mut disk, mut acked) = (recording.disk(), Acked::default());
    for note in &recording.notes {
        disk.take(note);
        recording.hear(note, &mut acked);
    }
    faults(&disk.state(|_| Kept::Nothing), &acked, recording)
}

/// How much of each pending thing is kept, for each state that is tried.
fn combinations(disk: &Disk, bound: Bound, chance: &mut u64) -> Vec<Vec<Kept>> {
    let pending = &disk.pending;
    let these = |whole: &dyn Fn(usize) -> bool| -> Vec<Kept> {
        let kept = |n| if whole(n) { Kept::Whole } else { Kept::Nothing };
        (0..pending.len()).map(kept).collect()
    };
    let named = |n: usize| matches!(pending[n], Pending::Named { .. });
    let mut all = vec![these(&|_| false), these(&|_| true), these(&named), these(&|n| !named(n))];
    all.extend((1..pending.len()).map(|length| these(&|n| n < length)));
    if bound.each_alone {
        all.extend((0..pending.len()).flat_map(|one| [these(&|n| n == one), these(&|n| n != one)]));
    }
    // The last write, cut after each of its sectors.
    if let Some(Pending::Written { at, data, .. }) = pending.last() {
        let count = sectors(*at, data.len()).len();
        for there in 1..count {
            let mut kept = these(&|_| true);
            *kept.last_mut().unwrap() = Kept::Sectors((0..count).map(|n| n < there).collect());
            all.push(kept);
        }
    }
    for _ in 0..bound.by_chance {
        all.push(pending.iter().map(|pending| drawn(pending, chance)).collect());
    }
    all
}

fn drawn(pending: &Pending, chance: &mut u64) -> Kept {
    // SplitMix64, by its published constants.
    let mut next = || {
        *chance = chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (*chance ^ (*chance >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    match (next() % 3, pending) {
        (0, _) => Kept::Nothing,
        (1, Pending::Written { at, data, .. }) => {
            Kept::Sectors(sectors(*at, data.len()).iter().map(|_| next() % 2 == 0).collect())
        }
        (_, _) => Kept::Whole,
    }
}

/// What is wrong with the files after a cut.
fn faults(state: &State, acked: &Acked, recording: &Recording) -> Vec<String> {
    let folder = quick_folder();
    for (path, content) in state {
        let path = folder.path().join(path);
        match content {
            None => std::fs::create_dir_all(&path).unwrap(),
            Some(content) => {
                std::fs::write(&path, content).unwrap();
                private(&path);
            }
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(opened(&work::data(folder.path()), acked, recording))
}

fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

async fn opened(data: &Path, acked: &Acked, recording: &Recording) -> Vec<String> {
    let options = Options { readers: 1, ..Options::new(Clock::system()) };
    let store = match Sqlite::open(data, options) {
        Ok(store) => store,
        Err(error) => return vec![format!("the store does not open: {error}")],
    };
    let mut faults = Vec::new();
    let found: Objects = store
        .list(&Query::all(Kind::Slice))
        .await
        .unwrap()
        .into_iter()
        .map(|o| ((o.key.tenant, o.key.id), o.doc))
        .collect();
    let whole = recording.objects.range(acked.rev..).any(|(_, objects)| *objects == found);
    if !whole {
        let names: Vec<_> = found.keys().map(|(tenant, id)| format!("{tenant}/{id}")).collect();
        faults
            .push(format!("revision {} was acknowledged; what is there is of no revision since: {names:?}", acked.rev));
    }
    let vault = match Vault::unlock(data, &store, Random::system()).await {
        Ok(vault) => vault,
        Err(error) => return [faults, vec![format!("the key is not there: {error}")]].concat(),
    };
    let blobs = Blobs::open(data, Arc::new(vault), Clock::system()).unwrap();
    for (n, (bytes, sealed)) in work::blobs().iter().enumerate() {
        let Some(digest) = recording.digests.get(&n) else { continue };
        let digest: Digest = digest.parse().unwrap();
        match blobs.get(&digest).await {
            Ok(found) if found.expose() == bytes.as_slice() => {}
            Ok(_) => faults.push(format!("blob {n} is served, and is not what was put")),
            Err(BlobError::Missing(_) | BlobError::Damaged { .. }) if !acked.blobs.contains(&n) => {}
            Err(error) => faults.push(format!("blob {n} was acknowledged: {error}")),
        }
        faults.extend(again(&blobs, (n, bytes, *sealed)).await);
    }
    if let Err(error) = store.commit(work::txn(1_000)).await {
        faults.push(format!("the store takes no more: {error}"));
    }
    faults
}

/// Whoever was told nothing puts it again, whatever lies there.
async fn again(blobs: &Blobs, (n, bytes, sealed): (usize, &[u8], bool)) -> Option<String> {
    let put = match sealed {
        true => blobs.put_sealed(Secret::new(bytes.to_vec())).await,
        false => blobs.put(bytes.to_vec()).await,
    };
    let digest = match put {
        Ok(digest) => digest,
        Err(error) => return Some(format!("blob {n} cannot be put again: {error}")),
    };
    let served = blobs.get(&digest).await.is_ok_and(|found| found.expose() == bytes);
    (!served).then(|| format!("blob {n} was put again and is not served"))
}
