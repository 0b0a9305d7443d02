//! Seals what must not be read from the disk, by the key file of the installation. It must never print, store or return
//! the key, and never make a new key where sealed things exist already.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use aes_gcm_siv::aead::{Aead, KeyInit, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::json;
use zeroize::Zeroizing;

use super::{Key, Kind, Random, Secret, Store, StoreError, Txn, files};

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
/// The first byte of everything sealed in this way.
const FORMAT: u8 = 1;
/// What the check value in the store is sealed from.
const CHECK: &[u8] = b"sliceway";

/// Why something cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error("the key file {} is missing, and the store holds things sealed with it: put the key file back from a backup", path.display())]
    KeyMissing { path: PathBuf },

    #[error("the key file {} is not the one that this store was sealed with: put the right one back from a backup", path.display())]
    KeyWrong { path: PathBuf },

    #[error("the key file {} is no key: it must be a plain file of 32 bytes; put it back from a backup", path.display())]
    KeyMalformed { path: PathBuf },

    #[error("the key file {} can be read by others (mode {mode:04o}): run `chmod 600 {}`", path.display(), path.display())]
    KeyOpen { path: PathBuf, mode: u32 },

    /// The context differs, or someone changed the bytes.
    #[error("what is sealed for `{context}` cannot be opened: it was changed, or sealed for something else")]
    Damaged { context: String },

    #[error("too large to be sealed")]
    TooLarge,

    #[error("{what}")]
    Io { what: String, source: io::Error },

    #[error(transparent)]
    Store(#[from] StoreError),
}

impl VaultError {
    /// Whether the same request may succeed later without anyone changing it.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Io { .. } => true,
            Self::Store(error) => error.retryable(),
            Self::KeyMissing { .. }
            | Self::KeyWrong { .. }
            | Self::KeyMalformed { .. }
            | Self::KeyOpen { .. }
            | Self::Damaged { .. }
            | Self::TooLarge => false,
        }
    }
}

/// Seals and opens by keys derived from the key file.
pub struct Vault {
    cipher: Aes256GcmSiv,
    names: hmac::Key,
    random: Random,
}

impl Vault {
    /// Opens the vault of a data folder; makes the key at the first start. The store tells whether the key is the one
    /// that sealed what it holds.
    pub async fn unlock(folder: &Path, store: &dyn Store, random: Random) -> Result<Self, VaultError> {
        let path = folder.join("key");
        let check = store.get(&check_key()).await?;
        let key = match read_key(&path)? {
            Some(key) => key,
            None if check.is_some() => return Err(VaultError::KeyMissing { path }),
            None => make_key(&path, &random)?,
        };
        let vault = Self::from_key(&key, random);
        match check {
            Some(object) if vault.recognises(&object.doc) => {}
            Some(_) => return Err(VaultError::KeyWrong { path }),
            None => {
                let sealed = STANDARD.encode(vault.seal(&check_key().to_string(), CHECK)?);
                store.commit(Txn::new().absent(check_key()).put(check_key(), json!({ "check": sealed }))).await?;
            }
        }
        Ok(vault)
    }

    /// One key never serves two ends.
    fn from_key(key: &[u8; KEY_BYTES], random: Random) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, key);
        let derive = |purpose: &str| Zeroizing::new(mac(&root, purpose.as_bytes()));
        Self {
            cipher: Aes256GcmSiv::new((&*derive("sliceway seal")).into()),
            names: hmac::Key::new(hmac::HMAC_SHA256, &*derive("sliceway names")),
            random,
        }
    }

    fn recognises(&self, doc: &serde_json::Value) -> bool {
        let sealed = doc.get("check").and_then(|text| text.as_str()).and_then(|text| STANDARD.decode(text).ok());
        sealed
            .and_then(|sealed| self.open(&check_key().to_string(), &sealed).ok())
            .is_some_and(|plain| plain.expose() == CHECK)
    }

    /// Seals `plain`. Only who gives the same context opens it again: a sealed value moved to another place is useless.
    pub fn seal(&self, context: &str, plain: &[u8]) -> Result<Vec<u8>, VaultError> {
        let mut nonce = [0; NONCE_BYTES];
        self.random.fill(&mut nonce).map_err(|source| VaultError::Io { what: "no random bytes".to_owned(), source })?;
        let payload = Payload { msg: plain, aad: context.as_bytes() };
        let sealed = self.cipher.encrypt(&Nonce::from(nonce), payload).map_err(|_| VaultError::TooLarge)?;
        Ok([&[FORMAT], &nonce[..], &sealed].concat())
    }

    /// Opens what was sealed for this context.
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<Secret, VaultError> {
        let damaged = || VaultError::Damaged { context: context.to_owned() };
        let rest = sealed.strip_prefix(&[FORMAT]).ok_or_else(damaged)?;
        let (nonce, text) = rest.split_first_chunk::<NONCE_BYTES>().ok_or_else(damaged)?;
        let payload = Payload { msg: text, aad: context.as_bytes() };
        self.cipher.decrypt(&Nonce::from(*nonce), payload).map(Secret::new).map_err(|_| damaged())
    }

    /// A name for these bytes that tells nothing to who does not have the key.
    pub(super) fn name_of(&self, plain: &[u8]) -> [u8; 32] {
        mac(&self.names, plain)
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault")
    }
}

fn check_key() -> Key {
    Key::installation(Kind::Meta, "vault")
}

/// The key in the file, if there is a file.
fn read_key(path: &Path) -> Result<Option<Zeroizing<[u8; KEY_BYTES]>>, VaultError> {
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(key_error(path, "cannot be read", e)),
    };
    let malformed = || VaultError::KeyMalformed { path: path.to_owned() };
    if !metadata.is_file() || metadata.len() != KEY_BYTES as u64 {
        return Err(malformed());
    }
    let mode = metadata.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(VaultError::KeyOpen { path: path.to_owned(), mode });
    }
    let bytes = Zeroizing::new(std::fs::read(path).map_err(|e| key_error(path, "cannot be read", e))?);
    let key = <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).map_err(|_| malformed())?;
    Ok(Some(Zeroizing::new(key)))
}

fn make_key(path: &Path, random: &Random) -> Result<Zeroizing<[u8; KEY_BYTES]>, VaultError> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    random.fill(&mut *key).map_err(|e| key_error(path, "cannot be made: no random bytes", e))?;
    let temporary = path.with_extension("new");
    // What a start that was cut off left behind; no one ever used it.
    match std::fs::remove_file(&temporary) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            return Err(key_error(path, "cannot be made", e));
        }
        _ => {}
    }
    files::write_whole(&temporary, path, &*key).map_err(|e| key_error(path, "cannot be made", e))?;
    Ok(key)
}

fn key_error(path: &Path, what: &str, source: io::Error) -> VaultError {
    VaultError::Io { what: format!("the key file {} {what}", path.display()), source }
}

fn mac(key: &hmac::Key, bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(hmac::sign(key, bytes).as_ref());
    out
}
