//! Creates a container again, wholly or not at all.
//!
//! Docker itself takes much on trust: a stopped container is connected to a network that does not exist, a volume
//! that is gone is made anew, empty, and the lack of another container shows only at the start. So everything is
//! looked for first.

use std::collections::BTreeSet;
use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};

use super::body::Now;
use super::endpoints::Attachments;
use super::image::ImageNow;
use super::{CreateError, Spec, text};
use crate::docker::exchange::{Call, segment};
use crate::docker::{Client, EngineError};

/// For questions.
const QUICK: Duration = Duration::from_secs(4);
/// Docker copies what the image has where a new volume is mounted.
const CREATE: Duration = Duration::from_secs(180);
/// For networks, and for taking a container away again.
const CHANGE: Duration = Duration::from_secs(30);

/// A container that was created, and does not run yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Its full id.
    pub id: String,
    /// What is not as it was, and what Docker warns of, in sentences.
    pub warnings: Vec<String>,
}

impl Client {
    /// Creates a container from a specification, under its old name or another one, from its old image (by
    /// [`Self::image_now`]) or another one, and connects it to its networks. It is not started. When anything
    /// fails, nothing is left behind, or the error says what.
    ///
    /// Drive it to its end: given up half way, it may leave a container that is not connected yet.
    pub async fn create(
        &self,
        spec: &Spec,
        name: Option<&str>,
        image: Option<&str>,
    ) -> Result<Created, CreateError> {
        if self.is_read_only() {
            return Err(EngineError::ReadOnly.into());
        }
        let name = name.unwrap_or(spec.name());
        self.find_containers(spec).await?;
        let (networks, mode) = self.find_networks(spec).await?;
        let (gone, mut warnings) = self.find_volumes(spec).await?;
        let own = image.is_none();
        let image = match image {
            Some(image) => image.to_owned(),
            None => self.own_image(spec, &mut warnings).await?,
        };
        let now = Now { image, minor: self.minor(), mode, network: networks.first.clone(), gone };
        let mut path = format!("/containers/create?name={}", segment(name));
        if let Some(platform) = spec.platform.as_deref().filter(|_| own) {
            path.push_str(&format!("&platform={}", segment(platform)));
        }
        let body = spec.body(&now);
        let what = "POST /containers/create";
        let call = Call { method: Method::POST, path, body: Some(&body), what, deadline: CREATE };
        let made = self.exchange_json(call).await;
        let made = made.map_err(|error| CreateError::from_create(error, name, &now.image))?;
        let id = match text(made.get("Id")) {
            "" => return Err(EngineError::Damaged { what, detail: "it has no id".to_owned() }.into()),
            id => id.to_owned(),
        };
        let said = made.get("Warnings").and_then(Value::as_array).into_iter().flatten();
        warnings.extend(said.filter_map(Value::as_str).map(str::to_owned));
        if let Err((network, error)) = self.attach(spec, &id, &networks).await {
            let left = self.take_away(&id).await.err().map(|_| id);
            let reason = match error {
                EngineError::Refused { message, .. } => message.trim_end_matches('.').to_owned(),
                other => other.to_string(),
            };
            return Err(CreateError::Network { network, reason, left });
        }
        Ok(Created { id, warnings })
    }

    /// The reference that leads to the image it was made from.
    async fn own_image(&self, spec: &Spec, warnings: &mut Vec<String>) -> Result<String, CreateError> {
        let image = spec.image().to_owned();
        match self.image_now(spec).await? {
            ImageNow::Same => Ok(image),
            ImageNow::ById => {
                warnings.push(format!(
                    "{image} no longer leads to the image that the container was made from: it was created from \
                     that image by its id."
                ));
                Ok(spec.image_id().to_owned())
            }
            ImageNow::Another(_) => Err(CreateError::ImageChanged { image }),
            ImageNow::Gone => Err(CreateError::ImageGone { image }),
        }
    }

    async fn find_containers(&self, spec: &Spec) -> Result<(), CreateError> {
        for reference in spec.references() {
            let path = format!("/containers/{}/json", segment(&reference.container));
            if !self.is_there(path, "GET /containers/{id}/json").await? {
                let super::Reference { leans, container } = reference;
                return Err(CreateError::ContainerGone { leans, container });
            }
        }
        Ok(())
    }

