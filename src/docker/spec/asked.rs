//! What the engine is asked for while a container is created again, and what is done when it refuses.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{CreateError, ImageNow, Spec};
use crate::docker::endpoint::Endpoint;
use crate::docker::{Client, EngineError};

/// Says how the engine answers `GET /path`, when not with "it is there".
type Answers = fn(&str) -> Option<(u16, Value)>;

#[derive(Clone)]
struct Stub {
    asked: Arc<Mutex<Vec<(String, Value)>>>,
    answers: Answers,
}

impl Stub {
    /// An engine of API 1.53 and a client that has agreed on that.
    async fn client(answers: Answers, read_only: bool) -> (Self, Client) {
        let stub = Self { asked: Arc::default(), answers };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(stub.clone());
        #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
        tokio::spawn(async move { axum::serve(listener, router).await });
        let endpoint = Endpoint::parse(&format!("tcp://{address}"), None).unwrap();
        let client = Client::new(endpoint, read_only).unwrap();
        client.negotiate().await.unwrap();
        stub.asked.lock().unwrap().clear();
        (stub, client)
    }

    /// The calls that change something, in order.
    fn changes(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|(call, _)| call.clone()).filter(|call| !call.starts_with("GET")).collect()
    }

    fn body_of(&self, call: &str) -> Value {
        let asked = self.asked.lock().unwrap();
        asked.iter().find(|(asked, _)| asked == call).unwrap_or_else(|| panic!("{call}: {asked:?}")).1.clone()
    }
}

async fn answer(
    State(stub): State<Stub>,
    method: Method,
    uri: Uri,
    body: String,
) -> (StatusCode, Json<Value>) {
    let path = uri.path_and_query().unwrap().as_str();
    let call = format!("{method} {}", path.strip_prefix("/v1.53").unwrap_or(path));
    stub.asked.lock().unwrap().push((call.clone(), serde_json::from_str(&body).unwrap_or(Value::Null)));
    let (status, answer) = (stub.answers)(&call).unwrap_or_else(|| match call.as_str() {
        "GET /version" => (200, json!({"ApiVersion": "1.53", "MinAPIVersion": "1.44", "Version": "29.0.0"})),
        create if create.starts_with("POST /containers/create") => {
            (201, json!({"Id": "new", "Warnings": ["w"]}))
        }
        image if image.starts_with("GET /images/") => (200, json!({"Id": recorded()["Image"]})),
        _ => (200, json!({})),
    });
    (StatusCode::from_u16(status).unwrap(), Json(answer))
}

fn recorded() -> Value {
    serde_json::from_str(include_str!("recorded/28.json")).unwrap()
}

fn spec() -> Spec {
    Spec::of(&recorded()).unwrap()
}

fn refuse(status: u16, message: &str) -> Option<(u16, Value)> {
    Some((status, json!({ "message": message })))
}

const CREATE: &str = "POST /containers/create?name=api&platform=linux%2Farm64%2Fv8";

#[tokio::test]
async fn a_container_is_created_and_then_connected_to_its_further_networks() {
    let (stub, client) = Stub::client(|_| None, false).await;
    let created = client.create(&spec(), None, None).await.unwrap();
    assert_eq!((created.id.as_str(), created.warnings), ("new", vec!["w".to_owned()]));
    assert_eq!(stub.changes(), [CREATE, "POST /networks/back/connect"]);
    let endpoints = stub.body_of(CREATE)["NetworkingConfig"]["EndpointsConfig"].clone();
    assert_eq!(endpoints.as_object().unwrap().keys().collect::<Vec<_>>(), ["front"]);
    let connect = stub.body_of("POST /networks/back/connect");
    assert_eq!(
        (&connect["Container"], &connect["EndpointConfig"]["Aliases"]),
        (&json!("new"), &json!(["api-internal"]))
    );
}

