//! What tests do to containers "from outside": like a person at a shell, through the engine's own API.

use super::engine::{Engine, IMAGE};
use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, PortBinding, RestartPolicy, RestartPolicyNameEnum,
};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, KillContainerOptionsBuilder, RemoveContainerOptionsBuilder,
    RenameContainerOptionsBuilder,
};
use std::collections::HashMap;

/// A container to be made. Sleeps for a day unless told otherwise, and dies at once when stopped.
pub struct NewContainer<'a> {
    engine: &'a Engine,
    name: String,
    body: ContainerCreateBody,
}

impl Engine {
    pub fn container(&self, name: &str) -> NewContainer<'_> {
        let body = ContainerCreateBody {
            image: Some(IMAGE.into()),
            cmd: Some(vec!["sleep".into(), "86400".into()]),
            stop_signal: Some("SIGKILL".into()),
            host_config: Some(HostConfig::default()),
            ..Default::default()
        };
        NewContainer { engine: self, name: name.into(), body }
    }

    pub async fn start_container(&self, name: &str) {
        self.docker().await.start_container(name, None).await.expect("docker start");
    }

    pub async fn kill_container(&self, name: &str) {
        let options = KillContainerOptionsBuilder::new().signal("KILL").build();
        self.docker().await.kill_container(name, Some(options)).await.expect("docker kill");
    }

    /// `docker stop`, with the container's own grace.
    pub async fn stop_container(&self, name: &str) {
        let options = bollard::query_parameters::StopContainerOptionsBuilder::new().build();
        self.docker().await.stop_container(name, Some(options)).await.expect("docker stop");
    }

    /// `docker restart`.
    pub async fn restart_container(&self, name: &str) {
        self.docker().await.restart_container(name, None).await.expect("docker restart");
    }

    /// What the engine itself says of a container's state: `running`, `exited` … or `gone`.
    pub async fn state_of(&self, name: &str) -> String {
        match self.docker().await.inspect_container(name, None).await {
            Ok(answer) => answer.state.and_then(|state| state.status).map_or("?".into(), |s| s.to_string()),
            Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => "gone".into(),
            Err(why) => panic!("docker inspect {name}: {why}"),
        }
    }

    /// Its address in the engine's default network.
    pub async fn address_of(&self, name: &str) -> String {
        let answer = self.docker().await.inspect_container(name, None).await.expect("docker inspect");
        let networks = answer.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
        networks.into_values().find_map(|network| network.ip_address).expect("an address")
    }

    /// Whether the engine has a volume of this name.
    pub async fn has_volume(&self, name: &str) -> bool {
        self.docker().await.inspect_volume(name).await.is_ok()
    }

    /// Where the volumes of a container come from, by the place where they are mounted.
    pub async fn volumes_of(&self, name: &str) -> HashMap<String, String> {
        let answer = self.docker().await.inspect_container(name, None).await.expect("docker inspect");
        let mounts = answer.mounts.unwrap_or_default().into_iter();
        mounts.filter_map(|mount| Some((mount.destination?, mount.name?))).collect()
    }

    pub async fn pause_container(&self, name: &str) {
        self.docker().await.pause_container(name).await.expect("docker pause");
    }

    pub async fn unpause_container(&self, name: &str) {
        self.docker().await.unpause_container(name).await.expect("docker unpause");
    }

    pub async fn rename_container(&self, name: &str, to: &str) {
        let options = RenameContainerOptionsBuilder::new().name(to).build();
        self.docker().await.rename_container(name, options).await.expect("docker rename");
    }

    pub async fn remove_container(&self, name: &str) {
        let options = RemoveContainerOptionsBuilder::new().force(true).build();
        self.docker().await.remove_container(name, Some(options)).await.expect("docker rm -f");
    }

    /// Writes lines into the log of a container that runs.
    pub async fn say(&self, name: &str, lines: &[&str]) {
        let script = "for line; do printf '%s\\n' \"$line\"; done >/proc/1/fd/1";
        self.exec(name, &[&["sh", "-c", script, "say"], lines].concat()).await;
    }

    /// The same, into standard error.
    pub async fn complain(&self, name: &str, line: &str) {
        self.exec(name, &["sh", "-c", "echo \"$1\" >/proc/1/fd/2", "complain", line]).await;
    }

    /// Runs a command inside a container and waits for its end.
    pub async fn exec(&self, name: &str, command: &[&str]) {
        use futures_util::StreamExt;
        let config = bollard::models::ExecConfig {
            cmd: Some(command.iter().map(|word| (*word).to_owned()).collect()),
            attach_stdout: Some(true),
            ..Default::default()
        };
        let docker = self.docker().await;
        let exec = docker.create_exec(name, config).await.expect("docker exec");
        let started =
            docker.start_exec(&exec.id, None::<bollard::exec::StartExecOptions>).await.expect("docker exec");
        if let bollard::exec::StartExecResults::Attached { mut output, .. } = started {
            while output.next().await.is_some() {}
        }
    }
}

