//! Secrets at rest: AES-256-GCM with a random nonce; what a secret is bound to (table, column, row) is
//! authenticated with it, so that a sealed value moved to another row does not open.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, Generate, Key, KeyInit, Nonce, Payload};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
/// Marks the format of a sealed value; the number is the id of the key.
const PREFIX: &str = "v1.";

/// Why a secret cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The key file cannot be read or made.
    #[error("cannot use the secret key file {}: {source}", file.display())]
    KeyFile {
        /// The key file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The key file holds something else than a key.
    #[error("the secret key file {} must hold 32 bytes in base64", file.display())]
    BadKey {
        /// The key file.
        file: PathBuf,
    },
    /// The value was not sealed with this key, or not for this place.
    #[error("a stored secret does not open with this key: is --secret-key-file the one it was sealed with?")]
    DoesNotOpen,
    /// The cipher refused (an impossible size).
    #[error("a secret could not be sealed")]
    CannotSeal,
}

/// Seals and opens secrets.
pub struct Vault {
    cipher: Aes256Gcm,
}

impl Vault {
    /// Reads the key, or makes a new key file readable by its owner alone.
    pub fn open_or_create(file: &Path) -> Result<Self, VaultError> {
        let failed = |source| VaultError::KeyFile { file: file.to_owned(), source };
        let bad = || VaultError::BadKey { file: file.to_owned() };
        let key = match fs::read_to_string(file) {
            Ok(text) => STANDARD.decode(text.trim()).map_err(|_| bad())?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = Key::<Aes256Gcm>::generate();
                let mut new = fs::OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(file)
                    .map_err(failed)?;
                writeln!(new, "{}", STANDARD.encode(key)).and_then(|()| new.sync_all()).map_err(failed)?;
                key.to_vec()
            }
            Err(error) => return Err(failed(error)),
        };
        if key.len() != KEY_BYTES {
            return Err(bad());
        }
        let cipher = Aes256Gcm::new_from_slice(&key).map_err(|_| bad())?;
        Ok(Self { cipher })
    }

    /// With a key that nobody keeps: what it seals is lost with it.
    pub fn ephemeral() -> Self {
        Self { cipher: Aes256Gcm::new(&Key::<Aes256Gcm>::generate()) }
    }

    /// Seals `secret` for one place (`table/column/row`).
    pub fn seal(&self, place: &str, secret: &[u8]) -> Result<String, VaultError> {
        let nonce = Nonce::<Aes256Gcm>::generate();
        let sealed = self
            .cipher
            .encrypt(&nonce, Payload { msg: secret, aad: place.as_bytes() })
            .map_err(|_| VaultError::CannotSeal)?;
        let mut bytes = nonce.to_vec();
        bytes.extend(sealed);
        Ok(format!("{PREFIX}{}", STANDARD.encode(bytes)))
    }

    /// Opens what was sealed for the same place.
    pub fn open(&self, place: &str, sealed: &str) -> Result<Vec<u8>, VaultError> {
        let bytes = sealed
            .strip_prefix(PREFIX)
            .and_then(|text| STANDARD.decode(text).ok())
            .ok_or(VaultError::DoesNotOpen)?;
        let (nonce, body) = bytes.split_at_checked(NONCE_BYTES).ok_or(VaultError::DoesNotOpen)?;
        let nonce = Nonce::<Aes256Gcm>::try_from(nonce).map_err(|_| VaultError::DoesNotOpen)?;
        self.cipher
            .decrypt(&nonce, Payload { msg: body, aad: place.as_bytes() })
            .map_err(|_| VaultError::DoesNotOpen)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_opens_only_where_it_was_sealed_for() {
        let dir = tempfile::tempdir().unwrap();
        let vault = Vault::open_or_create(&dir.path().join("key")).unwrap();
        let sealed = vault.seal("channels/config/1", b"hunter2").unwrap();
        assert!(!sealed.contains("hunter2"));
        assert_eq!(vault.open("channels/config/1", &sealed).unwrap(), b"hunter2");
        assert!(matches!(vault.open("channels/config/2", &sealed), Err(VaultError::DoesNotOpen)));
    }

    #[test]
    fn the_key_is_kept_and_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key");
        let sealed = Vault::open_or_create(&file).unwrap().seal("a", b"x").unwrap();
        assert_eq!(Vault::open_or_create(&file).unwrap().open("a", &sealed).unwrap(), b"x");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_key_file_with_something_else_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key");
        fs::write(&file, "hello").unwrap();
        assert!(matches!(Vault::open_or_create(&file), Err(VaultError::BadKey { .. })));
    }
}
