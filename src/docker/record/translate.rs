//! From an event of the engine to events of the journal.

use serde_json::{Map, Value};

use super::known::Known;
use super::memory::Memory;
use super::restart_loop::WINDOW;
use super::{container, is_exec, is_noise, objects};
use crate::docker::types::{HIDE, short_id, subject_key};
use crate::docker::wire::EngineEvent;
use crate::platform::ids::EngineId;
use crate::platform::journal::{NewEvent, Severity, Source, Subject};

/// An event in words, before it is dated and addressed.
pub(super) struct Told {
    /// Docker's word.
    pub action: String,
    pub severity: Severity,
    pub message: String,
    pub data: Map<String, Value>,
}

/// An attribute of an event.
pub(super) fn attribute<'a>(event: &'a EngineEvent, name: &str) -> Option<&'a str> {
    event.actor.attributes.get(name).map(String::as_str)
}

/// Turns the events of one engine into words.
pub(in crate::docker) struct Translator {
    engine: EngineId,
    /// What is remembered of containers between their events.
    pub memory: Memory,
    /// Whether commands run inside containers are kept; health checks flood the stream with them.
    pub record_exec: bool,
}

impl Translator {
    pub(in crate::docker) fn new(engine: EngineId, memory: Memory) -> Self {
        Self { engine, memory, record_exec: false }
    }

    /// What the journal keeps of an event: nothing of noise, sometimes a conclusion besides it.
    pub(in crate::docker) fn translate(&mut self, event: &EngineEvent, known: &Known) -> Vec<NewEvent> {
        if event.kind == "container" && event.action != "prune" {
            return self.container(event);
        }
        let name = |id: &str| known.get(id).map(|container| container.name().to_owned());
        let told = objects::tell(event, name);
        told.map(|(told, subject)| self.event(event, told, subject)).into_iter().collect()
    }

    fn container(&mut self, event: &EngineEvent) -> Vec<NewEvent> {
        let keeps_exec = self.record_exec && is_exec(&event.action);
        if (is_noise(&event.action) && !keeps_exec) || attribute(event, HIDE) == Some("true") {
            return Vec::new();
        }
        let (id, at) = (event.actor.id.as_str(), event.time_nano / 1_000_000);
        let name = attribute(event, "name").unwrap_or_else(|| short_id(id)).to_owned();
        let past = self.memory.of(id, at);
        let told = container::tell(event, &name, past);
        let looping = if told.action == "start" { past.restarts.started(at) } else { None };
        if told.action == "destroy" {
            self.memory.forget(id);
        }
        let key = Some(subject_key(&name, |label| attribute(event, label)));
        let subject = Subject { kind: "container".to_owned(), id: id.to_owned(), key, name };
        let mut events = Vec::with_capacity(1);
        if let Some(restarts) = looping {
            let minutes = WINDOW / 60_000;
            let mut data = told.data.clone();
            data.insert("restarts".to_owned(), restarts.into());
            data.insert("minutes".to_owned(), minutes.into());
            let message =
                format!("{} is in a restart loop: {restarts} restarts in {minutes} minutes", subject.name);
            let severity = Severity::Error;
            let told = Told { action: "restart_loop".to_owned(), severity, message, data };
            events.push(self.event(event, told, subject.clone()));
        }
        events.insert(0, self.event(event, told, subject));
        events
    }

    fn event(&self, event: &EngineEvent, told: Told, subject: Subject) -> NewEvent {
        let mut new = NewEvent::new(Source::Docker, format!("{}.{}", event.kind, told.action), told.message)
            .engine(&self.engine)
            .severity(told.severity)
            .data(Value::Object(told.data));
        new.at = Some(event.time_nano / 1_000_000);
        new.subject = subject;
        new
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::event;
    use super::*;

    fn translator() -> Translator {
        Translator::new(EngineId::local(), Memory::default())
    }

    fn kinds(translator: &mut Translator, events: &[EngineEvent]) -> Vec<String> {
        let known = Known::default();
        let translated = events.iter().flat_map(|event| translator.translate(event, &known));
        translated.map(|event| event.kind.into_owned()).collect()
    }

    #[test]
    fn health_check_noise_is_recorded_only_when_wanted() {
        let exec = [event("container", "exec_start: sh -c true", 1, &[("name", "web")])];
        let mut translator = translator();
        assert!(kinds(&mut translator, &exec).is_empty());
        translator.record_exec = true;
        assert_eq!(kinds(&mut translator, &exec), ["container.exec_start"]);
        let noise = ["top", "resize", "attach", "detach"].map(|word| event("container", word, 1, &[]));
        assert!(kinds(&mut translator, &noise).is_empty());
    }

    #[test]
    fn a_hidden_container_leaves_no_event() {
        let hidden = [event("container", "start", 1, &[("docker-watcher.hide", "true")])];
        assert!(kinds(&mut translator(), &hidden).is_empty());
    }

    #[test]
    fn a_restart_loop_is_one_error_among_its_events() {
        let script: Vec<EngineEvent> = (0..30)
            .flat_map(|n| {
                let die = event("container", "die", n * 1000, &[("name", "web"), ("exitCode", "1")]);
                [die, event("container", "start", n * 1000 + 200, &[("name", "web")])]
            })
            .collect();
        let mut translator = translator();
        let known = Known::default();
        let events: Vec<_> = script.iter().flat_map(|event| translator.translate(event, &known)).collect();
        let loops: Vec<_> = events.iter().filter(|event| event.kind == "container.restart_loop").collect();
        assert_eq!(events.len(), 61);
        assert_eq!((loops.len(), loops[0].severity), (1, Severity::Error));
        assert_eq!((&loops[0].data["restarts"], &loops[0].data["minutes"]), (&5.into(), &10.into()));
        assert_eq!(events[9].kind, "container.start", "the loop is told after the start that makes it one");
        assert_eq!(loops[0].subject.key.as_deref(), Some("web"));
    }

    #[test]
    fn what_is_remembered_survives_a_restart_of_the_product() {
        let kill = event("container", "kill", 0, &[("name", "web"), ("signal", "15")]);
        let die = event("container", "die", 100, &[("name", "web"), ("exitCode", "143")]);
        let mut before = translator();
        kinds(&mut before, &[kill]);
        let kept = serde_json::to_string(&before.memory).unwrap();
        let mut after = Translator::new(EngineId::local(), serde_json::from_str(&kept).unwrap());
        let told = after.translate(&die, &Known::default());
        assert_eq!(told[0].severity, Severity::Info);
    }

    #[test]
    fn an_event_is_dated_by_the_engine_and_addressed_for_its_history() {
        let labels = [
            ("name", "shop-web-1"),
            ("com.docker.compose.project", "shop"),
            ("com.docker.compose.service", "web"),
        ];
        let events = translator().translate(&event("container", "start", 77, &labels), &Known::default());
        assert_eq!((events[0].at, events[0].subject.key.as_deref()), (Some(77), Some("shop/web/1")));
        let pulled = translator().translate(&event("image", "pull", 5, &[]), &Known::default());
        assert_eq!((pulled[0].kind.as_ref(), pulled[0].subject.kind.as_str()), ("image.pull", "image"));
    }
}
