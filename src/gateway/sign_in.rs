//! Basic authentication of routes. Each check of a password costs 20 ms and 19 MiB, so few run at once, few may wait,
//! and what was right once is remembered for a while under a keyed hash.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::PasswordHash;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{self, HeaderMap};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::failure::Failure;
use super::route::BasicAuth;

const AT_ONCE: usize = 2;
const WAITING: usize = 32;
/// Of one visitor, so that a stranger who guesses takes nobody else's place.
const WAITING_OF_ONE: usize = 4;
const REMEMBERED: usize = 1024;
const REMEMBERED_FOR: Duration = Duration::from_secs(10 * 60);

/// Checks names and passwords.
pub(super) struct SignIns {
    seats: Arc<Semaphore>,
    waiting: Mutex<HashMap<IpAddr, usize>>,
    /// Of this process alone.
    key: [u8; 32],
    right: Mutex<HashMap<[u8; 32], Instant>>,
}

impl SignIns {
    pub(super) fn new(key: [u8; 32]) -> Self {
        Self {
            seats: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: Mutex::default(),
            key,
            right: Mutex::default(),
        }
    }

    /// Lets those pass whom the route knows.
    pub(super) async fn check(
        &self,
        auth: &BasicAuth,
        headers: &HeaderMap,
        visitor: IpAddr,
    ) -> Result<(), Failure> {
        let refused = || Failure::SignIn { realm: auth.realm.clone() };
        let (name, password) = credentials(headers).ok_or_else(refused)?;
        let user = auth.users.iter().find(|user| user.name == name);
        // An unknown name takes as long as a wrong password.
        let hash = user.or(auth.users.first()).ok_or_else(refused)?.password_hash.clone();
        let known = user.is_some();
        let digest = self.digest(&[&hash, &name, &password]);
        if known && self.remembers(&digest) {
            return Ok(());
        }
        if self.verify(hash, password, visitor).await? && known {
            self.remember(digest);
            return Ok(());
        }
        Err(refused())
    }

    async fn verify(&self, hash: String, password: String, visitor: IpAddr) -> Result<bool, Failure> {
        let _place = Place::take(&self.waiting, visitor).ok_or(Failure::Busy)?;
        let Ok(seat) = self.seats.clone().acquire_owned().await else { return Err(Failure::Busy) };
        let verified = tokio::task::spawn_blocking(move || {
            let _seat = seat;
            match PasswordHash::new(&hash) {
                Ok(parsed) => Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok(),
                Err(error) => {
                    tracing::warn!(%error, "the hash of a password of a route cannot be read");
                    false
                }
            }
        });
        verified.await.map_err(|_| Failure::Busy)
    }

    /// The hash is part of it: a changed password is forgotten at once.
    fn digest(&self, parts: &[&str]) -> [u8; 32] {
        let mut digest = Sha256::new_with_prefix(self.key);
        for part in parts {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        digest.finalize().into()
    }

    fn remembers(&self, digest: &[u8; 32]) -> bool {
        let right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        right.get(digest).is_some_and(|since| since.elapsed() < REMEMBERED_FOR)
    }

    fn remember(&self, digest: [u8; 32]) {
        let mut right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        if right.len() >= REMEMBERED {
            right.retain(|_, since| since.elapsed() < REMEMBERED_FOR);
        }
        if right.len() >= REMEMBERED {
            right.clear();
        }
        right.insert(digest, Instant::now());
    }
}

/// A place in the queue.
struct Place<'a> {
    waiting: &'a Mutex<HashMap<IpAddr, usize>>,
    visitor: IpAddr,
}

impl<'a> Place<'a> {
    fn take(waiting: &'a Mutex<HashMap<IpAddr, usize>>, visitor: IpAddr) -> Option<Self> {
        let mut all = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let own = all.get(&visitor).copied().unwrap_or(0);
        if own >= WAITING_OF_ONE || all.values().sum::<usize>() >= WAITING {
            return None;
        }
        all.insert(visitor, own + 1);
        Some(Self { waiting, visitor })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut all = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get_mut(&self.visitor) {
            Some(own) if *own > 1 => *own -= 1,
            _ => drop(all.remove(&self.visitor)),
        }
    }
}

fn credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (name, password) = decoded.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}