#[tokio::test]
async fn the_specification_is_asked_for_in_a_version_that_tells_the_mac_address() {
    let (stub, client) =
        Stub::client(|call| call.starts_with("GET /v1.51/").then(|| (200, recorded())), false).await;
    let kept = client.spec("abc", std::time::Duration::from_secs(5)).await.unwrap();
    assert_eq!(kept, spec());
    assert_eq!(stub.asked.lock().unwrap()[0].0, "GET /v1.51/containers/abc/json");
}

#[tokio::test]
async fn what_could_not_be_connected_is_taken_away_again() {
    let refuses: Answers = |call| match call {
        "POST /networks/back/connect" => refuse(403, "Address already in use"),
        _ => None,
    };
    let (stub, client) = Stub::client(refuses, false).await;
    let error = client.create(&spec(), None, None).await.unwrap_err();
    assert!(
        matches!(&error, CreateError::Network { network, left: None, .. } if network == "back"),
        "{error}"
    );
    assert_eq!(stub.changes().last().unwrap(), "DELETE /containers/new?force=1&v=1");
}

#[tokio::test]
async fn what_could_not_be_taken_away_is_named() {
    let refuses: Answers = |call| match call {
        "POST /networks/back/connect" => refuse(500, "Address already in use."),
        call if call.starts_with("DELETE") => refuse(500, "no"),
        _ => None,
    };
    let (_, client) = Stub::client(refuses, false).await;
    let error = client.create(&spec(), None, None).await.unwrap_err().to_string();
    let expected = "it could not be connected to the network back as it was: Address already in use. \
         The new container new could not be removed again: remove it";
    assert_eq!(error, expected);
}

#[tokio::test]
async fn nothing_is_created_when_something_it_needs_is_gone() {
    let cases: [(Answers, &str); 3] = [
        (
            |call| call.starts_with("GET /networks/back").then(|| (404, json!({}))),
            "its network back is no longer on this host",
        ),
        (
            |call| call.starts_with("GET /images/").then(|| (404, json!({}))),
            "its image registry.example.org/team/api:2 is no longer",
        ),
        (
            |call| match call.starts_with("GET /images/") {
                true if call.contains("sha256") => Some((404, json!({}))),
                true => Some((200, json!({"Id": "sha256:other"}))),
                false => None,
            },
            "choose registry.example.org/team/api:2 to use the new one",
        ),
    ];
    for (answers, words) in cases {
        let (stub, client) = Stub::client(answers, false).await;
        let error = client.create(&spec(), None, None).await.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
        assert_eq!(stub.changes(), [""; 0]);
    }
}

#[tokio::test]
async fn a_network_that_it_had_left_and_that_is_gone_gives_its_place_to_another() {
    let mut inspect = recorded();
    inspect["HostConfig"]["NetworkMode"] = json!("old");
    let spec = Spec::of(&inspect).unwrap();
    let gone: Answers = |call| (call == "GET /networks/old").then(|| (404, json!({})));
    let (stub, client) = Stub::client(gone, false).await;
    client.create(&spec, None, None).await.unwrap();
    assert_eq!(stub.changes(), [CREATE, "POST /networks/front/connect"]);
    let body = stub.body_of(CREATE);
    assert_eq!(body["HostConfig"]["NetworkMode"], "back");
    assert!(body["NetworkingConfig"]["EndpointsConfig"]["back"].is_object());

    let (stub, client) = Stub::client(|_| None, false).await;
    client.create(&spec, None, None).await.unwrap();
    let left = [
        CREATE,
        "POST /networks/old/disconnect",
        "POST /networks/back/connect",
        "POST /networks/front/connect",
    ];
    assert_eq!(stub.changes(), left, "while it is there, it is left again");
}

