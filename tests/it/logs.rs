//! The log of real containers as text and as a page: which part of it, what of it, and that nothing in it is obeyed.

use crate::actions::{known, operating, words};
use crate::support::client::Client;
use crate::support::{SOON, eventually, unique};

/// Writes `n 1` … to standard output at once and stays.
fn counting(n: usize) -> String {
    format!("busybox awk 'BEGIN {{ for (i = 1; i <= {n}; i++) print \"n \" i }}'; sleep 86400")
}

/// Waits until the log of a container as the API gives it fits.
pub async fn log_of(client: &Client, name: &str, query: &str, fits: impl Fn(&str) -> bool) -> String {
    eventually(&format!("the log of {name}"), SOON, async || {
        let text = client.get(&format!("/api/containers/{name}/logs?{query}")).await.expect(200).text.clone();
        if fits(&text) { Ok(text) } else { Err(format!("{text:.2000}")) }
    })
    .await
}

/// The lines of a log page, as a reader sees them: time, name and stream included.
pub fn shown(html: &str) -> Vec<String> {
    let list = html.split("id=\"log-lines\">").nth(1).unwrap_or(html);
    let list = list.split("</div>").next().unwrap_or("");
    list.split("<p class=\"l").skip(1).map(|line| words(&format!("<p class=\"l{line}"))).collect()
}

/// The notes that stand above a log.
fn notes(html: &str) -> String {
    html.split("<p class=\"log-note\">").skip(1).map(|rest| rest.split("</p>").next().unwrap_or("")).collect()
}

#[tokio::test]
async fn tail_times_streams_and_search_choose_lines() {
    let (engine, server, client) = operating().await;
    let name = unique("chosen");
    let script = "for i in 1 2 3 4 5; do echo out $i; busybox usleep 20000; echo ERR $i >&2; busybox usleep 20000; done; sleep 86400";
    let id = engine.container(&name).shell(script).run().await;
    known(&client, &name, "running").await;
    let all = log_of(&client, &name, "", |text| text.contains("ERR 5")).await;
    let expected: String = (1..=5).map(|n| format!("out {n}\nERR {n}\n")).collect();
    assert_eq!(all, expected);
    let text = async |query: &str| {
        let reply = client.get(&format!("/api/containers/{name}/logs?{query}")).await;
        assert!(reply.expect(200).header("content-type").starts_with("text/plain"), "{query}");
        reply.text
    };
    assert_eq!(text("tail=3").await, "ERR 4\nout 5\nERR 5\n");
    assert_eq!(text("tail=0").await, "");
    assert_eq!(text("tail=all").await, expected);
    assert_eq!(text("stream=stderr&q=err").await.lines().count(), 5);
    assert_eq!(text("stream=stdout&q=OUT%203").await, "out 3\n", "upper and lower case are the same");
    assert_eq!(text("since=1h").await, expected);
    assert_eq!(text("until=1h").await, "", "nothing is that old");
    let stamped = text("timestamps=true").await;
    let times: Vec<&str> = stamped.lines().map(|line| line.split_once(' ').expect("a time").0).collect();
    assert!(times.len() == 10 && times.is_sorted(), "{times:?}");
    assert!(times.iter().all(|time| time.len() == 30 && time.ends_with('Z')), "RFC 3339 with ns: {times:?}");
    // The times that were told choose exactly: from the third line on, up to the fourth.
    assert_eq!(text(&format!("since={}", times[2])).await, all[all.find("out 2").unwrap()..]);
    assert_eq!(text(&format!("since={}&until={}", times[2], times[3])).await, "out 2\nERR 2\n");
    for bad in ["tail=many", "tail=-1", "since=yesterday", "until=soon", "stream=stdin", "follow=maybe"] {
        client.get(&format!("/api/containers/{name}/logs?{bad}")).await.expect_error(422);
    }
    client.get("/api/containers/no-such-thing/logs").await.expect_error(404);
    // A viewer may read, on pages, too; who is nobody may not.
    server.add_user("vera", "viewer").await;
    let viewer = server.sign_in("vera").await;
    assert_eq!(viewer.get(&format!("/api/containers/{name}/logs")).await.expect(200).text, expected);
    let page =
        viewer.get(&format!("/containers/{id}/logs?tail=2&stream=stderr")).await.expect(200).text.clone();
    let lines = shown(&page);
    assert!(lines.len() == 2 && lines[1].contains("err ERR 5"), "{lines:?}");
    server.anonymous().get(&format!("/api/containers/{name}/logs")).await.expect_error(401);
    client.get(&format!("/containers/{id}/logs?since=yesterday")).await.expect(422);
    // Only some lines, on the page.
    let only = client.get(&format!("/containers/{id}/logs?q=err+2&only=1")).await.text;
    assert_eq!(shown(&only).len(), 1, "{:?}", shown(&only));
    let none = client.get(&format!("/containers/{id}/logs?q=nowhere&only=1")).await.text;
    assert!(shown(&none).is_empty() && none.contains("No line contains this."));
}

