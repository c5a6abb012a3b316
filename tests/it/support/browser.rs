//! A real Chromium through chromedriver, one per test, driven through thirtyfour.

use super::process::mortal;
use super::{SOON, check, eventually};
use serde_json::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;
use thirtyfour::prelude::*;
use thirtyfour::{BrowserLogEntry, LoggingPrefsLogLevel};
use tokio::sync::{Semaphore, SemaphorePermit};

/// A browser takes a core and some hundred MB while it starts.
static BROWSERS: Semaphore = Semaphore::const_new(3);

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    Desktop,
    Phone,
}

#[derive(Clone, Copy)]
pub struct Options {
    pub screen: Screen,
    pub script: bool,
    pub dark: bool,
}

pub const DESKTOP: Options = Options { screen: Screen::Desktop, script: true, dark: false };

pub struct Browser {
    driver: WebDriver,
    port: u16,
    chromedriver: Child,
    options: Options,
    base: String,
    _profile: tempfile::TempDir,
    _permit: SemaphorePermit<'static>,
}

impl Browser {
    /// A window on the server at `base` (`http://127.0.0.1:PORT`).
    pub async fn open(base: &str) -> Browser {
        Browser::open_with(base, DESKTOP).await
    }

    pub async fn open_with(base: &str, options: Options) -> Browser {
        let permit = BROWSERS.acquire().await.expect("never closed");
        let profile = tempfile::Builder::new().prefix("dw-chrome-").tempdir().expect("a temporary folder");
        let (chromedriver, port) = start_chromedriver();
        let address = format!("http://127.0.0.1:{port}");
        let driver = WebDriver::new(address, capabilities(&options, profile.path())).await;
        let driver = driver.unwrap_or_else(|why| panic!("Chromium does not start: {why}"));
        driver.clone().leak().expect("not quit yet: our own drop ends it");
        driver.set_page_load_timeout(SOON).await.expect("a timeout");
        let mut browser = Browser {
            driver,
            port,
            chromedriver,
            options,
            base: base.into(),
            _profile: profile,
            _permit: permit,
        };
        browser.emulate().await;
        browser
    }

    /// Chromium makes no window narrower than 500 px, so that a phone is emulated; so is the preferred colour scheme.
    async fn emulate(&mut self) {
        let (width, height, mobile) = match self.options.screen {
            Screen::Desktop => (1440, 900, false),
            Screen::Phone => (390, 844, true),
        };
        let cdp = self.driver.cdp();
        cdp.emulation()
            .set_device_metrics_override(width, height, 1.0, mobile)
            .await
            .expect("device metrics");
        let scheme = if self.options.dark { "dark" } else { "light" };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        cdp.send_raw("Emulation.setEmulatedMedia", media).await.expect("media features");
    }

    pub async fn goto(&self, path: &str) {
        self.driver.goto(format!("{}{path}", self.base)).await.unwrap_or_else(|why| panic!("{path}: {why}"));
    }

    /// The path and query of the page shown.
    pub async fn path(&self) -> String {
        let url = self.driver.current_url().await.expect("a page");
        url.as_str().strip_prefix(&self.base).unwrap_or(url.as_str()).to_owned()
    }

    pub async fn at(&self, path: &str) {
        eventually(&format!("the browser to be at {path}"), SOON, async || {
            let now = self.path().await;
            check(now == path, now)
        })
        .await;
    }

    /// The element, once it is there.
    pub async fn find(&self, css: &str) -> WebElement {
        eventually(&format!("an element {css}"), SOON, async || {
            self.driver.find(By::Css(css)).await.map_err(|why| format!("{:.300}", why.to_string()))
        })
        .await
    }

    pub async fn count(&self, css: &str) -> usize {
        self.driver.find_all(By::Css(css)).await.expect("a valid selector").len()
    }

    /// The text of each element, as seen. Empty while a live change replaces one of them.
    pub async fn texts(&self, css: &str) -> Vec<String> {
        let mut texts = Vec::new();
        for element in self.driver.find_all(By::Css(css)).await.expect("a valid selector") {
            match element.text().await {
                Ok(text) => texts.push(text),
                Err(_) => return Vec::new(),
            }
        }
        texts
    }

