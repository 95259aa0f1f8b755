//! Azure, as Azurite plays it.

use lode_core::store::{Store, StoreOptions};

use crate::{commits, large, races, rules, servers};

/// The account that every Azurite has, as its documentation says.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

pub fn store(endpoint: &str, prefix: &str) -> Store {
    let settings = format!(
        r#"{{"endpoint": "{endpoint}", "allow_http": true, "account": "{ACCOUNT}", "access_key": "{KEY}",
            "part_bytes": 5242880}}"#
    );
    Store::open_url(&format!("az://tests/{prefix}"), &settings, StoreOptions::default()).unwrap()
}

#[test]
fn the_rules_hold_on_azurite() {
    let Some(server) = servers::azurite() else { return };
    rules::hold(&store(&server.url(), &servers::fresh_prefix()));
}

#[test]
fn every_kind_of_commit_and_of_reading_works_on_azurite() {
    let Some(server) = servers::azurite() else { return };
    let prefix = servers::fresh_prefix();
    let other = format!("http://localhost:{}", server.port);
    commits::every_kind(&store(&server.url(), &prefix), &store(&other, &prefix));
}

#[test]
fn a_large_object_goes_in_blocks_and_is_not_put_over_one_that_is_there() {
    let Some(server) = servers::azurite() else { return };
    large::goes_in_parts(&store(&server.url(), &servers::fresh_prefix()));
}

#[test]
fn of_many_clients_that_put_or_swap_one_blob_exactly_one_wins() {
    let Some(server) = servers::azurite() else { return };
    let prefix = servers::fresh_prefix();
    races::exactly_one_wins(&|| store(&server.url(), &prefix));
}

#[test]
fn many_writers_of_one_dataset_make_one_chain_on_azurite() {
    let Some(server) = servers::azurite() else { return };
    let prefix = servers::fresh_prefix();
    races::one_chain(&|| store(&server.url(), &prefix));
}
