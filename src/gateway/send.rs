//! One request and its response, over one connection: with its deadlines, and what became of it when it failed.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::{Request, Response};
use tokio::time::{Instant, Sleep};

use super::failure::Failure;
use super::pool::{Line, Way};
use super::route::Timeouts;
use super::upload::{Progress, Upload};

/// A request that got no response.
pub(super) struct Lost {
    pub(super) failure: Failure,
    /// The request, when no byte of it was sent.
    pub(super) unsent: Option<Box<Request<Upload>>>,
    /// Whether an old connection ended before a byte came back: it was dead already.
    pub(super) dead: bool,
}

/// Sends a request and waits for the head of its response.
pub(super) async fn send(
    way: Way,
    request: Request<Upload>,
    progress: Option<&Arc<Progress>>,
    timeouts: &Timeouts,
) -> Result<(Response<Incoming>, Option<Line>), Lost> {
    match way {
        Way::Line(mut line) => {
            line.heard.clear();
            let mut timer =
                line.timer.take().unwrap_or_else(|| Box::pin(tokio::time::sleep(timeouts.first_byte)));
            let sent = in_time(on_line(&mut line, request), timer.as_mut(), progress, timeouts).await;
            line.timer = Some(timer);
            let dead = line.pooled && !line.heard.anything();
            match judge(sent, progress, dead) {
                Ok(response) => Ok((response, Some(line))),
                Err(lost) => Err(lost),
            }
        }
        Way::Stream(mut sender, pooled) => {
            let sent = async { sender.try_send_request(request).await.map_err(Some) };
            let timer = pin!(tokio::time::sleep(timeouts.first_byte));
            let sent = in_time(sent, timer, progress, timeouts).await;
            judge(sent, progress, pooled).map(|response| (response, None))
        }
    }
}

/// Moves the connection itself while it waits.
async fn on_line(
    line: &mut Line,
    request: Request<Upload>,
) -> Result<Response<Incoming>, Option<TrySendError<Request<Upload>>>> {
    let mut answer = pin!(line.sender.try_send_request(request));
    let bell = line.bell.clone();
    std::future::poll_fn(|cx| {
        bell.poll(cx, |cx| {
            let ended = line.drive(cx).is_ready();
            match answer.as_mut().poll(cx) {
                Poll::Ready(answer) => Poll::Ready(answer.map_err(Some)),
                Poll::Pending if ended => Poll::Ready(Err(None)),
                Poll::Pending => Poll::Pending,
            }
        })
    })
    .await
}

type Sent = Result<Response<Incoming>, Option<TrySendError<Request<Upload>>>>;

/// While the body is on its way it must move on; when it is through, the response must come.
async fn in_time(
    sent: impl Future<Output = Sent>,
    mut timer: Pin<&mut Sleep>,
    progress: Option<&Arc<Progress>>,
    timeouts: &Timeouts,
) -> Result<Sent, Failure> {
    let mut sent = pin!(sent);
    let mut uploading = progress;
    let mut moved = 0;
    let first = if uploading.is_some() { timeouts.idle } else { timeouts.first_byte };
    timer.as_mut().reset(Instant::now() + first);
    std::future::poll_fn(|cx| {
        if let Poll::Ready(sent) = sent.as_mut().poll(cx) {
            return Poll::Ready(Ok(sent));
        }
        if uploading.is_some_and(|progress| progress.finished()) {
            uploading = None;
            timer.as_mut().reset(Instant::now() + timeouts.first_byte);
        }
        while timer.as_mut().poll(cx).is_ready() {
            match uploading {
                Some(progress) if progress.moved() != moved => {
                    moved = progress.moved();
                    timer.as_mut().reset(Instant::now() + timeouts.idle);
                }
                Some(progress) if progress.waits_for_visitor() => return Poll::Ready(Err(Failure::Stalled)),
                Some(_) => return Poll::Ready(Err(Failure::Silent(timeouts.idle))),
                None => return Poll::Ready(Err(Failure::Silent(timeouts.first_byte))),
            }
        }
        Poll::Pending
    })
    .await
}

fn judge(
    sent: Result<Sent, Failure>,
    progress: Option<&Arc<Progress>>,
    dead: bool,
) -> Result<Response<Incoming>, Lost> {
    let error = match sent {
        Ok(Ok(response)) => return Ok(response),
        Err(failure) => return Err(Lost { failure, unsent: None, dead: false }),
        Ok(Err(error)) => error,
    };
    if progress.is_some_and(|progress| progress.too_large()) {
        return Err(Lost { failure: Failure::BodyTooLarge, unsent: None, dead: false });
    }
    let Some(mut error) = error else {
        return Err(Lost { failure: Failure::Broken("it was closed".to_owned()), unsent: None, dead });
    };
    let unsent = error.take_message().map(Box::new);
    let error = error.into_error();
    let failure = if error.is_parse_too_large() {
        Failure::Response("its headers are larger than this gateway takes".to_owned())
    } else if error.is_parse() {
        Failure::Response(format!("it is no valid HTTP ({error}): is this the right port?"))
    } else {
        Failure::Broken(words(&error))
    };
    Err(Lost { failure, unsent, dead })
}

fn words(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