impl NewContainer<'_> {
    pub fn command(mut self, command: &[&str]) -> Self {
        self.body.cmd = Some(command.iter().map(|word| (*word).to_owned()).collect());
        self
    }

    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.body.labels.get_or_insert_default().insert(key.into(), value.into());
        self
    }

    /// The labels that Docker Compose sets.
    pub fn compose(self, project: &str, service: &str, number: u32) -> Self {
        self.label("com.docker.compose.project", project)
            .label("com.docker.compose.service", service)
            .label("com.docker.compose.container-number", &number.to_string())
            .label("com.docker.compose.oneoff", "False")
    }

    pub fn env(mut self, assignment: &str) -> Self {
        self.body.env.get_or_insert_default().push(assignment.into());
        self
    }

    /// Publishes a port on 127.0.0.1, on whichever port of the host is free.
    pub fn publish(mut self, port: u16) -> Self {
        let key = format!("{port}/tcp");
        self.body.exposed_ports.get_or_insert_default().push(key.clone());
        let binding = PortBinding { host_ip: Some("127.0.0.1".into()), host_port: Some("0".into()) };
        let host = self.body.host_config.get_or_insert_default();
        host.port_bindings.get_or_insert_with(HashMap::new).insert(key, Some(vec![binding]));
        self
    }

    /// A health check each second that passes as long as the shell command does.
    pub fn health(mut self, shell: &str) -> Self {
        let second = 1_000_000_000;
        self.body.healthcheck = Some(HealthConfig {
            test: Some(vec!["CMD-SHELL".into(), shell.into()]),
            interval: Some(second),
            timeout: Some(10 * second),
            retries: Some(1),
            ..Default::default()
        });
        self
    }

    /// Runs a shell script.
    pub fn shell(self, script: &str) -> Self {
        self.command(&["sh", "-c", script])
    }

    /// Ignores the signal that asks it to end, and is killed after so many seconds.
    pub fn stubborn(mut self, grace: i64) -> Self {
        self.body.stop_signal = Some("SIGTERM".into());
        self.body.stop_timeout = Some(grace);
        self.shell("trap '' TERM; while true; do sleep 1; done")
    }

    /// With a terminal.
    pub fn tty(mut self) -> Self {
        self.body.tty = Some(true);
        self
    }

    pub fn log_driver(mut self, name: &str) -> Self {
        let config = bollard::models::HostConfigLogConfig { typ: Some(name.into()), config: None };
        self.body.host_config.get_or_insert_default().log_config = Some(config);
        self
    }

    /// Made from another image.
    pub fn image(mut self, image: &str) -> Self {
        self.body.image = Some(image.into());
        self
    }

    /// On a network of its own choice.
    pub fn network(mut self, name: &str) -> Self {
        self.body.host_config.get_or_insert_default().network_mode = Some(name.into());
        self
    }

    /// Mounts a named volume.
    pub fn volume(mut self, name: &str, at: &str) -> Self {
        let host = self.body.host_config.get_or_insert_default();
        host.binds.get_or_insert_default().push(format!("{name}:{at}"));
        self
    }

    /// Mounts a volume that nobody named.
    pub fn anonymous_volume(mut self, at: &str) -> Self {
        self.body.volumes.get_or_insert_default().push(at.into());
        self
    }

    /// Limits its memory, bytes; it has no swap.
    pub fn memory(mut self, bytes: i64) -> Self {
        let host = self.body.host_config.get_or_insert_default();
        (host.memory, host.memory_swap) = (Some(bytes), Some(bytes));
        self
    }

    /// Limits its CPU, in cores.
    pub fn cpus(mut self, cores: f64) -> Self {
        self.body.host_config.get_or_insert_default().nano_cpus = Some((cores * 1e9) as i64);
        self
    }

    /// In the engine's own network namespace.
    pub fn host_network(mut self) -> Self {
        self.body.host_config.get_or_insert_default().network_mode = Some("host".into());
        self
    }

    pub fn restart_always(mut self) -> Self {
        let policy = RestartPolicy { name: Some(RestartPolicyNameEnum::ALWAYS), ..Default::default() };
        self.body.host_config.get_or_insert_default().restart_policy = Some(policy);
        self
    }

    /// `docker create`: returns the full id.
    pub async fn create(self) -> String {
        let options = CreateContainerOptionsBuilder::new().name(&self.name).build();
        let docker = self.engine.docker().await;
        let made = docker.create_container(Some(options), self.body).await;
        made.unwrap_or_else(|why| panic!("docker create {}: {why}", self.name)).id
    }

    /// `docker run -d`: returns the full id.
    pub async fn run(self) -> String {
        let engine = self.engine;
        let id = self.create().await;
        engine.start_container(&id).await;
        id
    }
}
