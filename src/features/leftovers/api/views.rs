//! What the API says of leftovers and of their removal.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::sure;
use crate::features::leftovers::cleanup::{Ended, Outcome};
use crate::features::leftovers::model::{Kind, Leftover, Sort};
use crate::features::leftovers::plan::Planned;
use crate::features::leftovers::service::{Leftovers, Listing, reclaimable};
use crate::platform::clock::rfc3339;

/// Something that nothing needs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Leftover)]
pub(in crate::features::leftovers) struct LeftoverView {
    /// Docker's id; a volume's name.
    id: String,
    /// Our id of the engine.
    engine: String,
    /// What people know it by.
    name: String,
    /// `dangling` or `unused` (images), `anonymous` or `named` (volumes), `unattached` (networks).
    sort: &'static str,
    /// All tags of an image; empty for everything else.
    tags: Vec<String>,
    /// Bytes, with what others need as well; null when not measured.
    size_bytes: Option<u64>,
    /// Bytes that others need as well; null when not measured.
    shared_bytes: Option<u64>,
    /// RFC 3339, UTC; null when not known.
    created_at: Option<String>,
    /// When a container was last seen to use it; RFC 3339, UTC; null when it never was.
    last_used_at: Option<String>,
    /// The container that used it then.
    last_used_by: Option<String>,
    /// The Compose project or Swarm stack.
    project: Option<String>,
    /// A volume's or a network's driver.
    driver: Option<String>,
    /// Why it cannot be removed; null when it can.
    refusal: Option<String>,
}

/// The leftovers of a kind.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LeftoversOfAKind)]
pub(in crate::features::leftovers) struct KindView {
    /// By name.
    items: Vec<LeftoverView>,
    /// How many there are.
    count: usize,
    /// How many of them can be removed.
    removable: usize,
    /// How many are dangling (images) or anonymous (volumes); null for networks.
    special: Option<usize>,
    /// Bytes that removing all of them frees at least; null when nothing is measured.
    reclaimable_bytes: Option<u64>,
    /// Bytes that it frees at most.
    reclaimable_bytes_at_most: u64,
    /// How many of them have a size that is not known.
    unmeasured: usize,
}

/// The build cache.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BuildCache)]
pub(in crate::features::leftovers) struct CacheView {
    /// How many entries there are.
    entries: usize,
    /// How many of them no build needs now.
    unused: usize,
    /// Bytes, without what images have as well.
    size_bytes: u64,
    /// Bytes that pruning frees.
    reclaimable_bytes: u64,
}

/// Everything that nothing needs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Leftovers)]
pub(in crate::features::leftovers) struct LeftoversView {
    /// Images that no container was made from.
    images: KindView,
    /// Volumes that no container has.
    volumes: KindView,
    /// Networks that no container is attached to.
    networks: KindView,
    /// What builds left; null when it is not measured yet.
    build_cache: Option<CacheView>,
    /// Bytes that removing all of it frees at least.
    reclaimable_bytes: u64,
    /// When sizes were measured; RFC 3339, UTC; null when not yet.
    measured_at: Option<String>,
    /// Whether they are being measured.
    measuring: bool,
    /// Why they could not be measured; null when all is well.
    measuring_failed: Option<String>,
}

impl LeftoverView {
    fn new(leftover: &Leftover) -> Self {
        let is_network = leftover.kind == Kind::Network;
        let last = leftover.last_use.as_ref();
        Self {
            id: leftover.id.to_string(),
            engine: leftover.engine.to_string(),
            name: leftover.name.clone(),
            sort: leftover.sort.as_str(),
            tags: leftover.tags.clone(),
            size_bytes: leftover.size.whole.filter(|_| !is_network),
            shared_bytes: leftover.size.shared.filter(|_| leftover.kind == Kind::Image),
            created_at: leftover.created_at.map(rfc3339),
            last_used_at: last.map(|last| rfc3339(last.at)),
            last_used_by: last.map(|last| last.by.clone()),
            project: leftover.project.as_deref().map(str::to_owned),
            driver: Some(leftover.driver.clone()).filter(|driver| !driver.is_empty()),
            refusal: leftover.refusal.clone(),
        }
    }
}

impl KindView {
    fn new(kind: Kind, listing: &Listing) -> Self {
        let removable = || listing.leftovers.iter().filter(|leftover| leftover.refusal.is_none());
        let freed = removable().map(|leftover| leftover.size.freed()).sum();
        let special = |leftover: &&Leftover| matches!(leftover.sort, Sort::Dangling | Sort::Anonymous);
        Self {
            items: listing.leftovers.iter().map(LeftoverView::new).collect(),
            count: listing.leftovers.len(),
            removable: removable().count(),
            special: (kind != Kind::Network).then(|| listing.leftovers.iter().filter(special).count()),
            reclaimable_bytes: sure(freed),
            reclaimable_bytes_at_most: freed.at_most,
            unmeasured: freed.unknown,
        }
    }
}

