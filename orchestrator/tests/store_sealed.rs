//! The vault and the blobs of a data folder: what is sealed stays sealed, what was put is read back or called damaged.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends so")]

use std::collections::HashSet;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use orchestrator::store::{BlobError, Blobs, Clock, Digest, Options, Random, Secret, Sqlite, Vault, VaultError};
use tempfile::TempDir;

const PLAIN: &[u8] = b"the password of the broker";

struct Data {
    store: Sqlite,
    path: PathBuf,
    _folder: TempDir,
}

fn data() -> Data {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let store = Sqlite::open(&path, Options::new(Clock::system())).unwrap();
    Data { store, path, _folder: folder }
}

impl Data {
    async fn unlock(&self) -> Result<Vault, VaultError> {
        Vault::unlock(&self.path, &self.store, Random::system()).await
    }

    fn key_file(&self) -> PathBuf {
        self.path.join("key")
    }

    async fn refusal(&self) -> VaultError {
        self.unlock().await.expect_err("the vault opened")
    }
}

#[tokio::test]
async fn what_was_sealed_is_opened_after_a_new_start() {
    let data = data();
    let sealed = data.unlock().await.unwrap().seal("secret `mqtt` version 1", PLAIN).unwrap();
    assert_eq!(std::fs::metadata(data.key_file()).unwrap().mode() & 0o777, 0o600);
    let opened = data.unlock().await.unwrap().open("secret `mqtt` version 1", &sealed).unwrap();
    assert_eq!(opened.expose(), PLAIN);
}

#[tokio::test]
async fn what_is_sealed_shows_nothing_and_is_never_the_same_twice() {
    let data = data();
    let vault = data.unlock().await.unwrap();
    let sealed = vault.seal("a", PLAIN).unwrap();
    assert!(!sealed.windows(8).any(|window| PLAIN.windows(8).any(|plain| plain == window)));
    assert_ne!(sealed, vault.seal("a", PLAIN).unwrap());
}

#[tokio::test]
async fn a_changed_or_moved_seal_does_not_open() {
    let data = data();
    let vault = data.unlock().await.unwrap();
    let sealed = vault.seal("a", PLAIN).unwrap();
    assert!(matches!(vault.open("b", &sealed), Err(VaultError::Damaged { .. })));
    for n in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[n] ^= 1;
        assert!(matches!(vault.open("a", &changed), Err(VaultError::Damaged { .. })), "byte {n}");
        assert!(matches!(vault.open("a", &sealed[..n]), Err(VaultError::Damaged { .. })), "cut at {n}");
    }
}

#[tokio::test]
async fn a_missing_key_is_told_and_not_made_anew() {
    let data = data();
    data.unlock().await.unwrap();
    std::fs::remove_file(data.key_file()).unwrap();
    let error = data.refusal().await;
    assert!(matches!(error, VaultError::KeyMissing { .. }) && !error.retryable(), "{error}");
    assert!(error.to_string().contains(data.key_file().to_str().unwrap()), "{error}");
    assert!(!data.key_file().exists());
}

#[tokio::test]
async fn a_wrong_key_is_told() {
    let data = data();
    data.unlock().await.unwrap();
    std::fs::write(data.key_file(), [9; 32]).unwrap();
    let error = data.refusal().await;
    assert!(matches!(error, VaultError::KeyWrong { .. }), "{error}");
}

