//! One registration gives a route its path, its role, its description and its handler. A router can be
//! made in no other way, so none is open by accident; `/api/openapi.json` and the live stream read the
//! same table.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{MethodFilter, on};

use super::WebError;
use super::access::{Access, Identity, Role};
use super::api::{Endpoint, QueryMap};
use super::request::{RequestInfo, Wants};

/// The topics of a page's live stream, from its path and query.
pub type LiveTopics = fn(path: &str, query: &QueryMap) -> Vec<String>;

/// What is known of one route.
#[derive(Clone)]
pub struct RouteInfo {
    /// The method it answers.
    pub method: Method,
    /// The path, in axum's notation.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
    /// What its live stream carries, when it is a live page.
    pub live: Option<LiveTopics>,
    /// Its description, when it belongs to the API.
    pub endpoint: Option<Endpoint>,
}

/// Routes that share a state.
pub struct Routes<S = ()> {
    router: Router<S>,
    table: Vec<RouteInfo>,
    state: S,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// No routes yet.
    pub fn of(state: S) -> Self {
        Self { router: Router::new(), table: Vec::new(), state }
    }

    /// A page.
    #[must_use]
    pub fn get<H, T>(self, path: &'static str, access: impl Into<Access>, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.add(Method::GET, path, access.into(), None, handler)
    }

    /// What a form posts to.
    #[must_use]
    pub fn post<H, T>(self, path: &'static str, access: impl Into<Access>, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.add(Method::POST, path, access.into(), None, handler)
    }

    /// The page registered last is live: these are its topics.
    #[must_use]
    pub fn live(mut self, topics: LiveTopics) -> Self {
        if let Some(route) = self.table.last_mut() {
            route.live = Some(topics);
        }
        self
    }

    /// A call of the JSON API.
    #[must_use]
    pub fn api<H, T>(self, endpoint: Endpoint, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.add(endpoint.method.clone(), endpoint.path, endpoint.access, Some(endpoint), handler)
    }

    /// Ends the registration.
    pub fn done(self) -> Routes {
        Routes { router: self.router.with_state(self.state), table: self.table, state: () }
    }

    fn add<H, T>(
        mut self,
        method: Method,
        path: &'static str,
        access: Access,
        endpoint: Option<Endpoint>,
        handler: H,
    ) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        let filter = match method {
            Method::POST => MethodFilter::POST,
            Method::PATCH => MethodFilter::PATCH,
            Method::PUT => MethodFilter::PUT,
            Method::DELETE => MethodFilter::DELETE,
            _ => MethodFilter::GET,
        };
        let guarded =
            on(filter, handler).route_layer(middleware::from_fn(move |request: Request, next: Next| {
                guard(access, request, next)
            }));
        self.router = self.router.route(path, guarded);
        self.table.push(RouteInfo { method, path, access, live: None, endpoint });
        self
    }
}

impl Routes {
    /// Adds the routes of another feature.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.table.extend(other.table);
        self
    }

    /// The router and the table of what it serves.
    pub fn finish(self) -> (Router, Arc<RouteTable>) {
        let mut live = matchit::Router::new();
        for route in &self.table {
            if let (Some(topics), Access::Role(role)) = (route.live, route.access)
                && let Err(error) = live.insert(route.path, (role, topics))
            {
                tracing::error!(route = route.path, %error, "a live page is registered twice");
            }
        }
        let router = self
            .router
            .fallback(|| async { WebError::NotFound("There is no such page.".to_owned()) })
            .method_not_allowed_fallback(|| async { WebError::MethodNotAllowed });
        (router, Arc::new(RouteTable { routes: self.table, live }))
    }
}

/// Everything that is served.
pub struct RouteTable {
    /// One entry a method and path.
    pub routes: Vec<RouteInfo>,
    live: matchit::Router<(Role, LiveTopics)>,
}

impl RouteTable {
    /// The role and the topics of the live page at an address.
    pub fn live_page(&self, address: &str) -> Option<(Role, Vec<String>)> {
        let address = address.split('#').next().unwrap_or_default();
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        let (role, topics) = *self.live.at(path).ok()?.value;
        Some((role, topics(path, &QueryMap::parse(query))))
    }

    /// The API's calls by path.
    pub fn endpoints(&self) -> BTreeMap<&'static str, Vec<&Endpoint>> {
        let mut paths: BTreeMap<&'static str, Vec<&Endpoint>> = BTreeMap::new();
        for endpoint in self.routes.iter().filter_map(|route| route.endpoint.as_ref()) {
            paths.entry(endpoint.path).or_default().push(endpoint);
        }
        paths
    }
}

/// Lets a request through when its sender may use the route.
async fn guard(access: Access, request: Request, next: Next) -> Response {
    let Access::Role(needed) = access else { return next.run(request).await };
    let extensions = request.extensions();
    match extensions.get::<Identity>() {
        Some(identity) if identity.role >= needed => next.run(request).await,
        Some(identity) => WebError::Forbidden(format!(
            "This needs the role {needed}; {} is {}. An admin can change that.",
            identity.name, identity.role
        ))
        .into_response(),
        None => {
            let info = extensions.get::<RequestInfo>();
            let is_navigation = request.method() == Method::GET && !request.uri().path().starts_with("/live");
            match info {
                Some(info) if info.wants == Wants::Page && is_navigation => to_login(&info.target),
                Some(info) if info.wants == Wants::Page && request.method() == Method::POST => to_login("/"),
                _ => WebError::Unauthenticated.into_response(),
            }
        }
    }
}

fn to_login(target: &str) -> Response {
    if target == "/" {
        return Redirect::to("/login").into_response();
    }
    let next: String = url::form_urlencoded::byte_serialize(target.as_bytes()).collect();
    Redirect::to(&format!("/login?next={next}")).into_response()
}
