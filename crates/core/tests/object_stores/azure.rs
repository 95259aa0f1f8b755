//! Azure, as Azurite plays it.

use lode_core::store::{Store, StoreOptions};

use crate::{commits, rules, servers};

/// The account that every Azurite has, as its documentation says.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

fn store(port: u16, host: &str, prefix: &str) -> Store {
    let settings = format!(
        r#"{{"endpoint": "http://{host}:{port}", "allow_http": true, "account": "{ACCOUNT}", "access_key": "{KEY}"}}"#
    );
    Store::open_url(&format!("az://tests/{prefix}"), &settings, StoreOptions::default()).unwrap()
}

#[test]
fn the_rules_hold_on_azurite() {
    let Some(server) = servers::azurite() else { return };
    rules::hold(&store(server.port, "127.0.0.1", &servers::fresh_prefix()));
}

#[test]
fn every_kind_of_commit_and_of_reading_works_on_azurite() {
    let Some(server) = servers::azurite() else { return };
    let prefix = servers::fresh_prefix();
    commits::every_kind(&store(server.port, "127.0.0.1", &prefix), &store(server.port, "localhost", &prefix));
}