    /// Looks for the networks; the second answer is the network mode when it has to be another one.
    async fn find_networks(&self, spec: &Spec) -> Result<(Attachments, Option<String>), CreateError> {
        let mut networks = spec.attachments();
        let there = |name: &str| {
            let path = format!("/networks/{}", segment(name));
            async move { self.is_there(path, "GET /networks/{name}").await }
        };
        for network in networks.first.iter().chain(&networks.further) {
            if !there(network).await? {
                return Err(CreateError::NetworkGone { network: network.clone() });
            }
        }
        let mut mode = None;
        if let Some(first) = &networks.first
            && first != spec.mode()
            && !there(spec.mode()).await?
        {
            // The mode is an id, and a network of the same name has taken its place.
            mode = Some(first.clone());
        }
        if let Some(left) = &networks.left
            && !there(left).await?
        {
            // It had left a network that is gone since: another one of its own takes its place.
            let Some(first) = networks.further.first().cloned() else {
                return Err(CreateError::NetworkGone { network: left.clone() });
            };
            networks.further.remove(0);
            (networks.first, networks.left, mode) = (Some(first.clone()), None, Some(first));
        }
        Ok((networks, mode))
    }

    /// Looks for the volumes: the anonymous ones that are gone, and a warning for each that will be empty.
    async fn find_volumes(&self, spec: &Spec) -> Result<(BTreeSet<String>, Vec<String>), CreateError> {
        let (mut gone, mut warnings) = (BTreeSet::new(), Vec::new());
        let anew = "had been removed: Docker made a new one, which holds only what the image puts there.";
        for volume in spec.anonymous_volumes() {
            if !self.has_volume(&volume.name).await? {
                warnings.push(format!("The anonymous volume at {} {anew}", volume.destination));
                gone.insert(volume.name);
            }
        }
        let named: BTreeSet<String> = spec.named_volumes().into_iter().map(|volume| volume.name).collect();
        for name in named {
            if !self.has_volume(&name).await? {
                warnings.push(format!("The volume {name} {anew}"));
            }
        }
        Ok((gone, warnings))
    }

    async fn has_volume(&self, name: &str) -> Result<bool, EngineError> {
        self.is_there(format!("/volumes/{}", segment(name)), "GET /volumes/{name}").await
    }

    /// Where a proxy does not allow to ask, it is taken to be there: Docker will say.
    async fn is_there(&self, path: String, what: &'static str) -> Result<bool, EngineError> {
        match self.look_up(path, what, QUICK).await {
            Err(EngineError::Forbidden { .. }) => Ok(true),
            found => Ok(found?.is_some()),
        }
    }

    /// Leaves and joins networks; errs with the one that failed.
    async fn attach(
        &self,
        spec: &Spec,
        id: &str,
        networks: &Attachments,
    ) -> Result<(), (String, EngineError)> {
        // None has to be left before anything can be joined.
        if let Some(network) = &networks.left {
            let body = json!({ "Container": id, "Force": true });
            let change =
                self.change_network(network, "disconnect", "POST /networks/{name}/disconnect", &body);
            change.await.map_err(|error| (network.clone(), error))?;
        }
        for network in &networks.further {
            let endpoint = spec.endpoint(network, self.minor());
            let body = json!({ "Container": id, "EndpointConfig": endpoint });
            let change = self.change_network(network, "connect", "POST /networks/{name}/connect", &body);
            change.await.map_err(|error| (network.clone(), error))?;
        }
        Ok(())
    }

    async fn change_network(
        &self,
        network: &str,
        verb: &str,
        what: &'static str,
        body: &Value,
    ) -> Result<(), EngineError> {
        let path = format!("/networks/{}/{verb}", segment(network));
        let call = Call { method: Method::POST, path, body: Some(body), what, deadline: CHANGE };
        self.exchange(call).await.map(|_| ())
    }

    /// Removes a container that was just created, and the volumes that Docker made for it. Volumes that the body
    /// names are kept.
    async fn take_away(&self, id: &str) -> Result<(), EngineError> {
        let path = format!("/containers/{id}?force=1&v=1");
        let what = "DELETE /containers/{id}";
        let call = Call { method: Method::DELETE, path, body: None, what, deadline: CHANGE };
        self.exchange(call).await.map(|_| ())
    }
}
