//! The client of a service, made from a store's settings.

use std::sync::Arc;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, AzureCredential, MicrosoftAzureBuilder};
use object_store::gcp::{GcpCredential, GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::list::PaginatedListStore;
use object_store::multipart::MultipartStore;
use object_store::{ObjectStore, RetryConfig, StaticCredentialProvider};

use super::connector::Connector;
use super::settings::{Credentials, Settings};
use super::uploads::{Signer, UploadLister};
use crate::error::{Error, Result, Status};
use crate::store::location::Service;

/// All that is asked of a service.
pub(super) trait Objects: ObjectStore + MultipartStore + PaginatedListStore {}

impl<T: ObjectStore + MultipartStore + PaginatedListStore> Objects for T {}

/// A service, and the part of it that is the store's.
pub(super) struct Client {
    pub service: Service,
    pub store: Arc<dyn Objects>,
    /// What every object's name begins with: empty, or ending in `/`.
    pub prefix: String,
    /// What lists unfinished uploads; `None`: the service has none.
    pub uploads: Option<UploadLister>,
    name: String,
    identity: String,
    /// Secrets that do not stand in the settings.
    secrets: Vec<String>,
}

impl Client {
    /// A client that has made no request yet.
    ///
    /// # Errors
    /// `InvalidArgument`, `NotFound`, `Io`: the settings do not fit.
    pub fn new(service: Service, bucket: &str, prefix: &str, settings: &Settings) -> Result<Self> {
        let made = match service {
            Service::S3 => s3(bucket, settings)?,
            Service::Gcs => gcs(bucket, settings)?,
            Service::Azure => azure(bucket, settings)?,
        };
        let name = match prefix {
            "" => format!("{}://{bucket}", service.scheme()),
            prefix => format!("{}://{bucket}/{prefix}", service.scheme()),
        };
        Ok(Client {
            service,
            store: made.store,
            uploads: made.uploads,
            identity: format!("{name} at {}", made.place),
            prefix: if prefix.is_empty() { String::new() } else { format!("{prefix}/") },
            name,
            secrets: made.secrets,
        })
    }

    /// For messages: the store's URL.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The store, told from all others.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Every text that no message may show.
    pub fn secrets(&self, settings: &Settings) -> Vec<String> {
        let mut secrets = settings.secrets();
        secrets.extend(self.secrets.iter().cloned());
        secrets.retain(|secret| !secret.is_empty());
        // A secret that holds another goes first.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets
    }
}

struct Made {
    store: Arc<dyn Objects>,
    uploads: Option<UploadLister>,
    place: String,
    secrets: Vec<String>,
}

/// Nothing is sent twice but by the store itself, which knows what may be.
fn no_retries() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}

/// Host and port of a URL, as requests name them.
fn authority(url: &str) -> Result<String> {
    let authority = url.parse::<http::Uri>().ok().and_then(|uri| uri.authority().map(ToString::to_string));
    authority.ok_or_else(|| {
        Error::new(Status::InvalidArgument, "the \"endpoint\" of a store is not a URL that names a host")
    })
}

/// A refusal by a builder. What it says may quote what it was given.
fn refused(service: Service, settings: &Settings) -> Error {
    let what = match (service, settings.credentials) {
        (Service::Gcs, Credentials::Explicit) => {
            "\"service_account_json\" is not the key of a service account"
        }
        (Service::Azure, Credentials::Explicit) => "\"access_key\" or \"sas_token\" is not one of Azure",
        (_, Credentials::Environment) => "the environment does not hold usable credentials and settings",
        _ => "they do not fit together",
    };
    let scheme = service.scheme();
    Error::new(
        Status::InvalidArgument,
        format_args!("the settings of a store of the scheme {scheme}:: {what}"),
    )
}

fn s3(bucket: &str, settings: &Settings) -> Result<Made> {
    let mut builder = match settings.credentials {
        Credentials::Environment => AmazonS3Builder::from_env(),
        Credentials::Explicit | Credentials::Anonymous => AmazonS3Builder::new(),
    };
    if let (Some(id), Some(secret)) = (&settings.access_key_id, &settings.secret_access_key) {
        builder = builder.with_access_key_id(id).with_secret_access_key(secret);
    }
    if let Some(token) = &settings.session_token {
        builder = builder.with_token(token);
    }
    if let Some(region) = &settings.region {
        builder = builder.with_region(region);
    }
    let region =
        builder.get_config_value(&AmazonS3ConfigKey::Region).unwrap_or_else(|| "us-east-1".to_owned());
    let from_environment = [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint];
    let asked = || from_environment.iter().find_map(|key| builder.get_config_value(key));
    let endpoint = settings.endpoint.clone().or_else(asked);
    let is_path_style = settings.path_style || (settings.endpoint.is_none() && endpoint.is_some());
    // A name with a dot in it does not fit the service's certificate.
    let is_path_style = is_path_style || (endpoint.is_none() && bucket.contains('.'));
    let endpoint = match endpoint {
        Some(endpoint) if is_path_style => endpoint,
        Some(endpoint) => hosted(&endpoint, bucket)?,
        None if is_path_style => format!("https://s3.{region}.amazonaws.com"),
        None => format!("https://{bucket}.s3.{region}.amazonaws.com"),
    };
    let secrets = [AmazonS3ConfigKey::SecretAccessKey, AmazonS3ConfigKey::Token];
    let secrets = secrets.iter().filter_map(|key| builder.get_config_value(key)).collect();
    let connector = Connector::new(settings, authority(&endpoint)?)?;
    let store = builder
        .with_bucket_name(bucket)
        .with_endpoint(&endpoint)
        .with_virtual_hosted_style_request(!is_path_style)
        .with_skip_signature(settings.credentials == Credentials::Anonymous)
        .with_disable_tagging(true)
        // The request for many objects needs a header that some services do not take.
        .with_disable_bulk_delete(true)
        .with_retry(no_retries())
        .with_http_connector(connector.clone())
        .build()
        .map_err(|_| refused(Service::S3, settings))?;
    let place = endpoint.trim_end_matches('/');
    let url = if is_path_style { format!("{place}/{bucket}") } else { format!("{place}/") };
    let signer = match settings.credentials {
        Credentials::Anonymous => Signer::Nothing,
        _ => Signer::Aws { credentials: Arc::clone(store.credentials()), region },
    };
    let uploads = Some(UploadLister { connector, bucket: url, signer });
    Ok(Made { store: Arc::new(store), uploads, place: endpoint, secrets })
}