    /// One attribute of each element.
    pub async fn attributes(&self, css: &str, name: &str) -> Vec<String> {
        let mut values = Vec::new();
        for element in self.driver.find_all(By::Css(css)).await.expect("a valid selector") {
            match element.attr(name).await {
                Ok(value) => values.push(value.unwrap_or_default()),
                Err(_) => return Vec::new(),
            }
        }
        values
    }

    pub async fn wait_text(&self, css: &str, part: &str, within: Duration) {
        eventually(&format!("{css} to say {part:?}"), within, async || {
            let texts = self.texts(css).await;
            check(texts.iter().any(|text| text.contains(part)), texts)
        })
        .await;
    }

    pub async fn click(&self, css: &str) {
        self.find(css).await.click().await.unwrap_or_else(|why| panic!("click on {css}: {why}"));
    }

    /// Drags the mouse across an element, from one share of its width to another.
    pub async fn drag(&self, css: &str, from: f64, to: f64) {
        let element = self.find(css).await;
        element.scroll_into_view().await.unwrap_or_else(|why| panic!("{css}: {why}"));
        let place = element.rect().await.unwrap_or_else(|why| panic!("{css}: {why}"));
        // Offsets are counted from the middle.
        let at = |share: f64| ((share - 0.5) * place.width) as i64;
        let chain = self.driver.action_chain();
        let chain = chain.move_to_element_with_offset(&element, at(from), 0).click_and_hold();
        let chain = chain.move_to_element_with_offset(&element, at((from + to) / 2.0), 0);
        let chain = chain.move_to_element_with_offset(&element, at(to), 0).release();
        chain.perform().await.unwrap_or_else(|why| panic!("drag across {css}: {why}"));
    }

    /// Replaces what stands in an input.
    pub async fn fill(&self, css: &str, text: &str) {
        let input = self.find(css).await;
        input.clear().await.unwrap_or_else(|why| panic!("{css}: {why}"));
        input.send_keys(text).await.unwrap_or_else(|why| panic!("{css}: {why}"));
    }

    /// Presses keys where the focus is.
    pub async fn press(&self, keys: &str) {
        self.find(":focus, body").await;
        let focused = self.driver.active_element().await.expect("something has the focus");
        focused.send_keys(keys).await.expect("keys");
    }

    /// Presses keys in one element.
    pub async fn press_in(&self, css: &str, keys: &str) {
        self.find(css).await.send_keys(keys).await.unwrap_or_else(|why| panic!("{css}: {why}"));
    }

    /// Presses a key until what has the focus fits a selector; panics when it never does.
    pub async fn press_until(&self, keys: &str, css: &str) {
        let mut passed = Vec::new();
        for _ in 0..25 {
            self.press(keys).await;
            if self.has_focus(css).await {
                return;
            }
            let now = "return document.activeElement.outerHTML.slice(0, 120)";
            passed.push(self.script(now).await.to_string());
        }
        panic!("{css} never got the focus; it was on {passed:#?}");
    }

    /// Whether what has the focus fits a selector.
    pub async fn has_focus(&self, css: &str) -> bool {
        self.script(&format!("return document.activeElement.matches({})", json!(css))).await == true
    }

    pub async fn wait_focus(&self, css: &str) {
        eventually(&format!("the focus to be on {css}"), SOON, async || {
            let now = self.script("return document.activeElement.outerHTML.slice(0, 200)").await;
            check(self.has_focus(css).await, now)
        })
        .await;
    }

    /// Waits until a function body returns true.
    pub async fn wait_script(&self, what: &str, body: &str) {
        eventually(what, SOON, async || {
            let seen = self.script(body).await;
            check(seen == true, seen)
        })
        .await;
    }

    /// Evaluates a function body (`return …`).
    pub async fn script(&self, body: &str) -> serde_json::Value {
        let result = self.driver.execute(body, Vec::new()).await;
        result.unwrap_or_else(|why| panic!("{body}: {why}")).json().clone()
    }

    /// Signs in through the form.
    pub async fn sign_in(&self, name: &str, password: &str) {
        self.goto("/login").await;
        self.fill("input[name=name]", name).await;
        self.fill("input[name=password]", password).await;
        self.click("form[action='/login'] button[type=submit], form[action^='/login'] button").await;
        eventually("to be signed in", SOON, async || {
            let path = self.path().await;
            check(!path.starts_with("/login"), path)
        })
        .await;
    }

