use super::super::testing::event;
use super::*;
use crate::docker::from_list;
use crate::docker::wire::ListEntry;
use crate::platform::clock::from_ms;
use crate::platform::ids::EngineId;

const S: i64 = 1000;

/// The container "abc" as inspect tells it: its state, when it started and when it ended (s; 0 = never).
fn container(state: &str, started: i64, finished: i64) -> Arc<Container> {
    let entry = ListEntry {
        id: "abc".into(),
        names: vec!["/web".into()],
        state: state.into(),
        ..ListEntry::default()
    };
    let mut container = from_list::container(&EngineId::local(), entry, None, from_ms(0));
    container.facts.inspected = true;
    container.facts.started_at = (started > 0).then(|| from_ms(started * S));
    container.facts.finished_at = (finished > 0).then(|| from_ms(finished * S));
    container.facts.exit_code = (finished > 0).then_some(3);
    Arc::new(container)
}

fn begun(with: &[Arc<Container>]) -> Known {
    let mut known = Known::default();
    known.begin(with.iter());
    known
}

fn follow(known: &mut Known, actions: &[(&str, i64)]) -> Vec<Missed> {
    let told = |known: &mut Known, (action, at): &(&str, i64)| {
        known.follow(&event("container", action, at * S, &[("name", "web"), ("exitCode", "3")]))
    };
    actions.iter().flat_map(|step| told(known, step)).collect()
}

const CREATED: Missed = Missed::Created;

fn start(at: i64) -> Missed {
    Missed::Started { at: Some(at * S) }
}

fn end(at: i64) -> Missed {
    Missed::Ended { at: Some(at * S), code: Some(3), oom: false }
}

fn unknown_end(at: Option<i64>) -> Missed {
    Missed::Ended { at: at.map(|at| at * S), code: None, oom: false }
}

#[test]
fn what_differs_from_the_last_event_happened_while_nobody_watched() {
    let table = [
        (vec![], container("created", 0, 0), vec![CREATED]),
        (vec![], container("running", 5, 0), vec![CREATED, start(5)]),
        (vec![], container("exited", 5, 6), vec![CREATED, start(5), end(6)]),
        (vec![("create", 1)], container("running", 5, 0), vec![start(5)]),
        (vec![("create", 1)], container("exited", 5, 6), vec![start(5), end(6)]),
        (vec![("create", 1), ("start", 2)], container("running", 2, 0), vec![]),
        (vec![("create", 1), ("start", 3)], container("running", 2, 0), vec![]),
        (vec![("create", 1), ("start", 2)], container("paused", 2, 0), vec![]),
        (vec![("create", 1), ("start", 2)], container("exited", 2, 9), vec![end(9)]),
        (
            vec![("create", 1), ("start", 2)],
            container("running", 10, 9),
            vec![unknown_end(Some(9)), start(10)],
        ),
        (
            vec![("create", 1), ("start", 2)],
            container("exited", 10, 12),
            vec![unknown_end(None), start(10), end(12)],
        ),
        (vec![("create", 1), ("start", 2), ("die", 3)], container("exited", 2, 3), vec![]),
        (vec![("create", 1), ("start", 2), ("die", 3)], container("running", 8, 3), vec![start(8)]),
        (vec![("create", 1), ("start", 2), ("die", 3)], container("exited", 8, 9), vec![start(8), end(9)]),
        (vec![("create", 1), ("start", 2)], container("restarting", 8, 9), vec![]),
    ];
    for (events, now, missed) in table {
        let mut known = begun(&[]);
        assert!(follow(&mut known, &events).is_empty(), "no event is missing");
        assert_eq!(known.compare(&now), missed, "{events:?} {}", now.state);
        assert!(known.compare(&now).is_empty(), "told once: {events:?} {}", now.state);
    }
}

#[test]
fn after_a_gap_an_event_that_does_not_fit_tells_of_another() {
    for (with, event, missed) in [
        (vec![], "start", vec![CREATED]),
        (vec![], "die", vec![CREATED, Missed::Started { at: None }]),
        (vec![container("running", 5, 0)], "start", vec![unknown_end(None)]),
        (vec![container("exited", 5, 6)], "die", vec![Missed::Started { at: None }]),
        (vec![container("exited", 5, 6)], "start", vec![]),
        (vec![container("running", 5, 0)], "die", vec![]),
        (vec![], "destroy", vec![]),
        (vec![], "create", vec![]),
    ] {
        let mut known = begun(&with);
        known.unsure = true;
        assert_eq!(follow(&mut known, &[(event, 50)]), missed, "{event}");
        known = begun(&with);
        assert!(follow(&mut known, &[(event, 50)]).is_empty(), "nothing is missing without a gap: {event}");
    }
}

#[test]
fn where_the_engine_was_never_seen_nothing_is_missing() {
    let known = begun(&[container("running", 5, 0)]);
    assert!(known.is_complete);
    let mut known = known;
    assert!(known.compare(&container("running", 5, 0)).is_empty());
}

#[test]
fn changes_are_taken_in_portions_and_come_back_when_they_could_not_be_written() {
    let mut known = begun(&[container("running", 5, 0)]);
    follow(&mut known, &[("die", 9)]);
    assert!(known.take_changes(0).is_empty());
    let taken = known.take_changes(10);
    assert_eq!((taken.len(), taken[0].1.as_ref().map(|known| known.running)), (1, Some(false)));
    assert!(!known.has_changes());
    known.put_back(taken.into_iter().map(|(id, _)| id));
    follow(&mut known, &[("destroy", 10)]);
    assert_eq!(known.take_changes(10), [(Arc::from("abc"), None)]);
}

#[test]
fn a_rename_is_followed_and_hidden_containers_are_not_known() {
    let mut known = begun(&[container("running", 5, 0)]);
    known.follow(&event("container", "rename", 9 * S, &[("name", "shop"), ("oldName", "/web")]));
    assert_eq!(known.get("abc").map(|known| (known.name(), known.key())), Some(("shop", "shop")));
    let mut known = begun(&[]);
    known.follow(&event("container", "create", 1, &[("docker-watcher.hide", "true")]));
    assert!(known.get("abc").is_none());
}
