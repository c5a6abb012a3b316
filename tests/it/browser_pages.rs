//! Pages as a person sees and steers them: the list by URL and keyboard, roles, phone, themes.

use crate::support::browser::{Browser, DESKTOP, Options, Screen};
use crate::support::engine::Engine;
use crate::support::server::{ADMIN, PASSWORD, Server};
use crate::support::{SOON, check, eventually, unique};

const PAGES: [&str; 11] = [
    "/stale",
    "/stale/removed",
    "/settings/cleanup",
    "/",
    "/containers",
    "/host",
    "/settings",
    "/settings/stats",
    "/settings/users",
    "/settings/tokens",
    "/settings/sessions",
];

async fn signed_in(server: &Server, options: Options) -> Browser {
    let browser = Browser::open_with(server.base(), options).await;
    browser.sign_in(ADMIN, PASSWORD).await;
    browser
}

async fn wait_names(browser: &Browser, what: &str, expected: &[&str]) {
    eventually(&format!("the rows {expected:?} ({what})"), SOON, async || {
        let names = browser.attributes("tr.c-row", "data-name").await;
        check(names == expected, names)
    })
    .await;
}

#[tokio::test]
async fn the_list_is_searched_filtered_sorted_and_grouped_by_its_url() {
    let engine = Engine::shared().await;
    let server = Server::with_admin(&engine.host()).await;
    let mark = unique("view");
    let [a, b, c] = ["a", "b", "c"].map(|letter| format!("{mark}-{letter}"));
    engine.container(&a).compose(&format!("{mark}-p1"), "web", 1).run().await;
    engine.container(&b).command(&["false"]).run().await;
    engine.container(&c).compose(&format!("{mark}-p2"), "web", 1).run().await;
    let browser = signed_in(&server, DESKTOP).await;
    for (query, expected) in [
        ("&sort=name", vec![&a, &b, &c]),
        ("&sort=-name", vec![&c, &b, &a]),
        ("&state=exited", vec![&b]),
        ("&state=running&sort=name", vec![&a, &c]),
        (&format!("&project={mark}-p2"), vec![&c]),
        ("&health=unhealthy", vec![]),
    ] {
        browser.goto(&format!("/containers?q={mark}&group=none{query}")).await;
        let expected: Vec<&str> = expected.into_iter().map(String::as_str).collect();
        wait_names(&browser, query, &expected).await;
        assert_eq!(browser.find("#q").await.prop("value").await.unwrap().as_deref(), Some(mark.as_str()));
    }
    assert_eq!(browser.count(".empty").await, 1, "an empty list says so");
    browser.goto(&format!("/containers?q={mark}&group=project&sort=name")).await;
    let table = browser.find("table#containers").await.text().await.unwrap();
    for project in [format!("{mark}-p1"), format!("{mark}-p2")] {
        assert!(table.contains(&project), "{project} heads its group:\n{table}");
    }
    // Typing searches without a reload, and the URL follows.
    browser.goto("/containers?sort=name").await;
    browser.live().await;
    browser.script("window.notReloaded = true").await;
    browser.fill("#q", &a).await;
    wait_names(&browser, "typed", &[&a]).await;
    eventually("the URL to follow", SOON, async || {
        let path = browser.path().await;
        check(path.contains(&format!("q={a}")) && path.contains("sort=name"), path)
    })
    .await;
    assert_eq!(browser.script("return window.notReloaded === true").await, true);
    assert_eq!(
        browser.script("return document.activeElement.id").await,
        "q",
        "the focus stays in the search box"
    );
    browser.reload().await;
    wait_names(&browser, "reloaded", &[&a]).await;
    browser.expect_no_complaints().await;
}

