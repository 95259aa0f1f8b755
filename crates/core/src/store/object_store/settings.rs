//! The settings of a store in a bucket, as JSON. No message ever shows a value: it may be a secret that
//! stands in the wrong place.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::error::{Error, Result, Status};
use crate::store::location::{self, Service};

/// How many bytes a part of a large object has if nothing else is said.
const PART_BYTES: u64 = 8 << 20;

/// Where the credentials come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Credentials {
    /// From the settings alone.
    Explicit,
    /// From the provider chain: variables, web identity, container, instance metadata.
    Environment,
    /// There are none: requests are not signed.
    Anonymous,
}

/// What a store in a bucket is told.
pub(super) struct Settings {
    pub credentials: Credentials,
    pub access_key_id: Option<String>,
    pub secret_access_key: Option<String>,
    pub session_token: Option<String>,
    pub region: Option<String>,
    pub account: Option<String>,
    pub access_key: Option<String>,
    pub sas_token: Option<String>,
    pub service_account_json: Option<String>,
    pub endpoint: Option<String>,
    pub path_style: bool,
    pub allow_http: bool,
    pub ca_file: Option<String>,
    pub proxy_url: Option<String>,
    pub request_timeout: Duration,
    pub transfer_timeout: Duration,
    pub connect_timeout: Duration,
    pub part_bytes: usize,
    pub spool_directory: Option<String>,
}

fn invalid(what: impl std::fmt::Display) -> Error {
    Error::new(Status::InvalidArgument, what)
}

/// The settings that were not taken out yet.
struct Given {
    scheme: &'static str,
    values: Map<String, Value>,
}

impl Given {
    fn text(&mut self, name: &str) -> Result<Option<String>> {
        match self.values.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if !text.is_empty() && !text.contains('\0') => Ok(Some(text)),
            Some(_) => {
                Err(invalid(format_args!("the setting {name:?} of a store is a text that is not empty")))
            }
        }
    }

    fn flag(&mut self, name: &str, default: bool) -> Result<bool> {
        match self.values.remove(name) {
            None | Some(Value::Null) => Ok(default),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(_) => Err(invalid(format_args!("the setting {name:?} of a store is true or false"))),
        }
    }

    fn number(&mut self, name: &str, default: u64, least: u64, most: u64) -> Result<u64> {
        let number = match self.values.remove(name) {
            None | Some(Value::Null) => return Ok(default),
            Some(number) => number.as_u64().filter(|number| (least..=most).contains(number)),
        };
        let refusal =
            || invalid(format_args!("the setting {name:?} of a store is a number from {least} to {most}"));
        number.ok_or_else(refusal)
    }

    fn milliseconds(&mut self, name: &str, default: u64) -> Result<Duration> {
        self.number(name, default, 1, 86_400_000).map(Duration::from_millis)
    }

    /// What is left is unknown, or another service's.
    fn check_rest(self) -> Result<()> {
        match self.values.keys().next() {
            None => Ok(()),
            Some(name) => {
                let scheme = self.scheme;
                Err(invalid(format_args!("a store of the scheme {scheme}: has no setting {name:?}")))
            }
        }
    }
}

impl Settings {
    /// Reads and checks the settings of a service.
    ///
    /// # Errors
    /// `InvalidArgument`, naming the setting and never its value.
    pub(super) fn parse(service: Service, json: &str) -> Result<Self> {
        let mut given = Given { scheme: service.scheme(), values: location::settings(json)? };
        let credentials = match given.text("credentials")?.as_deref() {
            None | Some("explicit") => Credentials::Explicit,
            Some("environment") => Credentials::Environment,
            Some("anonymous") => Credentials::Anonymous,
            Some(_) => {
                return Err(invalid(
                    "the setting \"credentials\" of a store is \"explicit\", \"environment\" or \"anonymous\"",
                ));
            }
        };
        let only = |wanted: Service, given: &mut Given, name: &str| match service == wanted {
            true => given.text(name),
            false => Ok(None),
        };
        let endpoint = given.text("endpoint")?;
        let default_parts = (5 << 20)..=(64 << 20);
        let settings = Settings {
            credentials,
            access_key_id: only(Service::S3, &mut given, "access_key_id")?,
            secret_access_key: only(Service::S3, &mut given, "secret_access_key")?,
            session_token: only(Service::S3, &mut given, "session_token")?,
            region: only(Service::S3, &mut given, "region")?,
            account: only(Service::Azure, &mut given, "account")?,
            access_key: only(Service::Azure, &mut given, "access_key")?,
            sas_token: only(Service::Azure, &mut given, "sas_token")?,
            service_account_json: only(Service::Gcs, &mut given, "service_account_json")?,
            path_style: given.flag("path_style", endpoint.is_some())?,
            endpoint,
            allow_http: given.flag("allow_http", false)?,
            ca_file: given.text("ca_file")?,
            proxy_url: given.text("proxy_url")?,
            request_timeout: given.milliseconds("request_timeout_ms", 30_000)?,
            transfer_timeout: given.milliseconds("transfer_timeout_ms", 300_000)?,
            connect_timeout: given.milliseconds("connect_timeout_ms", 5_000)?,
            part_bytes: usize::try_from(given.number(
                "part_bytes",
                PART_BYTES,
                *default_parts.start(),
                *default_parts.end(),
            )?)
            .unwrap_or(usize::MAX),
            spool_directory: given.text("spool_directory")?,
        };
        given.check_rest()?;
        settings.check(service)?;
        Ok(settings)
    }

