//! Bodies pass piece by piece, in both directions, and nothing is kept.

use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::sync::{Mutex, Notify, mpsc};

use super::support::{Backend, Running, header, until};

#[tokio::test]
async fn a_long_response_arrives_piece_by_piece() {
    let (step, steps) = mpsc::channel::<()>(1);
    let steps = Arc::new(Mutex::new(steps));
    let backend = Backend::start(move |mut connection| {
        let steps = steps.clone();
        async move {
            connection.head().await;
            let head =
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
            connection.send(head).await;
            let mut steps = steps.lock().await;
            // Each piece is sent only when the one before has arrived.
            while steps.recv().await.is_some() {
                connection.send("9\r\ndata: x\n\n\r\n").await;
            }
            connection.send("0\r\n\r\n").await;
        }
    })
    .await;
    let gateway = Running::before(backend.address).await;
    let mut visitor = gateway.visitor().await;
    visitor.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n").await;
    // The head does not wait for the first piece.
    assert!(visitor.head().await.starts_with("HTTP/1.1 200 "));
    for _ in 0..5 {
        step.send(()).await.unwrap();
        assert_eq!(visitor.exactly(14).await, "9\r\ndata: x\n\n\r\n");
    }
    drop(step);
    assert_eq!(visitor.exactly(5).await, "0\r\n\r\n");
}

#[tokio::test]
async fn a_long_request_arrives_piece_by_piece() {
    let backend = Backend::start(|mut connection| async move {
        connection.head().await;
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n").await;
        for _ in 0..3 {
            let piece = connection.exactly(5).await;
            connection.send(piece).await;
        }
    })
    .await;
    let gateway = Running::before(backend.address).await;
    let mut visitor = gateway.visitor().await;
    visitor.send("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 15\r\n\r\n").await;
    visitor.head().await;
    // Each piece comes back before the next is sent.
    for piece in ["aaaaa", "bbbbb", "ccccc"] {
        visitor.send(piece).await;
        assert_eq!(visitor.exactly(5).await, piece);
    }
}

#[tokio::test]
async fn large_bodies_pass_whole_in_both_directions() {
    let backend = Backend::echo().await;
    let gateway = Running::before(backend.address).await;
    let body = "0123456789abcdef".repeat(300_000);
    let mut visitor = gateway.visitor().await;
    for _ in 0..2 {
        let request =
            format!("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let answer = visitor.ask(&request).await;
        assert!(answer.body.ends_with(&format!("\r\n\r\n{body}")));
    }
    let counted = gateway.gateway.counters("site").unwrap().read();
    assert_eq!(counted.bytes_in, 2 * body.len() as u64);
    assert!(counted.bytes_out > counted.bytes_in);
    assert_eq!((counted.requests, counted.classes[1]), (2, 2));
}

#[tokio::test]
async fn who_waits_for_100_continue_is_told_to_go_on() {
    let backend = Backend::echo().await;
    let gateway = Running::before(backend.address).await;
    let mut visitor = gateway.visitor().await;
    visitor
        .send("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        .await;
    assert_eq!(visitor.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
    visitor.send("hello").await;
    let answer = visitor.answer().await;
    assert!(answer.body.ends_with("hello"));
    assert_eq!(header(&answer.body, "expect"), None);
}

#[tokio::test]
async fn interim_responses_of_the_upstream_are_skipped() {
    let backend = Backend::says(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n\
         Content-Length: 2\r\n\r\nok",
    )
    .await;
    let gateway = Running::before(backend.address).await;
    let answer = gateway.get("/").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "ok"));
}

#[tokio::test]
async fn a_response_up_to_the_end_of_the_connection_is_passed_on() {
    let backend = Backend::says_once("HTTP/1.0 200 OK\r\n\r\nhello").await;
    let gateway = Running::before(backend.address).await;
    assert_eq!(gateway.get("/").await.body, "hello");
    let old = gateway.ask("GET / HTTP/1.0\r\nHost: site.test\r\n\r\n").await;
    assert_eq!((old.header("transfer-encoding"), old.body.as_str()), (None, "hello"));
}

#[tokio::test]
async fn an_upstream_that_closes_in_the_middle_breaks_the_response_off() {
    for cut in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ] {
        let close = Arc::new(Notify::new());
        let closes = close.clone();
        let backend = Backend::start(move |mut connection| {
            let closes = closes.clone();
            async move {
                connection.head().await;
                connection.send(cut).await;
                closes.notified().await;
            }
        })
        .await;
        let gateway = Running::before(backend.address).await;
        let mut visitor = gateway.visitor().await;
        visitor.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n").await;
        let head = visitor.head().await;
        if head.contains("chunked") {
            assert_eq!(visitor.line().await, "5\r\n");
        }
        assert_eq!(visitor.exactly(5).await, "hello");
        close.notify_one();
        // It must not look complete: no last chunk.
        assert_eq!(visitor.rest().await.trim(), "");
        assert!(gateway.last_error().contains("broke off"), "{}", gateway.last_error());
    }
}

#[tokio::test]
async fn the_upstream_learns_that_the_visitor_left() {
    let (gone, mut left) = mpsc::channel::<()>(1);
    let backend = Backend::start(move |mut connection| {
        let gone = gone.clone();
        async move {
            connection.head().await;
            connection.rest().await;
            gone.send(()).await.unwrap();
        }
    })
    .await;
    let gateway = Running::before(backend.address).await;
    let mut visitor = gateway.visitor().await;
    visitor.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n").await;
    let counters = gateway.gateway.counters("site").unwrap();
    until(|| counters.read().in_flight == 1).await;
    visitor.stream.shutdown().await.unwrap();
    drop(visitor);
    super::support::within(left.recv()).await.unwrap();
    until(|| counters.read().in_flight == 0).await;
}

#[tokio::test]
async fn an_answer_before_the_end_of_the_request_reaches_the_visitor() {
    let backend = Backend::start(|mut connection| async move {
        connection.head().await;
        connection.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno").await;
    })
    .await;
    let gateway = Running::before(backend.address).await;
    let mut visitor = gateway.visitor().await;
    visitor.send("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 1000000\r\n\r\nbegin").await;
    let answer = visitor.answer().await;
    assert_eq!((answer.status, answer.body.as_str()), (403, "no"));
}
