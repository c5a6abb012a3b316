//! Somebody who looks at a log live: reads the stream of its page as the page's script does.

use super::client::{Client, Event, Events};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};

/// What was said, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// The line's time in ns, and its text.
    Line(i64, String),
    Note(String),
    /// `Following`, `Ended`, `Waiting`, `Gone`.
    State(String),
}

pub struct Follower {
    events: Events,
    pub said: Vec<Said>,
    /// The batches: number of the first line, and how many.
    pub batches: Vec<(u64, u64)>,
}

impl Follower {
    pub async fn open(client: &Client, page: &str) -> Follower {
        let page: String = url::form_urlencoded::byte_serialize(page.as_bytes()).collect();
        let events = client.events(&format!("/live?for={page}")).await;
        Follower { events, said: Vec::new(), batches: Vec::new() }
    }

    /// Reads until what was said so far fits; panics after `within`.
    pub async fn until(&mut self, what: &str, within: Duration, fits: impl Fn(&[Said]) -> bool) {
        let deadline = tokio::time::Instant::now() + within;
        while !fits(&self.said) {
            match tokio::time::timeout_at(deadline, self.events.next()).await {
                Ok(Some(event)) => self.take(&event),
                Ok(None) => panic!("the stream ended before {what}; said: {:#?}", self.said),
                Err(_) => panic!("waited {within:?} for {what}; said: {:#?}", self.said),
            }
        }
    }

    /// Reads for so long.
    pub async fn read_for(&mut self, time: Duration) {
        let deadline = tokio::time::Instant::now() + time;
        while let Ok(Some(event)) = tokio::time::timeout_at(deadline, self.events.next()).await {
            self.take(&event);
        }
    }

    fn take(&mut self, event: &Event) {
        if let Some(state) = event.data.split("data-log=\"").nth(1).filter(|_| event.name.is_empty()) {
            self.said.push(Said::State(state.split('"').next().unwrap_or("").to_owned()));
        }
        if event.name != "log-lines" {
            return;
        }
        let (head, html) = event.data.split_once('\n').unwrap_or((&event.data, ""));
        let (first, count) = head.split_once(' ').expect("number and count");
        let (first, count) = (first.parse().expect("a number"), count.parse().expect("a count"));
        let before = self.lines().count() as u64;
        self.said.extend(html.split("<p class=\"l").skip(1).map(one));
        assert_eq!(self.lines().count() as u64 - before, count, "as many lines as it says: {html:.300}");
        self.batches.push((first, count));
    }

    /// The texts of all lines.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.said.iter().filter_map(|said| match said {
            Said::Line(_, text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// How many lines were left out between batches.
    pub fn missed(&self) -> u64 {
        missed(&self.batches)
    }

    /// Fails if a line came twice.
    pub fn expect_each_once(&self) {
        let mut seen = std::collections::HashSet::new();
        for said in self.said.iter().filter(|said| matches!(said, Said::Line(..))) {
            assert!(seen.insert(format!("{said:?}")), "{said:?} came twice: {:#?}", self.said);
        }
    }
}

fn missed(batches: &[(u64, u64)]) -> u64 {
    let holes = batches.windows(2).map(|pair| {
        let next = pair[0].0 + pair[0].1;
        assert!(pair[1].0 >= next, "the numbers never go back: {pair:?}");
        pair[1].0 - next
    });
    holes.sum()
}

fn one(html: &str) -> Said {
    let text = html.split("<span class=\"x\">").nth(1).unwrap_or("").split("</span>").next().unwrap_or("");
    if html.starts_with(" note") {
        return Said::Note(text.to_owned());
    }
    let time = html.split("data-t=\"").nth(1).and_then(|rest| rest.split('"').next()?.parse().ok());
    Said::Line(time.expect("each line has its time"), text.to_owned())
}

/// A browser on a bad line: takes little at once, and stops when it is told to.
pub struct SlowReader {
    stream: BufReader<TcpStream>,
    pub batches: Vec<(u64, u64)>,
}

impl SlowReader {
    pub async fn open(base: &str, client: &Client, page: &str) -> SlowReader {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(16 * 1024).expect("a small buffer");
        let address = base.strip_prefix("http://").expect("http").parse().expect("an address");
        let mut stream = socket.connect(address).await.expect("the server listens");
        let cookies: Vec<String> =
            client.cookies().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let head = format!(
            "GET /live?for={page} HTTP/1.1\r\nHost: {address}\r\nCookie: {}\r\nAccept: text/event-stream\r\n\r\n",
            cookies.join("; ")
        );
        stream.write_all(head.as_bytes()).await.expect("the request");
        SlowReader { stream: BufReader::new(stream), batches: Vec::new() }
    }

    /// Reads for so long.
    pub async fn read_for(&mut self, time: Duration) {
        let deadline = tokio::time::Instant::now() + time;
        let (mut line, mut is_head) = (Vec::new(), false);
        while let Ok(Ok(1..)) =
            tokio::time::timeout_at(deadline, self.stream.read_until(b'\n', &mut line)).await
        {
            let text = String::from_utf8_lossy(&line).into_owned();
            line.clear();
            if std::mem::replace(&mut is_head, text.trim() == "event: log-lines") {
                let (first, count) =
                    text.trim().trim_start_matches("data: ").split_once(' ').expect("a head");
                self.batches.push((first.parse().expect("a number"), count.parse().expect("a count")));
            }
        }
    }

    pub fn missed(&self) -> u64 {
        missed(&self.batches)
    }
}