#[tokio::test]
async fn following_brings_what_is_written_from_now_on() {
    let (engine, _server, client) = operating().await;
    let name = unique("followed");
    engine
        .container(&name)
        .shell("echo before; i=0; while true; do i=$((i+1)); echo tick $i; busybox usleep 100000; done")
        .run()
        .await;
    known(&client, &name, "running").await;
    let path = format!("/api/containers/{name}/logs?follow=true");
    let text = client.stream_until(&path, SOON, |text| text.lines().count() > 15).await;
    let expected: Vec<String> =
        std::iter::once("before".to_owned()).chain((1..=15).map(|n| format!("tick {n}"))).collect();
    assert_eq!(text.lines().take(16).collect::<Vec<_>>(), expected);
    let only = client
        .stream_until(&format!("{path}&tail=0&q=9&timestamps=true"), SOON, |t| t.lines().count() > 1)
        .await;
    assert!(only.lines().all(|line| line.contains("tick") && line.ends_with('9')), "{only}");
}

#[tokio::test]
async fn terminals_odd_bytes_colours_and_html_are_shown_and_never_obeyed() {
    let (engine, _server, client) = operating().await;
    let (plain, tty) = (unique("odd"), unique("terminal"));
    let script = r#"printf 'caf\351 <script>alert(1)</script> "quoted" &amp;\n'; printf '\033[31mred\033[0m \033]0;title\007\033[2Jend\n'; printf '{"level":"error","msg":"<img src=x onerror=alert(2)>","k":"</span><b>"}\n'; printf 'a\000b\342\200\256rtl\n'; printf 'no end'; sleep 86400"#;
    let id = engine.container(&plain).log_driver("local").shell(script).run().await;
    let terminal = engine
        .container(&tty)
        .tty()
        .shell("echo one; echo two >&2; printf 'old\\rnew\\n'; sleep 86400")
        .run()
        .await;
    known(&client, &plain, "running").await;
    known(&client, &tty, "running").await;
    log_of(&client, &tty, "", |text| text == "one\ntwo\nold\rnew\n").await;
    let page = client.get(&format!("/containers/{terminal}/logs")).await.text;
    let lines = shown(&page);
    assert!(lines.len() == 3 && lines[2].ends_with(" new"), "what was overwritten is not shown: {lines:?}");

    log_of(&client, &plain, "", |text| text.contains("rtl")).await;
    for query in ["", "?raw=1"] {
        let html = client.get(&format!("/containers/{id}/logs{query}")).await.expect(200).text.clone();
        let list = html.split("id=\"log-lines\">").nth(1).unwrap().split("</div>").next().unwrap();
        for never in ["<script", "<img", "\u{1b}", "\u{7}", "\u{0}", "\u{202e}", "[2J", "[31m"] {
            assert!(!list.contains(never), "{never:?} is in {list}");
        }
        let text = words(list);
        for part in [
            "caf\\xe9 &lt;script&gt;alert(1)",
            "&amp;amp;",
            "red",
            "end",
            "&lt;img src=x onerror=alert(2)&gt;",
        ] {
            assert!(text.contains(part), "{part:?}: {text}");
        }
    }
    // A search finds what is seen: the word without its colour.
    let found = client.get(&format!("/containers/{id}/logs?q=red+&only=1")).await.text;
    assert!(shown(&found).len() <= 1);
    assert_eq!(log_of(&client, &plain, "q=red", |_| true).await.lines().count(), 1);
}