/// An endpoint with the bucket in its host's name.
fn hosted(endpoint: &str, bucket: &str) -> Result<String> {
    match endpoint.split_once("://") {
        Some((scheme, rest)) => Ok(format!("{scheme}://{bucket}.{}", rest.trim_end_matches('/'))),
        None => authority(endpoint),
    }
}

fn gcs(bucket: &str, settings: &Settings) -> Result<Made> {
    let mut builder = match settings.credentials {
        Credentials::Environment => GoogleCloudStorageBuilder::from_env(),
        Credentials::Explicit | Credentials::Anonymous => GoogleCloudStorageBuilder::new(),
    };
    if let Some(account) = &settings.service_account_json {
        builder = builder.with_service_account_key(account);
    }
    if settings.credentials == Credentials::Anonymous {
        // Without any, it would search the home directory.
        let none = GcpCredential { bearer: String::new() };
        builder =
            builder.with_credentials(Arc::new(StaticCredentialProvider::new(none))).with_skip_signature(true);
    }
    let secrets = builder.get_config_value(&GoogleConfigKey::ServiceAccountKey).into_iter().collect();
    let endpoint = match &settings.endpoint {
        Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
        None => "https://storage.googleapis.com".to_owned(),
    };
    let connector = Connector::new(settings, authority(&endpoint)?)?;
    let store = builder
        .with_bucket_name(bucket)
        .with_base_url(&endpoint)
        .with_retry(no_retries())
        .with_http_connector(connector.clone())
        .build()
        .map_err(|_| refused(Service::Gcs, settings))?;
    let signer = match settings.credentials {
        Credentials::Anonymous => Signer::Nothing,
        _ => Signer::Gcp(Arc::clone(store.credentials())),
    };
    let uploads = Some(UploadLister { connector, bucket: format!("{endpoint}/{bucket}"), signer });
    Ok(Made { store: Arc::new(store), uploads, place: endpoint, secrets })
}

fn azure(container: &str, settings: &Settings) -> Result<Made> {
    let mut builder = match settings.credentials {
        Credentials::Environment => MicrosoftAzureBuilder::from_env(),
        Credentials::Explicit | Credentials::Anonymous => MicrosoftAzureBuilder::new(),
    };
    if let Some(account) = &settings.account {
        builder = builder.with_account(account);
    }
    let Some(account) = builder.get_config_value(&AzureConfigKey::AccountName) else {
        let what = "a store of the scheme az: needs the setting \"account\" (or AZURE_STORAGE_ACCOUNT_NAME)";
        return Err(Error::new(Status::InvalidArgument, what));
    };
    if let Some(key) = &settings.access_key {
        builder = builder.with_access_key(key);
    }
    if let Some(token) = &settings.sas_token {
        builder = builder.with_config(AzureConfigKey::SasKey, token);
    }
    if settings.credentials == Credentials::Anonymous {
        let none = AzureCredential::BearerToken(String::new());
        builder =
            builder.with_credentials(Arc::new(StaticCredentialProvider::new(none))).with_skip_signature(true);
    }
    let keys = [
        AzureConfigKey::AccessKey,
        AzureConfigKey::SasKey,
        AzureConfigKey::ClientSecret,
        AzureConfigKey::Token,
    ];
    let secrets = keys.iter().filter_map(|key| builder.get_config_value(key)).collect();
    let endpoint = match &settings.endpoint {
        Some(endpoint) if settings.path_style => format!("{}/{account}", endpoint.trim_end_matches('/')),
        Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
        None => format!("https://{account}.blob.core.windows.net"),
    };
    let connector = Connector::new(settings, authority(&endpoint)?)?;
    let store = builder
        .with_container_name(container)
        .with_endpoint(endpoint.clone())
        .with_disable_tagging(true)
        .with_retry(no_retries())
        .with_http_connector(connector)
        .build()
        .map_err(|_| refused(Service::Azure, settings))?;
    // It removes blocks that were never committed by itself.
    Ok(Made { store: Arc::new(store), uploads: None, place: endpoint, secrets })
}