#[tokio::test]
async fn the_keyboard_searches_goes_and_explains_itself() {
    let engine = Engine::shared().await;
    let server = Server::with_admin(&engine.host()).await;
    let browser = signed_in(&server, DESKTOP).await;
    browser.goto("/").await;
    browser.press("gc").await;
    browser.at("/containers").await;
    browser.live().await;
    browser.press("/").await;
    eventually("the focus in the search box", SOON, async || {
        let focused =
            browser.script("return [document.activeElement.id, document.querySelector('#q').value]").await;
        check(focused == serde_json::json!(["q", ""]), focused)
    })
    .await;
    browser.press("g?c/").await;
    assert_eq!(
        browser.script("return document.querySelector('#q').value").await,
        "g?c/",
        "keys are text while typing"
    );
    browser.script("document.activeElement.blur()").await;
    browser.press("?").await;
    let help = browser.find("dialog[open], [popover]:popover-open").await.text().await.unwrap();
    assert!(help.to_lowercase().contains("search"), "{help}");
    browser.press("\u{e00c}").await;
    eventually("the help to close", SOON, async || {
        let count = browser.count("dialog[open], [popover]:popover-open").await;
        check(count == 0, count)
    })
    .await;
    browser.expect_no_complaints().await;
}

#[tokio::test]
async fn a_viewer_sees_no_admin_page_and_no_way_to_one() {
    let engine = Engine::shared().await;
    let server = Server::with_admin(&engine.host()).await;
    server.add_user("vera", "viewer").await;
    let browser = Browser::open(server.base()).await;
    browser.sign_in("vera", PASSWORD).await;
    for path in [
        "/",
        "/containers",
        "/host",
        "/stale",
        "/stale/removed",
        "/settings",
        "/settings/stats",
        "/settings/cleanup",
        "/settings/tokens",
        "/settings/sessions",
    ] {
        browser.goto(path).await;
        assert_eq!(browser.count("a[href='/settings/users']").await, 0, "{path} links to the users page");
        assert_eq!(browser.attributes("body", "data-role").await, ["viewer"]);
    }
    browser.goto("/settings/users").await;
    assert_eq!(browser.count("form[action='/settings/users']").await, 0);
    let text = browser.find("main").await.text().await.unwrap();
    assert!(!text.contains(ADMIN), "no user is named: {text}");
    browser.expect_no_complaints().await;
}

#[tokio::test]
async fn no_page_makes_the_browser_complain_in_either_theme() {
    let engine = Engine::shared().await;
    let server = Server::with_admin(&engine.host()).await;
    let name = unique("shown");
    engine.container(&name).publish(80).health("true").compose("demo", "web", 1).run().await;
    for dark in [false, true] {
        let browser = signed_in(&server, Options { dark, ..DESKTOP }).await;
        let (detail, stats) = (format!("/containers/{name}"), format!("/containers/{name}/stats"));
        let others = [detail.as_str(), stats.as_str(), "/settings/account", "/nothing-here"];
        for path in PAGES.into_iter().chain(others) {
            browser.goto(path).await;
            let title = browser.script("return document.title").await;
            assert!(title.as_str().is_some_and(|title| title.len() > 3), "{path} has a title: {title}");
            assert_eq!(browser.count("h1").await, 1, "{path} has one h1");
            assert_eq!(browser.count("html[lang]").await, 1, "{path} tells its language");
            let nameless = "return [...document.querySelectorAll('button, a[href], input:not([type=hidden]), select')].filter(e => \
                            !(e.textContent.trim() || e.getAttribute('aria-label') || e.title || (e.labels && e.labels.length) || \
                              e.getAttribute('aria-labelledby') || e.value)).map(e => e.outerHTML)";
            assert_eq!(
                browser.script(nameless).await,
                serde_json::json!([]),
                "{path}: each control has a name"
            );
            let twice = "const ids = [...document.querySelectorAll('[id]')].map(e => e.id); \
                         return ids.filter((id, i) => ids.indexOf(id) !== i)";
            assert_eq!(browser.script(twice).await, serde_json::json!([]), "{path}: ids are unique");
            if path != "/nothing-here" {
                browser.expect_no_complaints().await;
            }
            let shot = path.trim_matches('/').replace('/', "-");
            browser
                .shot(&format!(
                    "{}-{}",
                    if shot.is_empty() { "home" } else { &shot },
                    if dark { "dark" } else { "light" }
                ))
                .await;
        }
        let background = browser
            .script("return getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).map(Number)")
            .await;
        let light: f64 =
            background.as_array().unwrap().iter().take(3).filter_map(serde_json::Value::as_f64).sum();
        assert_eq!(light < 382.0, dark, "the page follows the system's theme: {background}");
    }
}

