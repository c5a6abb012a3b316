//! The command line: what a person types, what a unit file or a script relies on.

use crate::support::client::Client;
use crate::support::server::{ADMIN, Outcome, PASSWORD, Server, Setup, cli};
use crate::support::stub::{ALL, Fault, Stub};
use crate::support::{SOON, check, eventually};
use std::os::unix::fs::PermissionsExt;

const NOWHERE: &str = "unix:///nonexistent/docker.sock";

#[tokio::test]
async fn it_prints_where_it_listens_and_the_setup_link_while_no_user_exists() {
    let mut server = Server::fresh(NOWHERE).await;
    let path = server.setup_path().await;
    assert!(path.starts_with("/setup?token=") && path.len() > 30, "{path}");
    let port = server.base().rsplit(':').next().and_then(|port| port.parse::<u16>().ok());
    assert!(
        server.base().starts_with("http://127.0.0.1:") && port.is_some_and(|port| port > 0),
        "{}",
        server.base()
    );
    server.anonymous().get("/healthz").await.expect(200);
    server.anonymous().get("/readyz").await.expect(200);
    assert_eq!(server.stdout().len(), 2, "exactly two lines: {:?}", server.stdout());
    server.add_user(ADMIN, "admin").await;
    server.stop().await;
    server.start_again().await;
    server.admin().await;
    assert_eq!(server.stdout().len(), 1, "no setup link any more: {:?}", server.stdout());
}

#[tokio::test]
async fn serve_is_the_default_command_and_help_names_each_flag_with_its_variable() {
    cli(&["--version"], "").await.expect(0);
    for help in [cli(&["--help"], "").await, cli(&["serve", "--help"], "").await] {
        help.expect(0);
        for flag in [
            "data-dir",
            "listen",
            "docker-host",
            "public-url",
            "trusted-proxies",
            "log-format",
            "log-level",
            "read-only",
            "stats-interval",
        ] {
            let variable = format!("DOCKER_WATCHER_{}", flag.to_uppercase().replace('-', "_"));
            let named = help.stdout.contains(&format!("--{flag}")) && help.stdout.contains(&variable);
            assert!(named, "--{flag} and {variable}:\n{}", help.stdout);
        }
    }
}

