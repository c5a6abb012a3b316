//! The socket: bound while there is a route to serve, and tried again when it cannot be.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::ListenerState;
use super::connection::{Arrival, serve};
use super::route::Scheme;
use super::shared::Shared;
use super::tasks::Tasks;

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const BACKLOG: u32 = 4096;
/// After a failed accept (no file descriptor left, say).
const BREATHE: Duration = Duration::from_millis(100);
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// Keeps the state true even when the worker is dropped.
struct Ending<'a> {
    shared: &'a Shared,
    tasks: Tasks,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.tasks.cut();
        self.shared.bound.store(Arc::default());
        self.shared.status.send_replace(ListenerState::Off);
    }
}

pub(super) async fn run(shared: &Arc<Shared>, listen: Option<SocketAddr>, stopping: CancellationToken) {
    let Some(listen) = listen else {
        stopping.cancelled().await;
        return;
    };
    let tasks = Tasks::new();
    let _ending = Ending { shared, tasks: tasks.clone() };
    let seats = Arc::new(Semaphore::new(shared.config.limits.connections));
    while !stopping.is_cancelled() {
        shared.status.send_replace(ListenerState::Idle);
        tokio::select! {
            () = populated(shared, true) => {}
            () = stopping.cancelled() => break,
        }
        tokio::select! {
            listener = bind(shared, listen) => accept(shared, &tasks, &seats, listener, &stopping).await,
            () = populated(shared, false) => {}
            () = stopping.cancelled() => break,
        }
        shared.bound.store(Arc::default());
    }
    tasks.closing.cancel();
    let within = shared.config.limits.drain;
    if tokio::time::timeout(within, tasks.ended()).await.is_err() {
        tracing::warn!(connections = tasks.count(), "some visitors did not finish in time and are cut off");
    }
}

/// Waits until there are routes, or until there are none.
async fn populated(shared: &Shared, wanted: bool) {
    let mut populated = shared.populated.subscribe();
    // The sender lives as long as we do.
    let _now = populated.wait_for(|populated| *populated == wanted).await;
}

/// Binds the socket, however long that takes.
async fn bind(shared: &Shared, listen: SocketAddr) -> TcpListener {
    let mut pause = FIRST_PAUSE.min(shared.config.limits.rebind_within);
    loop {
        match listener(listen) {
            Ok((listener, bound)) => {
                tracing::info!(address = %bound, "the gateway listens");
                shared.bound.store(Arc::new(Some(bound)));
                shared.status.send_replace(ListenerState::Listening(bound));
                return listener;
            }
            Err(error) => {
                let why = why(&error, listen);
                let news = ListenerState::Failed(why.clone());
                if *shared.status.borrow() != news {
                    tracing::warn!(address = %listen, error = why, "the gateway cannot listen");
                }
                shared.status.send_replace(news);
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(shared.config.limits.rebind_within);
    }
}

fn listener(listen: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = if listen.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(listen)?;
    let listener = socket.listen(BACKLOG)?;
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

fn why(error: &io::Error, listen: SocketAddr) -> String {
    let (port, address) = (listen.port(), listen.ip());
    match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "port {port} is taken by another program: stop that program, or give the gateway another port"
        ),
        io::ErrorKind::PermissionDenied => format!(
            "port {port} may not be used without special rights: choose one above 1023, or grant \
             CAP_NET_BIND_SERVICE"
        ),
        io::ErrorKind::AddrNotAvailable => format!("{address} is no address of this machine"),
        _ => format!("port {port} of {address} cannot be listened on: {error}"),
    }
}

/// Accepts visitors until there are no routes any more, or the product stops.
async fn accept(
    shared: &Arc<Shared>,
    tasks: &Tasks,
    seats: &Arc<Semaphore>,
    listener: TcpListener,
    stopping: &CancellationToken,
) {
    // Those who are here when the socket goes finish what they began.
    let closing = tasks.closing.child_token();
    let _closes = closing.clone().drop_guard();
    let mut empty = std::pin::pin!(populated(shared, false));
    let mut sweep = tokio::time::interval_at(Instant::now() + SWEEP_EVERY, SWEEP_EVERY);
    loop {
        let arrived = async {
            let seat = seats.clone().acquire_owned().await.map_err(io::Error::other)?;
            let (stream, peer) = listener.accept().await?;
            Ok::<_, io::Error>((seat, stream, peer))
        };
        let (seat, stream, peer) = tokio::select! {
            arrived = arrived => match arrived {
                Ok(arrived) => arrived,
                Err(error) => {
                    tracing::warn!(%error, "a visitor could not be accepted");
                    tokio::time::sleep(BREATHE).await;
                    continue;
                }
            },
            _ = sweep.tick() => {
                shared.sweep();
                continue;
            }
            () = &mut empty => return,
            () = stopping.cancelled() => return,
        };
        // Small answers must not wait for each other.
        let _slower = stream.set_nodelay(true);
        let arrival = Arrival { peer: peer.ip(), scheme: Scheme::Http, sni: None, protocol: None };
        let served = serve(shared.clone(), tasks.clone(), stream, arrival, closing.clone());
        tasks.spawn(async move {
            let _seat = seat;
            served.await;
        });
    }
}