    /// Waits until the page's stream is connected.
    pub async fn live(&self) {
        self.find("#live[data-live=on]").await;
    }

    pub async fn reload(&self) {
        self.driver.refresh().await.expect("reload");
    }

    /// What the browser has complained of since the last call: script errors, blocked resources (CSP), missing files.
    /// Answers that a test provokes (401, 403, 422, 429) are not complaints about the page.
    pub async fn complaints(&self) -> Vec<String> {
        let expected = |entry: &BrowserLogEntry| {
            entry.source.as_deref() == Some("network")
                && ["401", "403", "422", "429"]
                    .iter()
                    .any(|code| entry.message.contains(&format!("status of {code}")))
        };
        let mut log = self.driver.browser_log().await.expect("chromedriver keeps the log");
        log.retain(|entry| entry.level == "SEVERE" || entry.message.contains("Content Security Policy"));
        log.into_iter().filter(|entry| !expected(entry)).map(|entry| entry.message).collect()
    }

    pub async fn expect_no_complaints(&self) {
        let complaints = self.complaints().await;
        assert!(complaints.is_empty(), "the browser's console, on {}: {complaints:#?}", self.path().await);
    }

    /// Saves a picture as NAME.png when DOCKER_WATCHER_SHOTS names a folder.
    pub async fn shot(&self, name: &str) {
        if let Some(folder) = std::env::var_os("DOCKER_WATCHER_SHOTS") {
            std::fs::create_dir_all(&folder).expect("the folder for screenshots");
            let path = Path::new(&folder).join(format!("{name}.png"));
            self.driver.screenshot(&path).await.expect("a screenshot");
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Without this, Chromium would outlive chromedriver. thirtyfour's own way to do it in a drop waits for the runtime that it blocks.
        if let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", self.port)) {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
            let head = format!("DELETE /session/{} HTTP/1.1", self.driver.session_id());
            let _ = stream.write_all(format!("{head}\r\nHost: 127.0.0.1:{}\r\n\r\n", self.port).as_bytes());
            let _ = stream.read(&mut [0; 512]);
        }
        let _ = self.chromedriver.kill();
        let _ = self.chromedriver.wait();
    }
}

/// Starts chromedriver on a free port. It looks for one that is free on IPv4 and IPv6, and gives up when another process takes it
/// meanwhile: then it is started again.
fn start_chromedriver() -> (Child, u16) {
    for _ in 0..5 {
        let mut chromedriver = mortal("chromedriver")
            .args(["--port=0", "--log-level=SEVERE"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("setpriv starts chromedriver: is chromium-driver installed?");
        if let Some(port) = announced_port(&mut chromedriver) {
            return (chromedriver, port);
        }
        let _ = chromedriver.wait();
    }
    panic!("chromedriver does not start");
}

fn announced_port(chromedriver: &mut Child) -> Option<u16> {
    let lines = BufReader::new(chromedriver.stdout.take().expect("piped")).lines().map_while(Result::ok);
    let line = lines.into_iter().find(|line| line.contains("started successfully on port"))?;
    let digits: String = line.chars().filter(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn capabilities(options: &Options, profile: &Path) -> thirtyfour::ChromeCapabilities {
    let mut caps = DesiredCapabilities::chrome();
    let profile = format!("--user-data-dir={}", profile.display());
    let window = match options.screen {
        Screen::Desktop => "--window-size=1440,900",
        Screen::Phone => "--window-size=500,844",
    };
    let quiet =
        ["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
    let safe =
        ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage"];
    // A pipe closes with chromedriver, so that Chromium ends however the tests end.
    for argument in
        safe.into_iter().chain(quiet).chain(["--remote-debugging-pipe", "--lang=en-US", &profile, window])
    {
        caps.add_arg(argument).expect("an argument");
    }
    if !options.script {
        let prefs = json!({"profile.managed_default_content_settings.javascript": 2});
        caps.add_experimental_option("prefs", prefs).expect("prefs");
    }
    caps.set_browser_log_level(LoggingPrefsLogLevel::All).expect("logging");
    caps
}