#[tokio::test]
async fn on_a_phone_no_page_scrolls_sideways_and_everything_can_be_reached() {
    let engine = Engine::shared().await;
    let server = Server::with_admin(&engine.host()).await;
    // The longest name that Docker users have: a host name's 63 characters.
    let name = format!("{}-{}", unique("long"), "n".repeat(63))[..63].to_owned();
    engine
        .container(&name)
        .label("long", &"w".repeat(300))
        .publish(80)
        .compose(&"p".repeat(60), "web", 1)
        .run()
        .await;
    let browser = signed_in(&server, Options { screen: Screen::Phone, ..DESKTOP }).await;
    let (detail, stats) = (format!("/containers/{name}"), format!("/containers/{name}/stats"));
    for path in PAGES.into_iter().chain([detail.as_str(), stats.as_str()]) {
        browser.goto(path).await;
        let widths = browser.script("return [document.scrollingElement.scrollWidth, innerWidth]").await;
        let wide = "return [...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1) \
                    .slice(0, 5).map(e => e.outerHTML.slice(0, 160))";
        assert_eq!(widths[0], widths[1], "{path} is wider than the phone: {}", browser.script(wide).await);
        browser.expect_no_complaints().await;
        let shot = path.trim_matches('/').replace('/', "-");
        browser
            .shot(&format!(
                "phone-{}",
                if shot.is_empty() {
                    "home"
                } else if path == detail {
                    "detail"
                } else if path == stats {
                    "stats"
                } else {
                    &shot
                }
            ))
            .await;
    }
    browser.goto("/").await;
    let reachable =
        async || browser.find("nav a[href='/containers']").await.is_displayed().await.unwrap_or(false);
    if !reachable().await {
        browser.click("button[popovertarget], button[aria-expanded], summary").await;
    }
    eventually("the link to the containers to be shown", SOON, async || check(reachable().await, "hidden"))
        .await;
    browser.click("nav a[href='/containers']").await;
    browser.at("/containers").await;
    browser.find(&format!("tr.c-row[data-name='{name}']")).await;
}

#[tokio::test]
async fn a_name_that_is_markup_does_nothing_in_a_browser() {
    use crate::support::stub::Stub;
    use crate::support::stub_answers::Fake;
    let names = [
        "<script>document.title='owned'</script>",
        "<img src=x onerror=document.title='owned'>",
        "'\"><b id=owned>",
    ];
    let fakes: Vec<Fake> = names.iter().map(|name| Fake::running(name).label("note", name)).collect();
    let (ids, stub) =
        (fakes.iter().map(|fake| fake.id.clone()).collect::<Vec<_>>(), Stub::start(fakes.clone()));
    let server = Server::with_admin(&stub.host()).await;
    let browser = signed_in(&server, DESKTOP).await;
    browser.goto("/containers").await;
    browser.live().await;
    eventually("three rows", SOON, async || {
        let mut shown = browser.attributes("tr.c-row", "data-name").await;
        shown.sort();
        let mut expected = names.to_vec();
        expected.sort_unstable();
        check(shown == expected, shown)
    })
    .await;
    // Also as a live patch.
    let mut gone = fakes.clone();
    gone[0].running = false;
    stub.set_containers(gone);
    stub.push_event(&fakes[0], "die");
    browser.find("tr.c-row[data-state=exited]").await;
    for path in ["/".to_owned(), "/containers".into()]
        .into_iter()
        .chain(ids.iter().map(|id| format!("/containers/{id}")))
    {
        browser.goto(&path).await;
        let owned = browser
            .script("return document.title === 'owned' || document.querySelector('#owned') !== null")
            .await;
        assert_eq!(owned, false, "{path}");
        browser.expect_no_complaints().await;
    }
}
