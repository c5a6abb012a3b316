//! Ways between this machine and the network namespace of a test's engine.

use std::process::Stdio;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::engine::Engine;

/// Forwards tcp connections of a port of this machine, until told to be dead: then nothing goes through any more, and nothing
/// is closed.
pub async fn forward<F>(far: impl Fn(TcpStream) -> F + Send + 'static) -> (String, watch::Sender<bool>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (switch, dead) = watch::channel(false);
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let (work, mut dead) = (far(near), dead.clone());
            tokio::spawn(async move {
                let cut = async { drop(dead.wait_for(|dead| *dead).await) };
                tokio::select! {
                    () = work => {}
                    // A network cut: the other side is not told.
                    () = cut => std::future::pending().await,
                }
            });
        }
    });
    (format!("tcp://{address}"), switch)
}

/// Leads to a tcp port inside the namespace of an engine.
pub async fn forward_into(engine: &Engine, port: u16) -> (String, watch::Sender<bool>) {
    let line: Vec<String> = {
        let command = engine.connect(port);
        let arguments = command.get_args().map(|part| part.to_string_lossy().into_owned());
        std::iter::once(command.get_program().to_string_lossy().into_owned()).chain(arguments).collect()
    };
    forward(move |near| {
        let line = line.clone();
        async move {
            let mut command = tokio::process::Command::new(&line[0]);
            command.args(&line[1..]).kill_on_drop(true);
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
            let mut child = command.spawn().expect("nsenter and busybox are there");
            let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
            let (mut from_near, mut to_near) = near.into_split();
            let up = async {
                let _ = tokio::io::copy(&mut from_near, &mut stdin).await;
            };
            let down = async {
                let _ = tokio::io::copy(&mut stdout, &mut to_near).await;
            };
            tokio::select! { () = up => {} () = down => {} }
        }
    })
    .await
}
