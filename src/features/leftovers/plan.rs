//! What a removal would do: what goes, what is left alone and why, and what that frees. Nothing is done here.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::model::{Freed, Kind, Leftover};
use super::service::{Leftovers, reclaimable};
use super::wanted::{Age, Wanted};
use crate::docker::Engine;
use crate::docker::types::short_id;

/// How many digits of an id are enough to name something.
const ENOUGH: usize = 12;
/// Stands between an id and what it looked like; no id has it.
const MARK: char = '#';

/// A removal that is planned.
#[derive(Default)]
pub(super) struct Plan {
    /// One entry for each thing that was asked for, in order.
    pub items: Vec<Planned>,
}

/// What would become of one thing.
pub(super) struct Planned {
    /// Its kind.
    pub kind: Kind,
    /// What it was asked for by.
    pub asked: String,
    /// What would be done, or why nothing, as the rest of a sentence that begins with the name.
    pub verdict: Result<Target, String>,
    /// The thing, also where it is left alone.
    pub found: Option<Arc<Leftover>>,
}

/// What is to be removed.
#[derive(Clone)]
pub(super) enum Target {
    /// One thing.
    One(Arc<Leftover>),
    /// The unused build cache of an engine.
    Cache {
        /// The engine.
        engine: Arc<Engine>,
        /// Which part.
        age: Age,
        /// How many entries, and bytes, as measured last.
        freed: Freed,
    },
}

impl Planned {
    /// What people know it by.
    pub(super) fn name(&self) -> String {
        match (&self.found, self.kind) {
            (Some(found), _) => shown(found).to_owned(),
            (None, Kind::BuildCache) => "Build cache".to_owned(),
            (None, _) => {
                let id = self.asked.split(MARK).next().unwrap_or_default();
                crate::platform::text::cut(id, 80).into_owned()
            }
        }
    }

    /// What it would free; nothing when it is left alone.
    pub(super) fn freed(&self) -> Freed {
        match &self.verdict {
            Ok(Target::One(leftover)) => leftover.size.freed(),
            Ok(Target::Cache { freed, .. }) => *freed,
            Err(_) => Freed::default(),
        }
    }
}

/// A leftover's name without most of an anonymous volume's digits.
pub(super) fn shown(leftover: &Leftover) -> &str {
    let digits = leftover.name.len() == 64 && leftover.name.bytes().all(|b| b.is_ascii_hexdigit());
    if digits { short_id(&leftover.name) } else { &leftover.name }
}

impl Plan {
    /// What would be removed.
    pub(super) fn removable(&self) -> impl Iterator<Item = &Planned> {
        self.items.iter().filter(|planned| planned.verdict.is_ok())
    }

    /// What all of it frees.
    pub(super) fn freed(&self) -> Freed {
        self.items.iter().map(Planned::freed).sum()
    }

    /// What must be typed before volumes are removed: the name of a single one, else how many they are.
    pub(super) fn phrase(&self) -> Option<String> {
        phrase(self.removable())
    }

    /// Whether the confirmation that was typed is the one that was asked for. A form carries what could be removed
    /// when it was shown, so all of it counts, also what cannot be removed any more.
    pub(super) fn is_confirmed_by(&self, typed: &str) -> bool {
        let Some(phrase) = phrase(self.items.iter()) else { return true };
        let typed = typed.trim();
        // Of an anonymous volume, all of its digits do as well.
        let whole_name = match self.items.as_slice() {
            [Planned { found: Some(one), .. }] => Some(one.name.as_str()),
            _ => None,
        };
        typed == phrase || Some(typed) == whole_name
    }
}

fn phrase<'a>(items: impl Iterator<Item = &'a Planned>) -> Option<String> {
    let volumes: Vec<&Planned> = items.filter(|planned| planned.kind == Kind::Volume).collect();
    match volumes.as_slice() {
        [] => None,
        [one] => Some(one.name()),
        many => Some(format!("{} volumes", many.len())),
    }
}

