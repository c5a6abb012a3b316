//! A private Docker engine: its own containerd, data root, socket and network namespace. The user's engine is never touched:
//! a second dockerd in the same namespace would reset the firewall's chains and remove `docker0`.

use super::eventually;
use super::process::{SWEEP, as_root, is_alive, output_of, signal, tail};
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::TryStreamExt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};

/// The image that every engine has: a static busybox and nothing else.
pub const IMAGE: &str = "dw-test/busybox:1";

static SHARED: OnceCell<Engine> = OnceCell::const_new();
static OWN: Semaphore = Semaphore::const_new(2);

pub struct Engine {
    root: PathBuf,
    /// Its network namespace. No interface leads there: a browser gives up its requests when one comes or goes.
    namespace: String,
    /// More arguments for dockerd.
    extra: Vec<String>,
    children: Mutex<Vec<Child>>,
    _watchdog: Child,
    _permit: Option<SemaphorePermit<'static>>,
}

impl Engine {
    /// The engine that most tests share; each uses container names of its own (`unique`).
    pub async fn shared() -> &'static Engine {
        SHARED.get_or_init(|| Engine::start(None, Vec::new())).await
    }

    /// An engine for one test, which may stop, freeze or kill it. Not more than two at a time.
    pub async fn own() -> Engine {
        Engine::own_with(Vec::new()).await
    }

    /// The same, with more arguments for dockerd.
    pub async fn own_with(extra: Vec<String>) -> Engine {
        let permit = OWN.acquire().await.expect("never closed");
        Engine::start(Some(permit), extra).await
    }

    async fn start(permit: Option<SemaphorePermit<'static>>, extra: Vec<String>) -> Engine {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let (home, me) = (std::env::temp_dir().join("docker-watcher-it"), std::process::id());
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        sweep_leftovers(&home);
        let root = home.join(format!("{me}-{number}"));
        fs::create_dir_all(root.join("containerd")).expect("the temporary folder is writable");
        let namespace = format!("dwt{me}x{number}");
        fs::write(root.join("namespace"), &namespace).unwrap();
        fs::write(root.join("daemon.json"), "{}").unwrap();
        fs::write(
            root.join("containerd.toml"),
            "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n",
        )
        .unwrap();
        let watchdog = as_root("setsid")
            .args(["sh", "-c", SWEEP, "sweep"])
            .arg(&root)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("setsid and sh are there");
        let script = format!("ip netns add {namespace} && ip -n {namespace} link set lo up");
        output_of(as_root("sh").args(["-c", &script]));
        let engine = Engine {
            root,
            namespace,
            extra,
            children: Mutex::default(),
            _watchdog: watchdog,
            _permit: permit,
        };
        engine.start_containerd();
        engine.start_again().await;
        engine.import_image("dw-test/busybox", "1", &[]).await;
        engine
    }

    pub fn socket(&self) -> PathBuf {
        self.root.join("docker.sock")
    }

    /// What `--docker-host` takes.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// Where its network is found.
    pub fn network(&self) -> String {
        format!("/run/netns/{}", self.namespace)
    }

    /// A process that connects its standard input and output to a port of the engine's namespace.
    pub fn connect(&self, port: u16) -> std::process::Command {
        let mut command = as_root("nsenter");
        let namespace = format!("--net=/run/netns/{}", self.namespace);
        command.args([namespace.as_str(), "busybox", "nc", "127.0.0.1", &port.to_string()]);
        command
    }

    /// A new client. Not kept, because a client belongs to the runtime of the test that made it.
    pub async fn docker(&self) -> bollard::Docker {
        let socket = self.socket();
        let client =
            bollard::Docker::connect_with_unix(socket.to_str().unwrap(), 60, bollard::API_DEFAULT_VERSION);
        let client = client.expect("the path of the socket is valid");
        client
            .negotiate_version()
            .await
            .unwrap_or_else(|why| panic!("the private engine: {why}\n{}", self.log()))
    }

    fn start_containerd(&self) {
        let root = self.root.display();
        let mut command = as_root("containerd");
        command.arg("--config").arg(self.root.join("containerd.toml"));
        command.args([format!("--root={root}/containerd/root"), format!("--state={root}/containerd/state")]);
        command.arg(format!("--address={root}/containerd.sock"));
        self.spawn(command);
    }

    /// Starts dockerd (again) and waits until it answers.
    pub async fn start_again(&self) {
        let root = self.root.display();
        let group = output_of(std::process::Command::new("id").arg("-g"));
        let mut command = as_root("nsenter");
        command.args([format!("--net=/run/netns/{}", self.namespace), "dockerd".to_owned()]);
        command.env_remove("DOCKER_HOST").env_remove("NOTIFY_SOCKET");
        command.args([format!("--config-file={root}/daemon.json"), format!("--host={}", self.host())]);
        command.args([format!("--data-root={root}/data"), format!("--exec-root={root}/exec")]);
        command
            .args([format!("--pidfile={root}/dockerd.pid"), format!("--containerd={root}/containerd.sock")]);
        command.arg(format!("--group={}", group.trim()));
        command.args(["--iptables=false", "--ip6tables=false", "--ip-masq=false", "--ip-forward=false"]);
        command.arg("--log-level=warn");
        command.args(&self.extra);
        self.spawn(command);
        let socket = self.socket();
        eventually("the private dockerd to answer", Duration::from_secs(90), async || {
            let client =
                bollard::Docker::connect_with_unix(socket.to_str().unwrap(), 5, bollard::API_DEFAULT_VERSION);
            match client.map_err(|why| why.to_string())?.ping().await {
                Ok(_) => Ok(()),
                Err(why) => Err(format!("{why}\n{}", self.log())),
            }
        })
        .await;
    }

    fn spawn(&self, mut command: std::process::Command) {
        let log =
            fs::OpenOptions::new().create(true).append(true).open(self.root.join("log")).expect("a log file");
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap_or_else(|why| panic!("{command:?}: {why}: install docker.io"));
        self.children.lock().unwrap().push(child);
    }

    fn pid(&self) -> u32 {
        let text = fs::read_to_string(self.root.join("dockerd.pid")).expect("dockerd runs");
        text.trim().parse().expect("a pid file holds a number")
    }

    /// Ends dockerd in an orderly way, its containers too.
    pub async fn stop(&self) {
        self.end("TERM").await;
    }

    /// Ends dockerd as a power cut would.
    pub async fn kill(&self) {
        self.end("KILL").await;
        let _ = fs::remove_file(self.root.join("dockerd.pid"));
    }

    async fn end(&self, how: &str) {
        let pid = self.pid();
        signal(how, pid);
        eventually("dockerd to end", Duration::from_secs(60), async || {
            for child in self.children.lock().unwrap().iter_mut() {
                let _ = child.try_wait();
            }
            if is_alive(pid) { Err(self.log()) } else { Ok(()) }
        })
        .await;
    }

    /// Makes dockerd hang: it accepts connections (the kernel does) and answers nothing.
    pub fn freeze(&self) {
        signal("STOP", self.pid());
    }

    pub fn thaw(&self) {
        signal("CONT", self.pid());
    }

    pub fn log(&self) -> String {
        tail(&self.root.join("log"), 30)
    }

    /// Makes an image of busybox and the given Dockerfile instructions (`HEALTHCHECK …`, `CMD […]`).
    pub async fn import_image(&self, repository: &str, tag: &str, changes: &[&str]) {
        let archive = bytes::Bytes::from(busybox_archive());
        let options = CreateImageOptionsBuilder::new().from_src("-").repo(repository).tag(tag);
        let options = options.changes(changes.iter().map(|line| (*line).to_owned()).collect());
        let import = self.docker().await;
        let import = import.create_image(Some(options.build()), Some(bollard::body_full(archive)), None);
        let steps: Result<Vec<_>, _> = import.try_collect().await;
        steps.unwrap_or_else(|why| panic!("importing {repository}:{tag}: {why}\n{}", self.log()));
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // The end of its standard input tells the watchdog to sweep; waiting for it reports a leftover to this test.
        drop(self._watchdog.stdin.take());
        let _ = self._watchdog.wait();
        for child in self.children.lock().unwrap().iter_mut() {
            let _ = child.wait();
        }
    }
}

