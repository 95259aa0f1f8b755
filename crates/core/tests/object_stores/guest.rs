//! A guest in somebody's process: no thread, no environment read unasked, and the other side of a connection
//! is who it says it is.

use std::io::{BufReader, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;

use lode_core::Status;
use lode_core::context::CallOptions;
use lode_core::layout::Layout;
use lode_core::options::CommitOptions;
use lode_core::store::{Store, StoreOptions};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;

use crate::commits::{append, open, records};
use crate::mini_http::{read_request, relay};
use crate::servers;

/// Under which variable a run of this program plays a process of its own.
const ROLE: &str = "LODE_TEST_URL";

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

/// Commits and reads at a host's name.
fn play(endpoint: &str, more: &str) {
    let store = servers::s3_store(endpoint, &servers::fresh_prefix(), more);
    let events = open(&store, "events", Layout::Default);
    let commit = append(&events, r#"{"n":1}"#, CommitOptions::default()).unwrap();
    assert_eq!(records(&events, &commit.snapshot), [r#"{"n":1}"#]);
}

#[test]
fn a_process_of_its_own() {
    // Without the variable there is nothing to play: the test below starts it.
    let Ok(endpoint) = std::env::var(ROLE) else { return };
    let before = threads();
    play(&endpoint, "");
    assert_eq!(threads(), before, "a thread stays behind");
}

#[test]
fn no_thread_is_left_and_no_variable_is_read_unasked() {
    let Some(server) = servers::minio() else { return };
    let dead = format!("http://127.0.0.1:{}", servers::free_port());
    let played = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "guest::a_process_of_its_own", "--test-threads=1"])
        .env(ROLE, format!("http://localhost:{}", server.port))
        .envs(
            ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"].map(|name| (name, &dead)),
        )
        .envs(["AWS_ENDPOINT_URL", "AWS_ENDPOINT", "AWS_ENDPOINT_URL_S3"].map(|name| (name, &dead)))
        .envs(
            ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]
                .map(|name| (name, "misleading")),
        )
        .envs([
            ("AWS_REGION", "mars-north-1"),
            ("AWS_DEFAULT_REGION", "mars-north-1"),
            ("AWS_SKIP_SIGNATURE", "true"),
        ])
        .envs([("SSL_CERT_FILE", "/nowhere"), ("SSL_CERT_DIR", "/nowhere")])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&played.stdout);
    assert!(
        played.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&played.stderr)
    );
}

#[test]
fn the_environment_is_read_where_the_settings_say_so() {
    if let Ok(endpoint) = std::env::var("LODE_TEST_FROM_ENVIRONMENT") {
        let settings =
            format!(r#"{{"credentials": "environment", "endpoint": "{endpoint}", "allow_http": true}}"#);
        let url = format!("s3://tests/{}", servers::fresh_prefix());
        let store = Store::open_url(&url, &settings, StoreOptions::default()).unwrap();
        return store.put("k", b"x", &CallOptions::default()).unwrap();
    }
    let Some(server) = servers::minio() else { return };
    let run = |secret: &str| {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "guest::the_environment_is_read_where_the_settings_say_so"])
            .env("LODE_TEST_FROM_ENVIRONMENT", server.url())
            .env("AWS_ACCESS_KEY_ID", servers::USER)
            .env("AWS_SECRET_ACCESS_KEY", secret)
            .output()
            .unwrap()
    };
    assert!(run(servers::SECRET).status.success());
    let wrong = run("another-secret");
    let said = String::from_utf8_lossy(&wrong.stdout);
    assert!(!wrong.status.success() && said.contains("ACCESS_DENIED"), "{said}");
}

#[test]
fn an_endpoint_without_tls_from_the_environment_is_not_sent_to_unasked() {
    if let Ok(allowed) = std::env::var("LODE_TEST_ENDPOINT_WITHOUT_TLS") {
        let settings = format!(r#"{{"credentials": "environment"{allowed}}}"#);
        let url = format!("s3://tests/{}", servers::fresh_prefix());
        let store = Store::open_url(&url, &settings, StoreOptions::default()).unwrap();
        let put = store.put("k", b"x", &CallOptions::default());
        if !allowed.is_empty() {
            return put.unwrap();
        }
        let error = put.unwrap_err();
        assert_eq!((error.status(), error.action()), (Status::Io, lode_core::Action::GiveUp), "{error}");
        assert!(
            error.message().contains("not sent: 127.0.0.1") && error.message().contains("\"allow_http\""),
            "{error}"
        );
        return;
    }
    let Some(server) = servers::minio() else { return };
    for allowed in ["", r#", "allow_http": true"#] {
        let played = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "guest::an_endpoint_without_tls_from_the_environment_is_not_sent_to_unasked"])
            .env("LODE_TEST_ENDPOINT_WITHOUT_TLS", allowed)
            .env("AWS_ENDPOINT_URL", server.url())
            .env("AWS_ACCESS_KEY_ID", servers::USER)
            .env("AWS_SECRET_ACCESS_KEY", servers::SECRET)
            .output()
            .unwrap();
        assert!(played.status.success(), "{allowed}: {}", String::from_utf8_lossy(&played.stdout));
    }
}