impl Leftovers {
    /// What a removal would do now. Never waits for Docker.
    pub(super) fn plan(&self, wanted: &Wanted) -> Plan {
        let mut known: HashMap<Kind, Vec<Arc<Leftover>>> = HashMap::new();
        let mut seen: HashSet<(Kind, Arc<str>)> = HashSet::new();
        let mut items = Vec::with_capacity(wanted.ids.len() + 1);
        for (kind, asked) in &wanted.ids {
            let all =
                known.entry(*kind).or_insert_with(|| self.all(*kind).into_iter().map(Arc::new).collect());
            let (found, verdict) = match find(*kind, all, asked) {
                Err(why) => (None, Err(why)),
                Ok(found) if seen.contains(&(*kind, Arc::clone(&found.id))) => {
                    let twice = "was named before: it is removed once".to_owned();
                    (Some(found), Err(twice))
                }
                Ok(found) => {
                    seen.insert((*kind, Arc::clone(&found.id)));
                    let verdict = self.judge(&found).map(|()| Target::One(Arc::clone(&found)));
                    (Some(found), verdict)
                }
            };
            items.push(Planned { kind: *kind, asked: asked.clone(), verdict, found });
        }
        if let Some(age) = wanted.cache {
            items.extend(self.engines.iter().map(|engine| self.plan_cache(engine, age)));
        }
        Plan { items }
    }

    fn plan_cache(&self, engine: &Arc<Engine>, age: Age) -> Planned {
        let measured = self.measurements.of(&engine.id).measured;
        let total = measured.as_ref().map(|measured| {
            let now = self.clock.now();
            reclaimable(&measured.usage.build_cache, |entry| is_old(entry, age, now))
        });
        // What was not measured may be there all the same.
        let freed = total.map_or(Freed { unknown: 1, ..Freed::default() }, |total| total.freed);
        let verdict = match (usable(engine), total) {
            (Err(why), _) => Err(why),
            (Ok(()), Some(total)) if total.count == 0 => Err("has nothing to remove".to_owned()),
            (Ok(()), _) => Ok(Target::Cache { engine: Arc::clone(engine), age, freed }),
        };
        Planned { kind: Kind::BuildCache, asked: age.as_str().to_owned(), verdict, found: None }
    }

    /// Whether one thing may be removed as it is known now.
    pub(super) fn judge(&self, leftover: &Leftover) -> Result<(), String> {
        let engine = self.engine(&leftover.engine).ok_or("is on an engine that is gone")?;
        usable(engine)?;
        leftover.refusal.clone().map_or(Ok(()), Err)
    }
}

/// Whether an entry of the build cache was of no use so long.
pub(super) fn is_old(entry: &crate::docker::leftovers::CacheEntry, age: Age, now: jiff::Timestamp) -> bool {
    age.unused_for().is_none_or(|unused_for| {
        let touched = entry.touched_at().map(|at| now.duration_since(at).unsigned_abs());
        touched.is_none_or(|since| since >= unused_for)
    })
}

/// Whether an engine takes removals now.
fn usable(engine: &Engine) -> Result<(), String> {
    if engine.client.is_read_only() {
        return Err("is left alone: Docker Watcher runs with --read-only".to_owned());
    }
    if !engine.mirror.snapshot().is_up() {
        return Err("is left alone: Docker cannot be reached now".to_owned());
    }
    Ok(())
}

/// What a preview's form names something by: its id, and what it looked like.
pub(super) fn seen(leftover: &Leftover) -> String {
    format!("{}{MARK}{}", leftover.id, fingerprint(leftover))
}

