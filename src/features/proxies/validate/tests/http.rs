//! What answers, and what does not.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::sync::Mutex;

use super::support::{answering, at, backend, read_head, says, step, whole};
use crate::features::proxies::model::ProxySpec;
use crate::features::proxies::validate::{Status, Step, StepKind};

async fn asked(answer: impl Into<Vec<u8>>) -> Step {
    step(StepKind::Http, &at(answering(answer).await)).await
}

async fn asked_with(answer: String, change: impl FnOnce(&mut ProxySpec)) -> Step {
    let mut spec = at(answering(answer).await);
    change(&mut spec);
    step(StepKind::Http, &spec).await
}

#[tokio::test]
async fn one_that_never_answers_is_told() {
    let address = backend(|stream| async move {
        let _held = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let step = step(StepKind::Http, &at(address)).await;
    says(&step, Status::Fail, "took the request and did not answer", "overloaded or stuck");
}

#[tokio::test]
async fn one_that_closes_at_once_is_told() {
    let address = backend(|stream| async move { drop(stream) }).await;
    let step = step(StepKind::Http, &at(address)).await;
    says(&step, Status::Fail, "closed the connection without an answer", "Does this port speak http?");
}

#[tokio::test]
async fn garbage_is_shown() {
    says(&asked("SSH-2.0-OpenSSH_9.6\r\n").await, Status::Fail, "is an SSH server", "is the port right?");
    says(&asked("-ERR wrong\r\n").await, Status::Fail, "looks like Redis", "is the port right?");
    says(&asked("\x01\x02hello").await, Status::Fail, r"begins with \x01\x02hello", "is the port right?");
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    says(&asked(settings).await, Status::Fail, "HTTP/2 only", "Tick HTTP/2");
}

#[tokio::test]
async fn headers_without_an_end_are_bounded() {
    let sent = Arc::new(Mutex::new(0_u64));
    let count = sent.clone();
    let address = backend(move |mut stream| {
        let count = count.clone();
        async move {
            let line = format!("x-filler: {}\r\n", "a".repeat(4000));
            let mut sent = stream.write(b"HTTP/1.1 200 OK\r\n").await.unwrap_or(0) as u64;
            while sent < 1_000_000_000 && stream.write_all(line.as_bytes()).await.is_ok() {
                sent += line.len() as u64;
                *count.lock().await = sent;
            }
        }
    })
    .await;
    let step = step(StepKind::Http, &at(address)).await;
    says(&step, Status::Fail, "do not end: after 65.5\u{a0}kB no more was read", "");
    assert!(*sent.lock().await < 100_000_000, "it was not read to its end");
}

#[tokio::test]
async fn headers_that_drip_are_cut_off() {
    let address = backend(|mut stream| async move {
        read_head(&mut stream).await;
        while stream.write_all(b"HTTP/1.1 200 OK\r\nx: y").await.is_ok() {
            std::future::pending::<()>().await;
        }
    })
    .await;
    says(&step(StepKind::Http, &at(address)).await, Status::Fail, "headers were not complete", "");
}

#[tokio::test]
async fn a_body_that_breaks_off_fails() {
    let step = asked("HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\nhalf").await;
    says(&step, Status::Fail, "in the middle of the body, after 4\u{a0}B", "half a page");
    let chunked = asked("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab").await;
    says(&chunked, Status::Fail, "in the middle of the body", "");
    let head = asked("HTTP/1.1 200 OK\r\nx: y").await;
    says(&head, Status::Fail, "closed the connection within the headers", "");
}

#[tokio::test]
async fn a_stream_without_an_end_is_an_answer() {
    let address = backend(|mut stream| async move {
        read_head(&mut stream).await;
        let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n";
        let _gone = stream.write_all(head).await;
        std::future::pending::<()>().await;
    })
    .await;
    says(&step(StepKind::Http, &at(address)).await, Status::Pass, "200 OK", "");
}

#[tokio::test]
async fn only_the_beginning_of_a_body_is_read() {
    let long = format!("<title>Long</title>{}", "x".repeat(10_000_000));
    says(&asked(whole("200 OK", "", &long)).await, Status::Pass, "Long", "");
}

#[tokio::test]
async fn a_tls_server_on_a_plain_port_is_told() {
    says(
        &asked([0x15, 3, 1, 0, 2, 2, 70]).await,
        Status::Fail,
        "wants TLS",
        "This port speaks TLS: choose https.",
    );
    for words in [
        "<h1>400</h1>The plain HTTP request was sent to HTTPS port",
        "Client sent an HTTP request to an HTTPS server.\n",
    ] {
        let step = asked(whole("400 Bad Request", "", words)).await;
        says(&step, Status::Fail, "wants TLS", "This port speaks TLS: choose https.");
    }
}

#[tokio::test]
async fn a_sign_in_is_fine_if_it_is_allowed() {
    let step = asked(whole("401 Unauthorized", "", "")).await;
    says(&step, Status::Warn, "401 Unauthorized", "The app answers 401: that is fine, add 401");
    let allowed =
        asked_with(whole("401 Unauthorized", "", ""), |spec| spec.check.expect = "200, 401".into()).await;
    says(&allowed, Status::Pass, "401", "");
}

#[tokio::test]
async fn errors_of_the_app_are_told_apart() {
    says(&asked(whole("500 Oops", "", "")).await, Status::Fail, "500", "fails at / by itself");
    says(&asked(whole("503 Wait", "", "")).await, Status::Warn, "503", "not ready");
    says(&asked(whole("404 None", "", "")).await, Status::Warn, "404", "the path of the check");
    says(&asked(whole("400 Bad", "", "")).await, Status::Warn, "400", "may not know the name blog.localhost");
    says(&asked(whole("410 Gone", "", "")).await, Status::Warn, "410", "expects 200-399");
}

#[tokio::test]
async fn redirects_are_shown_and_not_followed() {
    let to = |location: &str| whole("302 Found", &format!("location: {location}\r\n"), "");
    says(&asked(to("/login")).await, Status::Pass, "sends visitors on to /login", "");
    let https = asked(to("https://blog.localhost/")).await;
    says(&https, Status::Warn, "its own name with https", "X-Forwarded-Proto");
    let elsewhere = asked(to("http://www.example.com/")).await;
    says(&elsewhere, Status::Warn, "http://www.example.com/", "another name, www.example.com");
    says(&asked(to("/")).await, Status::Warn, "where they are already", "circle");
    let outside = asked_with(to("/login"), |spec| spec.path = Some("/app".into())).await;
    says(&outside, Status::Warn, "/login, which is not below /app", "set its base path");
    let inside = asked_with(to("/app/login"), |spec| spec.path = Some("/app".into())).await;
    says(&inside, Status::Pass, "on to /app/login", "");
    let unexpected = asked_with(to("/login"), |spec| spec.check.expect = "200".into()).await;
    says(&unexpected, Status::Warn, "/login", "does not expect a redirect");
}

#[tokio::test]
async fn the_destination_is_asked_as_the_gateway_would() {
    let seen = Arc::new(Mutex::new(String::new()));
    let keep = seen.clone();
    let address = backend(move |mut stream| {
        let keep = keep.clone();
        async move {
            *keep.lock().await = read_head(&mut stream).await;
            let _gone = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
        }
    })
    .await;
    let mut spec = at(address);
    spec.path = Some("/app".into());
    spec.check.path = "/health".into();
    spec.check.method = "HEAD".into();
    says(&step(StepKind::Http, &spec).await, Status::Pass, "204 No Content", "");
    let seen = seen.lock().await.clone();
    assert!(seen.starts_with("HEAD /app/health HTTP/1.1\r\nhost: blog.localhost\r\n"), "{seen}");
    assert!(seen.contains("x-forwarded-host: blog.localhost\r\n"), "{seen}");
}

#[tokio::test]
async fn an_interim_answer_is_not_the_answer() {
    let step = asked(format!("HTTP/1.1 103 Early Hints\r\n\r\n{}", whole("200 OK", "", ""))).await;
    says(&step, Status::Pass, "200 OK", "");
}

#[tokio::test]
async fn cleartext_http2_is_spoken_where_it_is_chosen() {
    let address = backend(|stream| async move {
        let service =
            hyper::service::service_fn(|request: hyper::Request<hyper::body::Incoming>| async move {
                let body = format!("<title>{} {}</title>", request.uri(), request.headers().len());
                Ok::<_, std::convert::Infallible>(hyper::Response::new(body))
            });
        let io = hyper_util::rt::TokioIo::new(stream);
        let executor = hyper_util::rt::TokioExecutor::new();
        let _ended = hyper::server::conn::http2::Builder::new(executor).serve_connection(io, service).await;
    })
    .await;
    let mut spec = at(address);
    spec.options.http2 = true;
    says(&step(StepKind::Http, &spec).await, Status::Pass, "http://blog.localhost/", "");
    let mut plain = at(answering(whole("200 OK", "", "")).await);
    plain.options.http2 = true;
    let refused = step(StepKind::Http, &plain).await;
    says(&refused, Status::Fail, "does not speak cleartext HTTP/2", "Untick HTTP/2");
    let mut mute = at(backend(|stream| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(stream);
    })
    .await);
    mute.options.http2 = true;
    says(&step(StepKind::Http, &mute).await, Status::Fail, "did not answer", "");
}
