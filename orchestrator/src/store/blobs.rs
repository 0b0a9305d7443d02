//! Large things (charts, bundles) as files that are named by what they hold. A name is handed out only when the file is
//! on disk; what is read is checked against its name. Must never write over a blob that is whole, nor remove one that is
//! young: whoever put it may not have committed the reference yet.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::{Clock, Digest, Secret, Vault, VaultError, files};

/// The size of one blob.
const LIMIT_BYTES: usize = 256 * 1024 * 1024;

/// Why a blob cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    #[error("there is no blob {0}")]
    Missing(Digest),

    #[error("the blob {digest} is damaged: remove {} and put it again, or restore it from a backup", path.display())]
    Damaged { digest: Digest, path: PathBuf },

    #[error("a blob may have {LIMIT_BYTES} bytes, this one has {0}")]
    TooLarge(usize),

    #[error("no space left for {}: free some on that file system; nothing was written", path.display())]
    Full { path: PathBuf },

    #[error("{} cannot be written: mount it read-write and give the user that runs sliceway the right to write there", path.display())]
    ReadOnly { path: PathBuf },

    #[error("{} cannot be used", path.display())]
    Io { path: PathBuf, source: io::Error },

    #[error("the blob store is closing")]
    Closed,

    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl BlobError {
    /// Whether the same request may succeed later without anyone changing it.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Full { .. } | Self::Io { .. } => true,
            Self::Vault(error) => error.retryable(),
            Self::Missing(_) | Self::Damaged { .. } | Self::TooLarge(_) | Self::ReadOnly { .. } | Self::Closed => false,
        }
    }

    fn at(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path },
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => Self::ReadOnly { path },
            _ => Self::Io { path, source },
        }
    }
}

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    pub removed: u64,
    pub removed_bytes: u64,
}

/// The blobs of one data folder.
#[derive(Clone)]
pub struct Blobs {
    inner: Arc<Inner>,
}

struct Inner {
    folder: PathBuf,
    vault: Arc<Vault>,
    clock: Clock,
    serial: AtomicU64,
    /// Held while a name is looked at and then acted upon, so that what was just put again cannot be removed.
    names: Mutex<Flushed>,
}

/// What this process knows to be on disk, names included: a whole file that an earlier one left, or a folder that another
/// task has just made, may be there only until the power is cut.
#[derive(Default)]
struct Flushed {
    blobs: HashSet<Digest>,
    /// At most one for each first two digits, and those that they are in.
    folders: HashSet<PathBuf>,
}

impl Blobs {
    /// The blobs in `<data>/blobs`. The process must hold the data folder (an open store does).
    pub fn open(data: &Path, vault: Arc<Vault>, clock: Clock) -> Result<Self, BlobError> {
        let folder = data.join("blobs");
        let unfinished = folder.join("unfinished");
        // What writes that were cut off left behind.
        match std::fs::remove_dir_all(&unfinished) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                return Err(BlobError::at(&unfinished, e));
            }
            _ => {}
        }
        files::make_folder(&unfinished).map_err(|e| BlobError::at(&unfinished, e))?;
        let inner = Inner { folder, vault, clock, serial: AtomicU64::new(0), names: Mutex::default() };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Keeps what holds no secret. Returns when it is on disk.
    pub async fn put(&self, bytes: Vec<u8>) -> Result<Digest, BlobError> {
        self.blocking(move |inner| {
            let digest = Digest::of(&bytes);
            inner.keep(digest, &bytes, |bytes| Ok(bytes.into()))
        })
        .await
    }

    /// As [`Blobs::put`], by whoever has hashed the bytes already: a digest that is not theirs would name what can never be read.
    pub async fn put_hashed(&self, digest: Digest, bytes: Vec<u8>) -> Result<Digest, BlobError> {
        self.blocking(move |inner| inner.keep(digest, &bytes, |bytes| Ok(bytes.into()))).await
    }

    /// Keeps what holds a secret, sealed.
    pub async fn put_sealed(&self, bytes: Secret) -> Result<Digest, BlobError> {
        self.blocking(move |inner| {
            let digest = Digest::Sealed(inner.vault.name_of(bytes.expose()));
            inner.keep(digest, bytes.expose(), |plain| Ok(inner.vault.seal(&digest.to_string(), plain)?.into()))
        })
        .await
    }

    /// What was put, sealed or not, checked against its name.
    pub async fn get(&self, digest: &Digest) -> Result<Secret, BlobError> {
        let digest = *digest;
        self.blocking(move |inner| inner.read(digest)).await
    }

    /// What is not in `referred` and was not put within `grace`. Collect the references *before* the call.
    pub async fn unreferred(&self, referred: HashSet<Digest>, grace: Duration) -> Result<HashSet<Digest>, BlobError> {
        self.blocking(move |inner| inner.unreferred(&referred, grace)).await
    }

    /// Removes these, except what was put within `grace`, also if that was just now.
    pub async fn remove(&self, doomed: Vec<Digest>, grace: Duration) -> Result<Swept, BlobError> {
        self.blocking(move |inner| inner.remove(&doomed, grace)).await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, BlobError> + Send + 'static,
    ) -> Result<T, BlobError> {
        let inner = self.inner.clone();
        tokio::task::spawn_blocking(move || work(&inner)).await.map_err(|_| BlobError::Closed)?
    }
}

impl Inner {
    /// `<data>/blobs/sha256/ab/ab…`
    fn path(&self, digest: Digest) -> PathBuf {
        let (name, digits) = digest.parts();
        self.folder.join(name).join(&digits[..2]).join(digits)
    }

