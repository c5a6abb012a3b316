//! What is sent to create or change a proxy, by the API or by the form, checked field by field.

mod read;
mod words;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::model::ProxySpec;
use read::Reader;

/// What is wrong, by field.
pub type Wrong = BTreeMap<Cow<'static, str>, String>;

/// A proxy as it is sent: what is left out is as it was, or as it is by default.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = ProxyBody)]
#[serde(default, deny_unknown_fields)]
pub struct ProxyBody {
    /// The domains, `*.example.org` for all below one.
    pub domains: Option<Vec<String>>,
    /// Only paths below this one; empty or `/` for all.
    pub path: Option<String>,
    /// Where it leads.
    pub destination: Option<DestinationBody>,
    /// `gateway`.
    pub provider: Option<String>,
    /// `off`.
    pub tls: Option<String>,
    /// Whether it is served.
    pub enabled: Option<bool>,
    /// Under which conditions.
    pub options: Option<OptionsBody>,
    /// How its health is checked.
    pub check: Option<CheckBody>,
    /// For people.
    pub notes: Option<String>,
    /// For people.
    pub tags: Option<Vec<String>>,
    /// Save it although a check of it fails.
    pub force: bool,
    /// The version that was changed: another one meanwhile is a conflict.
    pub version: Option<i64>,
}

/// Where a proxy leads: `host`, or `container`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = DestinationBody)]
#[serde(default, deny_unknown_fields)]
pub struct DestinationBody {
    /// `http` or `https`.
    pub scheme: Option<String>,
    /// A name or an address.
    pub host: Option<String>,
    /// A container's name, or `project/service`.
    pub container: Option<String>,
    /// 1 to 65535; that inside the container, where it is one.
    pub port: Option<i64>,
}

/// Conditions of a proxy.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = ProxyOptionsBody)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "each is described where it is kept, in `Options`")]
pub struct OptionsBody {
    pub websockets: Option<bool>,
    pub strip_path: Option<bool>,
    pub http2: Option<bool>,
    pub verify_tls: Option<bool>,
    pub own_host: Option<bool>,
    pub request_headers: Option<HeadersBody>,
    pub response_headers: Option<HeadersBody>,
    /// Bytes; 0 for any size.
    pub body_limit: Option<u64>,
    /// A duration, `5s`.
    pub connect_timeout: Option<String>,
    /// A duration, `60s`.
    pub response_timeout: Option<String>,
    /// A duration, `60s`.
    pub idle_timeout: Option<String>,
    /// A duration, `1h`.
    pub tunnel_timeout: Option<String>,
    /// 0 for any number.
    pub max_concurrent: Option<u32>,
    /// Without a password, a user keeps the one that is set.
    pub basic_auth: Option<Vec<UserBody>>,
    pub allow: Option<Vec<String>>,
    pub deny: Option<Vec<String>>,
    pub maintenance: Option<bool>,
    pub maintenance_message: Option<String>,
}

/// Headers to set and to remove.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = HeadersBody)]
#[serde(default, deny_unknown_fields)]
pub struct HeadersBody {
    /// Name, value.
    pub set: BTreeMap<String, String>,
    /// Names.
    pub remove: Vec<String>,
}

/// A user who may pass.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = BasicUserBody)]
#[serde(default, deny_unknown_fields)]
pub struct UserBody {
    /// The name.
    pub name: String,
    /// The password; left out, the one that is set stays.
    pub password: Option<String>,
}

impl std::fmt::Debug for UserBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserBody").field("name", &self.name).finish_non_exhaustive()
    }
}

/// How the health of a proxy is checked.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = CheckBody)]
#[serde(default, deny_unknown_fields)]
pub struct CheckBody {
    /// Whether it is.
    pub enabled: Option<bool>,
    /// What is asked for.
    pub path: Option<String>,
    /// `GET` or `HEAD`.
    pub method: Option<String>,
    /// Status codes that are fine, `200-399, 401`.
    pub expect: Option<String>,
    /// A duration, `30s`.
    pub interval: Option<String>,
    /// A duration, `10s`.
    pub timeout: Option<String>,
    /// Failures in a row.
    pub failures: Option<u32>,
    /// Successes in a row.
    pub successes: Option<u32>,
}

