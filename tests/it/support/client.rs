//! A person or a script that talks HTTP to the server: cookies are kept, redirects are shown instead of followed.

use super::SOON;
use futures_util::StreamExt;
use reqwest::Method;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

pub struct Client {
    base: String,
    http: reqwest::Client,
    token: Option<String>,
    cookies: Mutex<BTreeMap<String, String>>,
}

/// A whole answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
    asked: String,
}

impl Client {
    pub fn new(base: &str, token: Option<&str>) -> Client {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        let http = http.connect_timeout(SOON).build().expect("an http client");
        Client { base: base.into(), http, token: token.map(Into::into), cookies: Mutex::default() }
    }

    /// A request with the client's cookies and token, to be completed by the caller and given to `send`.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let cookies = self.cookies.lock().unwrap();
        let line: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if line.is_empty() { request } else { request.header("cookie", line.join("; ")) }
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Reply {
        let request = request.timeout(Duration::from_secs(60)).build().expect("a valid request");
        let asked = format!("{} {}", request.method(), request.url());
        let answer = self.http.execute(request).await.unwrap_or_else(|why| panic!("{asked}: {why:?}"));
        self.keep_cookies(answer.headers());
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.bytes().await.unwrap_or_else(|why| panic!("{asked}: the body: {why:?}"));
        Reply { status, headers, text: String::from_utf8_lossy(&text).into_owned(), asked }
    }

    fn keep_cookies(&self, headers: &reqwest::header::HeaderMap) {
        let mut jar = self.cookies.lock().unwrap();
        for cookie in headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok()) {
            let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let gone =
                value.is_empty() || attributes.to_ascii_lowercase().replace(' ', "").contains("max-age=0");
            if gone {
                jar.remove(name.trim());
            } else {
                jar.insert(name.trim().into(), value.trim().into());
            }
        }
    }

    /// All cookies as name and value, for a test that hands them on or compares them.
    pub fn cookies(&self) -> BTreeMap<String, String> {
        self.cookies.lock().unwrap().clone()
    }

    pub fn set_cookies(&self, cookies: BTreeMap<String, String>) {
        *self.cookies.lock().unwrap() = cookies;
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(self.request(Method::GET, path)).await
    }

    /// Posts a form as a browser on the same site does.
    pub async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let request = self.request(Method::POST, path).header("sec-fetch-site", "same-origin");
        self.send(request.header("origin", &self.base).form(fields)).await
    }

    /// A call of the API that changes something, with a body of JSON unless it is null.
    pub async fn call(&self, method: Method, path: &str, body: Value) -> Reply {
        let request = self.request(method, path).header("sec-fetch-site", "same-origin");
        let request = request.header("origin", &self.base);
        if body.is_null() {
            return self.send(request).await;
        }
        self.send(request.header("content-type", "application/json").body(body.to_string())).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.call(Method::POST, path, body).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.call(Method::DELETE, path, Value::Null).await
    }

    /// Reads what flows without looking at it, until the task is ended.
    pub async fn drain(&self, path: &str) -> tokio::task::JoinHandle<()> {
        let answer = self.request(Method::GET, path).send().await.expect("the stream starts");
        assert_eq!(answer.status().as_u16(), 200, "GET {path}");
        let mut chunks = answer.bytes_stream();
        tokio::spawn(async move { while chunks.next().await.is_some_and(|chunk| chunk.is_ok()) {} })
    }

    /// An answer that flows, as text: what came so far is given to `fits` until it is content.
    pub async fn stream_until(&self, path: &str, within: Duration, fits: impl Fn(&str) -> bool) -> String {
        let mut text = Vec::new();
        let read = async {
            let answer = self.request(Method::GET, path).send().await.expect("the stream starts");
            assert_eq!(answer.status().as_u16(), 200, "GET {path}");
            let mut chunks = answer.bytes_stream();
            while let Some(chunk) = chunks.next().await {
                text.extend(chunk.expect("a whole chunk"));
                if fits(&String::from_utf8_lossy(&text)) {
                    return true;
                }
            }
            false
        };
        let ended = tokio::time::timeout(within, read).await;
        let text = String::from_utf8_lossy(&text).into_owned();
        assert_eq!(ended, Ok(true), "GET {path} did not bring what was wanted: {text:.2000}");
        text
    }

    pub async fn login(&self, name: &str, password: &str) -> Reply {
        self.post_form("/login", &[("name", name), ("password", password), ("next", "/")]).await
    }

    /// `data` of a successful answer of the API.
    pub async fn data(&self, path: &str) -> Value {
        let reply = self.get(path).await;
        let mut body = reply.expect(200).json();
        assert_eq!(body["success"], true, "{path}: {body}");
        body["data"].take()
    }

    /// Opens a stream of server-sent events.
    pub async fn events(&self, path: &str) -> Events {
        let request = self.request(Method::GET, path).header("accept", "text/event-stream");
        let answer = tokio::time::timeout(SOON, request.send()).await.expect("the stream starts");
        let answer = answer.unwrap_or_else(|why| panic!("{path}: {why:?}"));
        assert_eq!(answer.status().as_u16(), 200, "GET {path}");
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        assert!(kind.starts_with("text/event-stream"), "GET {path}: {kind}");
        let chunks = answer
            .bytes_stream()
            .map(|chunk| chunk.map(|bytes| bytes.to_vec()).map_err(|why| why.to_string()));
        Events { chunks: chunks.boxed(), buffer: Vec::new() }
    }
}