    fn lock(&self) -> MutexGuard<'_, Flushed> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(
        &self,
        digest: Digest,
        plain: &[u8],
        on_disk: impl FnOnce(&[u8]) -> Result<Cow<'_, [u8]>, BlobError>,
    ) -> Result<Digest, BlobError> {
        if plain.len() > LIMIT_BYTES {
            return Err(BlobError::TooLarge(plain.len()));
        }
        let path = self.path(digest);
        if self.renew(digest, &path)? {
            return Ok(digest);
        }
        let bytes = on_disk(plain)?;
        let at = |e| BlobError::at(&path, e);
        let mut flushed = self.lock();
        self.make_parents(&path, &mut flushed)?;
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let temporary = self.folder.join("unfinished").join(serial.to_string());
        files::write_whole(&temporary, &path, &bytes).map_err(at)?;
        set_age(&path, self.clock.now()).map_err(at)?;
        flushed.blobs.insert(digest);
        Ok(digest)
    }

    /// Whether the blob is there already, whole; then it is young again.
    fn renew(&self, digest: Digest, path: &Path) -> Result<bool, BlobError> {
        let mut flushed = self.lock();
        match self.read(digest) {
            Ok(_) => {}
            Err(BlobError::Missing(_)) => return Ok(false),
            Err(BlobError::Damaged { .. }) => {
                tracing::warn!(blob = %digest, "a damaged blob is written again");
                return Ok(false);
            }
            Err(other) => return Err(other),
        }
        let at = |e| BlobError::at(path, e);
        if !flushed.blobs.contains(&digest) {
            self.make_parents(path, &mut flushed)?;
            files::sync_parent(path).map_err(at)?;
            flushed.blobs.insert(digest);
        }
        set_age(path, self.clock.now()).map(|()| true).map_err(at)
    }

    /// The names of new folders are made durable too, and once in a process those of folders that were there.
    fn make_parents(&self, path: &Path, flushed: &mut Flushed) -> Result<(), BlobError> {
        let Some(parent) = path.parent().filter(|parent| !flushed.folders.contains(*parent)) else {
            return Ok(());
        };
        let ours = parent.ancestors().take_while(|folder| folder.starts_with(&self.folder));
        let new: Vec<&Path> = ours.take_while(|folder| !flushed.folders.contains(*folder)).collect();
        let made = files::make_folder(parent).and_then(|()| new.iter().copied().try_for_each(files::sync_parent));
        made.map_err(|e| BlobError::at(parent, e))?;
        flushed.folders.extend(new.into_iter().map(Path::to_owned));
        Ok(())
    }

    fn read(&self, digest: Digest) -> Result<Secret, BlobError> {
        let path = self.path(digest);
        let bytes = std::fs::read(&path).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => BlobError::Missing(digest),
            _ => BlobError::at(&path, e),
        })?;
        let damaged = || BlobError::Damaged { digest, path: path.clone() };
        let (plain, named) = match digest {
            Digest::Sha256(_) => (Secret::new(bytes), None),
            Digest::Sealed(_) => {
                let plain = self.vault.open(&digest.to_string(), &bytes).map_err(|_| damaged())?;
                let name = Digest::Sealed(self.vault.name_of(plain.expose()));
                (plain, Some(name))
            }
        };
        if named.unwrap_or_else(|| Digest::of(plain.expose())) == digest { Ok(plain) } else { Err(damaged()) }
    }

    fn unreferred(&self, referred: &HashSet<Digest>, grace: Duration) -> Result<HashSet<Digest>, BlobError> {
        let mut found = HashSet::new();
        for name in ["sha256", "sealed"] {
            for group in entries(&self.folder.join(name))? {
                for path in entries(&group)? {
                    // A file whose name is no digest is not ours.
                    let digits = path.file_name().and_then(|digits| digits.to_str()).unwrap_or_default();
                    let Ok(digest) = format!("{name}:{digits}").parse::<Digest>() else { continue };
                    if !referred.contains(&digest) && self.metadata_of_old(&path, grace)?.is_some() {
                        found.insert(digest);
                    }
                }
            }
        }
        Ok(found)
    }

    fn remove(&self, doomed: &[Digest], grace: Duration) -> Result<Swept, BlobError> {
        let mut swept = Swept::default();
        for digest in doomed {
            let path = self.path(*digest);
            let mut flushed = self.lock();
            let Some(metadata) = self.metadata_of_old(&path, grace)? else { continue };
            std::fs::remove_file(&path).map_err(|e| BlobError::at(&path, e))?;
            flushed.blobs.remove(digest);
            swept.removed += 1;
            swept.removed_bytes += metadata.len();
        }
        Ok(swept)
    }

    /// `None`: it is young, or not there.
    fn metadata_of_old(&self, path: &Path, grace: Duration) -> Result<Option<Metadata>, BlobError> {
        let at = |e| BlobError::at(path, e);
        let metadata = match std::fs::metadata(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(at)?,
        };
        let age = self.clock.now().duration_since(metadata.modified().map_err(at)?).unwrap_or(Duration::ZERO);
        Ok((age >= grace).then_some(metadata))
    }
}

fn set_age(path: &Path, at: SystemTime) -> io::Result<()> {
    File::options().write(true).open(path)?.set_modified(at)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, BlobError> {
    let at = |e| BlobError::at(folder, e);
    match std::fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(at(e)),
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path()).map_err(at)).collect(),
    }
}
