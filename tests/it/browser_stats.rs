//! What containers use, in a real browser: cells that change by themselves, charts that are read, zoomed and followed.

use crate::support::browser::{Browser, DESKTOP, Options, Screen};
use crate::support::engine::Engine;
use crate::support::server::{ADMIN, PASSWORD, Server, Setup};
use crate::support::{SOON, check, eventually, unique};
use std::time::Duration;

const HOUR: f64 = 3_600_000.0;
const RIGHT: &str = "\u{e014}";
const LEFT: &str = "\u{e012}";
const HOME: &str = "\u{e011}";
/// A chart of the page, once the script has drawn it.
const CHART: &str = "#charts [data-chart].is-live";

/// The newest value of memory, or the one under the cursor.
const MEMORY: &str = "section[aria-labelledby=chart-memory-t] .chart-val b";

/// Takes another 2 MB of memory each second.
const GROWING: &str = "while true; do busybox head -c 2000000 /dev/zero >>/dev/shm/held; sleep 1; done";

/// Holds so many MB.
fn holding(megabytes: u32) -> String {
    format!("busybox head -c {megabytes}000000 /dev/zero >/dev/shm/held; exec sleep 86400")
}

async fn server(engine: &Engine, interval: &str) -> Server {
    Setup::new(&engine.host()).flag("--stats-interval", interval).user(ADMIN, "admin").start().await
}

async fn signed_in(server: &Server, options: Options) -> Browser {
    let browser = Browser::open_with(server.base(), options).await;
    browser.sign_in(ADMIN, PASSWORD).await;
    browser
}

fn cell(name: &str, part: &str) -> String {
    format!("tr.c-row[data-name='{name}'] .k-{part} .use")
}

/// Reads a text until it has been `wanted` different ones.
async fn changes(browser: &Browser, css: &str, wanted: usize, within: Duration) {
    let mut seen: Vec<String> = Vec::new();
    eventually(&format!("{css} to change by itself"), within, async || {
        let text = browser.texts(css).await.concat();
        if !text.is_empty() && !seen.contains(&text) {
            seen.push(text);
        }
        check(seen.len() >= wanted, &seen)
    })
    .await;
}

/// What is said of each chart: its title, the time it shows, its keys.
async fn labels(browser: &Browser) -> Vec<String> {
    browser.attributes(CHART, "aria-label").await
}

/// Waits until every chart that is drawn shows a window of its own choice.
async fn zoomed(browser: &Browser) -> Vec<String> {
    eventually("every chart to be zoomed", SOON, async || {
        let labels = labels(browser).await;
        let spans: Vec<&str> = labels.iter().filter_map(|label| label.split(", ").nth(1)).collect();
        let alike = spans.windows(2).all(|pair| pair[0].split('.').next() == pair[1].split('.').next());
        check(spans.len() >= 2 && alike && labels.iter().all(|label| label.contains(" to ")), &labels)?;
        Ok::<_, String>(labels)
    })
    .await
}

/// The window in an address, ms; `None` when there is none.
fn window(path: &str) -> Option<(f64, f64)> {
    let url = url::Url::parse(&format!("http://here{path}")).expect("an address");
    let time = |name: &str| {
        let text = url.query_pairs().find(|(key, _)| key == name)?.1.into_owned();
        Some(text.parse::<jiff::Timestamp>().expect("a time").as_millisecond() as f64)
    };
    Some((time("since")?, time("until")?))
}

async fn wait_window(browser: &Browser, is_there: bool) -> String {
    eventually("the address to follow the window", SOON, async || {
        let path = browser.path().await;
        check(window(&path).is_some() == is_there, &path)?;
        Ok::<_, String>(path)
    })
    .await
}

/// The time that each chart's readout is of.
async fn readouts(browser: &Browser) -> Vec<String> {
    browser.texts("#charts section:has(.is-live) .chart-at").await
}

#[tokio::test]
async fn cells_change_by_themselves_and_their_row_stays_what_it_is() {
    let engine = Engine::shared().await;
    let server = server(engine, "2s").await;
    let name = unique("growing");
    engine.container(&name).shell(GROWING).run().await;
    let browser = signed_in(&server, DESKTOP).await;
    browser.goto(&format!("/containers?q={name}")).await;
    browser.live().await;
    let row = format!("tr.c-row[data-name='{name}']");
    browser.wait_text(&cell(&name, "mem"), "MB", SOON).await;
    browser.click(&format!("{row} .pick")).await;
    browser.script(&format!("const r = document.querySelector(\"{row}\"); r.kept = true; r.querySelector('.k-acts a:last-child').focus()")).await;
    changes(&browser, &cell(&name, "mem"), 4, SOON).await;
    let kept = format!(
        "const r = document.querySelector(\"{row}\"); \
         return [r.kept === true, r.querySelector('.pick').checked, r.contains(document.activeElement), document.querySelector('.bulk-n').textContent]"
    );
    assert_eq!(browser.script(&kept).await, serde_json::json!([true, true, true, "1"]));
    browser.expect_no_complaints().await;
}

