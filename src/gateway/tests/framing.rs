//! Where a message ends must be the same for everybody on its way.

use super::support::{Backend, Running, header};

/// Bodies that two servers could read differently end the connection with a 400, and reach nobody.
async fn refused(request: &str) {
    let backend = Backend::echo().await;
    let gateway = Running::before(backend.address).await;
    let mut visitor = gateway.visitor().await;
    visitor.send(format!("{request}GET /smuggled HTTP/1.1\r\nHost: site.test\r\n\r\n")).await;
    let all = visitor.rest().await;
    assert!(all.starts_with("HTTP/1.1 400 "), "{request:?}: {all}");
    assert_eq!(all.matches("HTTP/1.1 ").count(), 1, "{request:?}: only one response: {all}");
    assert!(backend.heads().is_empty(), "{request:?}: the upstream heard of it");
}

#[tokio::test]
async fn a_length_and_a_transfer_coding_together_are_refused() {
    refused("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").await;
    refused("POST / HTTP/1.1\r\nHost: site.test\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n").await;
    refused("GET / HTTP/1.1\r\nHost: site.test\r\nTRANSFER-ENCODING: chunked\r\ncontent-length:0\r\n\r\n0\r\n\r\n").await;
}

#[tokio::test]
async fn two_lengths_that_differ_are_refused() {
    refused("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd").await;
    refused("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 4, 5\r\n\r\nabcd").await;
    refused("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: +4\r\n\r\nabcd").await;
    refused("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 0x4\r\n\r\nabcd").await;
}

#[tokio::test]
async fn transfer_codings_other_than_chunked_are_refused() {
    for coding in
        ["gzip", "gzip, chunked", "chunked, identity", "xchunked", "\"chunked\"", "chunked, chunked"]
    {
        refused(&format!(
            "POST / HTTP/1.1\r\nHost: site.test\r\nTransfer-Encoding: {coding}\r\n\r\n0\r\n\r\n"
        ))
        .await;
    }
    refused("POST / HTTP/1.1\r\nHost: site.test\r\nTransfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").await;
    refused("POST / HTTP/1.0\r\nHost: site.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").await;
}

#[tokio::test]
async fn lines_that_are_folded_or_end_in_a_bare_line_feed_are_refused() {
    refused("GET / HTTP/1.1\r\nHost: site.test\r\nX-A: b\r\n c\r\n\r\n").await;
    refused("GET / HTTP/1.1\r\nHost: site.test\r\nX-A: b\nX-B: c\r\n\r\n").await;
    refused("GET / HTTP/1.1\nHost: site.test\n\n").await;
    refused("GET / HTTP/1.1\r\nHost: site.test\r\nX-A: b\rX-B: c\r\n\r\n").await;
}

#[tokio::test]
async fn names_of_headers_are_words() {
    refused("GET / HTTP/1.1\r\nHost: site.test\r\nContent-Length : 4\r\n\r\nabcd").await;
    refused("GET / HTTP/1.1\r\nHost: site.test\r\nX A: b\r\n\r\n").await;
    refused("GET / HTTP/1.1\r\nHost: site.test\r\n\0: b\r\n\r\n").await;
    refused("GET / HTTP/1.1\r\nHost: site.test\r\nX-A: b\0c\r\n\r\n").await;
}

#[tokio::test]
async fn a_smell_in_a_later_request_of_a_connection_is_found_too() {
    let backend = Backend::echo().await;
    let gateway = Running::before(backend.address).await;
    let mut visitor = gateway.visitor().await;
    let first =
        "POST /1 HTTP/1.1\r\nHost: site.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let second = "POST /2 HTTP/1.1\r\nHost: site.test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    visitor.send(format!("{first}{second}")).await;
    assert_eq!(visitor.answer().await.status, 200);
    assert_eq!(visitor.answer().await.status, 400);
    assert_eq!(backend.heads().len(), 1);
}

#[tokio::test]
async fn bodies_arrive_as_they_were_sent() {
    let backend = Backend::echo().await;
    let gateway = Running::before(backend.address).await;
    let sized = gateway.ask("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 5\r\n\r\nhello").await;
    assert!(sized.body.ends_with("\r\n\r\nhello"), "{}", sized.body);
    assert_eq!(header(&sized.body, "content-length").as_deref(), Some("5"));

    let twice = "POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(header(&gateway.ask(twice).await.body, "content-length").as_deref(), Some("5"));

    for method in ["POST", "GET", "DELETE"] {
        let chunked = format!(
            "{method} / HTTP/1.1\r\nHost: site.test\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"
        );
        let chunked = gateway.ask(&chunked).await;
        assert!(chunked.body.ends_with("\r\n\r\nhello!"), "{method}: {}", chunked.body);
        assert_eq!(header(&chunked.body, "transfer-encoding").as_deref(), Some("chunked"), "{method}");
        assert_eq!(header(&chunked.body, "content-length"), None, "{method}");
    }

    let empty = gateway.ask("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(header(&empty.body, "content-length").as_deref(), Some("0"), "{}", empty.body);
}

#[tokio::test]
async fn a_response_with_two_lengths_is_read_by_its_chunks() {
    let backend = Backend::says(
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    )
    .await;
    let gateway = Running::before(backend.address).await;
    let answer = gateway.get("/").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "hello"));
    assert_eq!(answer.header("content-length"), None);
}

#[tokio::test]
async fn a_response_whose_length_nobody_can_know_is_a_502() {
    for bad in [
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
    ] {
        let backend = Backend::says_once(bad).await;
        let gateway = Running::before(backend.address).await;
        assert_eq!(gateway.get("/").await.status, 502, "{bad}");
        assert!(gateway.last_error().contains("cannot be passed on"), "{bad}: {}", gateway.last_error());
    }
}

#[tokio::test]
async fn head_and_not_modified_keep_the_length_and_have_no_body() {
    let backend = Backend::says("HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n").await;
    let gateway = Running::before(backend.address).await;
    let mut visitor = gateway.visitor().await;
    for _ in 0..2 {
        let answer = visitor.ask("HEAD / HTTP/1.1\r\nHost: site.test\r\n\r\n").await;
        assert_eq!(answer.header("content-length").as_deref(), Some("1234"));
    }
    let backend = Backend::says("HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n").await;
    let gateway = Running::before(backend.address).await;
    let mut visitor = gateway.visitor().await;
    for _ in 0..2 {
        let answer = visitor.ask("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n").await;
        assert_eq!((answer.status, answer.header("etag").as_deref()), (304, Some("\"a\"")));
    }
}
