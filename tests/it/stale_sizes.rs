//! What a stale container takes, on a real engine: its layer, its anonymous volumes, and an image nobody else uses.

use crate::leftovers::{image_on, tidying};
use crate::support::engine::IMAGE;
use crate::support::{SOON, check, eventually, unique};
use serde_json::{Value, json};

const AFTER: (&str, &str) = ("docker-watcher.stale.after", "1s");

#[tokio::test]
async fn a_size_tells_what_goes_from_what_is_kept() {
    let (engine, _server, client) = tidying().await;
    let (own, shared, tagged) = (unique("own"), unique("shared"), unique("tagged"));
    // A layer of 200 kB that no other image has.
    image_on(&engine, IMAGE, &own).await;
    engine.import_image(&tagged, "1", &["CMD [\"sleep\", \"1\"]"]).await;
    let docker = engine.docker().await;
    let tag = bollard::query_parameters::TagImageOptionsBuilder::new().repo(&tagged).tag("2").build();
    docker.tag_image(&format!("{tagged}:1"), Some(tag)).await.expect("docker tag");
    let (alone, twin, other, kept) = (unique("alone"), unique("twin"), unique("other"), unique("kept"));
    let writes = "head -c 300000 /dev/zero > /tmp/layer; head -c 500000 /dev/zero > /scratch/data";
    let new = engine.container(&alone).image(&format!("{own}:1")).label(AFTER.0, AFTER.1);
    new.anonymous_volume("/scratch").shell(&writes.replace("head", "busybox head")).run().await;
    // Two of one image; of the third the image has another tag.
    for name in [&twin, &other] {
        engine.container(name).label(AFTER.0, AFTER.1).shell("true").run().await;
    }
    let new = engine.container(&kept).image(&format!("{tagged}:1")).label(AFTER.0, AFTER.1);
    new.volume(&shared, "/data").create().await;
    eventually("all to be stale", SOON, async || {
        let found = client.get("/api/containers/stale").await.expect(200).json();
        check(found["meta"]["total"] == 4, found)
    })
    .await;
    let read = async |query: &str| {
        let found = client.get(&format!("/api/containers/stale{query}")).await.expect(200).json();
        let data = found["data"].as_array().expect("a list").clone();
        move |name: &str| -> Value {
            data.iter().find(|one| one["name"] == name).expect("it is stale")["size"].clone()
        }
    };
    let before = read("").await;
    assert_eq!(
        (&before(&alone)["layer_bytes"], &before(&alone)["image_bytes"]),
        (&json!(null), &json!(null))
    );
    // The list of images is read some seconds after one was made.
    let size = eventually("all to be measured", SOON, async || {
        let size = read("?measure=true").await;
        if size(&alone)["image_bytes"].is_null() { Err(size(&alone)) } else { Ok(size) }
    })
    .await;
    let bytes = |name: &str, what: &str| size(name)[what].as_u64();
    let (layer, volumes) = (bytes(&alone, "layer_bytes"), bytes(&alone, "anonymous_volumes_bytes"));
    assert!(layer.is_some_and(|n| (300_000..500_000).contains(&n)), "{}", size(&alone));
    assert!(volumes.is_some_and(|n| (500_000..700_000).contains(&n)), "{}", size(&alone));
    assert!(
        bytes(&alone, "image_bytes").is_some_and(|n| (200_000..400_000).contains(&n)),
        "{}",
        size(&alone)
    );
    for name in [&twin, &other] {
        assert_eq!((bytes(name, "image_bytes"), bytes(name, "anonymous_volumes_bytes")), (None, Some(0)));
    }
    assert_eq!(bytes(&kept, "image_bytes"), None, "another tag keeps it");
    assert_eq!(bytes(&kept, "anonymous_volumes_bytes"), Some(0), "its volume has a name");
    let page = client.get("/stale?sort=size").await.expect(200).text.clone();
    for words in ["kB in anonymous volumes", "image nobody else uses (kept)"] {
        assert_eq!(page.matches(words).count(), 1, "{words}:\n{page}");
    }
    // One container more has the volume and the image: neither is its own any more.
    let volume = engine.volumes_of(&alone).await["/scratch"].clone();
    let new = engine.container(&unique("guest")).image(&format!("{own}:1"));
    new.volume(&volume, "/scratch").create().await;
    eventually("nothing to be its own", SOON, async || {
        let size = read("").await(&alone);
        check(size["image_bytes"].is_null() && size["anonymous_volumes_bytes"] == 0, size)
    })
    .await;
}