#[tokio::test]
async fn sorted_by_memory_the_most_stands_first_and_rows_do_not_jump() {
    // Its own: a container that comes or goes is a reason to sort anew.
    let engine = &Engine::own().await;
    let server = server(engine, "2s").await;
    let mark = unique("order");
    let [small, large] = ["a-small", "b-large"].map(|stem| format!("{mark}-{stem}"));
    engine.container(&small).shell(&holding(3)).run().await;
    engine.container(&large).shell(&holding(20)).run().await;
    let browser = signed_in(&server, DESKTOP).await;
    browser.goto(&format!("/containers?q={mark}&group=none")).await;
    browser.live().await;
    for name in [&small, &large] {
        browser.wait_text(&cell(name, "mem"), "MB", SOON).await;
    }
    browser.click("th.k-mem a.sort").await;
    browser.at(&format!("/containers?q={mark}&sort=-memory&group=none")).await;
    browser.live().await;
    let order = async || browser.attributes("tr.c-row", "data-name").await;
    assert_eq!(order().await, [large.clone(), small.clone()]);
    assert_eq!(browser.attributes("th.k-mem", "aria-sort").await, ["descending"]);
    engine.exec(&small, &["sh", "-c", "busybox head -c 60000000 /dev/zero >/dev/shm/more"]).await;
    browser.wait_text(&cell(&small, "mem"), "63", SOON).await;
    assert_eq!(order().await, [large.clone(), small.clone()], "live values do not move rows");
    browser.reload().await;
    eventually("the order of now after a reload", SOON, async || {
        let now = order().await;
        check(now == [small.clone(), large.clone()], now)
    })
    .await;
    browser.expect_no_complaints().await;
}

#[tokio::test]
async fn a_drag_zooms_every_chart_and_the_address_keeps_the_window() {
    let engine = Engine::shared().await;
    let server = server(engine, "2s").await;
    let name = unique("zoomed");
    engine.container(&name).shell(GROWING).run().await;
    let browser = signed_in(&server, DESKTOP).await;
    browser.goto(&format!("/containers/{name}/stats")).await;
    browser.live().await;
    eventually("charts drawn by the script", SOON, async || {
        let drawn = browser.count(&format!("{CHART} canvas")).await;
        check(drawn >= 3, drawn)
    })
    .await;
    assert_eq!(browser.script("return [...document.querySelectorAll('.is-live > .plot')].some(e => e.getClientRects().length > 0)").await, false, "instead of the server's");
    assert!(!browser.find("[data-zoom-reset]").await.is_displayed().await.unwrap(), "nothing is zoomed");
    changes(&browser, MEMORY, 3, SOON).await;
    browser.drag(&format!("{CHART} .u-over"), 0.5, 1.02).await;
    let shown = zoomed(&browser).await;
    let path = wait_window(&browser, true).await;
    let (since, until) = window(&path).unwrap();
    assert!((until - since - HOUR / 2.0).abs() < HOUR / 20.0, "half of what was shown: {path}");
    browser.reload().await;
    assert_eq!(zoomed(&browser).await, shown, "the same window");
    assert_eq!(window(&browser.path().await), Some((since, until)));
    browser.click("[data-zoom-reset]").await;
    wait_window(&browser, false).await;
    eventually("the charts to show the last hours again", SOON, async || {
        let labels = labels(&browser).await;
        check(labels.len() >= 3 && labels.iter().all(|label| label.contains(", last ")), labels)
    })
    .await;
    browser.expect_no_complaints().await;
}