#[tokio::test]
async fn an_image_whose_name_leads_elsewhere_is_taken_by_its_id() {
    let moved: Answers = |call| {
        let by_name = call.starts_with("GET /images/") && !call.contains("sha256");
        by_name.then(|| (200, json!({"Id": "sha256:other"})))
    };
    let (stub, client) = Stub::client(moved, false).await;
    assert_eq!(client.image_now(&spec()).await.unwrap(), ImageNow::ById);
    let created = client.create(&spec(), None, None).await.unwrap();
    assert_eq!(stub.body_of(CREATE)["Image"], spec().image_id());
    assert!(created.warnings[0].contains("no longer leads to the image"), "{:?}", created.warnings);
}

#[tokio::test]
async fn volumes_that_are_gone_are_told_of() {
    let (stub, client) =
        Stub::client(|call| call.starts_with("GET /volumes/").then(|| (404, json!({}))), false).await;
    let created = client.create(&spec(), Some("api-2"), Some("kept:1")).await.unwrap();
    assert!(
        created.warnings[0].starts_with("The anonymous volume at /cache had been removed"),
        "{created:?}"
    );
    assert!(created.warnings[1].starts_with("The volume api-data had been removed"), "{created:?}");
    let body = stub.body_of("POST /containers/create?name=api-2");
    assert_eq!((&body["Image"], &body["HostConfig"]["Binds"]), (&json!("kept:1"), &Value::Null));
}

#[tokio::test]
async fn a_proxy_that_forbids_questions_does_not_stop_it() {
    let (_, client) = Stub::client(
        |call| (call.starts_with("GET") && call != "GET /version").then(|| (403, json!({}))),
        false,
    )
    .await;
    assert_eq!(client.create(&spec(), None, None).await.unwrap().id, "new");
}

#[tokio::test]
async fn a_taken_name_says_who_has_it() {
    let taken: Answers = |call| {
        let words = "Conflict. The container name \"/api\" is already in use by container \"0123456789abcdef\". You have to \
             remove (or rename) that container to be able to reuse that name.";
        call.starts_with("POST /containers/create").then(|| refuse(409, words)).flatten()
    };
    let (_, client) = Stub::client(taken, false).await;
    let error = client.create(&spec(), None, None).await.unwrap_err().to_string();
    assert!(error.starts_with("the name api is taken by the container 0123456789ab:"), "{error}");
}

#[tokio::test]
async fn read_only_lets_nothing_of_this_through() {
    let (stub, client) = Stub::client(|_| None, true).await;
    assert!(matches!(
        client.create(&spec(), None, None).await,
        Err(CreateError::Engine(EngineError::ReadOnly))
    ));
    assert!(matches!(client.commit("abc", "r", "t", "").await, Err(EngineError::ReadOnly)));
    assert!(matches!(client.discard_image("r:t").await, Err(EngineError::ReadOnly)));
    assert_eq!(stub.changes(), [""; 0]);
}

#[tokio::test]
async fn a_container_that_does_not_run_is_committed_without_a_pause() {
    let stopped: Answers = |call| match call {
        "GET /containers/abc/json" => Some((200, json!({"State": {"Running": false, "Paused": false}}))),
        call if call.starts_with("POST /commit") => Some((201, json!({"Id": "sha256:made"}))),
        _ => None,
    };
    let (stub, client) = Stub::client(stopped, false).await;
    assert_eq!(client.commit("abc", "undo/api", "1", "a & b").await.unwrap(), "sha256:made");
    let call = "POST /commit?container=abc&repo=undo%2Fapi&tag=1&comment=a%20%26%20b&pause=0";
    assert_eq!(stub.changes(), [call]);
}

#[tokio::test]
async fn an_image_that_is_gone_already_counts_as_removed() {
    let (_, client) = Stub::client(|call| call.starts_with("DELETE").then(|| (404, json!({}))), false).await;
    client.discard_image("undo/api:1").await.unwrap();
    let (_, client) =
        Stub::client(|call| call.starts_with("DELETE").then(|| (409, json!({"message": "in use"}))), false)
            .await;
    assert!(client.discard_image("undo/api:1").await.is_err());
}