/// The service that hands a machine's own credentials out, without TLS.
fn instance_metadata() -> String {
    use crate::mini_http::{Server, answer};
    let server = Server::start(|request, stream| {
        let credentials = format!(
            r#"{{"AccessKeyId": "{}", "SecretAccessKey": "{}", "Token": "", "Expiration": "2999-01-01T00:00:00Z"}}"#,
            servers::USER,
            servers::SECRET
        );
        let body = match request.path() {
            "/latest/api/token" => "a token",
            "/latest/meta-data/iam/security-credentials/" => "role",
            "/latest/meta-data/iam/security-credentials/role" => credentials.as_str(),
            other => panic!("asked for {other}"),
        };
        answer(stream, 200, &[], body.as_bytes())
    });
    server.url()
}

#[test]
fn a_machine_hands_its_credentials_out_without_tls_while_the_service_takes_no_other() {
    if let Ok(endpoint) = std::env::var("LODE_TEST_FROM_MACHINE") {
        let ca_file = std::env::var("LODE_TEST_CA_FILE").unwrap();
        let settings =
            format!(r#"{{"credentials": "environment", "endpoint": "{endpoint}", "ca_file": "{ca_file}"}}"#);
        let url = format!("s3://tests/{}", servers::fresh_prefix());
        let store = Store::open_url(&url, &settings, StoreOptions::default()).unwrap();
        return store.put("k", b"x", &CallOptions::default()).unwrap();
    }
    let Some(server) = servers::minio() else { return };
    let directory = servers::TempDir::new("machine");
    let (pem, port) = tls_server("localhost", server.address());
    let ca_file = directory.0.join("ca.pem");
    std::fs::write(&ca_file, pem).unwrap();
    let played = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "guest::a_machine_hands_its_credentials_out_without_tls_while_the_service_takes_no_other",
        ])
        .env("LODE_TEST_FROM_MACHINE", format!("https://localhost:{port}"))
        .env("LODE_TEST_CA_FILE", &ca_file)
        .env("AWS_METADATA_ENDPOINT", instance_metadata())
        .env_remove("AWS_ACCESS_KEY_ID")
        .output()
        .unwrap();
    assert!(played.status.success(), "{}", String::from_utf8_lossy(&played.stdout));
}

/// An authority, and a server with a certificate of it for this name that passes all on to MinIO.
fn tls_server(name: &str, upstream: String) -> (String, u16) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (config, upstream) = (Arc::clone(&config), upstream.clone());
            std::thread::spawn(move || {
                let connection = rustls::ServerConnection::new(config).unwrap();
                let mut reader = BufReader::new(rustls::StreamOwned::new(connection, stream.unwrap()));
                while let Some(request) = read_request(&mut reader) {
                    let relayed = relay(&request, &upstream);
                    let stream = reader.get_mut();
                    if stream.write_all(&relayed.head).and_then(|()| stream.write_all(&relayed.body)).is_err()
                    {
                        return;
                    }
                }
            });
        }
    });
    (authority.pem(), port)
}

#[test]
fn tls_takes_the_authority_of_the_settings_and_the_right_name_only() {
    let Some(server) = servers::minio() else { return };
    let directory = servers::TempDir::new("tls");
    let (pem, port) = tls_server("localhost", server.address());
    let (stranger, _) = tls_server("localhost", server.address());
    let file = |name: &str, pem: &str| {
        let path = directory.0.join(name);
        std::fs::write(&path, pem).unwrap();
        format!(r#""ca_file": "{}""#, path.display())
    };
    let (ours, others) = (file("ours.pem", &pem), file("others.pem", &stranger));
    play(&format!("https://localhost:{port}"), &ours);

    // Another authority, none but the system's, and another name.
    let none = CallOptions::default();
    for (host, more) in [("localhost", others.as_str()), ("localhost", ""), ("127.0.0.1", ours.as_str())] {
        let store = servers::s3_store(&format!("https://{host}:{port}"), "p", more);
        let error = store.get("k", &none).unwrap_err();
        assert_eq!((error.status(), error.action()), (Status::Io, lode_core::Action::GiveUp), "{error}");
        assert!(error.message().contains("certificate"), "{host} {more}: {error}");
    }
    let broken = file("broken.pem", "no certificate");
    for (more, status) in
        [(broken.as_str(), Status::InvalidArgument), (r#""ca_file": "/nowhere/x.pem""#, Status::NotFound)]
    {
        let settings = servers::s3_settings("https://localhost", more);
        let error = Store::open_url("s3://tests", &settings, StoreOptions::default()).map(drop).unwrap_err();
        assert_eq!(error.status(), status, "{error}");
    }
}

#[test]
fn a_proxy_is_used_where_the_settings_name_one() {
    let Some(server) = servers::minio() else { return };
    let tap = crate::tap::Tap::before(server.address());
    let more = format!(r#""proxy_url": "{}""#, tap.url());
    // A name that no resolver knows: the proxy alone can reach it.
    play("http://no-such-host.invalid:9000", &more);
    assert!(!tap.log().is_empty());
}
