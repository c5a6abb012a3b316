//! What a detail page says of a container, in rows of name and value.

use bollard::models::{ContainerInspectResponse, HealthcheckResult, HostConfig, RestartPolicyNameEnum};
use jiff::Timestamp;

use crate::docker::stats::sample::to_f64;
use crate::docker::types::Container;
use crate::docker::{Engine, objects::Image};
use crate::features::containers::secrets;
use crate::features::containers::view::{self, Since};
use crate::platform::text;

/// How many results of the health check are shown.
const CHECKS: usize = 5;

/// A name and a value; a time has its machine-readable form too.
pub(super) struct Fact {
    pub name: &'static str,
    pub value: String,
    pub mono: bool,
    pub time: Option<Since>,
}

fn fact(name: &'static str, value: impl Into<String>) -> Fact {
    Fact { name, value: value.into(), mono: false, time: None }
}

fn mono(name: &'static str, value: impl Into<String>) -> Fact {
    Fact { mono: true, ..fact(name, value) }
}

/// State, times and what ended it.
pub(super) fn state(
    container: &Container,
    inspected: Option<&ContainerInspectResponse>,
    now: Timestamp,
) -> Vec<Fact> {
    let known = &container.facts;
    let time = |name, at| Fact { time: Some(Since::new(at, now, " ago")), ..fact(name, "") };
    let mut facts = vec![mono("Id", container.short_id()), time("Created", container.created_at)];
    facts.extend(known.started_at.map(|at| time("Started", at)));
    facts.extend(known.finished_at.filter(|_| !container.is_up()).map(|at| time("Ended", at)));
    facts.extend(known.exit_code.map(|code| fact("Exit code", exit_code(code, known.oom_killed))));
    facts.extend(known.error.as_ref().map(|error| fact("Docker's error", error)));
    facts.extend(view::health(container.health).map(|health| {
        let streak = known.failing_streak.unwrap_or(0);
        let more = if streak > 0 { format!(", {streak} checks failed in a row") } else { String::new() };
        fact("Health", format!("{}{more}", health.word))
    }));
    facts.extend(known.restart_count.map(|count| fact("Restarts by Docker", count.to_string())));
    let host = inspected.and_then(|inspected| inspected.host_config.as_ref());
    facts.extend(host.and_then(|host| host.restart_policy.as_ref()).map(|policy| {
        let most = policy.maximum_retry_count.filter(|most| *most > 0);
        let word = match policy.name {
            Some(RestartPolicyNameEnum::ALWAYS) => "Always".to_owned(),
            Some(RestartPolicyNameEnum::UNLESS_STOPPED) => "Unless stopped".to_owned(),
            Some(RestartPolicyNameEnum::ON_FAILURE) => {
                most.map_or("On failure".to_owned(), |most| format!("On failure, {most} times at most"))
            }
            _ => "Never".to_owned(),
        };
        fact("Restart policy", word)
    }));
    facts
}

/// What it runs, and what it may use.
pub(super) fn process(inspected: Option<&ContainerInspectResponse>, masked: bool) -> Vec<Fact> {
    let Some(inspected) = inspected else { return Vec::new() };
    let mut facts: Vec<Fact> =
        command(inspected, masked).map(|command| mono("Command", command)).into_iter().collect();
    if let Some(config) = &inspected.config {
        let text = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
        facts.extend(text(&config.working_dir).map(|dir| mono("Working directory", dir)));
        facts.extend(text(&config.user).map(|user| mono("User", user)));
        facts.extend(text(&config.hostname).map(|name| mono("Host name", name)));
    }
    facts.extend(inspected.host_config.as_ref().map(limits).unwrap_or_default());
    facts
}

fn limits(host: &HostConfig) -> Vec<Fact> {
    let number = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0);
    let mut facts = Vec::new();
    facts.push(fact("Memory limit", number(host.memory).map_or("none".to_owned(), text::bytes)));
    facts.extend(number(host.memory_reservation).map(|bytes| fact("Memory reserved", text::bytes(bytes))));
    let cores = number(host.nano_cpus).or_else(|| {
        let (quota, period) = (number(host.cpu_quota)?, number(host.cpu_period).unwrap_or(100_000));
        Some(quota * 1_000_000_000 / period)
    });
    facts.push(fact("CPU limit", cores.map_or("none".to_owned(), |nano| text::cores(to_f64(nano) / 1e9))));
    facts.extend(host.cpuset_cpus.clone().filter(|set| !set.is_empty()).map(|set| mono("On cores", set)));
    facts.extend(number(host.pids_limit).map(|n| fact("Process limit", n.to_string())));
    facts.extend(
        host.network_mode.clone().filter(|mode| !mode.is_empty()).map(|mode| mono("Network mode", mode)),
    );
    if host.privileged == Some(true) {
        facts.push(fact("Privileged", "yes: it may do everything on this host"));
    }
    if host.readonly_rootfs == Some(true) {
        facts.push(fact("Files", "read only"));
    }
    let added = host.cap_add.clone().unwrap_or_default();
    if !added.is_empty() {
        facts.push(mono("Capabilities added", added.join(", ")));
    }
    facts
}

