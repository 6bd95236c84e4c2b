//! Settings: what loads, what is refused, and in which words.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use channelsync::settings::{self, Address, Config, ConnectorSettings, Credentials, Mode};
use insta::assert_snapshot;
use proptest::prelude::*;
use tempfile::TempDir;

mod faults;
mod secrets;

const DAEMON: &str = "public_url = \"https://hooks.example.com\"\n";
const ACME: &str = r#"locations = ["main", "annex"]
[channels.shopify-us]
connector = "shopify"
shop = "acme-us.myshopify.com"
book_from = "2026-11-20T09:00:00Z"
locations = [{ ours = "main", theirs = "101" }]
[channels.shopify-us.credentials]
client_id = "an-id"
client_secret_file = "secret"
webhook_secret_files = ["secret"]
"#;

/// A configuration directory that loads, until something is written over it.
struct Setup {
    dir: TempDir,
    env: BTreeMap<String, String>,
}

impl Setup {
    fn new() -> Self {
        let setup = Self {
            dir: TempDir::new().unwrap(),
            env: BTreeMap::new(),
        };
        setup
            .file("channelsync.toml", DAEMON)
            .file("merchants.d/acme.toml", ACME)
            .secret("secret", "s3cret\n")
    }

    fn file(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn secret(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        self.file(name, text).mode(name, 0o600)
    }

    fn mode(self, name: &str, mode: u32) -> Self {
        fs::set_permissions(self.dir.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    /// The merchant's file with one text in place of another.
    fn acme(self, old: &str, new: &str) -> Self {
        assert!(ACME.contains(old), "{old}");
        self.file("merchants.d/acme.toml", ACME.replace(old, new))
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.env
            .insert(format!("CHANNELSYNC__{name}"), value.to_owned());
        self
    }

    fn config(&self) -> Config {
        settings::load(self.dir.path(), &self.env).unwrap_or_else(|faults| panic!("{faults}"))
    }

    /// The error text, with `ETC` for the directory.
    fn faults(&self) -> String {
        let faults = settings::load(self.dir.path(), &self.env)
            .unwrap_err()
            .to_string();
        faults.replace(&self.dir.path().display().to_string(), "ETC")
    }
}

fn example(name: &str) -> Vec<u8> {
    fs::read(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("config")
            .join(name),
    )
    .unwrap()
}

#[test]
fn the_examples_load_as_they_are() {
    let setup = Setup::new()
        .file("channelsync.toml", example("channelsync.example.toml"))
        .file("merchants.d/acme.toml", example("merchants.d/example.toml"))
        .secret("credentials/shopify-us.client-secret", "s3cret");
    let config = setup.config();
    assert_eq!(
        config.listen.admin_socket,
        config.state_dir.join("admin.sock")
    );
    let channel = &config.merchants[0].channels[0];
    assert_eq!((channel.mode, channel.locations.len()), (Mode::Shadow, 2));
    assert_eq!(channel.sku_rules["MUG-RED"].values.share_percent, Some(50));
}

#[test]
fn what_is_not_set_has_its_default() {
    let config = Setup::new().config();
    let sparse = Setup::new().file(
        "channelsync.toml",
        [DAEMON.as_bytes(), b"[limits]\n[listen]\n[log]\n"].concat(),
    );
    assert_eq!(sparse.config().limits, config.limits);
    let full = Setup::new()
        .file("channelsync.toml", example("channelsync.example.toml"))
        .config();
    assert_eq!(
        (full.limits, full.log, full.state_dir),
        (config.limits, config.log, config.state_dir)
    );
    assert_eq!(
        config.listen.webhooks,
        Address::Loopback("127.0.0.1:8080".parse().unwrap())
    );
    let channel = &config.merchants[0].channels[0];
    assert_eq!(channel.poll_interval, Duration::from_secs(60));
    assert_eq!(channel.rules, settings::RuleSet::default());
    let ConnectorSettings::Shopify {
        base_url,
        credentials,
        webhook_secrets,
        ..
    } = &channel.connector;
    assert_eq!(base_url, "https://acme-us.myshopify.com");
    assert!(
        matches!(credentials, Credentials::Client { id, secret } if id == "an-id" && secret.expose() == "s3cret")
    );
    assert_eq!(webhook_secrets.len(), 1);
}

#[test]
fn later_layers_win_and_each_rule_set_knows_where_it_stands() {
    let setup = Setup::new()
        .file("conf.d/20-log.toml", "log.level = \"warn\"")
        .file("conf.d/10-log.toml", "[log]\nlevel = \"error\"\nformat = \"json\"")
        .file("conf.d/30-log.toml.bak", "nonsense")
        .acme("[channels.shopify-us.cred", "[channels.shopify-us.listings.\"gid://shopify/ProductVariant/3301\"]\ncap_units = 3\n[channels.shopify-us.skus.\"A.b [0]\"]\nmin_units = 2\n[channels.shopify-us.cred");
    let config = setup.config();
    assert_eq!(
        (config.log.level.as_str(), config.log.format),
        ("warn", settings::LogFormat::Json)
    );
    let channel = &config.merchants[0].channels[0];
    let origin = |rules: &settings::RuleSet| {
        let origin = rules.origin.as_ref().unwrap().to_string();
        origin.replace(&setup.dir.path().display().to_string(), "ETC")
    };
    assert_eq!(
        origin(&channel.listing_rules["3301"]),
        "ETC/merchants.d/acme.toml:8"
    );
    assert_eq!(
        origin(&channel.sku_rules["A.b [0]"]),
        "ETC/merchants.d/acme.toml:10"
    );
}

#[test]
fn variables_override_files_and_create_nothing() {
    let setup = Setup::new()
        .variable("LOG__LEVEL", "debug")
        .variable("LISTEN__TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8")
        .variable("MERCHANTS__ACME__CHANNELS__SHOPIFY_US__MODE", "live")
        .variable(
            "MERCHANTS__ACME__CHANNELS__SHOPIFY_US__POLL_INTERVAL_SECS",
            "5",
        )
        .variable(
            "MERCHANTS__ACME__CHANNELS__SHOPIFY_US__RULES__CAP_UNITS",
            "7",
        );
    let config = setup.config();
    assert_eq!(config.log.level.as_str(), "debug");
    assert_eq!(config.listen.trusted_proxies.len(), 2);
    let channel = &config.merchants[0].channels[0];
    assert_eq!(
        (channel.mode, channel.poll_interval),
        (Mode::Live, Duration::from_secs(5))
    );
    let origin = channel.rules.origin.as_ref().unwrap().to_string();
    assert_eq!(
        origin,
        "variable CHANNELSYNC__MERCHANTS__ACME__CHANNELS__SHOPIFY_US__RULES__CAP_UNITS"
    );

    let setup = Setup::new()
        .variable("LIMITZ__BODY_BYTES_MAX", "1")
        .variable("LIMITS", "1")
        .variable("LIMITS__BODY_BYTES_MAX", "many")
        .variable("LIMITS__BODY_BYTES_MAX__MORE", "1")
        .variable("MERCHANTS__ACMEE__RULES__CAP_UNITS", "1")
        .variable("MERCHANTS__ACME__CHANNELS__SHOPIFY_EU__MODE", "live")
        .variable("MERCHANTS__ACME__CHANNELS__SHOPIFY_US__LOCATIONS", "main")
        .variable(
            "MERCHANTS__ACME__CHANNELS__SHOPIFY_US__CREDENTIALS__CLIENT_SECRET",
            "s3cret",
        );
    assert_snapshot!(setup.faults(), @r#"
    the configuration has 8 faults
    variable CHANNELSYNC__LIMITS: `limits` is a table
      help: go on with `__` and one of: body_bytes_max, header_bytes_max, connections_max, connections_per_ip_max, header_timeout_secs, body_timeout_secs, queue_commands_max, group_entries_max, read_rows_max, parked_bytes_max, segment_bytes_max, snapshot_entries, parked_keep_days, journal_keep_days, shutdown_secs
    variable CHANNELSYNC__LIMITS__BODY_BYTES_MAX: limits.body_bytes_max: a text where a whole number is expected
      help: set a whole number from 1024 to 67108864
    variable CHANNELSYNC__LIMITS__BODY_BYTES_MAX__MORE: `body_bytes_max` is not a table
      help: end the variable's name with `BODY_BYTES_MAX`
    variable CHANNELSYNC__LIMITZ__BODY_BYTES_MAX: unknown key
      help: did you mean `limits`?
    variable CHANNELSYNC__MERCHANTS__ACMEE__RULES__CAP_UNITS: no `acmee` in merchants, and a variable never creates one
      help: did you mean `acme`?
    variable CHANNELSYNC__MERCHANTS__ACME__CHANNELS__SHOPIFY_EU__MODE: no `shopify-eu` in channels, and a variable never creates one
      help: did you mean `shopify-us`?
    variable CHANNELSYNC__MERCHANTS__ACME__CHANNELS__SHOPIFY_US__CREDENTIALS__CLIENT_SECRET: secrets never stand in the configuration
      help: write it to a file of mode 0600 and name the file in `credentials.client_secret_file`
    variable CHANNELSYNC__MERCHANTS__ACME__CHANNELS__SHOPIFY_US__LOCATIONS: `locations` cannot be set by a variable
      help: set it in the merchant's file
    "#);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// R69
    #[test]
    fn any_bytes_give_a_configuration_or_faults(
        daemon in ".{0,60}", merchant in prop::collection::vec(any::<u8>(), 0..60), variable in "[A-Z_]{0,30}", value in ".{0,10}",
    ) {
        let setup = Setup::new().file("channelsync.toml", daemon).file("merchants.d/acme.toml", merchant).variable(&variable, &value);
        prop_assert!(settings::load(setup.dir.path(), &setup.env).is_err());
    }

    /// R69
    #[test]
    fn any_value_at_any_place_gives_a_configuration_or_faults(
        key in prop::sample::select(vec!["state_dir", "public_url", "listen", "limits", "limits.body_bytes_max", "\"a[99999999999]\"", "\"listen.webhooks\"", "merchants", "listen.webhooks", "listen.trusted_proxies", "log.level"]),
        merchant_key in prop::sample::select(vec!["locations", "rules", "stock", "stock.main", "stock.main.master", "channels", "channels.shopify-us", "channels.b", "channels.b.skus", "channels.b.listings.x", "channels.b.locations", "channels.b.book_from"]),
        value in prop::sample::select(vec!["1", "-1", "1.5", "\"\"", "\"a\"", "[]", "[1]", "[[]]", "{}", "[{}]", "{ a = 1 }", "{ a = {} }", "true", "2026-01-01", "inf", "99999999999999999999", "0x7fffffffffffffff"]),
    ) {
        let setup = Setup::new()
            .file("channelsync.toml", format!("{key} = {value}"))
            .file("merchants.d/acme.toml", format!("{merchant_key} = {value}"));
        prop_assert!(settings::load(setup.dir.path(), &setup.env).is_err());
    }
}