/// Engines of test runs that are gone without a trace of their watchdog (the machine was reset, say).
fn sweep_leftovers(home: &Path) {
    for entry in fs::read_dir(home).into_iter().flatten().flatten() {
        let owner = entry.file_name().to_str().and_then(|name| name.split('-').next()?.parse::<u32>().ok());
        if owner.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            let mut sweep = as_root("sh");
            sweep.args(["-c", SWEEP, "sweep"]).arg(entry.path());
            let _ = sweep.stdin(Stdio::null()).status();
        }
    }
}

/// A tar of /bin/busybox and a link for each of its commands.
fn busybox_archive() -> Vec<u8> {
    let busybox = ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|path| Path::new(path).exists());
    let busybox = busybox.expect("busybox-static is installed");
    let root = tempfile::tempdir().expect("a temporary folder");
    for folder in ["bin", "tmp", "proc", "sys", "dev", "etc"] {
        fs::create_dir(root.path().join(folder)).unwrap();
    }
    fs::copy(busybox, root.path().join("bin/busybox")).unwrap();
    for applet in ["sh", "sleep", "echo", "cat", "httpd", "true", "false", "yes", "rm", "touch", "test", "ls"]
    {
        std::os::unix::fs::symlink("busybox", root.path().join("bin").join(applet)).unwrap();
    }
    let tar = std::process::Command::new("tar").arg("-C").arg(root.path()).args(["-c", "."]).output();
    tar.expect("tar is installed").stdout
}
