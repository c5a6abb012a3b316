//! Makes, keeps, removes and creates again, on the engine that `DW_SPEC_ENGINE` names.

use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};

use super::super::Spec;
use super::comparable::{comparable, differences};
use crate::docker::exchange::{Call, segment};
use crate::docker::{Client, EngineError};

pub(super) const DEADLINE: Duration = Duration::from_secs(60);

pub(super) struct Bench {
    pub(super) client: Client,
    image: String,
    pub(super) prefix: String,
}

impl Bench {
    /// Everything that is made begins with the prefix, and what an earlier run left is removed.
    pub(super) async fn new(prefix: &str) -> Self {
        let engine = std::env::var("DW_SPEC_ENGINE").expect("DW_SPEC_ENGINE says where the engine is");
        let image = std::env::var("DW_SPEC_IMAGE").unwrap_or_else(|_| "busybox:latest".into());
        let client =
            Client::new(crate::docker::endpoint::Endpoint::parse(&engine, None).unwrap(), false).unwrap();
        client.negotiate().await.unwrap();
        let bench = Self { client, image, prefix: format!("wtg-{prefix}") };
        bench.sweep().await;
        bench
    }

    pub(super) fn name(&self, rest: &str) -> String {
        format!("{}-{rest}", self.prefix)
    }

    pub(super) async fn call(&self, method: Method, path: &str, body: Value) -> Result<Value, EngineError> {
        let body = Some(&body).filter(|body| !body.is_null());
        let answer = self.client.exchange(Call {
            method,
            path: path.to_owned(),
            body,
            what: "a call of the test",
            deadline: DEADLINE,
        });
        answer.await.map(|bytes| serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.call(Method::POST, path, body).await;
        answer.unwrap_or_else(|why| panic!("POST {path}: {why}"))
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        self.call(Method::GET, path, Value::Null).await.unwrap_or_else(|why| panic!("GET {path}: {why}"))
    }

    /// `docker create`, with the image and a long sleep unless the body says otherwise.
    pub(super) async fn make(&self, name: &str, mut body: Value) -> String {
        let fields = body.as_object_mut().unwrap();
        fields.entry("Image").or_insert(json!(self.image));
        fields.entry("HostConfig").or_insert(json!({}));
        fields.entry("Cmd").or_insert(json!(["sleep", "86400"]));
        fields.entry("StopSignal").or_insert(json!("SIGKILL"));
        let made = self.post(&format!("/containers/create?name={}", self.name(name)), body).await;
        made["Id"].as_str().unwrap().to_owned()
    }

    pub(super) async fn network(&self, name: &str, subnet: Option<&str>) -> String {
        let ipam = subnet.map_or(Value::Null, |subnet| json!({"Config": [{"Subnet": subnet}]}));
        self.post("/networks/create", json!({"Name": self.name(name), "IPAM": ipam})).await;
        self.name(name)
    }

    pub(super) async fn join(&self, network: &str, container: &str, endpoint: Value) {
        let body = json!({"Container": container, "EndpointConfig": endpoint});
        self.post(&format!("/networks/{network}/connect"), body).await;
    }

    pub(super) async fn start(&self, container: &str) {
        self.post(&format!("/containers/{container}/start"), Value::Null).await;
    }

    pub(super) async fn inspect(&self, container: &str) -> Value {
        self.get(&format!("/containers/{container}/json")).await
    }

    /// `docker rm -f`; with `volumes`, those that Docker named go too, also where a restored container names them.
    pub(super) async fn remove(&self, container: &str, volumes: bool) {
        let mounts = self.inspect(container).await["Mounts"].clone();
        let path = format!("/containers/{container}?force=1&v={}", u8::from(volumes));
        self.call(Method::DELETE, &path, Value::Null).await.unwrap();
        let names = mounts.as_array().into_iter().flatten().filter_map(|mount| mount["Name"].as_str());
        for name in names.filter(|name| volumes && name.len() == 64) {
            // One that another container uses goes with that one.
            let _ = self.call(Method::DELETE, &format!("/volumes/{name}"), Value::Null).await;
        }
    }

    /// Keeps, removes, creates again and compares, before and after a start. Returns the new id.
    pub(super) async fn again(&self, id: &str) -> String {
        let before = self.inspect(id).await;
        let ran = !before["State"]["StartedAt"].as_str().unwrap().starts_with("0001");
        let spec = self.client.spec(id, DEADLINE).await.unwrap();
        // As it is stored.
        let spec: Spec = serde_json::from_str(&serde_json::to_string(&spec).unwrap()).unwrap();
        self.remove(id, false).await;
        let created = self.client.create(&spec, None, None).await;
        let created = created.unwrap_or_else(|why| panic!("{}: {why}", spec.name()));
        let same = |after: &Value, when: &str| {
            let differ = differences(&comparable(&before), &comparable(after));
            assert!(differ.is_empty(), "{} {when}: {differ:#?}", spec.name());
        };
        let after = self.inspect(&created.id).await;
        same(&after, "as created");
        if ran {
            self.start(&created.id).await;
            same(&self.inspect(&created.id).await, "as started");
        }
        println!("{}: the same; warnings {:?}", spec.name(), created.warnings);
        created.id
    }

    /// Runs a command inside and returns what it printed.
    pub(super) async fn run(&self, container: &str, command: &[&str]) -> String {
        let body = json!({"Cmd": command, "AttachStdout": true, "AttachStderr": true, "Tty": true});
        let exec = self.post(&format!("/containers/{container}/exec"), body).await;
        let path = format!("/exec/{}/start", exec["Id"].as_str().unwrap());
        let body = json!({"Detach": false, "Tty": true});
        let what = "a call of the test";
        let call = Call { method: Method::POST, path, body: Some(&body), what, deadline: DEADLINE };
        String::from_utf8(self.client.exchange(call).await.unwrap().to_vec()).unwrap().trim().to_owned()
    }

    pub(super) async fn sweep(&self) {
        let filter = segment(&json!({"name": [self.prefix]}).to_string());
        for entry in self
            .get(&format!("/containers/json?all=1&filters={filter}"))
            .await
            .as_array()
            .into_iter()
            .flatten()
        {
            self.remove(entry["Id"].as_str().unwrap(), true).await;
        }
        for (list, at) in [("networks", ""), ("volumes", "/Volumes")] {
            let all = self.get(&format!("/{list}?filters={filter}")).await;
            for entry in all.pointer(at).and_then(Value::as_array).into_iter().flatten() {
                let path = format!("/{list}/{}", entry["Name"].as_str().unwrap());
                self.call(Method::DELETE, &path, Value::Null).await.unwrap();
            }
        }
        let _ = self.client.discard_image(&format!("{}:1", self.prefix)).await;
    }
}