/// What was sent, checked; users with new passwords are yet to be hashed.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What is wanted.
    pub spec: ProxySpec,
    /// Names and new passwords.
    pub passwords: Vec<(String, String)>,
}

impl ProxyBody {
    /// What is wanted when this is sent over `base`. Errors: all that is wrong, by field.
    pub fn over(&self, base: &ProxySpec) -> Result<Wanted, Wrong> {
        let mut reader = Reader::default();
        let spec = reader.spec(self, base);
        if reader.wrong.is_empty() {
            Ok(Wanted { spec, passwords: reader.passwords })
        } else {
            Err(reader.wrong)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::proxies::model::{BasicUser, Target};

    fn body(json: serde_json::Value) -> ProxyBody {
        serde_json::from_value(json).unwrap()
    }

    fn read(json: serde_json::Value) -> Result<ProxySpec, Wrong> {
        body(json).over(&ProxySpec::default()).map(|wanted| wanted.spec)
    }

    fn to(destination: serde_json::Value) -> serde_json::Value {
        serde_json::json!({"domains": ["a.test"], "destination": destination})
    }

    #[test]
    fn only_domains_and_a_destination_are_needed() {
        let spec = read(to(serde_json::json!({"host": "192.168.1.20", "port": 80}))).unwrap();
        assert_eq!(spec.destination.to_string(), "http://192.168.1.20:80");
        assert_eq!(
            (spec.provider.as_str(), spec.tls.as_str(), spec.options.websockets),
            ("gateway", "off", true)
        );
        let spec = read(to(serde_json::json!({"container": "shop/web", "port": 3000}))).unwrap();
        assert_eq!(spec.destination.target, Target::Container("shop/web".into()));
    }

    #[test]
    fn what_is_wrong_is_named_by_its_field() {
        for (destination, field) in [
            (serde_json::json!({"host": "a", "port": 0}), "destination.port"),
            (serde_json::json!({"host": "a", "port": 65536}), "destination.port"),
            (serde_json::json!({"host": "a"}), "destination.port"),
            (serde_json::json!({"port": 80}), "destination.host"),
            (serde_json::json!({"host": "http://a", "port": 80}), "destination.host"),
            (serde_json::json!({"host": "169.254.169.254", "port": 80}), "destination.host"),
            (serde_json::json!({"host": "a", "container": "b", "port": 80}), "destination.container"),
            (serde_json::json!({"container": "a b", "port": 80}), "destination.container"),
            (serde_json::json!({"scheme": "ftp", "host": "a", "port": 80}), "destination.scheme"),
        ] {
            let wrong = read(to(destination.clone())).unwrap_err();
            assert_eq!(wrong.keys().collect::<Vec<_>>(), [field], "{destination}");
        }
        let wrong = read(serde_json::json!({})).unwrap_err();
        assert_eq!(wrong.keys().collect::<Vec<_>>(), ["destination.host", "domains"]);
        let all = serde_json::json!({
            "domains": ["*.*"], "path": "x", "destination": {"host": "a", "port": 80}, "provider": "npm", "tls": "auto",
            "options": {"connect_timeout": "0s", "allow": ["nowhere"], "basic_auth": [{"name": "ada"}],
                        "request_headers": {"set": {"Host": "x"}}},
            "check": {"expect": "abc", "path": "x", "interval": "1s", "method": "POST", "failures": 0},
        });
        assert_eq!(read(all).unwrap_err().len(), 13);
    }

    #[test]
    fn a_user_keeps_a_password_that_is_not_sent() {
        let mut base = read(to(serde_json::json!({"host": "a", "port": 80}))).unwrap();
        base.options.basic_auth = vec![BasicUser { name: "ada".into(), password_hash: "hash".into() }];
        let sent = body(
            serde_json::json!({"options": {"basic_auth": [{"name": "ada"}, {"name": "bob", "password": "pw"}]}}),
        );
        let wanted = sent.over(&base).unwrap();
        assert_eq!(wanted.spec.options.basic_auth[0].password_hash, "hash");
        assert_eq!(wanted.passwords, [("bob".to_owned(), "pw".to_owned())]);
        // What is not sent stays.
        assert_eq!(body(serde_json::json!({"notes": "x"})).over(&base).unwrap().spec.options, base.options);
    }
}