#[tokio::test]
async fn a_huge_line_and_a_hundred_thousand_lines_leave_the_page_small() {
    let (engine, _server, client) = operating().await;
    let (wide, long) = (unique("wide"), unique("long"));
    let script = "busybox head -c 10000000 /dev/zero | busybox tr '\\0' x; echo; echo after; sleep 86400";
    let wide_id = engine.container(&wide).shell(script).run().await;
    let long_id = engine.container(&long).shell(&counting(100_000)).run().await;
    known(&client, &wide, "running").await;
    known(&client, &long, "running").await;
    log_of(&client, &wide, "tail=1", |text| text == "after\n").await;
    // Docker counts the pieces of a line, and 10 MB are 611 of them.
    let page = client.get(&format!("/containers/{wide_id}/logs?tail=1000")).await.expect(200).text.clone();
    assert!(page.len() < 100_000, "the page has {} bytes", page.len());
    let lines = shown(&page);
    assert_eq!(lines.len(), 2, "the pieces that Docker makes are one line");
    assert!(lines[0].contains("cut here, 9.98 MB left out"), "{}", lines[0].replace('x', ""));
    let text = client.get(&format!("/api/containers/{wide}/logs")).await.text;
    assert!(text.len() < 1_100_000 && text.contains("bytes more\nafter\n"), "{} bytes", text.len());

    log_of(&client, &long, "tail=1", |text| text == "n 100000\n").await;
    for (tail, lines) in [("", 500), ("?tail=100", 100), ("?tail=999999", 5_000)] {
        let page = client.get(&format!("/containers/{long_id}/logs{tail}")).await.expect(200).text.clone();
        let all = shown(&page);
        assert_eq!(all.len(), lines, "{tail}");
        assert!(
            all[0].ends_with(&format!(" n {}", 100_001 - lines)) && all[lines - 1].ends_with(" n 100000")
        );
        assert!(!page.contains("id=\"log-older\" type=\"button\" hidden"), "{tail}: older lines are offered");
    }
    // One in a hundred thousand is found, and the newest of many.
    // A page that could not read as far back says so: on a slow machine it is asked again, as its reader would.
    let page = eventually("the one line is found", SOON * 4, async || {
        let page = client.get(&format!("/containers/{long_id}/logs?q=n+77777&only=1")).await.text;
        let told = page.contains("were searched, and not those before");
        assert!(told || shown(&page).len() == 1, "a page that found nothing says how far it looked");
        if told { Err("not read as far back yet") } else { Ok(page) }
    })
    .await;
    assert!(shown(&page)[0].ends_with("n 77777"));
    let page = client.get(&format!("/containers/{long_id}/logs?q=9&only=1&tail=100")).await.text;
    assert!(shown(&page).len() == 100 && shown(&page)[99].ends_with("n 99999"));
    // The whole of it, and what was searched for, as files.
    let whole = client.get(&format!("/containers/{long_id}/logs/download")).await;
    let disposition = whole.expect(200).header("content-disposition").to_owned();
    assert!(
        disposition.starts_with(&format!("attachment; filename=\"{long}-"))
            && disposition.ends_with(".log\"")
    );
    assert_eq!(whole.text.lines().count(), 100_000);
    assert!(whole.text.lines().next().is_some_and(|line| line.ends_with("Z n 1")), "{:.80}", whole.text);
    let some = client.get(&format!("/containers/{long_id}/logs/download?q=7777&only=1")).await.text;
    assert!(some.lines().count() > 10 && some.lines().all(|line| line.contains("7777")), "{some:.300}");
}

