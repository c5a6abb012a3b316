//! The server under test: the real binary with a data directory of its own on a free port.

use super::client::Client;
use super::process::{is_alive, mortal, signal};
use super::{SOON, eventually};
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub const ADMIN: &str = "ada";
pub const PASSWORD: &str = "correct horse battery";

/// The binary under test.
pub fn binary() -> PathBuf {
    let built = option_env!("CARGO_BIN_EXE_docker-watcher").map(OsString::from);
    let path = std::env::var_os("DOCKER_WATCHER_BIN").or(built);
    path.expect("run by cargo in the main crate, or set DOCKER_WATCHER_BIN").into()
}

/// Its environment is clean, so that nobody's own settings change a test.
fn clean(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("DOCKER_") || name == "NO_COLOR") {
            command.env_remove(name);
        }
    }
    command
}

/// How a command of the command line ended.
#[derive(Debug)]
pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    pub fn expect(&self, code: i32) -> &Outcome {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// Fails unless the only thing on standard error is one line that contains each of `words`.
    pub fn expect_one_line(&self, words: &[&str]) {
        let lines: Vec<&str> = self.stderr.lines().filter(|line| !line.trim().is_empty()).collect();
        assert_eq!(lines.len(), 1, "one line on standard error: {self:#?}");
        for word in words {
            assert!(lines[0].contains(word), "the line names {word:?}: {self:#?}");
        }
    }
}