    /// Every value that no message may show.
    pub(super) fn secrets(&self) -> Vec<String> {
        let values = [
            &self.secret_access_key,
            &self.session_token,
            &self.access_key,
            &self.sas_token,
            &self.service_account_json,
            &self.proxy_url,
        ];
        let mut secrets: Vec<String> = values.into_iter().flatten().cloned().collect();
        let proxy = self.proxy_url.as_deref().and_then(|url| url::Url::parse(url).ok());
        secrets.extend(proxy.as_ref().and_then(url::Url::password).map(str::to_owned));
        // The signature of a SAS token and the key of a service account are shown by themselves, if at all.
        for pair in self.sas_token.iter().flat_map(|token| token.split(['?', '&'])) {
            secrets.extend(pair.strip_prefix("sig=").map(str::to_owned));
        }
        if let Some(Ok(Value::Object(account))) =
            self.service_account_json.as_deref().map(serde_json::from_str)
        {
            secrets.extend(account.get("private_key").and_then(Value::as_str).map(str::to_owned));
        }
        secrets
    }

    /// Whether they fit together.
    fn check(&self, service: Service) -> Result<()> {
        let given = |names: &[(&'static str, &Option<String>)]| {
            names.iter().find(|(_, value)| value.is_some()).map(|(name, _)| *name)
        };
        let keys = [
            ("access_key_id", &self.access_key_id),
            ("secret_access_key", &self.secret_access_key),
            ("session_token", &self.session_token),
            ("access_key", &self.access_key),
            ("sas_token", &self.sas_token),
            ("service_account_json", &self.service_account_json),
        ];
        if self.credentials != Credentials::Explicit
            && let Some(name) = given(&keys)
        {
            return Err(invalid(format_args!(
                "the setting {name:?} of a store goes with \"credentials\": \"explicit\" only"
            )));
        }
        let missing = |name: &str| {
            Err(invalid(format_args!(
                "a store of the scheme {}: needs the setting {name:?} (or \"credentials\": \"environment\" or \
                 \"anonymous\")",
                service.scheme()
            )))
        };
        if self.credentials == Credentials::Explicit {
            match service {
                Service::S3 if self.access_key_id.is_none() => return missing("access_key_id"),
                Service::S3 if self.secret_access_key.is_none() => return missing("secret_access_key"),
                Service::Azure if self.access_key.is_none() && self.sas_token.is_none() => {
                    return missing("access_key");
                }
                Service::Azure if self.access_key.is_some() && self.sas_token.is_some() => {
                    return Err(invalid(
                        "of the settings \"access_key\" and \"sas_token\" a store takes one, not both",
                    ));
                }
                Service::Gcs if self.service_account_json.is_none() => {
                    return missing("service_account_json");
                }
                _ => {}
            }
        }
        if service == Service::Azure && self.account.is_none() && self.credentials != Credentials::Environment
        {
            return Err(invalid("a store of the scheme az: needs the setting \"account\""));
        }
        let check_url = |name: &str, url: &Option<String>| {
            let Some(text) = url else { return Ok(()) };
            let is_web = |url: &url::Url| matches!(url.scheme(), "http" | "https") && url.has_host();
            match url::Url::parse(text) {
                Ok(url) if is_web(&url) => Ok(()),
                _ => {
                    Err(invalid(format_args!("the setting {name:?} of a store is a URL of http: or https:")))
                }
            }
        };
        check_url("endpoint", &self.endpoint)?;
        check_url("proxy_url", &self.proxy_url)?;
        let is_open = self.endpoint.as_deref().is_some_and(|url| !url.starts_with("https:"));
        if is_open && !self.allow_http {
            return Err(invalid(
                "the setting \"endpoint\" of a store is a URL of http:, over which anybody can read and change \
                 what is sent: it takes the setting \"allow_http\": true",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &str = r#""access_key_id": "id", "secret_access_key": "hidden""#;

    #[test]
    fn settings_have_defaults() {
        let settings = Settings::parse(Service::S3, &format!("{{{KEYS}}}")).unwrap();
        assert_eq!(settings.credentials, Credentials::Explicit);
        assert!(!settings.path_style && !settings.allow_http);
        assert_eq!(settings.part_bytes, 8 << 20);
        assert_eq!(settings.request_timeout, Duration::from_secs(30));
        assert_eq!(settings.secrets(), ["hidden"]);
        let json =
            format!(r#"{{{KEYS}, "endpoint": "http://127.0.0.1:9000", "allow_http": true, "region": null}}"#);
        assert!(Settings::parse(Service::S3, &json).unwrap().path_style);
    }

    #[test]
    fn a_wrong_setting_is_named_and_its_value_never_shown() {
        for (service, json, fragment) in [
            (Service::S3, "[\"hidden\"]".to_owned(), "a JSON object"),
            (Service::S3, "{\"hidden".to_owned(), "line 1, column"),
            (Service::S3, "{}".to_owned(), "\"access_key_id\""),
            (Service::S3, r#"{"access_key_id": "id"}"#.to_owned(), "\"secret_access_key\""),
            (Service::S3, format!(r#"{{{KEYS}, "acount": "hidden"}}"#), "no setting \"acount\""),
            (Service::S3, format!(r#"{{{KEYS}, "sas_token": "hidden"}}"#), "no setting \"sas_token\""),
            (Service::S3, r#"{"secret_access_key": 4711}"#.to_owned(), "\"secret_access_key\""),
            (Service::S3, format!(r#"{{{KEYS}, "credentials": "hidden"}}"#), "\"credentials\""),
            (Service::S3, format!(r#"{{{KEYS}, "credentials": "anonymous"}}"#), "\"access_key_id\""),
            (Service::S3, format!(r#"{{{KEYS}, "part_bytes": 1}}"#), "from 5242880 to 67108864"),
            (Service::S3, format!(r#"{{{KEYS}, "path_style": "hidden"}}"#), "true or false"),
            (Service::S3, format!(r#"{{{KEYS}, "request_timeout_ms": 0}}"#), "\"request_timeout_ms\""),
            (Service::S3, format!(r#"{{{KEYS}, "endpoint": "hidden"}}"#), "\"endpoint\""),
            (Service::S3, format!(r#"{{{KEYS}, "endpoint": "http://hidden"}}"#), "\"allow_http\""),
            (Service::S3, format!(r#"{{{KEYS}, "proxy_url": "x:hidden"}}"#), "\"proxy_url\""),
            (Service::Azure, r#"{"account": "a"}"#.to_owned(), "\"access_key\""),
            (Service::Azure, r#"{"access_key": "hidden"}"#.to_owned(), "\"account\""),
            (
                Service::Azure,
                r#"{"account": "a", "access_key": "hidden", "sas_token": "hidden"}"#.to_owned(),
                "not both",
            ),
            (Service::Gcs, "{}".to_owned(), "\"service_account_json\""),
            (Service::Gcs, r#"{"region": "x"}"#.to_owned(), "no setting \"region\""),
        ] {
            let Err(error) = Settings::parse(service, &json) else {
                assert!(fragment.is_empty(), "{json} is taken");
                continue;
            };
            assert_eq!(error.status(), Status::InvalidArgument, "{json}: {error}");
            assert!(error.message().contains(fragment), "{json}: {error}");
            assert!(
                !error.message().contains("hidden") && !error.message().contains("4711"),
                "{json}: {error}"
            );
        }
    }

    #[test]
    fn the_parts_of_a_credential_are_secrets_as_well() {
        let json = r#"{"account": "a", "sas_token": "?sv=2024&sig=abc%3D&se=x"}"#;
        let secrets = Settings::parse(Service::Azure, json).unwrap().secrets();
        assert!(secrets.contains(&"abc%3D".to_owned()), "{secrets:?}");
        let json = r#"{"service_account_json": "{\"private_key\": \"the key\"}"}"#;
        let secrets = Settings::parse(Service::Gcs, json).unwrap().secrets();
        assert!(secrets.contains(&"the key".to_owned()), "{secrets:?}");
    }
}
