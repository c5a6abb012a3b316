//! One request over cleartext HTTP/2, for destinations that the gateway asks so.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http2;
use hyper::rt::Executor;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout_at};

use super::request::Request;
use super::wire::{Answer, BODY_BYTES, Duplex, End, HEAD_BYTES};

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Broken {
    /// None came in time.
    Silent,
    /// It is no HTTP/2, or it broke.
    Other(String),
}

/// Runs what the connection needs beside the request itself, so that nothing outlives it.
#[derive(Clone, Default)]
struct Beside(Arc<Mutex<(Vec<Task>, Option<Waker>)>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Beside {
    fn execute(&self, task: F) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.0.push(Box::pin(task));
        if let Some(waker) = held.1.take() {
            waker.wake();
        }
    }
}

impl Beside {
    /// Never ends.
    async fn run(self) {
        let mut tasks = FuturesUnordered::new();
        std::future::poll_fn(move |cx: &mut Context<'_>| {
            loop {
                let new = {
                    let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                    held.1 = Some(cx.waker().clone());
                    std::mem::take(&mut held.0)
                };
                let none = new.is_empty();
                tasks.extend(new);
                let ended = matches!(tasks.poll_next_unpin(cx), Poll::Ready(Some(())));
                if none && !ended {
                    return Poll::<()>::Pending;
                }
            }
        })
        .await;
    }
}

/// Asks on a connection; all is over at `deadline`, and `body_within` after the head.
pub(super) async fn ask(
    stream: Box<dyn Duplex>,
    request: &Request,
    deadline: Instant,
    body_within: Duration,
) -> Result<Answer, Broken> {
    let beside = Beside::default();
    let executor = beside.clone();
    let asked = async move {
        let started = Instant::now();
        let (mut sender, connection) = http2::Builder::new(executor.clone())
            .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX))
            .handshake(TokioIo::new(stream))
            .await
            .map_err(other)?;
        executor.execute(async move {
            let _ended = connection.await;
        });
        let uri = format!("http://{}{}", request.host(), request.path);
        let mut built = hyper::Request::builder().method(request.method).uri(uri);
        for (name, value) in request.headers.iter().filter(|(name, _)| **name != hyper::header::HOST) {
            built = built.header(name, value);
        }
        let built = built.body(Empty::<Bytes>::new()).map_err(|error| Broken::Other(error.to_string()))?;
        let (parts, mut body) = sender.send_request(built).await.map_err(other)?.into_parts();
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let headers = parts.headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes())));
        let mut answer = Answer {
            status: parts.status.as_u16(),
            headers: headers.collect(),
            body: Vec::new(),
            end: End::Fine,
            after: started.elapsed(),
        };
        let until = deadline.min(Instant::now() + body_within);
        while answer.body.len() < BODY_BYTES {
            match timeout_at(until, body.frame()).await {
                Ok(Some(Ok(frame))) => {
                    let room = BODY_BYTES - answer.body.len();
                    answer.body.extend(frame.data_ref().into_iter().flatten().take(room));
                }
                Ok(Some(Err(_))) => {
                    answer.end = End::Closed;
                    break;
                }
                Ok(None) | Err(_) => break,
            }
        }
        Ok(answer)
    };
    tokio::select! {
        biased;
        answer = timeout_at(deadline, asked) => answer.unwrap_or(Err(Broken::Silent)),
        () = beside.run() => Err(Broken::Silent),
    }
}

fn other(error: hyper::Error) -> Broken {
    Broken::Other(error.to_string())
}
