//! An engine that is not behind a unix socket: plain tcp, a connection that goes dead, TLS with client certificates.

use crate::engine_faults::{CAUGHT_UP, NOTICED, page_explains, wait_list, wait_status};
use crate::support::SOON;
use crate::support::engine::Engine;
use crate::support::forward::{forward, forward_into};
use crate::support::process::output_of;
use crate::support::server::{ADMIN, Server, Setup};
use crate::support::stub::Stub;
use crate::support::stub_answers::Fake;
use std::path::{Path, PathBuf};
use std::process::Command;
use tokio::net::UnixStream;
use tokio::sync::watch;

/// Leads to a unix socket.
async fn forward_to_socket(socket: PathBuf) -> (String, watch::Sender<bool>) {
    forward(move |mut near| {
        let socket = socket.clone();
        async move {
            let Ok(mut far) = UnixStream::connect(socket).await else { return };
            let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
        }
    })
    .await
}

#[tokio::test]
async fn an_engine_behind_tcp_is_watched_too() {
    let engine = Engine::own().await;
    let (host, _alive) = forward_to_socket(engine.socket()).await;
    let server = Server::with_admin(&host).await;
    let client = server.admin().await;
    wait_status(&client, "up", SOON).await;
    engine.container("far").run().await;
    wait_list(&client, SOON, &[("far", "running")]).await;
}

#[tokio::test]
async fn a_connection_that_goes_dead_without_a_word_is_noticed() {
    let stub = Stub::start(vec![Fake::running("one")]);
    let (host, cut) = forward_to_socket(stub.socket()).await;
    let server = Server::with_admin(&host).await;
    let client = server.admin().await;
    wait_list(&client, SOON, &[("one", "running")]).await;
    cut.send_replace(true);
    wait_status(&client, "down", NOTICED).await;
    stub.set_containers(vec![Fake::exited("one")]);
    cut.send_replace(false);
    wait_status(&client, "up", CAUGHT_UP).await;
    wait_list(&client, CAUGHT_UP, &[("one", "exited")]).await;
}

#[tokio::test]
async fn an_engine_behind_tls_wants_and_gets_a_client_certificate() {
    let certificates = tempfile::tempdir().unwrap();
    make_certificates(certificates.path());
    // Free in the engine's namespace, which nobody else uses.
    let port = 2376;
    let file = |name: &str| certificates.path().join(name).to_str().unwrap().to_owned();
    let extra = [
        format!("--host=tcp://127.0.0.1:{port}"),
        "--tlsverify".into(),
        format!("--tlscacert={}", file("ca.pem")),
        format!("--tlscert={}", file("server-cert.pem")),
        format!("--tlskey={}", file("server-key.pem")),
    ];
    let engine = Engine::own_with(extra.to_vec()).await;
    engine.container("guarded").run().await;
    let (host, _alive) = forward_into(&engine, port).await;
    let folder = certificates.path().to_str().unwrap();
    let secure =
        Setup::new(&host).user(ADMIN, "admin").env("DOCKER_TLS_VERIFY", "1").env("DOCKER_CERT_PATH", folder);
    let server = secure.start().await;
    let client = server.admin().await;
    wait_list(&client, SOON, &[("guarded", "running")]).await;
    engine.kill_container("guarded").await;
    wait_list(&client, SOON, &[("guarded", "exited")]).await;
    // Without TLS, and with a certificate that the engine does not know: down, with a reason.
    let plain = Server::with_admin(&host).await;
    let client = plain.admin().await;
    wait_status(&client, "down", NOTICED).await;
    page_explains(&client, &["tls", "docker_tls_verify", "https", "not reachable"]).await;
    let strangers = tempfile::tempdir().unwrap();
    make_certificates(strangers.path());
    let folder = strangers.path().to_str().unwrap();
    let stranger =
        Setup::new(&host).user(ADMIN, "admin").env("DOCKER_TLS_VERIFY", "1").env("DOCKER_CERT_PATH", folder);
    let stranger = stranger.start().await;
    let client = stranger.admin().await;
    wait_status(&client, "down", NOTICED).await;
    page_explains(&client, &["certificate"]).await;
}

/// ca.pem, cert.pem, key.pem as Docker's clients expect them, and the server's own pair.
fn make_certificates(folder: &Path) {
    let openssl = |arguments: &str| {
        output_of(Command::new("openssl").current_dir(folder).args(arguments.split(' ')));
    };
    openssl("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test-ca -keyout ca-key.pem -out ca.pem");
    std::fs::write(folder.join("server.ext"), "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
        .unwrap();
    std::fs::write(folder.join("client.ext"), "extendedKeyUsage=clientAuth\n").unwrap();
    for (kind, key, certificate) in
        [("server", "server-key.pem", "server-cert.pem"), ("client", "key.pem", "cert.pem")]
    {
        openssl(&format!("req -newkey rsa:2048 -nodes -subj /CN={kind} -keyout {key} -out {kind}.csr"));
        let signing = "-CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 -extfile";
        openssl(&format!("x509 -req -in {kind}.csr {signing} {kind}.ext -out {certificate}"));
    }
}