#[tokio::test]
async fn the_keyboard_reads_and_zooms_the_charts() {
    let engine = Engine::shared().await;
    let server = server(engine, "2s").await;
    let name = unique("keyed");
    engine.container(&name).shell(GROWING).run().await;
    let browser = signed_in(&server, DESKTOP).await;
    browser.goto(&format!("/containers/{name}/stats")).await;
    browser.live().await;
    changes(&browser, MEMORY, 4, SOON).await;
    browser.script("document.querySelector('.seg-text a:last-child').focus()").await;
    browser.press_until("\u{e004}", "[data-chart]").await;
    let moved = async |key: &str| -> String {
        let before = readouts(&browser).await;
        browser.press(key).await;
        eventually("the readout of every chart to be of another time", SOON, async || {
            let now = readouts(&browser).await;
            let same = now.windows(2).all(|pair| pair[0] == pair[1]);
            check(now.len() >= 2 && same && !now[0].is_empty() && now != before, (&before, &now))?;
            Ok::<_, String>(now[0].clone())
        })
        .await
    };
    let last = moved(LEFT).await;
    let earlier = moved(LEFT).await;
    assert!(earlier < last, "{earlier} is before {last}");
    assert_eq!(moved(RIGHT).await, last);
    let first = moved(HOME).await;
    assert!(first <= earlier, "{first} is the first");
    browser.press("+").await;
    zoomed(&browser).await;
    wait_window(&browser, true).await;
    browser.press("0").await;
    wait_window(&browser, false).await;
    assert!(browser.has_focus("[data-chart]").await, "the focus stays in the chart");
    browser.expect_no_complaints().await;
}

#[tokio::test]
async fn an_open_page_is_fed_every_two_seconds_however_seldom_is_measured() {
    let engine = Engine::shared().await;
    let server = server(engine, "5m").await;
    let name = unique("followed");
    engine.container(&name).shell(GROWING).run().await;
    let browser = signed_in(&server, DESKTOP).await;
    browser.goto(&format!("/containers/{name}/stats")).await;
    browser.live().await;
    let started = std::time::Instant::now();
    changes(&browser, MEMORY, 6, SOON).await;
    assert!(started.elapsed() < Duration::from_secs(25), "{:?}", started.elapsed());
    browser.expect_no_complaints().await;
}

#[tokio::test]
async fn without_script_there_is_a_drawing_a_table_and_links() {
    let engine = Engine::shared().await;
    let server = server(engine, "2s").await;
    let name = unique("plain");
    engine.container(&name).shell(&holding(5)).run().await;
    let browser = signed_in(&server, Options { script: false, ..DESKTOP }).await;
    let page = format!("/containers/{name}/stats");
    eventually("the table of values", SOON, async || {
        browser.goto(&page).await;
        check(browser.count(".values tbody td").await > 0, "none")
    })
    .await;
    let drawing = browser.find("section[aria-labelledby=chart-memory-t] svg.plot").await;
    assert!(drawing.is_displayed().await.unwrap());
    assert_eq!(browser.count("canvas").await, 0);
    browser.wait_text(MEMORY, "MB", SOON).await;
    browser.click("details.fold > summary").await;
    browser.wait_text(".values tbody td", "MB", SOON).await;
    let id = browser.attributes(".tabs [aria-current=page]", "href").await.concat();
    browser.click(".seg-text a[href$='range=24h']").await;
    browser.at(&format!("{id}?range=24h")).await;
    assert_eq!(browser.texts(".seg-text [aria-current]").await, ["24h"]);
    browser.goto(&format!("{page}?since=10m")).await;
    assert!(browser.texts(".seg-text [aria-current]").await.is_empty(), "it is none of the ranges");
    browser.click("[data-zoom-reset]").await;
    browser.at(&format!("{id}?range=24h")).await;
    browser.expect_no_complaints().await;
}

#[tokio::test]
async fn two_clicks_lead_from_the_overview_to_the_chart_of_who_used_the_most_memory() {
    let engine = Engine::shared().await;
    let server = server(engine, "2s").await;
    let name = unique("hungriest");
    let id = engine.container(&name).shell(&holding(90)).run().await;
    let browser = signed_in(&server, DESKTOP).await;
    browser.goto("/").await;
    browser.live().await;
    browser.wait_text(".busiest", &name, SOON).await;
    browser.click("a.stat[href*='sort=memory_max']").await;
    browser.at("/host?range=24h&sort=memory_max").await;
    browser.wait_text("#consumers .card-h", "in the last 24 hours", SOON).await;
    assert_eq!(browser.texts("#consumers th[aria-sort=descending]").await, ["Memory, highest"]);
    browser.expect_no_complaints().await;
    browser.click(&format!("#consumers a.c-name[title='{name}']")).await;
    browser.at(&format!("/containers/{id}/stats?range=24h")).await;
    browser.wait_text("h1", &name, SOON).await;
    browser.wait_text(MEMORY, "MB", SOON).await;
    browser.find(&format!("{CHART} canvas")).await;
    browser.expect_no_complaints().await;
}

