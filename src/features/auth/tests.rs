use std::sync::Arc;

use super::model::Origin;
use super::users::Change;
use super::*;
use crate::platform::clock::{ManualClock, from_ms};
use crate::platform::db::Db;
use crate::platform::journal::{self, Actor, Audience};
use crate::web::access::Authenticator;

fn scratch() -> (tempfile::TempDir, Db, Arc<ManualClock>, Auth) {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(&dir.path().join("test.db")).unwrap();
    let clock = Arc::new(ManualClock::at(from_ms(1_800_000_000_000)));
    let auth = Auth::new(db.clone(), clock.clone());
    (dir, db, clock, auth)
}

fn origin() -> Origin {
    Origin { address: "192.0.2.7".parse().unwrap(), agent: "test".to_owned() }
}

fn admin() -> NewUser {
    NewUser { name: "marta".to_owned(), password: "correct horse".to_owned(), role: Role::Viewer }
}

async fn with_admin() -> (tempfile::TempDir, Db, Arc<ManualClock>, Auth, i64) {
    let (dir, db, clock, auth) = scratch();
    let token = auth.open_setup().await.unwrap().unwrap();
    let id = auth.set_up(&token, admin(), &origin()).await.unwrap().id;
    (dir, db, clock, auth, id)
}

#[tokio::test]
async fn the_setup_link_works_once_and_makes_an_admin() {
    let (_dir, _db, _clock, auth) = scratch();
    let token = auth.open_setup().await.unwrap().unwrap();
    assert!(matches!(auth.set_up("guess", admin(), &origin()).await, Err(AuthError::BadSetupLink)));
    let user = auth.set_up(&token, admin(), &origin()).await.unwrap();
    assert_eq!(user.role, Role::Admin);
    assert!(matches!(auth.set_up(&token, admin(), &origin()).await, Err(AuthError::BadSetupLink)));
    assert!(auth.open_setup().await.unwrap().is_none(), "with a user there is no setup link");
}

#[tokio::test]
async fn sign_ins_are_recorded_for_admins_without_the_password() {
    let (_dir, db, _clock, auth, _id) = with_admin().await;
    auth.sign_in("MARTA", "correct horse", &origin()).await.unwrap();
    assert!(auth.sign_in("marta", "wrong horse", &origin()).await.is_err());
    assert!(auth.sign_in("nobody", "correct horse", &origin()).await.is_err());
    let events = db.read(|c| journal::recent(c, Audience::Admins, 10)).await.unwrap();
    let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["auth.login_failed", "auth.login_failed", "auth.login", "auth.setup"]);
    assert!(events.iter().all(|event| !format!("{event:?}").contains("horse")));
}

#[tokio::test]
async fn guessing_is_slowed_down_and_the_wait_ends() {
    let (_dir, _db, clock, auth, _id) = with_admin().await;
    for _ in 0..10 {
        assert!(matches!(
            auth.sign_in("marta", "wrong horse", &origin()).await,
            Err(AuthError::WrongPassword)
        ));
    }
    assert!(matches!(auth.sign_in("marta", "correct horse", &origin()).await, Err(AuthError::TooMany(_))));
    clock.advance_ms(5 * 60 * 1000);
    auth.sign_in("marta", "correct horse", &origin()).await.unwrap();
}

#[tokio::test]
async fn the_last_admin_stays() {
    let (_dir, _db, _clock, auth, id) = with_admin().await;
    for change in [Change::Remove, Change::Disable, Change::Role(Role::Viewer)] {
        let refused = auth.change_user(id, change, Actor::user("marta")).await;
        assert!(matches!(refused, Err(AuthError::LastAdmin(_))), "{refused:?}");
    }
    let second = NewUser { name: "ivo".to_owned(), password: "battery staple".to_owned(), role: Role::Admin };
    auth.add_user(second, Actor::user("marta")).await.unwrap();
    auth.change_user(id, Change::Remove, Actor::user("ivo")).await.unwrap();
}

#[tokio::test]
async fn a_token_is_as_mighty_as_its_user_and_ends_with_them() {
    let (_dir, _db, clock, auth, _id) = with_admin().await;
    let user = NewUser { name: "bot".to_owned(), password: "battery staple".to_owned(), role: Role::Viewer };
    let user = auth.add_user(user, Actor::user("marta")).await.unwrap();
    let end = clock_now(&clock) + 1_000_000;
    let token = auth.create_token(user.id, "script", Some(end), Actor::user("bot")).await.unwrap();
    let found = auth.authenticate(Some(&token), None).await.unwrap().unwrap();
    assert_eq!((found.role, found.name.as_ref()), (Role::Viewer, "bot"));
    assert!(auth.authenticate(Some("dw_guess"), None).await.is_err());
    auth.change_user(user.id, Change::Role(Role::Operator), Actor::user("marta")).await.unwrap();
    assert!(found.ended.is_cancelled(), "streams of the old role end");
    let again = auth.authenticate(Some(&token), None).await.unwrap().unwrap();
    assert_eq!(again.role, Role::Operator);
    auth.change_user(user.id, Change::Remove, Actor::user("marta")).await.unwrap();
    assert!(again.ended.is_cancelled());
    assert!(auth.authenticate(Some(&token), None).await.is_err());
}

#[tokio::test]
async fn a_token_ends_at_its_time() {
    let (_dir, _db, clock, auth, id) = with_admin().await;
    let end = clock_now(&clock) + 1_000;
    let token = auth.create_token(id, "short", Some(end), Actor::user("marta")).await.unwrap();
    assert!(auth.authenticate(Some(&token), None).await.is_ok());
    clock.advance_ms(1_001);
    assert!(auth.authenticate(Some(&token), None).await.is_err());
}

fn clock_now(clock: &ManualClock) -> i64 {
    crate::platform::clock::Clock::now_ms(clock)
}