fn exit_code(code: i64, oom_killed: bool) -> String {
    let words = match code {
        _ if oom_killed => "the kernel killed it: out of memory",
        0 => "ended by itself",
        125 => "Docker could not start it",
        126 => "its command is not executable",
        127 => "its command was not found",
        130 => "interrupted",
        137 => "killed (SIGKILL)",
        139 => "crashed (SIGSEGV)",
        143 => "stopped (SIGTERM)",
        _ => return code.to_string(),
    };
    format!("{code}, {words}")
}

fn command(inspected: &ContainerInspectResponse, masked: bool) -> Option<String> {
    let path = inspected.path.clone().filter(|path| !path.is_empty())?;
    let arguments = inspected.args.clone().unwrap_or_default();
    let words: Vec<String> = std::iter::once(path).chain(arguments).collect();
    let words = if masked {
        let masked = secrets::masked_words(words.iter().map(String::as_str));
        masked.iter().map(|word| secrets::masked_script(word)).collect()
    } else {
        words
    };
    Some(text::cut(&words.join(" "), 2_000).into_owned())
}

/// The image: asked for, id, digest, age.
pub(super) fn image(
    container: &Container,
    inspected: Option<&ContainerInspectResponse>,
    engine: Option<&Engine>,
    now: Timestamp,
) -> Vec<Fact> {
    let id = container.image_id.strip_prefix("sha256:").unwrap_or(&container.image_id);
    let mut facts =
        vec![mono("Image", container.image.as_ref()), mono("Image id", id.get(..12).unwrap_or(id))];
    let objects = engine.map(|engine| engine.objects.snapshot());
    let found: Option<&Image> = objects.as_ref().and_then(|objects| objects.image(&container.image_id));
    if let Some(found) = found {
        let digest = found.digests.first().and_then(|digest| digest.split_once('@'));
        facts.extend(digest.map(|(_, digest)| mono("Digest", digest)));
        facts.extend(
            found.created_at.map(|at| Fact { time: Some(Since::new(at, now, " ago")), ..fact("Built", "") }),
        );
        facts.push(fact("Size", text::bytes(found.size_bytes)));
        if !found.tags.is_empty() && !found.tags.iter().any(|tag| *tag == *container.image) {
            facts.push(mono("Tagged now", found.tags.join(", ")));
        }
    }
    facts.extend(inspected.and_then(|i| i.platform.clone()).map(|platform| fact("Platform", platform)));
    if let Some(service) = &container.service {
        facts.push(fact("Service", service.as_ref()));
    }
    facts
}

/// One result of the health check.
pub(super) struct Check {
    pub passed: bool,
    pub code: String,
    pub when: Option<Since>,
    pub output: String,
}

/// The last results of the health check, newest first, and what it runs.
pub(super) fn checks(
    inspected: Option<&ContainerInspectResponse>,
    masked: bool,
    now: Timestamp,
) -> (String, Vec<Check>) {
    let Some(inspected) = inspected else { return Default::default() };
    let test = inspected.config.as_ref().and_then(|config| config.healthcheck.as_ref()?.test.clone());
    let test = test.unwrap_or_default();
    let words = test.iter().map(String::as_str).filter(|word| !matches!(*word, "CMD" | "CMD-SHELL"));
    let command = words.collect::<Vec<_>>().join(" ");
    let command = if masked { secrets::masked_script(&command) } else { command };
    let health = inspected.state.as_ref().and_then(|state| state.health.as_ref());
    let log = health.and_then(|health| health.log.as_deref()).unwrap_or_default();
    let checks = log.iter().rev().take(CHECKS).map(|result| check(result, masked, now)).collect();
    (text::cut(&command, 400).into_owned(), checks)
}

fn check(result: &HealthcheckResult, masked: bool, now: Timestamp) -> Check {
    let output = result.output.as_deref().unwrap_or_default().trim();
    let output = if masked { secrets::masked_script(output) } else { output.to_owned() };
    Check {
        passed: result.exit_code == Some(0),
        code: result.exit_code.map_or("no code".to_owned(), |code| format!("exit code {code}")),
        when: result
            .end
            .as_ref()
            .and_then(|at| at.to_string().parse().ok())
            .map(|at| Since::new(at, now, " ago")),
        output: text::cut(&output, 1_000).into_owned(),
    }
}