#[tokio::test]
async fn figures_of_the_overview_change_and_their_links_stay_under_the_focus() {
    let engine = Engine::shared().await;
    let server = server(engine, "2s").await;
    let browser = signed_in(&server, DESKTOP).await;
    browser.goto("/").await;
    browser.live().await;
    let link = "a.stat[href*='sort=memory_max']";
    browser.wait_text(link, "GB", SOON).await;
    browser.script(&format!("const a = document.querySelector(\"{link}\"); a.kept = true; a.focus()")).await;
    changes(&browser, ".stat-cells", 3, SOON).await;
    let kept = format!("return document.querySelector(\"{link}\").kept === true");
    assert_eq!(browser.script(&kept).await, true, "the link itself");
    assert!(browser.has_focus(link).await);
    browser.expect_no_complaints().await;
}

#[tokio::test]
async fn a_viewer_sees_all_of_it() {
    let engine = Engine::shared().await;
    let server = server(engine, "2s").await;
    server.add_user("vera", "viewer").await;
    let name = unique("viewed");
    engine.container(&name).shell(&holding(80)).run().await;
    let browser = Browser::open(server.base()).await;
    browser.sign_in("vera", PASSWORD).await;
    browser.goto(&format!("/containers?q={name}")).await;
    for (part, unit) in [("cpu", "%"), ("mem", "MB")] {
        browser.wait_text(&cell(&name, part), unit, SOON).await;
    }
    browser.wait_text("tr.c-row .k-net", "B/s", SOON).await;
    browser.goto("/").await;
    browser.wait_text("a.stat[href*='sort=memory_max']", "GB", SOON).await;
    browser.wait_text(".busiest", &name, SOON).await;
    browser.goto("/host").await;
    browser.find(&format!("#consumers a.c-name[title='{name}']")).await;
    browser.find(&format!("{CHART} canvas")).await;
    browser.goto(&format!("/containers/{name}")).await;
    browser.wait_text("#use-now", "MB", SOON).await;
    browser.click("a[href$='/stats'].btn").await;
    browser.find(&format!("{CHART} canvas")).await;
    browser.goto("/settings").await;
    browser.wait_text(".cost", "CPU of Docker Watcher", SOON).await;
    browser.goto("/settings/stats").await;
    browser.wait_text("#stats-settings", "Only an admin can change these settings.", SOON).await;
    assert_eq!(browser.count("#stats-settings :is(button, input:enabled)").await, 0);
    browser.expect_no_complaints().await;
}

#[tokio::test]
async fn a_phone_shows_what_runs_and_each_link_of_the_host_leads_where_it_says() {
    let engine = Engine::shared().await;
    let server = server(engine, "2s").await;
    let mark = unique("pocket");
    let [one, two, ended] = ["one", "two", "ended"].map(|stem| format!("{mark}-{stem}"));
    engine.container(&one).shell(&holding(4)).run().await;
    engine.container(&two).memory(40_000_000).shell(&holding(35)).run().await;
    engine.container(&ended).create().await;
    let browser = signed_in(&server, Options { screen: Screen::Phone, ..DESKTOP }).await;
    browser.goto(&format!("/containers?q={mark}&group=none")).await;
    browser.live().await;
    for name in [&one, &two] {
        browser.wait_text(&cell(name, "cpu"), "%", SOON).await;
        browser.wait_text(&cell(name, "mem"), "MB", SOON).await;
        for part in ["cpu", "mem"] {
            assert!(browser.find(&cell(name, part)).await.is_displayed().await.unwrap(), "{name}: {part}");
        }
    }
    let edges = browser.script("return [...document.querySelectorAll('.c-row .k-state')].slice(0, 3).map(e => Math.round(e.getBoundingClientRect().right))").await;
    assert_eq!((&edges[0], &edges[0]), (&edges[1], &edges[2]), "states stand below each other");
    assert!(!browser.find(&cell(&ended, "cpu")).await.is_displayed().await.unwrap(), "it does not run");
    browser.goto("/host").await;
    browser.find("#consumers .c-name").await;
    browser.click(".seg-text a[href*='range=1h']").await;
    browser.at("/host?range=1h&sort=memory_max").await;
    browser.expect_no_complaints().await;
}
