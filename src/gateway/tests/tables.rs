//! The route table by itself.

use crate::gateway::{Route, Table};

use super::support::route;

fn table(routes: &[(&str, &str, &str)]) -> Table {
    let address = "127.0.0.1:1".parse().unwrap();
    let routes = routes.iter().map(|(id, host, path)| Route {
        path: (!path.is_empty()).then(|| (*path).to_owned()),
        ..route(id, host, address)
    });
    Table::new(routes.collect())
}

fn found<'a>(table: &'a Table, host: &str, path: &str) -> Option<&'a str> {
    table.lookup(host, path).map(|route| &*route.id)
}

#[test]
fn an_exact_host_beats_wildcards_and_the_longest_suffix_beats_the_others() {
    let table = table(&[
        ("any", "*.org", ""),
        ("wild", "*.example.org", ""),
        ("exact", "www.example.org", ""),
        ("deep", "*.b.example.org", ""),
        ("v6", "[::1]", ""),
        ("v4", "10.0.0.7", ""),
    ]);
    for (host, id) in [
        ("www.example.org", Some("exact")),
        ("WWW.Example.ORG.:8088", Some("exact")),
        ("x.example.org", Some("wild")),
        ("x.y.example.org", Some("wild")),
        ("x.b.example.org", Some("deep")),
        ("b.example.org", Some("wild")),
        ("example.org", Some("any")),
        ("org", None),
        ("www.example.com", None),
        ("[0:0:0::1]:80", Some("v6")),
        ("10.0.0.7:80", Some("v4")),
        ("xwww.example.org", Some("wild")),
        ("", None),
        ("a b", None),
    ] {
        assert_eq!(found(&table, host, "/"), id, "{host}");
    }
}

#[test]
fn the_longest_path_wins_on_borders_of_segments() {
    let table = table(&[
        ("root", "a.test", ""),
        ("app", "a.test", "/app"),
        ("deep", "a.test", "/app/x/y/"),
        ("only", "b.test", "/only"),
        ("wild", "*.test", "/"),
    ]);
    for (host, path, id) in [
        ("a.test", "/", "root"),
        ("a.test", "/app", "app"),
        ("a.test", "/app/", "app"),
        ("a.test", "/app/x/yy", "app"),
        ("a.test", "/app/x/y", "deep"),
        ("a.test", "/app/x/y/z/z/z", "deep"),
        ("a.test", "/apple", "root"),
        ("a.test", "/x/app", "root"),
        ("b.test", "/only/x", "only"),
        // What the exact host does not claim is left to the wildcard.
        ("b.test", "/other", "wild"),
    ] {
        assert_eq!(found(&table, host, path), Some(id), "{host}{path}");
    }
}

#[test]
fn the_first_claim_holds_and_the_others_are_told() {
    let table = table(&[
        ("one", "a.test", "/app"),
        ("two", "A.test.", "/app/"),
        ("three", "*.*", ""),
        ("four", "b.test", "app"),
        ("five", "b.test", ""),
    ]);
    assert_eq!(found(&table, "a.test", "/app"), Some("one"));
    let refused: Vec<_> =
        table.refused().iter().map(|refused| (&*refused.route, refused.why.as_str())).collect();
    assert_eq!(
        refused,
        [
            ("two", "A.test./app already belongs to one"),
            ("three", "\"*.*\" is no host name"),
            ("four", "\"app\" is no path: it must begin with /"),
        ]
    );
    assert_eq!(found(&table, "b.test", "/app"), Some("five"));
}

#[test]
fn thousands_of_routes_are_found_without_looking_at_each() {
    let address = "127.0.0.1:1".parse().unwrap();
    let hosts = (0..10_000).map(|n| route(&format!("h{n}"), &format!("h{n}.test"), address));
    let paths = (0..10_000)
        .map(|n| Route { path: Some(format!("/p{n}")), ..route(&format!("p{n}"), "paths.test", address) });
    let table = Table::new(hosts.chain(paths).collect());
    let began = std::time::Instant::now();
    for n in 0..10_000 {
        assert_eq!(found(&table, &format!("h{n}.test"), "/"), Some(format!("h{n}").as_str()));
        assert_eq!(found(&table, "paths.test", &format!("/p{n}/x")), Some(format!("p{n}").as_str()));
    }
    // A scan would compare a hundred million names.
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    // A path of many segments is not cut into all of them.
    assert_eq!(found(&table, "paths.test", &"/x".repeat(100_000)), None);
}