#[tokio::test]
async fn a_key_that_others_can_read_is_refused_with_the_command_that_mends_it() {
    let data = data();
    data.unlock().await.unwrap();
    for mode in [0o640, 0o604, 0o620] {
        std::fs::set_permissions(data.key_file(), std::fs::Permissions::from_mode(mode)).unwrap();
        let error = data.refusal().await;
        assert!(matches!(error, VaultError::KeyOpen { mode: found, .. } if found == mode), "{error}");
        assert!(error.to_string().contains(&format!("chmod 600 {}", data.key_file().display())), "{error}");
    }
    std::fs::set_permissions(data.key_file(), std::fs::Permissions::from_mode(0o400)).unwrap();
    data.unlock().await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_key_is_refused() {
    let data = data();
    data.unlock().await.unwrap();
    std::fs::write(data.key_file(), [9; 31]).unwrap();
    assert!(matches!(data.refusal().await, VaultError::KeyMalformed { .. }));
    std::fs::remove_file(data.key_file()).unwrap();
    std::fs::create_dir(data.key_file()).unwrap();
    assert!(matches!(data.refusal().await, VaultError::KeyMalformed { .. }));
}

#[tokio::test]
async fn a_start_that_was_cut_off_before_the_check_value_goes_on_with_its_key() {
    let data = data();
    std::fs::write(data.key_file(), [3; 32]).unwrap();
    std::fs::set_permissions(data.key_file(), std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(data.path.join("key.new"), b"half").unwrap();
    let sealed = data.unlock().await.unwrap().seal("a", PLAIN).unwrap();
    assert_eq!(data.unlock().await.unwrap().open("a", &sealed).unwrap().expose(), PLAIN);
    assert_eq!(std::fs::read(data.key_file()).unwrap(), [3; 32]);
}

#[tokio::test]
async fn nothing_is_sealed_without_random_bytes() {
    let data = data();
    data.unlock().await.unwrap();
    let dry = Random::from_fn(|_| Err(std::io::Error::other("dry")));
    let vault = Vault::unlock(&data.path, &data.store, dry).await.unwrap();
    assert!(matches!(vault.seal("a", PLAIN), Err(VaultError::Io { .. })));
}

/// Blobs under a clock that the test moves.
struct Shelf {
    blobs: Blobs,
    hours: Arc<AtomicU64>,
    data: Data,
}

async fn shelf() -> Shelf {
    let data = data();
    let vault = Arc::new(data.unlock().await.unwrap());
    let hours = Arc::new(AtomicU64::new(500_000));
    let moved = hours.clone();
    let clock =
        Clock::from_fn(move || SystemTime::UNIX_EPOCH + Duration::from_secs(3600 * moved.load(Ordering::Relaxed)));
    let blobs = Blobs::open(&data.path, vault, clock).unwrap();
    Shelf { blobs, hours, data }
}

impl Shelf {
    fn file(&self, digest: &Digest) -> PathBuf {
        let text = digest.to_string();
        let (name, digits) = text.split_once(':').unwrap();
        self.data.path.join("blobs").join(name).join(&digits[..2]).join(digits)
    }

    fn files(&self) -> usize {
        fn count(folder: &Path) -> usize {
            let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
            entries.map(|path| if path.is_dir() { count(&path) } else { 1 }).sum()
        }
        count(&self.data.path.join("blobs"))
    }
}

#[tokio::test]
async fn a_blob_is_a_file_named_by_its_sha256() {
    let shelf = shelf().await;
    let digest = shelf.blobs.put(b"abc".to_vec()).await.unwrap();
    let known = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(digest.to_string(), known);
    assert_eq!(shelf.blobs.put(b"abc".to_vec()).await.unwrap(), digest);
    assert_eq!(std::fs::read(shelf.file(&digest)).unwrap(), b"abc");
    assert_eq!(shelf.blobs.get(&digest).await.unwrap().expose(), b"abc");
    assert_eq!(shelf.files(), 1);
    let missing = shelf.blobs.get(&Digest::of(b"abd")).await.unwrap_err();
    assert!(matches!(missing, BlobError::Missing(_)), "{missing}");
}

#[tokio::test]
async fn a_sealed_blob_shows_neither_its_bytes_nor_their_digest() {
    let shelf = shelf().await;
    let digest = shelf.blobs.put_sealed(Secret::new(PLAIN.to_vec())).await.unwrap();
    assert_eq!(
        shelf.blobs.put_sealed(Secret::new(PLAIN.to_vec())).await.unwrap(),
        digest,
        "equal things have one name"
    );
    let file = std::fs::read(shelf.file(&digest)).unwrap();
    assert!(!file.windows(PLAIN.len()).any(|window| window == PLAIN));
    let digits = |d: &Digest| d.to_string().split_once(':').unwrap().1.to_owned();
    assert_ne!(digits(&digest), digits(&Digest::of(PLAIN)));
    assert_eq!(shelf.blobs.get(&digest).await.unwrap().expose(), PLAIN);
    assert_eq!(shelf.files(), 1);
}

#[tokio::test]
async fn a_damaged_blob_is_never_handed_out_and_is_mended_by_putting_it_again() {
    let shelf = shelf().await;
    let open = shelf.blobs.put(PLAIN.to_vec()).await.unwrap();
    let sealed = shelf.blobs.put_sealed(Secret::new(PLAIN.to_vec())).await.unwrap();
    for digest in [open, sealed] {
        let file = shelf.file(&digest);
        let mut bytes = std::fs::read(&file).unwrap();
        bytes.truncate(bytes.len() - 1);
        std::fs::write(&file, &bytes).unwrap();
        let error = shelf.blobs.get(&digest).await.unwrap_err();
        assert!(matches!(error, BlobError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
    }
    shelf.blobs.put(PLAIN.to_vec()).await.unwrap();
    shelf.blobs.put_sealed(Secret::new(PLAIN.to_vec())).await.unwrap();
    for digest in [open, sealed] {
        assert_eq!(shelf.blobs.get(&digest).await.unwrap().expose(), PLAIN);
    }
}

#[tokio::test]
async fn a_sealed_blob_under_another_name_does_not_open() {
    let shelf = shelf().await;
    let one = shelf.blobs.put_sealed(Secret::new(b"one".to_vec())).await.unwrap();
    let two = shelf.blobs.put_sealed(Secret::new(b"two".to_vec())).await.unwrap();
    std::fs::copy(shelf.file(&two), shelf.file(&one)).unwrap();
    assert!(matches!(shelf.blobs.get(&one).await, Err(BlobError::Damaged { .. })));
}

#[tokio::test]
async fn what_nothing_refers_to_is_found_and_removed_and_nothing_young() {
    let shelf = shelf().await;
    let grace = Duration::from_secs(3600);
    let referred = shelf.blobs.put(b"referred".to_vec()).await.unwrap();
    let old = shelf.blobs.put(b"old".to_vec()).await.unwrap();
    let old_sealed = shelf.blobs.put_sealed(Secret::new(b"old".to_vec())).await.unwrap();
    let renewed = shelf.blobs.put(b"renewed".to_vec()).await.unwrap();
    let stranger = shelf.file(&old).with_file_name("notes.txt");
    std::fs::write(&stranger, b"not ours").unwrap();
    std::fs::File::options().write(true).open(&stranger).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    shelf.hours.fetch_add(2, Ordering::Relaxed);
    let young = shelf.blobs.put(b"young".to_vec()).await.unwrap();
    let found = shelf.blobs.unreferred(HashSet::from([referred]), grace).await.unwrap();
    assert_eq!(found, HashSet::from([old, old_sealed, renewed]));
    // Put again after it was found.
    shelf.blobs.put(b"renewed".to_vec()).await.unwrap();
    let swept = shelf.blobs.remove(found.into_iter().collect(), grace).await.unwrap();
    assert_eq!((swept.removed, swept.removed_bytes > 6), (2, true));
    for digest in [referred, renewed, young] {
        shelf.blobs.get(&digest).await.unwrap();
    }
    for digest in [old, old_sealed] {
        assert!(matches!(shelf.blobs.get(&digest).await, Err(BlobError::Missing(_))));
    }
    assert!(stranger.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_who_put_the_same_blob_share_one_file() {
    let shelf = shelf().await;
    let puts: Vec<_> = (0..16)
        .map(|_| {
            let blobs = shelf.blobs.clone();
            tokio::spawn(async move { blobs.put(vec![5; 100_000]).await.unwrap() })
        })
        .collect();
    for put in puts {
        assert_eq!(put.await.unwrap(), Digest::of(&[5; 100_000]));
    }
    assert_eq!(shelf.files(), 1);
}
