use super::*;
use crate::web::{Access, Role};

/// What may be open to everybody; a route that is not here must name a role.
const PUBLIC: [&str; 8] =
    ["/static/{*path}", "/favicon.ico", "/healthz", "/readyz", "/setup", "/login", "/logout", "/theme"];

#[tokio::test]
async fn no_route_is_open_by_accident() {
    let table = table::table().unwrap();
    assert!(table.routes.len() > 20);
    for route in &table.routes {
        let open = route.access == Access::Public;
        assert_eq!(open, PUBLIC.contains(&route.path), "{} {}", route.method, route.path);
    }
}

#[tokio::test]
async fn what_admins_manage_is_for_admins() {
    for route in &table::table().unwrap().routes {
        if route.path.starts_with("/settings/users") {
            assert_eq!(route.access, Access::Role(Role::Admin), "{} {}", route.method, route.path);
        }
    }
}

#[tokio::test]
async fn every_api_call_is_described() {
    let table = table::table().unwrap();
    for route in &table.routes {
        let about_itself = matches!(route.path, "/api/openapi.json" | "/api/docs");
        if route.path.starts_with("/api/") && !about_itself {
            assert!(route.endpoint.is_some(), "{}", route.path);
        }
    }
    let document = openapi().unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"]["/api/containers/{id}"]["get"]["parameters"][0]["name"] == "id");
}