#[tokio::test]
async fn the_download_has_what_the_page_shows() {
    let (engine, _server, client) = operating().await;
    let name = unique("offered");
    let id = engine.container(&name).shell(&counting(50)).run().await;
    known(&client, &name, "running").await;
    log_of(&client, &name, "", |text| text.contains("n 50\n")).await;
    // To look for a word hides no line, so it must not hide one from the file; "Only matches" does.
    for (query, lines) in [("q=n+7", 50), ("q=n+7&only=1", 1)] {
        let page = client.get(&format!("/containers/{id}/logs?{query}")).await.text;
        assert_eq!(shown(&page).len(), lines, "{query}");
        let link = page.split("href=\"").find(|rest| rest.contains("/download")).expect("a link");
        let link = link.split('"').next().unwrap().replace("&amp;", "&").replace("&#38;", "&");
        let file = client.get(&link).await.expect(200).text.clone();
        assert_eq!(file.lines().count(), lines, "{query}: {link}");
    }
}

#[tokio::test]
async fn several_containers_are_one_log_in_the_order_of_time() {
    let (engine, _server, client) = operating().await;
    let project = unique("choir");
    let (first, second) = (unique("alto"), unique("bass"));
    for (name, service, shift) in [(&first, "alto", 0), (&second, "bass", 60_000)] {
        let script = format!(
            "busybox usleep {shift}; for i in 1 2 3 4 5 6; do echo {service} $i; busybox usleep 800000; done; sleep 86400"
        );
        engine.container(name).compose(&project, service, 1).shell(&script).run().await;
    }
    for name in [&first, &second] {
        known(&client, name, "running").await;
        log_of(&client, name, "", |text| text.lines().count() == 6).await;
    }
    let html = client.get(&format!("/logs?project={project}")).await.expect(200).text.clone();
    let list = html.split("id=\"log-lines\">").nth(1).unwrap();
    let times: Vec<i64> = list
        .split("data-t=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().parse().unwrap())
        .collect();
    assert!(times.len() == 12 && times.is_sorted(), "{times:?}");
    let lines = shown(&html);
    assert!(lines.iter().all(|line| line.contains(if line.contains("alto ") { &first } else { &second })));
    let firsts = |name: &str| lines.iter().position(|line| line.contains(name)).unwrap();
    assert!(firsts("alto 6") > firsts("bass 1") && firsts("bass 6") > firsts("alto 1"), "mixed: {lines:?}");
    let file = client.get(&format!("/logs/download?project={project}")).await;
    assert!(file.expect(200).header("content-disposition").contains(&project));
    assert_eq!(
        file.text.lines().filter(|line| line.contains(&format!("{second} | bass"))).count(),
        6,
        "{}",
        file.text
    );
    let two = client.get(&format!("/logs?c={first},{second},no-such-thing")).await.expect(200).text.clone();
    assert_eq!(shown(&two).len(), 12);
    client.get("/logs").await.expect(404);
}

#[tokio::test]
async fn a_log_that_cannot_be_read_back_says_why() {
    let (engine, _server, client) = operating().await;
    let (name, other) = (unique("mute"), unique("empty"));
    let id = engine.container(&name).log_driver("none").shell("echo lost; sleep 86400").run().await;
    let fine = engine.container(&other).run().await;
    known(&client, &name, "running").await;
    known(&client, &other, "running").await;
    let page = client.get(&format!("/containers/{id}/logs")).await.expect(200).text.clone();
    assert!(notes(&page).contains("log driver") && notes(&page).contains(&name), "{}", notes(&page));
    let reply = client.get(&format!("/api/containers/{id}/logs")).await;
    assert!(reply.status >= 400 && reply.status != 500 && reply.text.contains("log"), "{}", reply.text);
    let page = client.get(&format!("/containers/{fine}/logs")).await.expect(200).text.clone();
    assert!(page.contains("Nothing has been written yet.") && notes(&page).is_empty());
    // It does not say so again and again while somebody looks.
    let mut stream = client.events(&format!("/live?for=/containers/{id}/logs")).await;
    let said = |event: &crate::support::client::Event| event.data.contains("log driver");
    stream.until("the reason", SOON, said).await;
    let again = tokio::time::timeout(std::time::Duration::from_secs(12), async {
        while let Some(event) = stream.next().await {
            if said(&event) {
                return event;
            }
        }
        panic!("the stream ended")
    });
    assert!(again.await.is_err(), "the reason is told once");
}