impl Reply {
    /// Fails with the whole answer unless it has this status.
    pub fn expect(&self, status: u16) -> &Reply {
        let text: String = self.text.chars().take(3000).collect();
        assert_eq!(
            self.status, status,
            "{} answered {} with {:?}\n{text}",
            self.asked, self.status, self.headers
        );
        self
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|why| panic!("{}: {why}: {:.500}", self.asked, self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    /// Where a redirect leads.
    pub fn location(&self) -> &str {
        self.expect_redirect().header("location")
    }

    fn expect_redirect(&self) -> &Reply {
        self.expect(303)
    }

    /// Fails unless this is the API's error envelope with the given status; returns its `code`.
    pub fn expect_error(&self, status: u16) -> String {
        let body = self.expect(status).json();
        assert_eq!(body["success"], false, "{}: {body}", self.asked);
        assert!(
            body["error"].as_str().is_some_and(|text| text.len() > 3),
            "{}: an error for a person: {body}",
            self.asked
        );
        let code = body["code"].as_str().unwrap_or("");
        let snake = code.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit());
        assert!(!code.is_empty() && snake, "{}: code in snake_case: {body}", self.asked);
        code.to_owned()
    }
}

/// One message of a stream of server-sent events.
#[derive(Debug, Default, Clone)]
pub struct Event {
    /// Empty for an unnamed message.
    pub name: String,
    pub data: String,
}

pub struct Events {
    chunks: futures_util::stream::BoxStream<'static, Result<Vec<u8>, String>>,
    buffer: Vec<u8>,
}

impl Events {
    /// The next message, or `None` when the stream has ended.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(end) = memchr::memmem::find(&self.buffer, b"\n\n") {
                let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
                let event = parse(&String::from_utf8_lossy(&block));
                if event.data.is_empty() && event.name.is_empty() {
                    continue;
                }
                return Some(event);
            }
            match self.chunks.next().await {
                Some(Ok(bytes)) => self.buffer.extend(bytes),
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// Reads until a message fits; panics after `within` or when the stream ends.
    pub async fn until(&mut self, what: &str, within: Duration, fits: impl Fn(&Event) -> bool) -> Event {
        let mut seen = Vec::new();
        let search = async {
            while let Some(event) = self.next().await {
                if fits(&event) {
                    return Some(event);
                }
                seen.push(format!("{:.200}", format!("{event:?}")));
            }
            None
        };
        match tokio::time::timeout(within, search).await {
            Ok(Some(event)) => event,
            Ok(None) => panic!("the stream ended before {what}; seen: {seen:#?}"),
            Err(_) => panic!("waited {within:?} for {what} on the stream; seen: {seen:#?}"),
        }
    }

    /// Reads to the end of the stream and returns the names of its messages.
    pub async fn rest(&mut self, within: Duration) -> Vec<String> {
        let mut names = Vec::new();
        let read = async {
            while let Some(event) = self.next().await {
                names.push(event.name);
            }
        };
        let ended = tokio::time::timeout(within, read).await;
        assert!(ended.is_ok(), "the stream is still open after {within:?}; messages: {names:?}");
        names
    }
}

fn parse(block: &str) -> Event {
    let mut event = Event::default();
    let mut lines = Vec::new();
    for line in block.lines() {
        match line.split_once(':').unwrap_or((line, "")) {
            ("event", name) => event.name = name.trim_start().into(),
            ("data", data) => lines.push(data.strip_prefix(' ').unwrap_or(data)),
            _ => {}
        }
    }
    event.data = lines.join("\n");
    event
}
