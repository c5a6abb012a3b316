//! A leftover, what it takes, and what its removal would free.

use std::ops::Add;
use std::sync::Arc;

use jiff::Timestamp;

use super::last_use::LastUse;
use crate::platform::ids::EngineId;
use crate::platform::text;

/// A kind of leftover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// An image.
    Image,
    /// A volume.
    Volume,
    /// A network.
    Network,
    /// The build cache, as a whole.
    BuildCache,
}

impl Kind {
    /// Its page.
    pub fn path(self) -> &'static str {
        match self {
            Self::Image => "/stale/images",
            Self::Volume => "/stale/volumes",
            Self::Network => "/stale/networks",
            Self::BuildCache => "/stale/build-cache",
        }
    }

    /// One of it.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Volume => "volume",
            Self::Network => "network",
            Self::BuildCache => "build cache",
        }
    }

    /// What an event is about: Docker's own word for the type.
    pub fn subject(self) -> &'static str {
        match self {
            Self::BuildCache => "builder",
            other => other.noun(),
        }
    }

    /// `1 image`, `2 volumes`, `the build cache`.
    pub fn count(self, n: usize) -> String {
        match self {
            Self::BuildCache => "the build cache".to_owned(),
            other => text::count(n, other.noun()),
        }
    }
}

/// What sort of leftover something is, which says how much care it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sort {
    /// An image that no tag leads to.
    Dangling,
    /// A tagged image that no container uses.
    Unused,
    /// A volume that nobody named.
    Anonymous,
    /// A volume with a name: somebody meant to keep it.
    Named,
    /// A network that no container is attached to.
    Unattached,
}

impl Sort {
    /// Its word, in the URL, the API and on the page.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dangling => "dangling",
            Self::Unused => "unused",
            Self::Anonymous => "anonymous",
            Self::Named => "named",
            Self::Unattached => "unattached",
        }
    }
}

/// Something that nothing needs, or, in a plan, something that was asked to be removed.
#[derive(Debug, Clone, PartialEq)]
pub struct Leftover {
    /// What it is.
    pub kind: Kind,
    /// What sort of it.
    pub sort: Sort,
    /// The engine it is on.
    pub engine: EngineId,
    /// Docker's id; a volume's name.
    pub id: Arc<str>,
    /// What people know it by.
    pub name: String,
    /// All names of an image.
    pub tags: Vec<String>,
    /// What it takes.
    pub size: Size,
    /// When it was made, as far as known.
    pub created_at: Option<Timestamp>,
    /// When a container was last seen to use it.
    pub last_use: Option<LastUse>,
    /// The Compose project or Swarm stack.
    pub project: Option<Arc<str>>,
    /// A volume's or a network's driver.
    pub driver: String,
    /// Why it may not be removed; `None` = it may.
    pub refusal: Option<String>,
}

/// What something takes on disk, bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// All of it; `None` = not measured, or not measurable.
    pub whole: Option<u64>,
    /// The part that others need as well; `None` = not measured.
    pub shared: Option<u64>,
}

impl Size {
    /// Something that takes nothing worth telling: a network.
    pub const NOTHING: Self = Self { whole: Some(0), shared: Some(0) };

    /// What its removal frees.
    pub fn freed(self) -> Freed {
        let Some(whole) = self.whole else { return Freed { unknown: 1, ..Freed::default() } };
        // An engine that cannot count what is shared has been seen to tell more than there is.
        let shared = self.shared.filter(|shared| *shared <= whole);
        Freed {
            at_least: shared.map_or(0, |shared| whole - shared),
            at_most: whole,
            unknown: 0,
            unshared: usize::from(shared.is_none()),
        }
    }
}

/// What removing several things frees. Layers that only they share come back as well, which Docker does not
/// tell beforehand: so it is a range.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Freed {
    /// Bytes that nothing else needs.
    pub at_least: u64,
    /// Bytes if nothing else needed any of it.
    pub at_most: u64,
    /// How many of them have a size that is not known.
    pub unknown: usize,
    /// Of how many it is not known what of it others need.
    pub unshared: usize,
}

impl Freed {
    /// Exactly so much.
    pub fn exactly(bytes: u64) -> Self {
        Self { at_least: bytes, at_most: bytes, ..Self::default() }
    }

    /// The size in words: `1.20 GB`, `at least 1.20 GB`, `up to 1.20 GB`; nothing when nothing is known.
    pub fn words(self) -> String {
        match self {
            Self { at_most: 0, unknown: 1.., .. } => String::new(),
            Self { at_least, at_most, unknown: 0, .. } if at_least == at_most => text::bytes(at_least),
            Self { at_least: 0, at_most, unknown: 0, .. } => format!("up to {}", text::bytes(at_most)),
            Self { at_least: 0, at_most, .. } => format!("about {}", text::bytes(at_most)),
            Self { at_least, .. } => format!("at least {}", text::bytes(at_least)),
        }
    }

    /// The number for a narrow place: what is sure, or what is possible as long as nothing is measured; `None`
    /// when nothing is known.
    pub fn short(self) -> Option<u64> {
        match self {
            Self { at_most: 0, unknown: 1.., .. } => None,
            Self { at_least: 0, at_most, unshared: 1.., .. } => Some(at_most),
            Self { at_least, .. } => Some(at_least),
        }
    }
}

impl Add for Freed {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            at_least: self.at_least.saturating_add(other.at_least),
            at_most: self.at_most.saturating_add(other.at_most),
            unknown: self.unknown + other.unknown,
            unshared: self.unshared + other.unshared,
        }
    }
}

impl std::iter::Sum for Freed {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Add::add)
    }
}

/// How many leftovers of a kind there are, and what they take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Total {
    /// How many; of the build cache, how many entries no build needs.
    pub count: usize,
    /// What removing all of them frees.
    pub freed: Freed,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn freed(whole: Option<u64>, shared: Option<u64>) -> Freed {
        Size { whole, shared }.freed()
    }

    #[test]
    fn what_is_freed_is_never_promised_too_high() {
        assert_eq!(freed(Some(100), Some(0)).words(), "100\u{a0}B");
        assert_eq!(freed(Some(100), Some(30)).words(), "at least 70\u{a0}B");
        assert_eq!(freed(Some(100), None).words(), "up to 100\u{a0}B", "not measured yet");
        assert_eq!(freed(Some(100), Some(300)).words(), "up to 100\u{a0}B", "an engine that cannot count");
        assert_eq!(freed(None, None).words(), "", "nothing is known");
        let twin = freed(Some(100), Some(100));
        assert_eq!(
            (twin.words().as_str(), twin.short()),
            ("up to 100\u{a0}B", Some(0)),
            "all of it is shared"
        );
        assert_eq!(freed(Some(100), None).short(), Some(100));
    }

    #[test]
    fn one_unknown_size_makes_a_sum_a_lower_bound() {
        let sum: Freed = [freed(Some(100), Some(0)), freed(None, None)].into_iter().sum();
        assert_eq!(sum.words(), "at least 100\u{a0}B");
        assert_eq!((sum.short(), sum.unknown), (Some(100), 1));
        assert_eq!(freed(None, None).short(), None);
    }
}