impl LeftoversView {
    pub(super) fn new(
        leftovers: &Leftovers,
        images: &Listing,
        volumes: &Listing,
        networks: &Listing,
    ) -> Self {
        let measuring = leftovers.measuring();
        let cache = leftovers.cache().map(|entries| {
            let unused = reclaimable(&entries, |_| true);
            CacheView {
                entries: entries.len(),
                unused: unused.count,
                size_bytes: entries.iter().filter(|entry| !entry.shared).map(|entry| entry.size_bytes).sum(),
                reclaimable_bytes: unused.freed.at_least,
            }
        });
        Self {
            images: KindView::new(Kind::Image, images),
            volumes: KindView::new(Kind::Volume, volumes),
            networks: KindView::new(Kind::Network, networks),
            build_cache: cache,
            reclaimable_bytes: leftovers.reclaimable().at_least,
            measured_at: measuring.measured.as_ref().map(|measured| rfc3339(measured.at)),
            measuring: measuring.running,
            measuring_failed: measuring.failed.as_ref().map(ToString::to_string),
        }
    }
}

/// What is to be removed; what is left out is kept.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = LeftoversCleanup)]
#[expect(
    dead_code,
    reason = "the description; the body is read by `wanted`, which names what is wrong with it"
)]
pub(in crate::features::leftovers) struct CleanupBody {
    /// Ids of images, `sha256:…`, or a dozen digits of one; at most 1,000 of all kinds.
    images: Option<Vec<String>>,
    /// Names of volumes.
    volumes: Option<Vec<String>>,
    /// Ids or names of networks.
    networks: Option<Vec<String>>,
    /// Whether the unused build cache is removed.
    build_cache: Option<bool>,
    /// `all` (default), `24h` or `7d`: only what no build used for so long.
    build_cache_unused_for: Option<String>,
    /// Only say what would become of each.
    dry_run: Option<bool>,
}

/// What became of one thing, or would.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LeftoverResult)]
pub(in crate::features::leftovers) struct ResultView {
    /// `image`, `volume`, `network` or `build cache`.
    kind: &'static str,
    /// Docker's id, or what was asked for when nothing has it.
    id: String,
    /// What people know it by.
    name: String,
    /// `removed`, `refused` (left alone), `failed`, `would_remove` (dry run) or `pending` (goes on; an event will tell).
    status: &'static str,
    /// The rest of a sentence that begins with the name.
    message: String,
    /// Bytes that this frees at least; null when not measured.
    freed_bytes: Option<u64>,
}

/// What a removal came to, or would.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LeftoversCleanedUp)]
pub(in crate::features::leftovers) struct CleanupView {
    /// Whether nothing was done in earnest.
    dry_run: bool,
    /// In the order that was asked for: images, volumes, networks, build cache.
    results: Vec<ResultView>,
    /// How many were removed, or would be.
    removed: usize,
    /// How many were left alone.
    refused: usize,
    /// How many Docker did not remove.
    failed: usize,
    /// Bytes that were freed at least, or would be.
    freed_bytes: u64,
}

impl ResultView {
    fn new(planned: &Planned, status: &'static str, message: String, freed: Option<u64>) -> Self {
        let id = planned
            .found
            .as_ref()
            .map_or_else(|| planned.asked.chars().take(300).collect(), |found| found.id.to_string());
        Self { kind: planned.kind.noun(), id, name: planned.name(), status, message, freed_bytes: freed }
    }

    /// What would become of it.
    pub(super) fn planned(planned: &Planned) -> Self {
        match &planned.verdict {
            Ok(_) => Self::new(planned, "would_remove", "would be removed".to_owned(), sure(planned.freed())),
            Err(why) => Self::new(planned, "refused", why.clone(), Some(0)),
        }
    }

    /// What became of it; `None` = it is not over.
    pub(super) fn done(planned: &Planned, outcome: Option<Outcome>) -> Self {
        match outcome {
            Some(outcome) => Self::new(planned, outcome.ended.as_str(), outcome.says, sure(outcome.freed)),
            None => {
                Self::new(planned, "pending", "is still being removed: an event will tell".to_owned(), None)
            }
        }
    }
}

impl CleanupView {
    pub(super) fn new(dry_run: bool, results: Vec<ResultView>) -> Self {
        let count = |status: &str| results.iter().filter(|result| result.status == status).count();
        Self {
            dry_run,
            removed: count(Ended::Removed.as_str()) + count("would_remove"),
            refused: count(Ended::Refused.as_str()),
            failed: count(Ended::Failed.as_str()),
            freed_bytes: results.iter().filter_map(|result| result.freed_bytes).sum(),
            results,
        }
    }
}