/// Changes with an image's tags, and with a volume that was made anew under its name.
fn fingerprint(leftover: &Leftover) -> String {
    let mut hasher = DefaultHasher::new();
    (&leftover.tags, leftover.created_at.map(|at| at.as_nanosecond())).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// What somebody means: by full id, by the beginning of one (a dozen digits at least), a volume or a network by
/// its name. Never an image by its tag: the tag may have moved since it was read.
fn find(kind: Kind, all: &[Arc<Leftover>], asked: &str) -> Result<Arc<Leftover>, String> {
    if let Some((id, shown)) = asked.split_once(MARK) {
        let found = find(kind, all, id)?;
        let changed = || "has changed since it was shown: look at it again".to_owned();
        return if fingerprint(&found) == shown { Ok(found) } else { Err(changed()) };
    }
    let digits = |id: &str| id.strip_prefix("sha256:").unwrap_or(id).to_owned();
    if let Some(exact) = all.iter().find(|one| *one.id == *asked) {
        return Ok(Arc::clone(exact));
    }
    let wanted = digits(asked);
    let is_prefix = wanted.len() >= ENOUGH && wanted.bytes().all(|byte| byte.is_ascii_hexdigit());
    let fits = |one: &&Arc<Leftover>| {
        let by_name = kind == Kind::Network && one.name == asked;
        by_name || is_prefix && digits(&one.id).starts_with(&wanted)
    };
    let mut fitting = all.iter().filter(fits);
    match (fitting.next(), fitting.next()) {
        (Some(one), None) => Ok(Arc::clone(one)),
        (Some(_), Some(_)) => Err("could be several: name it by its full id".to_owned()),
        (None, _) => Err(match all.iter().find(|one| one.tags.iter().any(|tag| tag == asked)) {
            Some(image) => format!("is a tag: name the image by its id, {}", image.id),
            None => format!("is not there: no {} has this id (any more)", kind.noun()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::leftovers::tests::leftover;

    fn plan_of(leftovers: Vec<Leftover>) -> Plan {
        let items = leftovers.into_iter().map(|one| {
            let one = Arc::new(one);
            let verdict = one.refusal.clone().map_or_else(|| Ok(Target::One(Arc::clone(&one))), Err);
            Planned { kind: one.kind, asked: one.id.to_string(), verdict, found: Some(one) }
        });
        Plan { items: items.collect() }
    }

    #[test]
    fn one_volume_is_confirmed_by_its_name_and_several_by_their_number() {
        let one = plan_of(vec![leftover(Kind::Volume, "data")]);
        assert!(one.is_confirmed_by(" data ") && !one.is_confirmed_by("") && !one.is_confirmed_by("Data"));
        assert!(!one.is_confirmed_by("1 volumes"));
        let mut kept = leftover(Kind::Volume, "kept");
        kept.refusal = Some("is used by db".to_owned());
        let two = plan_of(vec![leftover(Kind::Volume, "a"), kept, leftover(Kind::Volume, "b")]);
        assert_eq!(two.phrase().unwrap(), "2 volumes", "what is left alone is not asked for");
        let form = plan_of(vec![leftover(Kind::Volume, "a"), leftover(Kind::Volume, "b")]);
        assert!(form.is_confirmed_by("2 volumes") && !form.is_confirmed_by("3 volumes"));
        assert!(!form.is_confirmed_by("a") && !form.is_confirmed_by("b"));
        let name = "0f".repeat(32);
        let anonymous = plan_of(vec![leftover(Kind::Volume, &name)]);
        assert!(anonymous.is_confirmed_by("0f0f0f0f0f0f") && anonymous.is_confirmed_by(&name));
        assert!(
            plan_of(vec![leftover(Kind::Image, "a")]).is_confirmed_by(""),
            "an image can be pulled again"
        );
    }

    #[test]
    fn an_image_is_named_by_its_id_and_never_by_a_tag() {
        let mut image = leftover(Kind::Image, "sha256:0123456789abcdef");
        image.tags = vec!["web:1".to_owned()];
        let mut other = leftover(Kind::Image, "sha256:0123456789abffff");
        other.tags = vec!["web:2".to_owned()];
        let all = [Arc::new(image), Arc::new(other)];
        let find = |asked: &str| find(Kind::Image, &all, asked).map(|found| found.id.to_string());
        assert_eq!(find("sha256:0123456789abcdef").unwrap(), "sha256:0123456789abcdef");
        assert_eq!(find("0123456789abcd").unwrap(), "sha256:0123456789abcdef");
        assert!(find("0123456789ab").unwrap_err().contains("several"));
        assert!(find("web:1").unwrap_err().contains("sha256:0123456789abcdef"));
        assert!(find("0123").unwrap_err().contains("not there"), "too short to be sure");
        assert_eq!(find(&seen(&all[0])).unwrap(), "sha256:0123456789abcdef");
        let mut before = Leftover::clone(&all[0]);
        before.tags.push("web:latest".to_owned());
        assert!(find(&seen(&before)).unwrap_err().contains("changed"), "it was shown with another tag");
    }
}
