//! What was acknowledged is on disk, and the end is orderly.

use crate::support::engine::Engine;
use crate::support::server::{ADMIN, PASSWORD, Server};
use crate::support::stub::{ALL, Fault, Stub};
use crate::support::stub_answers::Fake;
use std::time::Duration;

const NOWHERE: &str = "unix:///nonexistent/docker.sock";

#[tokio::test]
async fn an_acknowledged_setup_survives_a_power_cut() {
    let mut server = Server::fresh(NOWHERE).await;
    let path = server.setup_path().await;
    let token = path.split_once("token=").unwrap().1.to_owned();
    let client = server.anonymous();
    let fields = [("name", ADMIN), ("password", PASSWORD), ("password_again", PASSWORD), ("token", &token)];
    client.post_form("/setup", &fields).await.expect(303);
    server.kill().await;
    server.start_again().await;
    client.get("/api/summary").await.expect(200);
    server.admin().await.get("/settings/users").await.expect(200);
    assert_eq!(server.stdout().len(), 1, "no second setup link: {:?}", server.stdout());
}

#[tokio::test]
async fn each_acknowledged_user_token_and_logout_survives_a_power_cut() {
    let mut server = Server::with_admin(NOWHERE).await;
    let (admin, leaving) = (server.admin().await, server.admin().await);
    for round in 0..3 {
        let name = format!("user{round}");
        let fields = [("name", name.as_str()), ("password", PASSWORD), ("role", "viewer")];
        admin.post_form("/settings/users", &fields).await.expect(303);
        server.kill().await;
        server.start_again().await;
        server.sign_in(&name).await;
    }
    let made = server.cli(&["token", "create", "script", "--user", ADMIN], "").await;
    let token = made.expect(0).stdout.trim().to_owned();
    leaving.post_form("/logout", &[]).await.expect(303);
    server.kill().await;
    server.start_again().await;
    server.bearer(&token).get("/api/summary").await.expect(200);
    leaving.get("/api/summary").await.expect_error(401);
    admin.get("/api/summary").await.expect(200);
}

#[tokio::test]
async fn sigterm_ends_open_streams_and_exits_0_within_10_seconds() {
    let engine = Engine::shared().await;
    let mut server = Server::with_admin(&engine.host()).await;
    let client = server.admin().await;
    let mut streams =
        [client.events("/live?for=/containers&rev=0").await, client.events("/live?for=/&rev=0").await];
    // Fails by itself unless it exits 0 in time.
    server.stop().await;
    for stream in &mut streams {
        stream.rest(Duration::from_secs(5)).await;
    }
}

#[tokio::test]
async fn sigterm_is_obeyed_while_the_engine_hangs() {
    let stub = Stub::start(vec![Fake::running("one")]);
    let mut server = Server::with_admin(&stub.host()).await;
    let client = server.admin().await;
    crate::engine_faults::wait_status(&client, "up", crate::support::SOON).await;
    stub.fail(&ALL, Fault::Hang);
    let one = Fake::running("one");
    stub.push_event(&one, "die");
    server.stop().await;
}

#[tokio::test]
async fn the_database_is_whole_after_many_power_cuts() {
    let mut server = Server::with_admin(NOWHERE).await;
    for _ in 0..4 {
        // Sign-ins write (session, journal) up to the very moment of the cut.
        let clients = futures_util::future::join_all((0..4).map(|_| server.admin()));
        clients.await;
        server.kill().await;
        let database = rusqlite::Connection::open(server.database()).unwrap();
        let verdict: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(verdict, "ok");
        drop(database);
        server.start_again().await;
    }
}