#[tokio::test]
async fn a_bad_value_exits_2_with_one_line_that_names_the_flag() {
    let bad = [
        ("--listen", "nonsense"),
        ("--listen", "127.0.0.1:99999"),
        ("--docker-host", "ftp://engine"),
        ("--public-url", "watcher.example"),
        ("--trusted-proxies", "10.0.0.0/99"),
        ("--log-format", "xml"),
        ("--log-level", "loud"),
        ("--stats-interval", "1s"),
        ("--stats-interval", "off"),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (flag, value) in bad {
        let data = folder.path().to_str().unwrap();
        let outcome = cli(&["serve", "--data-dir", data, flag, value], "").await;
        outcome.expect(2).expect_one_line(&[flag, value]);
        assert_eq!(outcome.stdout, "");
    }
}

#[tokio::test]
async fn a_bad_value_in_the_environment_names_the_flag_too() {
    let program = crate::support::server::binary();
    let folder = tempfile::tempdir().unwrap();
    let out = tokio::process::Command::new(program)
        .env("DOCKER_WATCHER_LISTEN", "nonsense")
        .args(["serve", "--data-dir", folder.path().to_str().unwrap()])
        .output();
    let out = tokio::time::timeout(SOON, out).await.expect("it ends").unwrap();
    let text = |raw: &[u8]| String::from_utf8_lossy(raw).into_owned();
    let outcome = Outcome { code: out.status.code(), stdout: text(&out.stdout), stderr: text(&out.stderr) };
    outcome.expect(2).expect_one_line(&["--listen", "nonsense"]);
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_written_is_one_clear_line() {
    let file = tempfile::NamedTempFile::new().unwrap();
    // Root may write anywhere but into a file and into /proc.
    for path in [file.path().to_str().unwrap(), "/proc/docker-watcher"] {
        let outcome =
            cli(&["serve", "--listen", "127.0.0.1:0", "--docker-host", NOWHERE, "--data-dir", path], "")
                .await;
        outcome.expect(1).expect_one_line(&[path]);
        assert_eq!(outcome.stdout, "", "it has not served");
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_one_clear_line() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, folder) = (taken.local_addr().unwrap().to_string(), tempfile::tempdir().unwrap());
    let data = folder.path().join("data");
    let outcome = cli(
        &["serve", "--listen", &address, "--docker-host", NOWHERE, "--data-dir", data.to_str().unwrap()],
        "",
    )
    .await;
    outcome.expect(1).expect_one_line(&[&address]);
    assert_eq!(outcome.stdout, "", "it has not served");
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused_and_left_alone() {
    let mut server = Server::with_admin(NOWHERE).await;
    server.stop().await;
    let newer = |path: &std::path::Path| rusqlite::Connection::open(path).unwrap();
    newer(&server.database()).pragma_update(None, "user_version", 9999).unwrap();
    let outcome = server.cli(&["serve", "--listen", "127.0.0.1:0", "--docker-host", NOWHERE], "").await;
    outcome.expect(1).expect_one_line(&["newer"]);
    let version: i64 =
        newer(&server.database()).pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 9999);
}

#[tokio::test]
async fn a_second_server_on_the_same_data_directory_does_not_start() {
    let server = Server::with_admin(NOWHERE).await;
    let second = server.cli(&["serve", "--listen", "127.0.0.1:0", "--docker-host", NOWHERE], "").await;
    second.expect(1).expect_one_line(&[&server.data_dir()]);
    server.admin().await;
}

#[tokio::test]
async fn the_data_directory_and_the_key_are_private() {
    let server = Server::with_admin(NOWHERE).await;
    let mode = |path: &str| {
        std::fs::metadata(path).unwrap_or_else(|why| panic!("{path}: {why}")).permissions().mode() & 0o777
    };
    assert_eq!(mode(&server.data_dir()), 0o700);
    assert_eq!(mode(&format!("{}/secret.key", server.data_dir())), 0o600);
}

#[tokio::test]
async fn healthcheck_passes_only_while_the_server_is_ready() {
    let mut server = Server::with_admin(NOWHERE).await;
    let address = server.base().trim_start_matches("http://").to_owned();
    let stub = Stub::start(Vec::new());
    stub.fail(&ALL, Fault::Hang);
    let probe = ["healthcheck", "--listen", &address];
    server.cli(&probe, "").await.expect(0);
    server.stop().await;
    let after = server.cli(&probe, "").await;
    after.expect(1).expect_one_line(&[&address]);
}

#[tokio::test]
async fn users_are_managed_while_the_server_runs() {
    let server = Server::with_admin(NOWHERE).await;
    manage_users(&server).await;
    // Each command takes effect on the running server, sessions included.
    server.add_user("vera", "viewer").await;
    let vera = server.sign_in("vera").await;
    vera.get("/settings/users").await.expect(403);
    server.cli(&["user", "role", "vera", "admin"], "").await.expect(0);
    effect("the new role", || async { vera.get("/settings/users").await.status == 200 }).await;
    let other = "another long password";
    server.cli(&["user", "passwd", "vera", "--password-stdin"], other).await.expect(0);
    effect("the session to end", || async { vera.get("/containers").await.status == 303 }).await;
    let again = server.anonymous();
    again.login("vera", PASSWORD).await.expect(422);
    again.login("vera", other).await.expect(303);
    server.cli(&["user", "remove", "vera"], "").await.expect(0);
    effect("the session to end", || async { again.get("/containers").await.status == 303 }).await;
    again.login("vera", other).await.expect(422);
}

async fn effect<F: Future<Output = bool>>(what: &str, mut seen: impl FnMut() -> F) {
    eventually(what, SOON, async || check(seen().await, "not yet")).await;
}

#[tokio::test]
async fn users_are_managed_while_the_server_is_stopped() {
    let mut server = Server::with_admin(NOWHERE).await;
    server.stop().await;
    manage_users(&server).await;
    server.cli(&["user", "add", "vera", "--role", "viewer", "--password-stdin"], PASSWORD).await.expect(0);
    server.start_again().await;
    server.sign_in("vera").await;
}

/// Leaves the users as they were.
async fn manage_users(server: &Server) {
    let run = async |arguments: &[&str]| server.cli(arguments, "").await;
    server.cli(&["user", "add", "otto", "--role", "operator", "--password-stdin"], PASSWORD).await.expect(0);
    let listed = |list: &Outcome, name: &str, role: &str| {
        list.stdout.lines().any(|line| line.contains(name) && line.contains(role))
    };
    let list = run(&["user", "list"]).await;
    assert!(listed(&list, "otto", "operator") && listed(&list, ADMIN, "admin"), "{list:?}");
    let twice = server.cli(&["user", "add", "otto", "--role", "viewer", "--password-stdin"], PASSWORD).await;
    twice.expect(1).expect_one_line(&["otto"]);
    let short = server.cli(&["user", "add", "sam", "--role", "viewer", "--password-stdin"], "short").await;
    short.expect(1).expect_one_line(&["10"]);
    run(&["user", "add", "sam", "--role", "king", "--password-stdin"])
        .await
        .expect(2)
        .expect_one_line(&["--role", "king"]);
    run(&["user", "role", "otto", "viewer"]).await.expect(0);
    assert!(listed(&run(&["user", "list"]).await, "otto", "viewer"));
    run(&["user", "role", "nobody", "viewer"]).await.expect(1).expect_one_line(&["nobody"]);
    for last in [vec!["user", "remove", ADMIN], vec!["user", "role", ADMIN, "viewer"]] {
        run(&last).await.expect(1).expect_one_line(&["admin"]);
    }
    run(&["user", "remove", "otto"]).await.expect(0);
    run(&["user", "remove", "otto"]).await.expect(1).expect_one_line(&["otto"]);
    assert!(!run(&["user", "list"]).await.stdout.contains("otto"));
}

#[tokio::test]
async fn tokens_are_shown_once_and_end_when_revoked() {
    let mut server = Setup::new(NOWHERE).user(ADMIN, "admin").user("vera", "viewer").start().await;
    let made =
        server.cli(&["token", "create", "backup-script", "--user", "vera", "--expires", "90d"], "").await;
    let token = made.expect(0).stdout.trim().to_owned();
    assert!(token.len() >= 32 && !token.contains(char::is_whitespace), "the token alone: {made:?}");
    let script = server.bearer(&token);
    effect("the token to be known", || async { script.get("/api/summary").await.status == 200 }).await;
    server.bearer(&format!("{token}x")).get("/api/summary").await.expect_error(401);
    let list = server.cli(&["token", "list"], "").await;
    let line = list
        .expect(0)
        .stdout
        .lines()
        .find(|line| line.contains("backup-script"))
        .expect("it is listed")
        .to_owned();
    assert!(line.contains("vera") && !list.stdout.contains(&token), "{list:?}");
    let id = line.split_whitespace().next().expect("its id comes first");
    server.cli(&["token", "revoke", id], "").await.expect(0);
    effect("the token to end", || async { script.get("/api/summary").await.status == 401 }).await;
    server.cli(&["token", "revoke", "999999"], "").await.expect(1).expect_one_line(&["999999"]);
    server
        .cli(&["token", "create", "x", "--user", "nobody"], "")
        .await
        .expect(1)
        .expect_one_line(&["nobody"]);
    server
        .cli(&["token", "create", "x", "--user", "vera", "--expires", "soon"], "")
        .await
        .expect(2)
        .expect_one_line(&["--expires"]);
    server.stop().await;
    let made = server.cli(&["token", "create", "offline", "--user", ADMIN], "").await;
    server.start_again().await;
    let offline: Client = server.bearer(made.expect(0).stdout.trim());
    offline.get("/api/summary").await.expect(200);
}

#[tokio::test]
async fn an_expired_token_is_refused() {
    let server = Server::with_admin(NOWHERE).await;
    let made = server.cli(&["token", "create", "brief", "--user", ADMIN, "--expires", "1s"], "").await;
    let script = server.bearer(made.expect(0).stdout.trim());
    effect("the token to expire", || async { script.get("/api/summary").await.status == 401 }).await;
}