/// Runs the binary to its end, with `input` on standard input.
pub async fn cli(arguments: &[&str], input: &str) -> Outcome {
    let (arguments, input): (Vec<String>, String) =
        (arguments.iter().map(|a| (*a).into()).collect(), input.into());
    let run = tokio::task::spawn_blocking(move || {
        // `timeout` is the deadline: 124 is its exit code when it had to end the command.
        let mut command = Command::new("timeout");
        clean(&mut command).args(["-k", "5", "60"]).arg(binary()).args(&arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        // A command that needs no input may be gone already.
        let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
        let out = child.wait_with_output().expect("the binary ends");
        let text = |raw: Vec<u8>| String::from_utf8_lossy(&raw).into_owned();
        Outcome { code: out.status.code(), stdout: text(out.stdout), stderr: text(out.stderr) }
    });
    run.await.expect("no panic")
}

/// Says how a server is to be started.
pub struct Setup {
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    data: Arc<tempfile::TempDir>,
    listen: String,
    users: Vec<(String, &'static str)>,
    /// Whether it sees no processes but its own, like in a container.
    own_pids: bool,
    /// The network namespace that it runs in, and the address by which it is reached from here.
    network: Option<(String, String)>,
}

pub struct Server {
    setup: Setup,
    child: Child,
    base: String,
    stdout: Arc<Mutex<Vec<String>>>,
    stderr: Arc<Mutex<String>>,
}

impl Setup {
    /// A server for the engine at `docker_host`, without any user.
    pub fn new(docker_host: &str) -> Setup {
        let data =
            Arc::new(tempfile::Builder::new().prefix("dw-data-").tempdir().expect("a temporary folder"));
        let arguments = vec!["--docker-host".into(), docker_host.into()];
        Setup {
            arguments,
            environment: Vec::new(),
            data,
            listen: "127.0.0.1:0".into(),
            users: Vec::new(),
            own_pids: false,
            network: None,
        }
    }

    /// It shares the network of an engine, so that it reaches the containers; it listens at `port` there, which `base`
    /// leads to.
    pub fn in_network_of(mut self, engine: &super::engine::Engine, port: u16, base: &str) -> Setup {
        self.listen = format!("127.0.0.1:{port}");
        self.network = Some((engine.network(), base.to_owned()));
        self
    }

    /// It sees no processes but its own, like in a container. Such a server is killed at the end, never stopped.
    pub fn in_own_pid_namespace(mut self) -> Setup {
        self.own_pids = true;
        self
    }

    /// A flag without a value.
    pub fn switch(mut self, flag: &str) -> Setup {
        self.arguments.push(flag.into());
        self
    }

    pub fn flag(mut self, flag: &str, value: &str) -> Setup {
        self.arguments.extend([flag.into(), value.into()]);
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Setup {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Adds a user (password: `PASSWORD`) before the start.
    pub fn user(mut self, name: &str, role: &'static str) -> Setup {
        self.users.push((name.into(), role));
        self
    }

    pub async fn start(mut self) -> Server {
        for (name, role) in std::mem::take(&mut self.users) {
            let data = self.data_dir();
            let add = ["user", "add", &name, "--role", role, "--password-stdin", "--data-dir", &data];
            cli(&add, PASSWORD).await.expect(0);
        }
        Server::launch(self).await
    }

    fn data_dir(&self) -> String {
        self.data.path().join("data").to_str().expect("UTF-8").to_owned()
    }
}

impl Server {
    /// A server without any user: it prints a setup link.
    pub async fn fresh(docker_host: &str) -> Server {
        Setup::new(docker_host).start().await
    }

    /// A server with the administrator `ADMIN`.
    pub async fn with_admin(docker_host: &str) -> Server {
        Setup::new(docker_host).user(ADMIN, "admin").start().await
    }

    async fn launch(setup: Setup) -> Server {
        let mut command = if setup.own_pids {
            let mut command = mortal("unshare");
            command.args(["--pid", "--fork", "--kill-child", "--mount-proc"]).arg(binary());
            command
        } else if let Some((network, _)) = &setup.network {
            let mut command = mortal("nsenter");
            command.arg(format!("--net={network}")).arg(binary());
            command
        } else {
            mortal(binary())
        };
        clean(&mut command)
            .args(["serve", "--listen", &setup.listen, "--data-dir", &setup.data_dir()])
            .args(&setup.arguments);
        command.envs(setup.environment.iter().cloned());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("setpriv starts the binary");
        let (stdout, stderr) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(String::new())));
        let (lines, log) = (stdout.clone(), stderr.clone());
        let (out, mut err) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
        std::thread::spawn(move || {
            BufReader::new(out)
                .lines()
                .map_while(Result::ok)
                .for_each(|line| lines.lock().unwrap().push(line))
        });
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = err.read(&mut chunk) {
                log.lock().unwrap().push_str(&String::from_utf8_lossy(&chunk[..length]));
            }
        });
        let mut server = Server { setup, child, base: String::new(), stdout, stderr };
        server.base =
            eventually("the line `listening on`", SOON, async || server.announced().ok_or(server.log()))
                .await;
        let address = server.base.strip_prefix("http://").expect("http://ADDR:PORT").to_owned();
        server.setup.listen = address;
        if let Some((_, base)) = &server.setup.network {
            server.base = base.clone();
        }
        server
    }

    fn announced(&self) -> Option<String> {
        self.stdout()
            .first()
            .map(|line| line.strip_prefix("listening on ").unwrap_or_else(|| panic!("{line:?}")).to_owned())
    }

    /// What it has printed to standard output so far.
    pub fn stdout(&self) -> Vec<String> {
        self.stdout.lock().unwrap().clone()
    }

    /// What it has logged to standard error so far.
    pub fn log(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// `http://127.0.0.1:PORT`
    pub fn base(&self) -> &str {
        &self.base
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn data_dir(&self) -> String {
        self.setup.data_dir()
    }

    /// The path and query of the setup link.
    pub async fn setup_path(&self) -> String {
        eventually("the line `setup:`", SOON, async || {
            let lines = self.stdout();
            let link =
                lines.get(1).and_then(|line| line.strip_prefix("setup: ")).ok_or_else(|| lines.clone())?;
            let path = link
                .strip_prefix(&self.base)
                .ok_or_else(|| vec![format!("not below {}: {link}", self.base)])?;
            Ok::<_, Vec<String>>(path.to_owned())
        })
        .await
    }

    pub fn anonymous(&self) -> Client {
        Client::new(&self.base, None)
    }

    pub fn bearer(&self, token: &str) -> Client {
        Client::new(&self.base, Some(token))
    }

    /// A signed-in client.
    pub async fn sign_in(&self, name: &str) -> Client {
        let client = self.anonymous();
        client.login(name, PASSWORD).await.expect(303);
        client
    }

    pub async fn admin(&self) -> Client {
        self.sign_in(ADMIN).await
    }

    /// Runs a command of the command line on this server's data directory.
    pub async fn cli(&self, arguments: &[&str], input: &str) -> Outcome {
        let data = self.data_dir();
        cli(&[arguments, &["--data-dir", &data]].concat(), input).await
    }

    /// Adds a user (password: `PASSWORD`) while it runs.
    pub async fn add_user(&self, name: &str, role: &str) {
        self.cli(&["user", "add", name, "--role", role, "--password-stdin"], PASSWORD).await.expect(0);
    }

    /// SIGTERM; fails unless it ends by itself with exit code 0 within 10 s.
    pub async fn stop(&mut self) {
        signal("TERM", self.pid());
        let status = self.ended(Duration::from_secs(10)).await;
        assert_eq!(status.code(), Some(0), "after SIGTERM: {status}\n{}", self.log());
    }

    async fn ended(&mut self, within: Duration) -> ExitStatus {
        let child = Mutex::new(&mut self.child);
        let log = self.stderr.clone();
        eventually("the server to end", within, async || {
            let status = child.lock().unwrap().try_wait().expect("our child");
            status.ok_or_else(|| log.lock().unwrap().clone())
        })
        .await
    }

    /// SIGKILL, as a power cut would.
    pub async fn kill(&mut self) {
        signal("KILL", self.pid());
        self.ended(SOON).await;
    }

    /// Starts it again after `stop` or `kill`, on the same port and data directory.
    pub async fn start_again(&mut self) {
        assert!(!is_alive(self.pid()), "stop it first");
        let setup = Setup {
            arguments: self.setup.arguments.clone(),
            environment: self.setup.environment.clone(),
            data: self.setup.data.clone(),
            listen: self.setup.listen.clone(),
            users: Vec::new(),
            own_pids: self.setup.own_pids,
            network: self.setup.network.clone(),
        };
        *self = Server::launch(setup).await;
    }

    /// What users did, as (kind, actor, message), oldest first.
    pub fn user_events(&self, subject: &str) -> Vec<(String, String, String)> {
        let database = rusqlite::Connection::open(self.database()).expect("the database");
        let mut all = database
            .prepare("SELECT kind, actor, message FROM events WHERE source = 'user' AND subject_id = ?1 ORDER BY id")
            .expect("the table of events");
        let rows = all.query_map([subject], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).expect("rows");
        rows.map(Result::unwrap).collect()
    }

    pub fn database(&self) -> PathBuf {
        let data = self.data_dir();
        let files = std::fs::read_dir(Path::new(&data))
            .expect("the data directory")
            .flatten()
            .map(|entry| entry.path());
        let mut databases = files.filter(|path| path.extension().is_some_and(|ext| ext == "db"));
        databases.next().expect("a file *.db in the data directory")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let from = log.len().saturating_sub(6000);
            let from = (from..log.len()).find(|at| log.is_char_boundary(*at)).unwrap_or(0);
            eprintln!("--- log of the server under test ---\n{}", &log[from..]);
        }
    }
}
